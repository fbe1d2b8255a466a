"""A round: several scales made from one reading of the voxels, cut into pieces that nobody else writes.

A *cell* is a chunk of the coarsest scale of the round together with the chunks of the finer scales under it. Cells are
grouped into *units*, which are read at once, and units into *footprints*, which hold whole shards of every scale.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ngprecomp.format.box import Box, Triple, triple
from ngprecomp.format.grid import Grid, ceil_div, positions_in
from ngprecomp.format.sharding import chunks_per_shard
from ngprecomp.kernels.downsample import whole_tiles
from ngprecomp.kernels.downsample_thin import TILE
from ngprecomp.kernels.morton import compressed_morton_code

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ngprecomp.chunks.place import Place


@dataclass(frozen=True, slots=True)
class Target:
    """One scale that a round makes: its grid, the factor from the scale before it, and where it is stored."""

    grid: Grid
    factor: Triple
    places: tuple[Place, ...]


@dataclass(frozen=True)
class Round:
    """The scales `targets`, finest first, made by `method` from the voxels of `base`."""

    base: Box
    targets: tuple[Target, ...]
    method: str

    @cached_property
    def ratios(self) -> tuple[Triple, ...]:
        """For each target, how many of its chunks lie along a cell."""
        ratios = [(1, 1, 1)]
        for target in reversed(self.targets[1:]):
            ratios.append(triple(r * f for r, f in zip(ratios[-1], target.factor, strict=True)))
        return tuple(reversed(ratios))

    @property
    def cells(self) -> Box:
        """All cells: as many as hold every chunk of every target.

        Strides begin at the first multiple of the factor inside the volume, so the coarsest scale may end before the
        last chunks of the finer ones.
        """
        counts = [
            map(ceil_div, target.grid.shape, ratio) for target, ratio in zip(self.targets, self.ratios, strict=True)
        ]
        return Box((0, 0, 0), triple(map(max, *counts, (0, 0, 0))))

    def owned(self, target: int, cells: Box) -> Box:
        """Return the positions of the chunks of a target that belong to a box of cells."""
        ratio = self.ratios[target]
        scaled = Box(
            triple(lo * r for lo, r in zip(cells.lo, ratio, strict=True)),
            triple(hi * r for hi, r in zip(cells.hi, ratio, strict=True)),
        )
        return scaled.intersection(self.targets[target].grid.positions)

    def needed(self, cells: Box) -> tuple[Box, ...]:
        """Return the voxels to hold for a box of cells: of the base first, then of each target.

        Where the volume does not begin at a multiple of the factors, windows reach up to factor - 1 voxels beyond
        the chunks above them; these voxels are read again by the neighbour. The method thin needs whole tiles, which
        reach beyond the chunks where these do not begin at multiples of 16 voxels.
        """
        boxes: list[Box] = []
        below = Box((0, 0, 0), (0, 0, 0))
        for index in reversed(range(len(self.targets))):
            target = self.targets[index]
            own = target.grid.cells(self.owned(index, cells))
            box = made_together(own.hull(below), target.factor, self.method).intersection(target.grid.domain)
            boxes.append(box)
            domain = self.targets[index - 1].grid.domain if index else self.base
            below = windows(box, target.factor).intersection(domain)
        return (below, *reversed(boxes))

    @property
    def tile_halo(self) -> Triple:
        """Voxels of the base that whole tiles of thin may reach beyond a box of cells, at either end of each axis."""
        whole, halo = [1, 1, 1], [0, 0, 0]
        for target in self.targets:
            whole = [w * f for w, f in zip(whole, target.factor, strict=True)]
            if self.method == "thin" and target.factor != (1, 1, 1):
                unaligned = [
                    chunk % TILE or lo % TILE
                    for chunk, lo in zip(target.grid.chunk, target.grid.domain.lo, strict=True)
                ]
                halo = [h + (w * (TILE - 1) if un else 0) for h, w, un in zip(halo, whole, unaligned, strict=True)]
        return triple(halo)

    def shard_cells(self) -> Triple:
        """Return the least power-of-two block of cells, per axis, that holds whole shards of every target."""
        block = (1, 1, 1)
        for target, ratio in zip(self.targets, self.ratios, strict=True):
            for place in target.places:
                if place.scale.sharding is None:
                    continue
                shard = chunks_per_shard(place.scale.sharding, target.grid.shape) or target.grid.shape
                block = triple(
                    max(b, power_of_two(ceil_div(power_of_two(n), r)))
                    for b, n, r in zip(block, shard, ratio, strict=True)
                )
        return block


def made_together(box: Box, factor: Triple, method: str) -> Box:
    """Return the voxels that must be made at once with those of `box`: whole tiles for thin, else these alone."""
    return Box(*whole_tiles(box.lo, box.hi)) if method == "thin" and factor != (1, 1, 1) and not box.empty else box


def windows(box: Box, factor: Triple) -> Box:
    """Return the finer voxels that the voxels of `box` are made of, aligned to absolute voxel 0."""
    return Box(
        triple(lo * f for lo, f in zip(box.lo, factor, strict=True)),
        triple(hi * f for hi, f in zip(box.hi, factor, strict=True)),
    )


def power_of_two(value: int) -> int:
    """Return the least power of two that is not below `value`."""
    return 1 << max(0, value - 1).bit_length()


def tiles(box: Box, tile: Triple) -> Iterator[Box]:
    """Cut a box of positions into tiles aligned to multiples of `tile`, x fastest."""
    starts = [range(lo - lo % step, hi, step) for lo, hi, step in zip(box.lo, box.hi, tile, strict=True)]
    for z, y, x in itertools.product(*reversed(starts)):
        yield Box.of_size(tile, (x, y, z)).intersection(box)


def in_morton_order(positions: Box, grid_shape: Triple) -> list[Triple]:
    """Return grid positions in ascending order of their chunk ids."""
    listed = list(positions_in(positions))
    if len(listed) < 2:
        return listed
    order = np.argsort(compressed_morton_code(np.array(listed), grid_shape))
    return [listed[at] for at in order]
