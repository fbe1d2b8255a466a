"""Arrays that lie uncompressed and in one piece in a file."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ngprecomp.errors import SourceError
from ngprecomp.sources.mapped import read_mapped
from ngprecomp.sources.stored import native, row_block, sizes
from ngprecomp.sources.tally import Tally

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from ngprecomp.sources.axes import Region
    from ngprecomp.sources.protocol import Voxels

MemoryOrder = Literal["C", "F"]


def raw_block(shape: tuple[int, ...], itemsize: int, memory_order: MemoryOrder) -> tuple[int, ...]:
    """Return the unit of reading of an array that lies in one piece: a part of a row."""
    return row_block(shape, itemsize) if memory_order == "C" else row_block(shape[::-1], itemsize)[::-1]


@dataclass(frozen=True, slots=True)
class RawArray:
    """An array at `offset` of a file; `file_dtype` has the byte order of the file.

    Raises
    ------
    SourceError
        The file is too short for it.
    """

    path: str
    shape: tuple[int, ...]
    file_dtype: np.dtype[Any]
    offset: int
    memory_order: MemoryOrder = "C"
    decoded: Tally = field(default_factory=Tally, compare=False)

    def __post_init__(self) -> None:
        end = self.offset + math.prod(self.shape) * self.file_dtype.itemsize
        found = os.path.getsize(self.path)
        if found < end:
            raise SourceError(
                f"{self.path} is cut off: {self.dtype} {self.shape} ends at byte {end}, the file has {found}"
            )

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the voxels, in native byte order."""
        return native(self.file_dtype)

    @property
    def block(self) -> tuple[int, ...]:
        """One row."""
        return raw_block(self.shape, self.file_dtype.itemsize, self.memory_order)

    @property
    def unwritten_chunks(self) -> int:
        """None: such a file is written whole."""
        return 0

    @property
    def files(self) -> tuple[str, ...]:
        """The file."""
        return (os.path.abspath(self.path),)

    @property
    def decoded_bytes(self) -> int:
        """Bytes of the regions read so far."""
        return self.decoded.total

    def read(self, region: Region, pool: Executor | None) -> Voxels:
        """Return a region; only the rows in it are read."""
        del pool  # copying mapped rows is bound by memory or the disk
        voxels = np.empty(sizes(region), self.dtype, self.memory_order)
        shape, target = self.shape, voxels
        if self.memory_order == "F":
            shape, region, target = shape[::-1], region[::-1], voxels.T
        read_mapped(self.path, self.file_dtype, self.offset, shape, region, target)
        self.decoded.add(voxels.nbytes)
        return voxels

    def close(self) -> None:
        """Nothing stays open."""
