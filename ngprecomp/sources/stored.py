"""A source made of an array in the file's own order and of what the file says about it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ngprecomp.errors import OutOfBoundsError, SourceError
from ngprecomp.format.box import Box, Triple, triple
from ngprecomp.sources.axes import COLOURS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Executor

    from ngprecomp.sources.axes import Axes, Region
    from ngprecomp.sources.protocol import Voxels

RUN_BYTES = 1 << 16  # reading this much in a row takes hardly longer than reading one byte of it


class StoredArray(Protocol):
    """An array in the order of its file; every tuple here has one number per stored axis."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Voxels along each stored axis."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the voxels, in native byte order."""

    @property
    def block(self) -> tuple[int, ...]:
        """The natural unit of reading."""

    @property
    def unwritten_chunks(self) -> int:
        """Chunks that the file never stored."""

    @property
    def files(self) -> tuple[str, ...]:
        """Absolute paths of the files that are read; none for an array."""

    @property
    def decoded_bytes(self) -> int:
        """Bytes of voxels read or decoded so far, each time again that it happened."""

    def read(self, region: Region, pool: Executor | None) -> Voxels:
        """Return a new array of the region, C-ordered where the file allows; `region` is not empty."""

    def close(self) -> None:
        """Release what is open."""


@dataclass(frozen=True, slots=True)
class StoredSource:
    """The `Source` of every file and array: `stored` reads, `order` turns it into x, y, z, channel."""

    name: str
    stored: StoredArray
    order: Axes
    resolution: tuple[float, float, float] | None = None
    voxel_offset: Triple | None = None
    notes: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Voxels along x, y, z and the number of channels."""
        return self.order.shape(self.stored.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type in the file, in native byte order."""
        return self.stored.dtype

    @property
    def axes(self) -> str:
        """The order of the file's axes, slowest first."""
        return str(self.order)

    @property
    def block(self) -> Triple:
        """The natural unit of reading, in voxels."""
        return self.order.spatial(self.stored.block)

    @property
    def unwritten_chunks(self) -> int:
        """Chunks that the file never stored and that read as its fill value."""
        return self.stored.unwritten_chunks

    @property
    def files(self) -> tuple[str, ...]:
        """Absolute paths of the files that are read; none for an array."""
        return self.stored.files

    @property
    def decoded_bytes(self) -> int:
        """Bytes of voxels read or decoded so far, each time again that it happened."""
        return self.stored.decoded_bytes

    def read(self, box: Box, pool: Executor | None = None) -> Voxels:
        """Return a box of voxels as [x, y, z, channel], Fortran-ordered; threads of `pool` read its parts.

        Raises
        ------
        OutOfBoundsError
            The box leaves the source, whose first voxel is 0, 0, 0.
        SourceError
            The file is damaged.
        """
        whole = Box.of_size(triple(self.shape[:3]))
        if not whole.contains(box):
            raise OutOfBoundsError(f"box {box} leaves {self.name}, which holds {whole}")
        if box.empty:
            return np.empty((*box.size, self.shape[3]), self.dtype, order="F")
        voxels = self.order.voxels(self.stored.read(self.order.region(box, self.stored.shape), pool))
        if voxels.flags.f_contiguous:
            return voxels
        from ngprecomp.kernels.reversal import fortran_ordered  # imports Numba, which most sources never need

        return fortran_ordered(voxels)

    def close(self) -> None:
        """Release what is open."""
        self.stored.close()


def check_array(name: str, shape: Sequence[int], dtype: np.dtype[Any]) -> None:
    """Refuse what is no array of numbers with at least one voxel.

    Raises
    ------
    SourceError
        The type is not bool, integer or real, an axis is empty, or there are 2**63 voxels and more.
    """
    if dtype.kind not in "buif":
        kind = "records" if dtype.names else f"type {dtype}"
        raise SourceError(f"{name} holds {kind}; voxels are bool, integer or real numbers")
    if 0 in shape:
        raise SourceError(f"{name} is empty: shape {tuple(shape)}")
    if math.prod(shape) >= 1 << 63:
        raise SourceError(f"{name} claims shape {tuple(shape)}, 2**63 voxels or more")


def native(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the plain type in native byte order, without the metadata that h5py attaches."""
    return np.dtype(dtype.str).newbyteorder("=")


def sizes(region: Region) -> tuple[int, ...]:
    """Return the shape of a region."""
    return tuple(part.stop - part.start for part in region)


def row_block(shape: Sequence[int], itemsize: int) -> tuple[int, ...]:
    """Return the unit of reading of an array that lies in one piece: one row, at most `RUN_BYTES` of it."""
    samples = shape[-1:] if shape[-1] <= COLOURS and len(shape) > 1 else ()
    rest = shape[: len(shape) - len(samples)]
    row = min(rest[-1], max(1, RUN_BYTES // (itemsize * math.prod(samples))))
    return (*(1 for _ in rest[:-1]), row, *samples)
