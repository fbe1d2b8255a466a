"""Voxel counts, sums of coordinates and bounding boxes against the obvious way."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ngprecomp.errors import OptionError
from ngprecomp.kernels.label_statistics import label_statistics
from tests.naive.label_statistics import label_statistics as naive

SHAPES = st.tuples(*[st.integers(1, 9)] * 3)
DTYPES = st.sampled_from(["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64"])


def as_dict(labels: np.ndarray) -> dict[int, tuple[int, list[int], list[int], list[int]]]:
    found = label_statistics(labels)
    assert found.ids.dtype == labels.dtype
    assert np.all(found.ids[1:] > found.ids[:-1])
    rows = zip(found.ids, found.voxels, found.sums, found.lo, found.hi, strict=True)
    return {int(i): (int(n), s.tolist(), lo.tolist(), hi.tolist()) for i, n, s, lo, hi in rows}


@given(st.data())
def test_any_block(data: st.DataObject) -> None:
    dtype = data.draw(DTYPES)
    few = data.draw(arrays(dtype, 3))
    labels = few[data.draw(arrays("uint8", data.draw(SHAPES), elements=st.integers(0, 2)))]
    assert as_dict(labels) == naive(labels)
    assert as_dict(np.asfortranarray(labels)) == naive(labels)


def test_more_labels_than_the_first_table_holds() -> None:
    labels = np.random.default_rng(1).integers(0, 2**64, (40, 30, 20), np.uint64)
    labels[::2] = labels[0, 0, 0]
    found = label_statistics(labels)
    ids, counts = np.unique(labels, return_counts=True)
    assert np.array_equal(found.ids, ids)
    assert np.array_equal(found.voxels, counts)
    assert as_dict(labels) == naive(labels)


def test_labels_that_share_their_low_bits() -> None:
    labels = (np.arange(4096, dtype=np.uint64) << np.uint64(52)).reshape(16, 16, 16)
    assert np.array_equal(label_statistics(labels).ids, np.sort(labels.ravel()))


def test_no_voxels() -> None:
    assert len(label_statistics(np.zeros((0, 3, 3), "uint32")).ids) == 0


@pytest.mark.parametrize("labels", [np.zeros((2, 2), "uint8"), np.zeros((2, 2, 2), "float32")])
def test_what_is_no_block_of_labels(labels: np.ndarray) -> None:
    with pytest.raises(OptionError, match="expected integers"):
        label_statistics(labels)
