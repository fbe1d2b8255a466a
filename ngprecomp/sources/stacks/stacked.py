"""Arrays of one shape behind each other: the channels of a file that keeps each in a dataset of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ngprecomp.sources.stored import sizes

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from ngprecomp.sources.axes import Region
    from ngprecomp.sources.protocol import Voxels
    from ngprecomp.sources.stored import StoredArray


@dataclass(frozen=True, slots=True)
class StackedArrays:
    """Arrays of the same shape and type along a new first axis."""

    arrays: tuple[StoredArray, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of arrays, then their shape."""
        return (len(self.arrays), *self.arrays[0].shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the voxels, in native byte order."""
        return self.arrays[0].dtype

    @property
    def block(self) -> tuple[int, ...]:
        """The unit of reading of one array."""
        return (1, *self.arrays[0].block)

    @property
    def unwritten_chunks(self) -> int:
        """Chunks that the file never stored, of all arrays."""
        return sum(array.unwritten_chunks for array in self.arrays)

    @property
    def files(self) -> tuple[str, ...]:
        """The files of all arrays."""
        return tuple(dict.fromkeys(path for array in self.arrays for path in array.files))

    @property
    def decoded_bytes(self) -> int:
        """Bytes of voxels decoded so far, of all arrays."""
        return sum(array.decoded_bytes for array in self.arrays)

    def read(self, region: Region, pool: Executor | None) -> Voxels:
        """Return a region, array by array."""
        voxels = np.empty(sizes(region), self.dtype)
        for target, array in zip(voxels, self.arrays[region[0]], strict=True):
            target[...] = array.read(region[1:], pool)
        return voxels

    def close(self) -> None:
        """Close all arrays."""
        for array in self.arrays:
            array.close()
