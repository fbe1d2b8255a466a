"""Regions of arrays that lie uncompressed in a file, copied through a memory map that does not stay in memory."""

from __future__ import annotations

import math
import mmap
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from ngprecomp.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ngprecomp.sources.axes import Region
    from ngprecomp.sources.protocol import Voxels

PIECE = 1 << 22  # bytes that a reading thread keeps resident; above, it gets no faster (256 MiB: 40 ms, as in one go)
FAULT = 1 << 16  # Linux maps so much around the byte that was asked for


def read_mapped(
    path: str, dtype: np.dtype[Any], offset: int, shape: tuple[int, ...], region: Region, target: Voxels
) -> None:
    """Copy a region of the C-ordered array of `shape` at `offset` of a file into `target`.

    Each call has its own read-only map, so threads do not disturb each other.

    Raises
    ------
    SourceError
        The file ends before the array does.
    """
    before = offset % mmap.ALLOCATIONGRANULARITY
    length = before + math.prod(shape) * dtype.itemsize
    with open(path, "rb") as file:
        end, found = offset - before + length, os.fstat(file.fileno()).st_size
        if found < end:
            raise SourceError(f"{path} is cut off: its voxels end at byte {end}, the file has {found}")
        mapped = mmap.mmap(file.fileno(), length, access=mmap.ACCESS_READ, offset=offset - before)
    voxels: Voxels = np.ndarray(shape, dtype, mapped, before)
    _copy(voxels[region], target, lambda: _forget(mapped))


def _copy(mapped: Voxels, target: Voxels, forget: Callable[[], None]) -> None:
    """Copy in pieces along the slowest axis, forgetting the mapped bytes of each."""
    if mapped.ndim == 0 or _span(mapped) <= PIECE:
        target[...] = mapped
        forget()
        return
    step = PIECE // max(_span(mapped[0]), min(mapped.strides[0], FAULT))
    if step == 0:
        for inner, inner_target in zip(mapped, target, strict=True):
            _copy(inner, inner_target, forget)
        return
    for start in range(0, len(mapped), step):
        target[start : start + step] = mapped[start : start + step]
        forget()


def _span(array: Voxels) -> int:
    """Return the bytes from the first to the last value."""
    reach = sum((size - 1) * step for size, step in zip(array.shape, array.strides, strict=True))
    return int(reach + array.itemsize)


def _forget(mapped: mmap.mmap) -> None:
    """Let the system take the pages back at once, where it can be asked to; the file still has them."""
    if hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)
