"""From a file or an array to a finished multi-scale volume."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from numpy.typing import DTypeLike, NDArray

from ngprecomp.errors import ExistsError, OptionError
from ngprecomp.format.box import three
from ngprecomp.format.spec import parse_spec
from ngprecomp.pipeline.choices import Choices, Wishes, in_type
from ngprecomp.pipeline.conversion_plan import Options, Plan, plan_conversion
from ngprecomp.pipeline.journal import abandon, begin_journal, end_journal
from ngprecomp.pipeline.making import Base, Made, Running, make_scales
from ngprecomp.pipeline.progress import Progress, ignore_progress
from ngprecomp.pipeline.provenance import add_provenance
from ngprecomp.pipeline.report import Report, ScaleReport, peak_memory, scale_report
from ngprecomp.pipeline.rounds import Target
from ngprecomp.pipeline.volume_source import VolumeSource, as_volume
from ngprecomp.sources.opening import open_source
from ngprecomp.storage.locate import open_store
from ngprecomp.volume.budget import parse_memory, worker_count
from ngprecomp.volume.creating import Storage
from ngprecomp.volume.documents import create_info, found_info
from ngprecomp.volume.places import place_of
from ngprecomp.volume.removal import remove_volume

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from ngprecomp.format.box import Box
    from ngprecomp.format.info import Info
    from ngprecomp.pipeline.scales import ShardSize
    from ngprecomp.sources.protocol import Source
    from ngprecomp.storage.protocol import Store
    from ngprecomp.volume.handle import BoxLike

Voxels = NDArray[Any]
Where = str | os.PathLike[str] | Mapping[str, Any]


def convert(  # noqa: PLR0913 - a public signature may be long
    source: Any,
    destination: Where,
    *,
    dataset: str | None = None,
    axes: str | None = None,
    gaps: Literal["error", "close", "blank"] = "error",
    resolution: Sequence[float] | None = None,
    voxel_offset: Sequence[int] | None = None,
    type: str | None = None,
    dtype: DTypeLike | None = None,
    encoding: str | None = None,
    compressed_segmentation_block_size: Sequence[int] | None = None,
    jpeg_quality: int | None = None,
    png_level: int | None = None,
    compress: Literal["gzip"] | None = None,
    compress_level: int | None = None,
    chunk_size: Sequence[int] | None = None,
    shard_size: ShardSize = "auto",
    sharding: Mapping[str, Any] | None = None,
    levels: int | None = None,
    factor: Sequence[int] | None = None,
    method: str | None = None,
    box: BoxLike | None = None,
    skip_empty: bool = False,
    memory: int | str | None = None,
    workers: int | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Make a volume with all its scales from an HDF5 dataset, TIFF files, a .npy file or an array.

    Parameters
    ----------
    source
        ``"file.h5:path/in/file"``, a TIFF file, a folder or glob of TIFF slices, a .npy file, an h5py dataset, another
        volume (open, or its path, URL or spec), or an array (which needs `axes`).
    destination
        A path, URL or JSON spec of the volume's folder.
    dataset, axes
        The path in an HDF5 file; the order of the source's axes, slowest first, such as ``"zyx"`` (the default for
        files) or ``"czyx"``.
    gaps
        Missing numbers in a stack of slices: ``"error"``, ``"close"`` them up, or ``"blank"`` slices of zeros.
    resolution, voxel_offset
        Voxel size in nm and coordinates of the first voxel, x, y, z; by default what the file says.
    type, dtype
        ``"image"`` or ``"segmentation"``, and the data type; by default chosen from the data, with the reason.
    encoding
        By default compressed_segmentation for labels and raw for images; jpeg and png with their parameters.
    compress, compress_level
        ``"gzip"`` for unsharded chunks (CloudVolume reads them, TensorStore does not); the level of any gzip, 1 to 12.
    chunk_size, shard_size, sharding
        Voxels of a chunk and of a shard, x, y, z; ``"auto"`` shards above 1,000 chunks, ``"always"``, or None for
        never; or the exact JSON.
    levels, factor, method
        The number of coarser scales, the factor of each step, and mode (for labels), mean (for images), median, min,
        max or stride.
    box
        The part of the source to convert, ``((x0, x1), (y0, y1), (z0, z1))`` in voxels of the new volume.
    skip_empty
        Leave all-zero chunks out.
    memory, workers
        Bytes (``"512MB"``) that the job may hold, and threads (0 or None: one per core).
    overwrite
        Replace a volume that is there; foreign files stay.
    progress
        Called with finished and total voxels.

    Raises
    ------
    NotFoundError, SourceError
        The source is missing, damaged, or of a kind that no viewer shows.
    ExistsError
        A volume is at the destination.
    OptionError
        An option is invalid.

    Notes
    -----
    One number stands for three in resolution, factor and the sizes.

    Examples
    --------
    >>> import numpy as np, ngprecomp as ng
    >>> labels = np.repeat(np.arange(4, dtype="uint64"), 32 * 64 * 16).reshape(16, 64, 128)
    >>> report = ng.convert(labels, "memory://doc/convert", axes="zyx", resolution=(8, 8, 40))
    >>> [scale.key for scale in report.scales], ng.open("memory://doc/convert").shape
    (['8_8_40'], (128, 64, 16, 1))
    """
    options = Options(
        Wishes(type, dtype, three(resolution), voxel_offset),
        Storage(
            encoding,
            three(compressed_segmentation_block_size),
            jpeg_quality,
            png_level,
            three(chunk_size),
            sharding=sharding,
        ),
        three(shard_size),
        compress or "",
        compress_level,
        levels,
        three(factor),
        method,
        box,
        Running(parse_memory(memory), worker_count(workers), progress or ignore_progress, skip_empty),
        overwrite,
    )
    store = open_store(parse_spec(destination).url)
    volume = as_volume(source)
    if volume is None:
        opened: Source = open_source(source, dataset=dataset, axes=axes, gaps=gaps)
    else:
        if dataset is not None or axes is not None:
            raise OptionError(f"{volume.url} is a precomputed volume: neither dataset nor axes can be chosen")
        if volume.url == store.url:
            raise OptionError(f"{store.url} is both source and destination")
        opened = VolumeSource(volume)
        options = replace(options, wishes=replace(options.wishes, type=type or volume.parsed_info.type))
    try:
        return _convert(opened, store, options)
    finally:
        opened.close()


def _convert(source: Source, store: Store, options: Options) -> Report:
    began = time.monotonic()
    old = found_info(store)
    if old is not None and not options.overwrite:
        raise ExistsError(f"a volume exists at {store.url}; overwrite replaces it")
    plan = plan_conversion(source, options)
    if old is not None:
        remove_volume(store, old)
    begin_journal(store, source.name, plan.info, overwrite=options.overwrite)
    try:
        made = _make(source, store, plan, options)
        create_info(store, plan.info)
    except BaseException:
        abandon(store, plan.info)
        raise
    add_provenance(store, [source.name], {"task": "convert", "method": plan.method, "choices": list(plan.notes)})
    end_journal(store)
    return Report(
        "convert",
        store.url,
        _scale_reports(plan.info, made),
        plan.notes,
        time.monotonic() - began,
        made.read_bytes,
        source.absent if isinstance(source, VolumeSource) else 0,
        peak_memory(),
    )


def _make(source: Source, store: Store, plan: Plan, options: Options) -> Made:
    """Write all chunks of all scales."""
    places = [
        place_of(
            store,
            plan.info,
            plan.info.scale(index),
            compression=options.compression,
            compress_level=options.compress_level,
        )
        for index in range(len(plan.levels))
    ]
    targets = [Target(place.grid, level.factor, (place,)) for place, level in zip(places, plan.levels, strict=True)]
    base = Base(
        plan.levels[0].box,
        _reader(source, plan.choices),
        source.block,
        plan.choices.dtype,
        plan.info.num_channels,
    )
    return make_scales(base, targets, plan.method, options.running)


def _reader(source: Source, choices: Choices) -> Callable[[Box, Executor | None], Voxels]:
    """Return a function that reads absolute boxes in the type of the volume."""

    def read(box: Box, pool: Executor | None) -> Voxels:
        voxels = source.read(box.relative_to(choices.voxel_offset), pool)
        return in_type(voxels, choices, f"{source.name} at {box}")

    return read


def _scale_reports(info: Info, made: Made) -> tuple[ScaleReport, ...]:
    return tuple(scale_report(info.scale(index), counts) for index, counts in enumerate(made.counts))
