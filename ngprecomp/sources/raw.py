"""Arrays that lie uncompressed and in one piece in a file."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ngprecomp.errors import SourceError
from ngprecomp.sources.mapped import read_mapped
from ngprecomp.sources.stored import native, row_block, sizes

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from ngprecomp.sources.axes import Region
    from ngprecomp.sources.protocol import Voxels


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
    memory_order: Literal["C", "F"] = "C"

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
        if self.memory_order == "F":
            return row_block(self.shape[::-1], self.file_dtype.itemsize)[::-1]
        return row_block(self.shape, self.file_dtype.itemsize)

    @property
    def unwritten_chunks(self) -> int:
        """None: such a file is written whole."""
        return 0

    def read(self, region: Region, pool: Executor | None) -> Voxels:
        """Return a region; only the rows in it are read."""
        del pool  # copying mapped rows is bound by memory or the disk
        voxels = np.empty(sizes(region), self.dtype, self.memory_order)
        shape, target = self.shape, voxels
        if self.memory_order == "F":
            shape, region, target = shape[::-1], region[::-1], voxels.T
        read_mapped(self.path, self.file_dtype, self.offset, shape, region, target)
        return voxels

    def close(self) -> None:
        """Nothing stays open."""
