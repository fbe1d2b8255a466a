"""Plan a conversion: which scales, of which type, stored how, and why."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import reduce
from typing import TYPE_CHECKING

from ngprecomp.errors import OptionError
from ngprecomp.format.box import Box, Triple, triple
from ngprecomp.format.info import Info, with_scale
from ngprecomp.format.sharding import shard_count, write_chunk_shape
from ngprecomp.pipeline.conversion.choices import Choices, Wishes, choose, choose_resolution, in_type
from ngprecomp.pipeline.conversion.defaults import default_chunk_size
from ngprecomp.pipeline.conversion.sampling import sample_boxes
from ngprecomp.pipeline.conversion.scales import (
    ShardSize,
    plain_scales,
    resolved_shard_size,
    shard_data_encoding,
    with_shards,
)
from ngprecomp.pipeline.progress import Announcement
from ngprecomp.pipeline.pyramids.levels import Level, choose_method, plan_levels
from ngprecomp.pipeline.report import MEAN_OF_LABELS, counted, megabytes
from ngprecomp.volume.budget import parse_memory
from ngprecomp.volume.creating import positive_triple
from ngprecomp.volume.handle import BoxLike, as_box

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ngprecomp.format.scale import Scale
    from ngprecomp.pipeline.engine.making import Running
    from ngprecomp.sources.protocol import Source
    from ngprecomp.volume.creating import Storage


@dataclass(frozen=True, slots=True)
class Options:
    """Everything that convert was told beyond source and destination; `running` is how, with memory and spool."""

    wishes: Wishes
    storage: Storage
    shard_size: ShardSize
    compression: str
    compress_level: int | None
    levels: int | None
    factor: Sequence[int] | None
    method: str | None
    box: BoxLike | None
    running: Running
    overwrite: bool = False
    exact: bool = False
    resume: bool = True
    checksums: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What convert will do: the scales, how they are made, and the choices behind them."""

    choices: Choices
    info: Info
    levels: tuple[Level, ...]
    method: str
    notes: tuple[str, ...]


def plan_conversion(source: Source, options: Options) -> Plan:
    """Return what a conversion will write; reads nothing but samples of the source.

    Raises
    ------
    OptionError
        An option is invalid, or contradicts the data.
    """
    if options.compression not in ("", "gzip"):
        raise OptionError(f'chunk files are compressed with "gzip" or not at all, found {options.compression!r}')
    if options.compress_level is not None and not 0 <= options.compress_level <= 12:
        raise OptionError(f"the level of gzip is 0 to 12, found {options.compress_level}")
    resolution, _ = choose_resolution(source, options.wishes.resolution)
    chunk_size = positive_triple("chunk_size", options.storage.chunk_size) or default_chunk_size(resolution)
    samples = sample_boxes(source, chunk_size)
    choices = choose(source, options.wishes, samples)
    method = choose_method(options.method, choices.type, choices.dtype, exact=options.exact)
    storage = _storage(options.storage, choices, chunk_size)
    base = Level(_domain(source, choices, options.box), choices.resolution)
    factor = positive_triple("factor", options.factor)
    levels = (base, *plan_levels(base, chunk_size, count=options.levels, factor=factor, method=method))
    scales = plain_scales(levels, source.shape[3], choices.dtype.name, storage)
    holes = [note for note in _holes(source) if note not in choices.notes]
    notes = [*choices.notes, *holes, f"encoding {storage.encoding}, chunks {chunk_size}, method {method}"]
    if options.levels is not None and len(levels) <= options.levels:
        notes.append(f"{counted(len(levels) - 1, 'coarser scale')}, not {options.levels}: one voxel is left")
    if choices.type == "segmentation" and method == "mean":
        notes.append(MEAN_OF_LABELS)
    size = None if storage.sharding is not None else resolved_shard_size(scales, options.shard_size)
    if options.compression and size is None and storage.sharding is None:
        notes.append("remark: on a disk TensorStore reads compressed chunk files as zeros, CloudVolume reads them")
    if size is not None:
        voxels = [in_type(sample, choices, source.name) for sample in samples]
        data_encoding, why = shard_data_encoding(voxels, storage)
        scales = [with_shards(scale, size, data_encoding) for scale in scales]
        notes.append(f"chunks in shards are {data_encoding}: {why}")
    notes += _shards(scales[0])
    info = reduce(with_scale, scales, Info(choices.type, choices.dtype.name, source.shape[3]))
    return Plan(choices, info, levels, method, tuple(notes))


def announcement(source: Source, plan: Plan, options: Options) -> Announcement:
    """Return what is said before the work: what is odd about the source or the choices, and the plan in one line."""
    remarks = tuple(note for note in plan.notes if note.startswith("remark") or note in _holes(source))
    voxels = math.prod(plan.levels[0].box.size)
    voxel_bytes = plan.choices.dtype.itemsize * plan.info.num_channels
    scales = [plan.info.scale(index) for index in range(len(plan.levels))]
    stored = [counted(sum(math.prod(scale.grid.shape) for scale in scales), "chunk")]
    if scales[0].sharding is not None:
        shards = sum(shard_count(scale.sharding, scale.grid.shape) for scale in scales if scale.sharding is not None)
        stored.append(f"in {counted(shards, 'shard')}")
    memory = options.running.memory
    share = " (a quarter of the machine's)" if memory == parse_memory(None) else ""
    line = (
        f"{voxels:,} voxels of {voxel_bytes} bytes, {counted(len(scales), 'scale')}, {' '.join(stored)}, "
        f"memory {megabytes(memory)}{share}, {counted(options.running.workers, 'thread')}"
        f"{' for each task' if options.running.tasks is not None else ''}"
    )
    return Announcement(remarks, line, voxel_bytes)


def _holes(source: Source) -> list[str]:
    """Return the notes on chunks that the source never stored: its own, or one that counts them."""
    own = [note for note in source.notes if "never written" in note]
    if own or not source.unwritten_chunks:
        return own
    return [f"remark: {counted(source.unwritten_chunks, 'chunk')} of the source were never written"]


def _shards(scale: Scale) -> list[str]:
    """Say how large the shards of a scale are."""
    if scale.sharding is None:
        return []
    shard = write_chunk_shape(scale.sharding, scale.grid.shape, scale.chunk_size, scale.size)
    count = shard_count(scale.sharding, scale.grid.shape)
    return [f"shards of {' x '.join(map(str, shard))} voxels, {count} in the finest scale"]


def _storage(storage: Storage, choices: Choices, chunk_size: Triple) -> Storage:
    labels = choices.type == "segmentation" and choices.dtype.name in ("uint32", "uint64")
    encoding = storage.encoding or ("compressed_segmentation" if labels else "raw")
    block = storage.compressed_segmentation_block_size
    if encoding == "compressed_segmentation":
        block = block or (8, 8, 8)
    return replace(storage, encoding=encoding, chunk_size=chunk_size, compressed_segmentation_block_size=block)


def _domain(source: Source, choices: Choices, box: BoxLike | None) -> Box:
    whole = Box.of_size(triple(source.shape[:3]), choices.voxel_offset)
    part = whole if box is None else as_box(box, whole)
    if part.empty:
        raise OptionError(f"the box {part} holds no voxel: the source is {whole}")
    return part
