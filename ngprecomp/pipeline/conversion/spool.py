"""A spool: voxels of a source as raw tiles in a temporary file, each column of tiles in one piece."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ngprecomp.format.box import Box, Triple, triple
from ngprecomp.kernels.reversal import fortran_ordered
from ngprecomp.pipeline.engine.rounds import tiles
from ngprecomp.sources.mapped import read_mapped
from ngprecomp.sources.sharing import share

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Executor

    from ngprecomp.sources.protocol import Source
    from ngprecomp.storage.temporary import Temporary

Voxels = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Layout:
    """How a spool is laid out and filled.

    `part` of the source is cut across the axis `along` into columns, each as long as the part and `tile` voxels wide;
    in the file a column is a C-ordered array [channel, `along`, the slower, the faster of the other axes]. The source
    is read in pieces of `piece` voxels, with `helpers` threads beside the calling one; filling takes `held_bytes`.
    """

    part: Box
    along: int
    tile: Triple
    piece: Triple
    helpers: int
    held_bytes: int
    dtype: np.dtype[Any]
    num_channels: int

    @property
    def nbytes(self) -> int:
        """The size of the file."""
        return math.prod(self.part.size) * self.num_channels * self.dtype.itemsize

    @property
    def order(self) -> Triple:
        """The axes of a column in the file after the channel, slowest first."""
        return storage_order(self.along)

    def columns(self, box: Box) -> Iterator[Box]:
        """Yield the columns that share voxels with a box; both count from the first voxel of the part."""
        whole = Box.of_size(self.part.size)
        for touched in tiles(box, self.tile):
            lo = triple(at - at % step for at, step in zip(touched.lo, self.tile, strict=True))
            yield Box.of_size(self.tile, lo).intersection(whole)

    def offset(self, column: Box) -> int:
        """Return the byte at which a column begins: after all columns of slower rows and those before it in its own."""
        _, slower, faster = self.order
        size = self.part.size
        before = column.lo[slower] * size[faster] + column.size[slower] * column.lo[faster]
        return before * size[self.along] * self.num_channels * self.dtype.itemsize

    def stored_shape(self, column: Box) -> tuple[int, ...]:
        """Return the shape of a column in the file."""
        return (self.num_channels, *(column.size[axis] for axis in self.order))

    def region(self, box: Box, column: Box) -> tuple[slice, ...]:
        """Return where the common voxels of a box and a column lie in the column as it is stored."""
        slices = box.intersection(column).relative_to(column.lo).slices
        return (slice(0, self.num_channels), *(slices[axis] for axis in self.order))

    def stored(self, voxels: Voxels) -> Voxels:
        """Return the view of [x, y, z, channel] with its axes as they are stored."""
        return voxels.transpose(3, *self.order)


def storage_order(along: int) -> Triple:
    """Return the axes of a spool, slowest first."""
    return triple([along, *(axis for axis in (2, 1, 0) if axis != along)])


@dataclass(frozen=True, slots=True)
class SpooledSource:
    """A source whose voxels lie in a spool; all else it knows from the source itself."""

    source: Source
    layout: Layout
    path: str

    @property
    def name(self) -> str:
        """That of the source."""
        return self.source.name

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Voxels along x, y, z and the number of channels."""
        return self.source.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type in the source."""
        return self.source.dtype

    @property
    def axes(self) -> str:
        """The order in which the spool holds its axes, slowest first."""
        return "c" + "".join("xyz"[axis] for axis in self.layout.order)

    @property
    def resolution(self) -> tuple[float, float, float] | None:
        """Voxel size in nanometres if the source says it."""
        return self.source.resolution

    @property
    def voxel_offset(self) -> Triple | None:
        """Coordinates of the first voxel if the source says it."""
        return self.source.voxel_offset

    @property
    def notes(self) -> tuple[str, ...]:
        """Those of the source."""
        return self.source.notes

    @property
    def block(self) -> Triple:
        """A voxel: nothing is decoded."""
        return 1, 1, 1

    @property
    def unwritten_chunks(self) -> int:
        """Chunks that the source never stored."""
        return self.source.unwritten_chunks

    @property
    def files(self) -> tuple[str, ...]:
        """Files of the source."""
        return self.source.files

    @property
    def decoded_bytes(self) -> int:
        """Bytes that the source has decoded; those of the spool are raw."""
        return self.source.decoded_bytes

    def read(self, box: Box, pool: Executor | None = None) -> Voxels:
        """Return a box of the spooled part as [x, y, z, channel], Fortran-ordered; threads of `pool` read columns."""
        layout, box = self.layout, box.relative_to(self.layout.part.lo)
        shape = (layout.num_channels, *(box.size[axis] for axis in layout.order))
        stored: Voxels = np.empty(shape, layout.dtype)
        voxels = stored.transpose(*(1 + layout.order.index(axis) for axis in range(3)), 0)

        def read_column(column: Box) -> None:
            common = box.intersection(column).relative_to(box.lo)
            target = layout.stored(voxels[common.slices])
            region = layout.region(box, column)
            read_mapped(self.path, layout.dtype, layout.offset(column), layout.stored_shape(column), region, target)

        share(read_column, layout.columns(box), pool)
        return voxels if voxels.flags.f_contiguous else fortran_ordered(voxels)

    def close(self) -> None:
        """Nothing of its own stays open."""


def fill(file: Temporary, source: Source, layout: Layout) -> None:
    """Copy the part into the spool, piece by piece; each block of the source is decoded once."""
    with ThreadPoolExecutor(layout.helpers) if layout.helpers else nullcontext() as pool:
        for piece in tiles(layout.part, layout.piece):
            _copy(file, source, layout, piece, pool)


def _copy(file: Temporary, source: Source, layout: Layout, piece: Box, pool: Executor | None) -> None:
    voxels, box = source.read(piece, pool), piece.relative_to(layout.part.lo)
    share(partial(_write, file, layout, voxels, box), layout.columns(box), pool)


def _write(file: Temporary, layout: Layout, voxels: Voxels, box: Box, column: Box) -> None:
    """Write the common voxels of a piece and a column, run by run."""
    shape, region = layout.stored_shape(column), layout.region(box, column)
    stored = layout.stored(voxels[box.intersection(column).relative_to(box.lo).slices])
    cut = max((axis for axis in range(4) if stored.shape[axis] < shape[axis]), default=0)
    steps = [math.prod(shape[axis + 1 :]) for axis in range(4)]
    first = sum(part.start * step for part, step in zip(region, steps, strict=True))
    for index in np.ndindex(stored.shape[:cut]):
        at = first + sum(i * step for i, step in zip(index, steps, strict=False))
        run = np.ascontiguousarray(stored[index])
        file.write(layout.offset(column) + at * layout.dtype.itemsize, run.data)
