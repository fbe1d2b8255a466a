"""Some voxels of a volume, to choose by them how it is shown."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from ngprecomp.format.box import Box, triple
from ngprecomp.format.grid import positions_in
from ngprecomp.volume.scales import at_scale, usable_scales

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ngprecomp.volume.handle import Volume

Voxels = NDArray[Any]

# Means of many voxels lie closer together than the voxels themselves: no coarser than that.
LEAST_VOXELS = 1 << 20
SAMPLE_BYTES = 16 << 20
MOST_CHUNKS = 64

# Multiples of these, without their whole parts, fill a cube evenly however many there are (M. Roberts, 2018).
EVENLY = (0.8191725133961645, 0.6710436067037893, 0.5497004779019703)


def sample(volume: Volume) -> list[Voxels]:
    """Return voxels [x, y, z, channel] of a coarse scale: all of it, or chunks spread over it.

    A coarse scale of which nothing is stored gives way to the next finer one.
    """
    samples: list[Voxels] = []
    for scale in _coarse_scales(volume):
        samples, stored = _read(scale)
        if stored:
            break
    return samples


def _coarse_scales(volume: Volume) -> Iterable[Volume]:
    """Yield the scales that have enough voxels, the coarsest first; the finest where none has."""
    voxels = {index: math.prod(scale.size) for index, scale in usable_scales(volume).items()}
    large = [index for index in sorted(voxels, key=voxels.__getitem__) if voxels[index] >= LEAST_VOXELS]
    return (at_scale(volume, index) for index in large or [max(voxels, key=voxels.__getitem__)])


def _read(scale: Volume) -> tuple[list[Voxels], int]:
    """Return the sample of one scale, and how many of its chunks are stored."""
    samples, stored = [], 0
    for box in _boxes(scale):
        voxels, absent = scale.read(box, missing="zero")
        stored += math.prod(scale.place.grid.touched(box).size) - absent
        samples.append(voxels)
    return samples, stored


def _boxes(scale: Volume) -> Iterable[Box]:
    """Return the boxes of a sample: the whole scale if it is small, else chunks spread over it."""
    if scale.box.empty:
        return []
    voxel_bytes = scale.place.num_channels * scale.dtype.itemsize
    if math.prod(scale.box.size) * voxel_bytes <= SAMPLE_BYTES:
        return [scale.box]
    grid = scale.place.grid
    count = max(1, min(MOST_CHUNKS, SAMPLE_BYTES // (math.prod(scale.scale.chunk_size) * voxel_bytes)))
    if math.prod(grid.shape) <= count:
        return map(grid.cell, positions_in(grid.positions))
    places = ([(0.5 + number * step) % 1 for step in EVENLY] for number in range(count))
    positions = (triple(int(p * length) for p, length in zip(place, grid.shape, strict=True)) for place in places)
    return map(grid.cell, dict.fromkeys(positions))
