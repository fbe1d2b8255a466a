"""Kernels that go past the caches, as for large arrays, beside the ordinary ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ngprecomp.kernels import downsample_windows, streaming
from ngprecomp.kernels.aligned import aligned_empty
from ngprecomp.kernels.downsample import downsample_into, downsampled_box
from ngprecomp.kernels.reversal import fortran_ordered

if TYPE_CHECKING:
    from numpy.typing import NDArray

NOTHING, EVERYTHING = 2**62, 0
DTYPES = ("uint8", "uint16", "uint32", "uint64", "float32")


def downsampled(voxels: NDArray[Any], lo: tuple[int, int, int], factor: Any, method: str, shift: int) -> NDArray[Any]:
    """Return the downsampled voxels from an array that begins so many voxels behind a cache line."""
    low, high = downsampled_box(lo, tuple(np.add(lo, voxels.shape[:3]).tolist()), factor, method)
    shape = (high[0] - low[0], high[1] - low[1], high[2] - low[2], 1)
    room = aligned_empty((int(np.prod(shape)) + shift,), voxels.dtype)
    out = room[shift:].reshape(shape, order="F")
    downsample_into(voxels, lo, out, low, factor, method)
    return out


@pytest.mark.parametrize("length", [1, 5, 64, 127, 128, 255, 258, 700, 9001])
@pytest.mark.parametrize("dtype", DTYPES)
def test_large_volumes_are_downsampled_like_small_ones(
    monkeypatch: pytest.MonkeyPatch, dtype: str, length: int
) -> None:
    random = np.random.default_rng(length)
    voxels = np.asfortranarray(random.integers(0, 4, (length, 5, 4, 1)).astype(dtype))
    for method, factor in (("mode", (2, 2, 1)), ("mean", (2, 2, 2)), ("stride", (2, 2, 2)), ("stride", (3, 3, 1))):
        for lo, shift in (((0, 0, 0), 0), ((3, 1, 5), 0), ((2, 3, 0), 3)):
            found = []
            for large in (NOTHING, EVERYTHING):
                monkeypatch.setattr(downsample_windows, "LARGE", large)
                found.append(downsampled(voxels, lo, factor, method, shift))
            np.testing.assert_array_equal(found[1], found[0], f"{method} {factor} {lo} {shift}")


@pytest.mark.parametrize("dtype", ["uint8", "uint32", "uint64"])
def test_large_arrays_are_reversed_like_small_ones(monkeypatch: pytest.MonkeyPatch, dtype: str) -> None:
    monkeypatch.setattr(streaming, "LARGE", EVERYTHING)
    for shape in ((16, 16, 16), (33, 70, 19), (40, 3, 41, 2)):
        voxels = np.random.default_rng(0).integers(0, 200, shape).astype(dtype)
        np.testing.assert_array_equal(fortran_ordered(voxels), voxels)
