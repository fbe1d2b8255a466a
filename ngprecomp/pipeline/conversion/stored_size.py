"""How many bytes the scales of a conversion will take as they are stored, estimated from samples of the source."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from ngprecomp.chunks.coding import encode_stored
from ngprecomp.format.box import Box, Triple, triple
from ngprecomp.format.grid import ceil_div, positions_in
from ngprecomp.format.sharding import shard_count
from ngprecomp.kernels.downsample import downsample
from ngprecomp.pipeline.conversion.choices import in_type
from ngprecomp.pipeline.conversion.paper import PaperSource
from ngprecomp.pipeline.conversion.sampling import spread_boxes
from ngprecomp.storage.memory import MemoryStore
from ngprecomp.volume.places import place_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ngprecomp.chunks.place import Place
    from ngprecomp.format.scale import Scale
    from ngprecomp.pipeline.conversion.plan import Options, Plan
    from ngprecomp.sources.protocol import Source

Voxels = NDArray[Any]
# Of a segmentation of tissue within a margin three samples told 5 to 25 % of the bytes, 48 tell 85 to 110 %.
FEWEST, MOST = 3, 48
ALL_BYTES = 256 << 20  # decoded for all samples
SAMPLE_BYTES = 64 << 20  # decoded for one sample at most, or one block of the source if that is more
LEAST = 512  # voxels of a sample from which its stored bytes say something
INDEX_BYTES = {"raw": 24, "gzip": 6}  # of a chunk in the index of its minishard


def stored_sizes(source: Source, plan: Plan, options: Options) -> tuple[list[int], int]:
    """Return the estimated bytes of each scale with its indices, and how many samples that rests on.

    Samples are chunks of the finest scale spread over the volume, and what becomes of them in the coarser scales.
    Chunks of a source that decodes large pages are sampled only so thick as `SAMPLE_BYTES` allow. Without samples, of a
    source on paper, that is what the voxels take.

    Raises
    ------
    EncodeError
        The encoding cannot hold the sampled voxels.
    """
    places = [
        place_of(
            MemoryStore("plan"),
            plan.info,
            plan.info.scale(index),
            compression=options.compression,
            compress_level=options.compress_level,
        )
        for index in range(len(plan.levels))
    ]
    stored, voxels, samples = [0] * len(places), [0] * len(places), 0
    for box in _sample_boxes(source, plan, places[0]):
        sample = in_type(source.read(box), plan.choices, f"{source.name} at {box}")
        samples += 1
        for index, coarse in enumerate(_scaled(sample, box.shifted(plan.choices.voxel_offset).lo, plan)):
            stored[index] += _stored_bytes(places[index], coarse, skip_empty=options.running.skip_empty)
            voxels[index] += math.prod(coarse.shape[:3])
    sizes, ratio = [], float(places[0].dtype.itemsize * places[0].num_channels)
    for place, nbytes, count in zip(places, stored, voxels, strict=True):
        ratio = nbytes / count if count else ratio  # scales beyond the samples are stored as the last one that is known
        sizes.append(round(ratio * math.prod(place.scale.size)) + _index_bytes(place.scale))
    return sizes, samples


def covered(box: Box, source: Source) -> Box:
    """Return the whole blocks of the source that share voxels with a box."""
    lo = triple(at - at % step for at, step in zip(box.lo, source.block, strict=True))
    hi = (ceil_div(end, step) * step for end, step in zip(box.hi, source.block, strict=True))
    return Box(lo, triple(map(min, hi, source.shape[:3])))


def _sample_boxes(source: Source, plan: Plan, place: Place) -> Iterator[Box]:
    """Return chunks of the finest scale as boxes of the source, as many as `ALL_BYTES` allow."""
    if isinstance(source, PaperSource):
        return iter(())
    grid = place.grid
    middle = triple(extent // 2 for extent in grid.shape)

    def sample_box(position: Triple) -> Box:
        return _affordable(grid.cell(position).relative_to(plan.choices.voxel_offset), source)

    decoded = math.prod(covered(sample_box(middle), source).size) * source.dtype.itemsize * source.shape[3]
    count = min(MOST, max(FEWEST, ALL_BYTES // max(1, decoded)))
    if math.prod(grid.shape) <= count:
        positions = list(positions_in(Box.of_size(grid.shape)))
    else:
        positions = [cell.lo for cell in spread_boxes(grid.shape, (1, 1, 1), count)]
    return map(sample_box, dict.fromkeys(positions))


def _affordable(box: Box, source: Source) -> Box:
    """Return the box, cut along the axis of the source's thinnest blocks so that little is decoded for it."""
    along = min(range(3), key=lambda axis: source.block[axis])
    across = math.prod(covered(box, source).size) // box.size[along]
    most = max(1, SAMPLE_BYTES // (source.dtype.itemsize * source.shape[3] * max(1, across)))
    size = triple(min(length, most) if axis == along else length for axis, length in enumerate(box.size))
    return Box.of_size(size, box.lo)


def _scaled(sample: Voxels, lo: Triple, plan: Plan) -> Iterator[Voxels]:
    """Yield a sample, whose first voxel is the absolute one at `lo`, in all scales for which it is large enough."""
    yield sample
    for level in plan.levels[1:]:
        sample = downsample(sample, level.factor, plan.method, origin=lo)
        lo = triple(at // step for at, step in zip(lo, level.factor, strict=True))
        if math.prod(sample.shape[:3]) < LEAST:
            return
        yield sample


def _stored_bytes(place: Place, voxels: Voxels, *, skip_empty: bool) -> int:
    if skip_empty and not voxels.any():
        return 0
    return len(encode_stored(place, (0, 0, 0), voxels, Box.of_size(triple(voxels.shape[:3]))))


def _index_bytes(scale: Scale) -> int:
    """Return about how many bytes the indices of the shards take."""
    if scale.sharding is None:
        return 0
    shards = shard_count(scale.sharding, scale.grid.shape) * (16 << scale.sharding.minishard_bits)
    return shards + INDEX_BYTES[scale.sharding.minishard_index_encoding] * math.prod(scale.grid.shape)
