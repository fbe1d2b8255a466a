"""New arrays that begin with a cache line, in memory which is used again.

NumPy's own begin 16 bytes behind one, so that every vector of 64 bytes is written to two lines: decoding 64 x 64 x 64
labels takes up to 1.6 times as long. And memory above 32 MiB goes back to the system whenever an array is dropped: to
clear its pages anew takes as long as many kernels do. So up to `KEPT` bytes that were dropped last wait for the next.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import DTypeLike, NDArray

CACHE_LINE = 64
RETURNED = 2**25  # bytes from which on malloc returns memory at once
KEPT = 2**26


def aligned_empty(shape: Sequence[int], dtype: DTypeLike) -> NDArray[Any]:
    """Return a new Fortran-ordered array whose first voxel begins a cache line (but not of Python's objects).

    Examples
    --------
    >>> voxels = aligned_empty((64, 64, 64), np.uint32)
    >>> voxels.ctypes.data % 64, voxels.flags.f_contiguous
    (0, True)
    """
    dtype = np.dtype(dtype)
    nbytes = prod(shape) * dtype.itemsize
    if nbytes < CACHE_LINE or dtype.hasobject:
        return np.empty(shape, dtype, order="F")
    room = nbytes + CACHE_LINE - 1
    memory = _shelf.lend(room) if RETURNED < room <= KEPT else np.empty(room, np.uint8)
    start = -memory.__array_interface__["data"][0] % CACHE_LINE
    return np.ndarray(tuple(shape), dtype, memory, start, order="F")


class _Shelf:
    """The memory that was dropped last: one block is what a loop over chunks needs for its results.

    Arrays are dropped at any moment and on any thread, so it is changed by single steps of the interpreter.
    """

    def __init__(self) -> None:
        self._memory: list[NDArray[np.uint8]] = []

    def lend(self, nbytes: int) -> NDArray[np.uint8]:
        """Return memory of at least so many bytes, which comes back when the last view of it is dropped."""
        try:
            memory = self._memory.pop()
        except IndexError:
            memory = np.empty(nbytes, np.uint8)
        if len(memory) < nbytes:
            memory = np.empty(nbytes, np.uint8)
        return np.asarray(_Loan(memory, self))

    def keep(self, memory: NDArray[np.uint8]) -> None:
        """Keep memory instead of what was kept before."""
        self._memory = [memory]


class _Loan:
    """What an array and all its views hold on to."""

    def __init__(self, memory: NDArray[np.uint8], shelf: _Shelf) -> None:
        self._memory, self._shelf = memory, shelf
        self.__array_interface__ = memory.__array_interface__

    def __del__(self) -> None:
        self._shelf.keep(self._memory)


_shelf = _Shelf()
