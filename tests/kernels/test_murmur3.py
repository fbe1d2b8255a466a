import json
from pathlib import Path

import numpy as np
import pytest
from cloudvolume.datasource.precomputed import mmh3
from hypothesis import given, settings
from hypothesis import strategies as st

from ngprecomp.errors import OptionError
from ngprecomp.kernels.murmur3 import murmurhash3_x86_128
from tests.naive.murmur3 import first_half

GOLDEN = json.loads((Path(__file__).parents[1] / "golden/murmurhash3_x86_128.json").read_text())["hashes"]


def test_golden():
    keys = np.array([int(key) for key, _ in GOLDEN], np.uint64)
    expected = np.array([int(hashed, 16) for _, hashed in GOLDEN], np.uint64)
    np.testing.assert_array_equal(murmurhash3_x86_128(keys), expected)
    assert [first_half(int(key)) for key in keys] == expected.tolist()


def test_same_as_cloudvolume():
    keys = np.random.default_rng(0).integers(0, 2**64, 50, np.uint64)
    expected = [mmh3.hash64(key.tobytes(), x64arch=False)[0] % 2**64 for key in keys]
    assert murmurhash3_x86_128(keys).tolist() == expected


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 2**64 - 1), max_size=40))
def test_same_as_naive(keys):
    assert murmurhash3_x86_128(np.array(keys, np.uint64)).tolist() == [first_half(key) for key in keys]


@pytest.mark.parametrize("shape", [(), (0,), (3, 0), (2, 3, 4)])
def test_shapes(shape):
    hashes = murmurhash3_x86_128(np.zeros(shape, np.uint64))
    assert hashes.shape == shape
    assert hashes.dtype == np.uint64
    assert np.all(hashes == first_half(0))


@pytest.mark.parametrize("keys", [[1, 2, 3], range(1, 4), np.array([1, 2, 3], ">u2"), np.array([[3, 2, 1]]).T[::-1]])
def test_any_integers_in_any_memory_order(keys):
    assert murmurhash3_x86_128(keys).ravel().tolist() == [first_half(key) for key in (1, 2, 3)]


@pytest.mark.parametrize("keys", [[-1], [2**64], [1.0], ["1"]])
def test_keys_are_integers_of_64_bits(keys):
    with pytest.raises(OptionError, match="keys must"):
        murmurhash3_x86_128(keys)
