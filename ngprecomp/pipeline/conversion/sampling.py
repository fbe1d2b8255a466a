"""A few small boxes of a source, to choose its type, its contrast and its compression by."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from ngprecomp.format.box import Box, Triple, triple
from ngprecomp.pipeline.conversion.paper import PaperSource

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ngprecomp.sources.protocol import Source

Voxels = NDArray[Any]
SAMPLES = 3
MORE = 8  # further samples where the first ones are all of one value
PAGE = 4  # blocks that are larger than this many samples
SAMPLE_BYTES = 1 << 22  # decoded for one sample: three of 64 pages of 512 x 512 bytes took a third of a conversion

# Multiples of these two numbers, without their whole parts, fill the unit square evenly however many there are
# (M. Roberts, The unreasonable effectiveness of quasirandom sequences, 2018).
EVENLY = (0.7548776662466927, 0.5698402909980532)


def sample_boxes(source: Source, size: Triple) -> list[Voxels]:
    """Return up to three boxes [x, y, z, channel] of about `size` voxels on the diagonal of a source.

    If each of them holds one value only, as in the empty margin of an image, one that holds more is added if it is
    among a few further ones. A source that decodes large pages is sampled one page deep, one on paper not at all.
    """
    if isinstance(source, PaperSource):
        return []
    extent = triple(source.shape[:3])
    if _decodes_much(source, size):
        size = triple(map(min, size, (size[0], size[1], source.block[2])))
    boxes = dict.fromkeys(_diagonal_boxes(extent, size))
    samples = [source.read(box) for box in boxes if not box.empty]
    if all(map(is_constant, samples)):
        further = (source.read(box) for box in spread_boxes(extent, size, MORE))
        samples += [sample for sample in further if not is_constant(sample)][:1]
    return samples


def _decodes_much(source: Source, size: Triple) -> bool:
    """Whether a sample decodes far more than it holds: a block is much larger, or many small ones are."""
    decoded = math.prod(map(max, size, source.block)) * source.dtype.itemsize * source.shape[3]
    return math.prod(source.block) > PAGE * math.prod(size) or decoded > SAMPLE_BYTES


def is_constant(voxels: Voxels) -> bool:
    """Whether all voxels are equal, or there are none."""
    return not voxels.size or bool(voxels.min() == voxels.max())


def spread_boxes(extent: Triple, size: Triple, count: int) -> Iterator[Box]:
    """Yield `count` boxes of at most `size` voxels: one in each of as many layers along z, evenly spread in x and y."""
    for number in range(count):
        places = (*((0.5 + number * step) % 1 for step in EVENLY), (number + 0.5) / count)
        yield _box_at(extent, size, triple(int(p * length) for p, length in zip(places, extent, strict=True)))


def _diagonal_boxes(extent: Triple, size: Triple) -> Iterator[Box]:
    for part in range(SAMPLES):
        yield _box_at(extent, size, triple(length * (2 * part + 1) // (2 * SAMPLES) for length in extent))


def _box_at(extent: Triple, size: Triple, centre: Triple) -> Box:
    """Return a box around a voxel, moved and cut to lie inside the source."""
    size = triple(map(min, size, extent))
    lo = triple(
        max(0, min(at - length // 2, whole - length)) for at, length, whole in zip(centre, size, extent, strict=True)
    )
    return Box.of_size(size, lo)
