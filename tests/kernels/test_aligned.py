from __future__ import annotations

import pytest

from ngprecomp.kernels.aligned import aligned_empty


@pytest.mark.parametrize("shape", [(), (0,), (3,), (64, 64, 64), (5, 7, 9, 2), (2**22 + 8, 1, 1)])
@pytest.mark.parametrize("dtype", ["uint8", "uint64", "float32"])
def test_an_array_begins_with_a_cache_line(shape: tuple[int, ...], dtype: str) -> None:
    array = aligned_empty(shape, dtype)
    assert (array.shape, array.dtype) == (shape, dtype)
    assert array.flags.f_contiguous
    assert array.flags.behaved
    assert array.ctypes.data % 64 == 0 or array.nbytes < 64


def test_objects_begin_as_none() -> None:
    assert aligned_empty((9, 9), object).tolist() == [[None] * 9] * 9
