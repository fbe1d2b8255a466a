"""The chunk grid of a scale: which chunks a box touches, which voxels they hold (volume.md, "Unsharded")."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ngprecomp.format.box import Box, Triple, triple

if TYPE_CHECKING:
    from collections.abc import Iterator


def ceil_div(value: int, by: int) -> int:
    """Return `value` / `by` rounded up, exact for any integers."""
    return -(-value // by)


@dataclass(frozen=True, slots=True)
class Grid:
    """Chunks of `chunk` voxels over `domain`; the grid starts at the first voxel of the domain.

    Examples
    --------
    >>> grid = Grid(Box((-5, 0, 0), (6, 8, 8)), (4, 4, 4))
    >>> grid.shape, grid.cell((2, 1, 0))
    ((3, 2, 2), Box(lo=(3, 4, 0), hi=(6, 8, 4)))
    """

    domain: Box
    chunk: Triple

    @property
    def shape(self) -> Triple:
        """Chunks along x, y and z."""
        return triple(map(ceil_div, self.domain.size, self.chunk))

    @property
    def positions(self) -> Box:
        """All grid positions, as a box."""
        return Box((0, 0, 0), self.shape)

    def cell(self, position: Triple) -> Box:
        """Return the voxels of the chunk at `position`, cut at the end of the domain."""
        x, y, z = position
        return self.cells(Box(position, (x + 1, y + 1, z + 1)))

    def cells(self, positions: Box) -> Box:
        """Return the voxels of a box of positions, cut at the end of the domain."""
        (x, y, z), (end_x, end_y, end_z), (dx, dy, dz) = self.domain.lo, self.domain.hi, self.chunk
        (i0, j0, k0), (i1, j1, k1) = positions.lo, positions.hi
        return Box(
            (x + i0 * dx, y + j0 * dy, z + k0 * dz),
            (min(x + i1 * dx, end_x), min(y + j1 * dy, end_y), min(z + k1 * dz, end_z)),
        )

    def touched(self, box: Box) -> Box:
        """Return the positions of the chunks that share a voxel with `box`, as a box of positions."""
        inside = box.intersection(self.domain)
        if inside.empty:
            return Box((0, 0, 0), (0, 0, 0))
        local = inside.relative_to(self.domain.lo)
        return Box(
            triple(lo // step for lo, step in zip(local.lo, self.chunk, strict=True)),
            triple(ceil_div(hi, step) for hi, step in zip(local.hi, self.chunk, strict=True)),
        )


def positions_in(box: Box) -> Iterator[Triple]:
    """Yield the grid positions of a box, x fastest."""
    for z, y, x in itertools.product(*(range(box.lo[d], box.hi[d]) for d in (2, 1, 0))):
        yield x, y, z
