from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from ngprecomp.kernels.aligned import KEPT, RETURNED, aligned_empty

LARGE = (RETURNED + 8, 1, 1)


@pytest.mark.parametrize("shape", [(), (0,), (3,), (64, 64, 64), (5, 7, 9, 2), LARGE])
@pytest.mark.parametrize("dtype", ["uint8", "uint64", "float32"])
def test_an_array_begins_with_a_cache_line(shape: tuple[int, ...], dtype: str) -> None:
    array = aligned_empty(shape, dtype)
    assert (array.shape, array.dtype) == (shape, dtype)
    assert array.flags.f_contiguous
    assert array.flags.behaved
    assert array.ctypes.data % 64 == 0 or array.nbytes < 64


def test_objects_begin_as_none() -> None:
    assert aligned_empty((9, 9), object).tolist() == [[None] * 9] * 9


def test_dropped_memory_is_used_again() -> None:
    first = aligned_empty(LARGE, np.uint8)
    address = first.ctypes.data
    del first
    again = aligned_empty(LARGE, np.uint8)
    assert again.ctypes.data == address
    assert aligned_empty(LARGE, np.uint8).ctypes.data != address


def test_memory_stays_as_long_as_a_view_does() -> None:
    array = aligned_empty(LARGE, np.uint8)
    view = array[10:20].T
    view[...] = 7
    del array
    gc.collect()
    aligned_empty(LARGE, np.uint8)[...] = 1
    np.testing.assert_array_equal(view, 7)


def test_huge_arrays_are_not_kept() -> None:
    base = aligned_empty((KEPT,), np.uint8).base
    assert isinstance(base, np.ndarray)
    assert base.flags.owndata


def test_threads_get_memory_of_their_own() -> None:
    def fill(number: int) -> bool:
        array = aligned_empty(LARGE, np.uint8)
        array[::4096] = number
        return bool((array[::4096] == number).all())

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(fill, range(64)))
