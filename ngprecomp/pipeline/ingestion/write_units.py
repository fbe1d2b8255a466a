"""Cut a box of a stored scale into parts, each read from a source at once, that different stored objects hold."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ngprecomp.errors import OptionError
from ngprecomp.format.box import Box, Triple, triple
from ngprecomp.format.grid import Grid, ceil_div, positions_in
from ngprecomp.format.sharding import chunks_per_shard, write_chunk_shape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ngprecomp.chunks.place import Place

ENOUGH_BYTES = 256 << 20  # larger units gain nothing and cost page faults
TOLERATED = 1.25  # voxels decoded by the source for each voxel wanted
CHUNK_COPIES = 6  # of each thread: stored, given, combined and encoded, and encoded ones that wait for their shard


@dataclass(frozen=True, slots=True)
class Reading:
    """What the source costs: bytes of a voxel while a unit is read and converted, and its own block."""

    voxel_bytes: int
    block: Triple


def write_units(place: Place, box: Box, reading: Reading, *, memory: int, workers: int) -> Iterator[tuple[Box, ...]]:
    """Yield units, which share no chunk or shard; together their boxes are `box`.

    A unit is one box of whole objects. It grows along the axis where the source decodes most in vain, until that is
    little or memory is used up. Where a single shard is too large it is a unit of several boxes of whole chunks.

    Raises
    ------
    OptionError
        A chunk, or a shard that is no box of chunks, takes more than `memory`.
    """
    budget = memory - _in_flight(place, reading, workers)
    whole, chunk = Grid(place.scale.box, object_shape(place)), place.scale.chunk_size
    if _nbytes(whole, box, reading) <= budget:
        return ((part,) for part in _parts(_grown(whole, box, reading, budget), box))
    divided = _is_box(place)
    need = _nbytes(replace(whole, chunk=chunk) if divided else whole, box, reading)
    if need > budget:
        raise OptionError(
            f"memory of {memory} bytes is too little: objects of {chunk if divided else whole.chunk} voxels and "
            f"{workers} workers need {need + memory - budget} bytes; give more memory or fewer workers"
        )
    return (
        tuple(_parts(_grown(Grid(whole.cell(position), chunk), part, reading, budget), part))
        for position in positions_in(whole.touched(box))
        for part in [whole.cell(position).intersection(box)]
    )


def _is_box(place: Place) -> bool:
    """Whether each stored object is a box of chunks."""
    sharding = place.scale.sharding
    return sharding is None or chunks_per_shard(sharding, place.grid.shape) is not None


def _parts(grid: Grid, box: Box) -> Iterator[Box]:
    return (grid.cell(position).intersection(box) for position in positions_in(grid.touched(box)))


def object_shape(place: Place) -> Triple:
    """Return the voxels of a chunk, or of a shard; of the whole scale where a shard is no box of chunks."""
    scale = place.scale
    return write_chunk_shape(scale.sharding, place.grid.shape, scale.chunk_size, scale.size)


def _in_flight(place: Place, reading: Reading, workers: int) -> int:
    chunk = math.prod(place.scale.chunk_size) * place.dtype.itemsize * place.num_channels
    return workers * (CHUNK_COPIES * chunk + math.prod(reading.block) * reading.voxel_bytes)


def _grown(grid: Grid, box: Box, reading: Reading, budget: int) -> Grid:
    """Return a grid of larger parts that still fit, each of whole cells of the one before."""
    while True:
        larger = [
            _doubled(grid, axis)
            for axis, parts in enumerate(grid.touched(box).size)
            if parts > 1 and _nbytes(_doubled(grid, axis), box, reading) <= budget
        ]
        small = _nbytes(grid, box, reading) < ENOUGH_BYTES
        if not larger or (_waste(grid, box, reading) <= TOLERATED and not small):
            return grid
        grid = min(larger, key=lambda one: (_waste(one, box, reading), max(one.chunk), one.chunk[2], one.chunk[1]))


def _doubled(grid: Grid, axis: int) -> Grid:
    return replace(grid, chunk=triple(2 * step if at == axis else step for at, step in enumerate(grid.chunk)))


def _nbytes(grid: Grid, box: Box, reading: Reading) -> int:
    """Return the bytes of the largest part that a cell of the grid may have of the box."""
    return math.prod(map(min, grid.chunk, box.size)) * reading.voxel_bytes


def _waste(grid: Grid, box: Box, reading: Reading) -> float:
    """Return how many voxels the source decodes for each voxel that a part wants, where nothing is aligned."""
    wanted = triple(map(min, grid.chunk, box.size))
    decoded = [
        min(size, ceil_div(want + length - 1, length) * length)
        for want, size, length in zip(wanted, box.size, reading.block, strict=True)
    ]
    return math.prod(decoded) / math.prod(wanted)
