"""Arrays that are already there: NumPy, dask and whatever else has a shape, a dtype and slices."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ngprecomp.errors import SourceError
from ngprecomp.sources.axes import MEANING, Region, asked_axes_note, parse_axes
from ngprecomp.sources.stored import StoredSource, check_array, native, row_block
from ngprecomp.sources.tally import Tally

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from ngprecomp.sources.protocol import Source, Voxels


def open_array(array: Any, axes: str | None) -> StoredSource:
    """Return an array as a source.

    Raises
    ------
    SourceError
        `axes` is None: nothing in a bare array tells z, y, x from x, y, z, and a guess would transpose the
        volume of one of two users.
    """
    name = f"{type(array).__module__.partition('.')[0]} array"
    shape = tuple(int(size) for size in array.shape)
    if axes is None:
        raise SourceError(f"a bare array of shape {shape} does not say which axis is x; give axes: {MEANING}")
    try:
        dtype = np.dtype(array.dtype)
    except TypeError:
        raise SourceError(f"{name} has the data type {array.dtype}, which is none of NumPy's") from None
    if isinstance(array, np.ma.MaskedArray):
        raise SourceError("a masked array does not say what its masked voxels become: give array.filled(value)")
    check_array(name, shape, dtype)
    order = parse_axes(axes, shape, name)
    return StoredSource(name, HeldArray(array, shape, native(dtype)), order, notes=(asked_axes_note(order, shape),))


def lies_in_memory(source: Source) -> bool:
    """Whether a source is a NumPy array: other processes do not see it."""
    stored = getattr(source, "stored", None)
    return isinstance(stored, HeldArray) and isinstance(stored.array, np.ndarray)


@dataclass(frozen=True, slots=True)
class HeldArray:
    """An array of the caller; what is read is a copy."""

    array: Any
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    decoded: Tally = field(default_factory=Tally, compare=False)

    @property
    def block(self) -> tuple[int, ...]:
        """The chunk of a dask array or the like, else one row."""
        chunk = getattr(self.array, "chunksize", None) or row_block(self.shape, self.dtype.itemsize)
        return tuple(map(min, chunk, self.shape))

    @property
    def unwritten_chunks(self) -> int:
        """None that we could know of."""
        return 0

    @property
    def files(self) -> tuple[str, ...]:
        """None: it lies in memory, or who knows where."""
        return ()

    @property
    def decoded_bytes(self) -> int:
        """Bytes of the regions read so far."""
        return self.decoded.total

    def read(self, region: Region, pool: Executor | None) -> Voxels:
        """Return a copy of the region; a lazy array computes it with its own scheduler."""
        del pool
        voxels = np.array(self.array[region], self.dtype, subok=False)
        self.decoded.add(voxels.nbytes)
        return voxels

    def close(self) -> None:
        """Do nothing: the array belongs to the caller."""
