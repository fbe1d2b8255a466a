"""Combinations of stored and new voxels, against the naive twin."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ngprecomp.format.encodings import DATA_TYPES
from ngprecomp.kernels.combining import KERNELS, combine
from tests.naive.combining import combined

SHAPES = st.sampled_from([(1, 1, 1, 1), (5, 1, 1, 1), (1, 3, 4, 1), (4, 3, 2, 2), (0, 3, 2, 1), (7, 5, 3, 1)])
BIG = 2**63


@st.composite
def pairs(draw):
    dtype = np.dtype(draw(st.sampled_from(sorted(DATA_TYPES))))
    if dtype.kind == "f":
        values = st.sampled_from([0.0, -0.0, 1.5, -2.25, np.inf, -np.inf, np.nan])
    else:
        limits = np.iinfo(dtype)
        near = {0, 1, 2, limits.min, limits.max, limits.max - 1, limits.max // 2 + 1}
        values = st.sampled_from(sorted(near))
    shape = draw(SHAPES)
    made = [np.asfortranarray(draw(hnp.arrays(dtype, shape, elements=values, fill=st.nothing()))) for _ in range(2)]
    return made[0], made[1]


@pytest.mark.parametrize("mode", KERNELS)
@given(pair=pairs())
def test_equals_the_naive_twin(mode, pair):
    stored, new = pair
    kept = new.copy()
    with np.errstate(invalid="ignore"):
        expected, conflicts = combined(stored, new, mode)
    new.flags.writeable = False
    assert combine(stored, new, mode) == conflicts
    np.testing.assert_array_equal(stored, expected)
    np.testing.assert_array_equal(new, kept)


def test_labels_of_64_bits_survive():
    stored = np.array([BIG + 1, BIG, 0, BIG + 5], np.uint64)
    new = np.array([BIG + 3, 0, BIG + 7, BIG + 5], np.uint64)
    results = {}
    for mode in KERNELS:
        results[mode] = stored.copy()
        assert combine(results[mode], new, mode) == 1
    assert results["add"].tolist() == [4, BIG, BIG + 7, 10]
    assert results["max"].tolist() == results["nonzero"].tolist() == [BIG + 3, BIG, BIG + 7, BIG + 5]


@pytest.mark.parametrize("mode", ["max", "nonzero"])
def test_twice_is_once(mode):
    rng = np.random.default_rng(5)
    stored, new = rng.integers(0, 4, (2, 500), np.uint64)
    combine(stored, new, mode)
    once = stored.copy()
    combine(stored, new, mode)
    np.testing.assert_array_equal(stored, once)
