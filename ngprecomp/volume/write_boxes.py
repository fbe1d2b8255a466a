"""Boxes that one writer may write alone, because no other box shares a stored object with them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ngprecomp.errors import OptionError
from ngprecomp.format.box import Box, Triple, triple
from ngprecomp.format.grid import Grid, positions_in
from ngprecomp.format.sharding import write_chunk_shape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ngprecomp.chunks.place import Place


def write_boxes(place: Place, memory: int | None) -> Iterator[Box]:
    """Yield boxes, absolute coordinates, that cut the volume into whole stored objects: chunks, or whole shards.

    Without `memory` each box is one object; with it a box holds as many as fit, as cubic as their shapes allow. Where
    a shard is no box of chunks (hashed ids) the only box is the whole volume.

    Raises
    ------
    OptionError
        One object alone takes more than `memory` bytes.
    """
    whole = place.scale.box
    if whole.empty:
        return
    step = object_shape(place)
    if memory is not None:
        step = grown(step, whole.size, place.dtype.itemsize * place.num_channels, memory)
    grid = Grid(whole, step)
    for position in positions_in(grid.positions):
        yield grid.cell(position)


def object_shape(place: Place) -> Triple:
    """Return the voxels of a stored object: a chunk, a shard, or all where a shard is no box of chunks."""
    scale = place.scale
    return write_chunk_shape(scale.sharding, place.grid.shape, scale.chunk_size, scale.size)


def grown(step: Triple, size: Triple, voxel_bytes: int, memory: int) -> Triple:
    """Return the largest shape within `memory` that doubling the shortest axis of `step` leads to.

    Raises
    ------
    OptionError
        The step alone takes more.
    """
    need = nbytes_of(step, size, voxel_bytes)
    if need > memory:
        raise OptionError(
            f"boxes of {step} voxels, which are stored as one object, need {need} bytes, more than {memory}"
        )
    while True:
        open_axes = [axis for axis in range(3) if step[axis] < size[axis]]
        if not open_axes:
            return step
        shortest = min(open_axes, key=lambda axis: step[axis])
        larger = triple(2 * length if axis == shortest else length for axis, length in enumerate(step))
        if nbytes_of(larger, size, voxel_bytes) > memory:
            return step
        step = larger


def nbytes_of(step: Triple, size: Triple, voxel_bytes: int) -> int:
    """Return the bytes of a box of `step` voxels, cut to `size`."""
    return math.prod(map(min, step, size)) * voxel_bytes
