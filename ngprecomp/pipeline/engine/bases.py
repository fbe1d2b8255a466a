"""What the first scale is made from: something that reads boxes of voxels, here or in another process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import NDArray

from ngprecomp.sources.tally import Tally
from ngprecomp.volume.indexing import box_selection
from ngprecomp.volume.reading import Missing, read_selection

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

    import numpy as np

    from ngprecomp.chunks.place import Place
    from ngprecomp.format.box import Box, Triple
    from ngprecomp.pipeline.engine.units import Demand
    from ngprecomp.volume.resources import Resources

Voxels = NDArray[Any]


class Reader(Protocol):
    """Reads boxes of voxels; it pickles, and in another process begins to count anew."""

    def read(self, box: Box, pool: Executor | None = None) -> Voxels:
        """Return a box of voxels [x, y, z, channel], absolute coordinates; without a pool the caller reads alone."""

    @property
    def absent(self) -> int:
        """Absent chunks so far."""

    @property
    def decoded_bytes(self) -> int:
        """Bytes that the source has decoded so far, where it is one."""

    def close(self) -> None:
        """Release what is open."""


@dataclass(frozen=True, slots=True)
class Base:
    """Where the voxels of the first round come from: a reader of absolute boxes, its domain, its natural block.

    `demand` says what reading asks of the memory where that is known better than from the rest; `apart`, whether
    several threads may read at the same time.
    """

    domain: Box
    reader: Reader
    block: Triple
    dtype: np.dtype[Any]
    num_channels: int
    demand: Demand | None = None
    apart: bool = False

    @property
    def voxel_bytes(self) -> int:
        """Bytes of a voxel with its channels."""
        return self.dtype.itemsize * self.num_channels

    def reading(self, pool: Executor | None) -> Callable[[Box], Voxels]:
        """Return a function that reads boxes, with the help of a pool or on the caller's thread alone."""
        return lambda box: self.reader.read(box, pool)


class StoredVoxels:
    """A stored scale as the base of a round; counts the absent chunks that it met."""

    decoded_bytes = 0

    def __init__(self, place: Place, threads: Resources, missing: Missing = "zero") -> None:
        self._place = place
        self._threads = threads
        self._alone = threads.with_threads(1)
        self._missing: Missing = missing
        self._absent = Tally()

    @property
    def absent(self) -> int:
        """Absent chunks so far."""
        return self._absent.total

    def read(self, box: Box, pool: Executor | None = None) -> Voxels:
        """Return a box of voxels [x, y, z, channel], absolute coordinates; without a pool it is read by the caller."""
        selection = box_selection(box, self._place.num_channels)
        resources = self._alone if pool is None else self._threads
        voxels, absent = read_selection(self._place, selection, self._missing, resources)
        self._absent.add(absent)
        return voxels

    def close(self) -> None:
        """Let threads and caches go."""
        self._threads.close()
        self._alone.close()

    @property
    def base(self) -> Base:
        """The scale as a base."""
        place = self._place
        return Base(place.scale.box, self, place.scale.chunk_size, place.dtype, place.num_channels, apart=True)
