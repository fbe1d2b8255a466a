"""Voxels of a coarse scale as they come out of a finer one, made when they are read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ngprecomp.chunks.ordered_map import map_in_order
from ngprecomp.errors import OptionError
from ngprecomp.format.box import Box, Triple, triple
from ngprecomp.format.grid import ceil_div
from ngprecomp.kernels.aligned import aligned_empty
from ngprecomp.kernels.downsample import downsample_into
from ngprecomp.kernels.downsample_thin import TILE
from ngprecomp.pipeline.engine.rounds import made_together, power_of_two, tiles, windows
from ngprecomp.pipeline.engine.units import Demand

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from ngprecomp.pipeline.engine.bases import Base

Voxels = NDArray[Any]
SLABS = 8  # parts of a piece that threads downsample at the same time


@dataclass(frozen=True, slots=True)
class Downsampled:
    """The scale `domain`, whose voxels stand for windows of `factor` voxels of `base`.

    A box is made in pieces, each from so much of the base as `memory` may hold.
    """

    base: Base
    domain: Box
    factor: Triple
    method: str
    memory: int

    def read(self, box: Box, pool: Executor | None = None) -> Voxels:
        """Return a box of voxels [x, y, z, channel], absolute coordinates, Fortran-ordered.

        Raises
        ------
        OptionError
            The windows of one voxel, or of one tile, take more than the memory.
        """
        whole = made_together(box, self.factor, self.method).intersection(self.domain)
        coarse: Voxels = aligned_empty((*whole.size, self.base.num_channels), self.base.dtype)
        for piece in self._pieces(whole):
            fine = windows(piece, self.factor).intersection(self.base.domain)
            voxels = self.base.reader.read(fine, pool)
            fill = partial(self._fill, coarse, whole.lo, voxels, fine.lo)
            for _ in map_in_order(fill, self._slabs(piece, pool), pool, SLABS):
                pass
        return np.asfortranarray(coarse[box.relative_to(whole.lo).slices])

    @property
    def absent(self) -> int:
        """Absent chunks of the base so far."""
        return self.base.reader.absent

    @property
    def decoded_bytes(self) -> int:
        """Bytes decoded of the base so far."""
        return self.base.reader.decoded_bytes

    def close(self) -> None:
        """Close the reader of the base."""
        self.base.reader.close()

    def _fill(self, coarse: Voxels, coarse_lo: Triple, voxels: Voxels, lo: Triple, part: Box) -> None:
        at = part.relative_to(coarse_lo).lo
        downsample_into(voxels, lo, coarse, coarse_lo, self.factor, self.method, at, part.size)

    def _slabs(self, piece: Box, pool: Executor | None) -> list[Box]:
        if pool is None:
            return [piece]
        x, y, z = piece.size
        depth = ceil_div(z, SLABS)
        thick = ceil_div(depth, TILE) * TILE if self.method == "thin" else depth
        ends = range(piece.lo[2] - piece.lo[2] % thick, piece.hi[2], thick)
        return [Box.of_size((x, y, thick), (*piece.lo[:2], lo)).intersection(piece) for lo in ends]

    def _pieces(self, box: Box) -> list[Box]:
        """Cut a box into pieces that fit: halved along the axis on which a piece spans the most blocks of the base."""
        if box.empty or self._nbytes(box.size) <= self.memory:
            return [] if box.empty else [box]
        least = TILE if self.method == "thin" else 1
        piece = triple(max(least, power_of_two(extent)) for extent in box.size)
        while self._nbytes(piece) > self.memory:
            blocks = [
                n * f / step if n > least else 0 for n, f, step in zip(piece, self.factor, self.base.block, strict=True)
            ]
            longest = blocks.index(max(blocks))
            if blocks[longest] == 0:
                raise OptionError(
                    f"memory of {self.memory} bytes is too little: windows of {self.factor} voxels need "
                    f"{self._nbytes(piece)} bytes; give more memory or fewer workers"
                )
            piece = triple(n // 2 if axis == longest else n for axis, n in enumerate(piece))
        return list(tiles(box, piece))

    def _nbytes(self, size: Triple) -> int:
        """Return the bytes to make a piece: its windows as they are read and converted, and what is being decoded."""
        base, voxels = self.base, math.prod(n * f for n, f in zip(size, self.factor, strict=True))
        demand = base.demand or Demand(base.voxel_bytes, 1, base.block)
        return demand.unit_bytes * voxels + demand.decoding_bytes
