"""From a file or an array to a finished multi-scale volume."""

from __future__ import annotations

import inspect
import math
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from numpy.typing import DTypeLike, NDArray

from ngprecomp.chunks.listing import chunk_files
from ngprecomp.errors import ExistsError, OptionError, SourceError
from ngprecomp.format.box import three
from ngprecomp.format.info import info_to_json
from ngprecomp.format.spec import parse_spec
from ngprecomp.pipeline.command import Command, fingerprint, given_options
from ngprecomp.pipeline.conversion.choices import Wishes
from ngprecomp.pipeline.conversion.converted_source import ConvertedSource, refuse_unshared
from ngprecomp.pipeline.conversion.forecast import Forecast, forecast
from ngprecomp.pipeline.conversion.plan import Options, Plan, announcement, plan_conversion
from ngprecomp.pipeline.conversion.spooling import choose_spool, source_demand, spooled
from ngprecomp.pipeline.conversion.volume_source import VolumeSource, open_any
from ngprecomp.pipeline.engine.bases import Base
from ngprecomp.pipeline.engine.exact import make_exact_scales
from ngprecomp.pipeline.engine.making import Made, Running, make_scales
from ngprecomp.pipeline.engine.parts import parse_part, refuse_part
from ngprecomp.pipeline.engine.rounds import Target
from ngprecomp.pipeline.engine.task_pools import ExecutorLike, refuse_unseen, share, task_pool
from ngprecomp.pipeline.journal import open_journal
from ngprecomp.pipeline.progress import Progress, announce, ignore_progress
from ngprecomp.pipeline.provenance import add_provenance, last_step
from ngprecomp.pipeline.report import Report, counted, peak_memory, scale_report
from ngprecomp.pipeline.shared_journal import share_journal
from ngprecomp.storage.locate import open_store
from ngprecomp.storage.protocol import exists
from ngprecomp.version import __version__
from ngprecomp.volume.creating import Storage
from ngprecomp.volume.documents import create_info, found_info
from ngprecomp.volume.places import JOURNAL_KEY, place_of
from ngprecomp.volume.reading import Missing, checked_missing

if TYPE_CHECKING:
    from ngprecomp.chunks.place import Place
    from ngprecomp.format.info import Info
    from ngprecomp.format.lengths import LengthsLike
    from ngprecomp.pipeline.conversion.scales import ShardSize
    from ngprecomp.pipeline.engine.cells import Counts
    from ngprecomp.pipeline.journal import Journal
    from ngprecomp.sources.protocol import Source
    from ngprecomp.storage.protocol import Store
    from ngprecomp.volume.handle import BoxLike

Voxels = NDArray[Any]
# The same command: these may differ when a job goes on.
HOW_IT_RUNS = (
    "source", "destination", "memory", "workers", "spool_dir", "resume", "overwrite", "dry_run", "executor", "part",
    "progress",
)  # fmt: skip
TRIPLETS = ("compressed_segmentation_block_size", "chunk_size", "shard_size", "factor", "resolution")
Where = str | os.PathLike[str] | Mapping[str, Any]


def convert(  # noqa: PLR0913 - a public signature may be long
    source: Any,
    destination: Where,
    *,
    dataset: str | None = None,
    axes: str | None = None,
    gaps: Literal["error", "close", "blank"] = "error",
    resolution: LengthsLike | None = None,
    voxel_offset: LengthsLike | None = None,
    type: str | None = None,
    dtype: DTypeLike | None = None,
    range: Sequence[float] | None = None,
    percentile: Sequence[float] | None = None,
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
    exact: bool = False,
    box: BoxLike | None = None,
    skip_empty: bool = False,
    missing: Missing = "zero",
    checksums: bool = False,
    memory: int | str | None = None,
    workers: int | None = None,
    spool_dir: str | os.PathLike[str] | None = None,
    resume: bool = True,
    overwrite: bool = False,
    dry_run: bool = False,
    executor: ExecutorLike = None,
    part: str | None = None,
    progress: Progress | None = None,
) -> Report | Forecast:
    """Make a volume with all its scales from a file, a stack of slices, another volume or an array.

    A job that was interrupted goes on where it stopped when it is called again in the same way; the volume is then the
    same, byte for byte, as if nothing had happened. Arrays begin anew, because nothing tells whether they changed.

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
        Voxel size in nm or with units (``"4nm,4nm,0.04um"``), and coordinates of the first voxel, in voxels or lengths
        with units, x, y, z; by default what the file says.
    type, dtype
        ``"image"`` or ``"segmentation"``, and the data type; by default chosen from the data, with the reason.
    range, percentile
        Contrast of an image: the two values, or the two percentiles of a sample, that become the ends of `dtype`
        (uint8 by default).
    encoding
        By default compressed_segmentation for labels and raw for images; jpeg and png with their parameters.
    compress, compress_level
        ``"gzip"`` for unsharded chunks (TensorStore reads them only from buckets); the level of any gzip, 1 to 12.
    chunk_size, shard_size, sharding
        Voxels of a chunk and of a shard, x, y, z; ``"auto"`` shards above 1,000 chunks, ``"always"``, or None for
        never; or the exact JSON.
    levels, factor, method
        The number of coarser scales, the factor of each step, and mode (for labels), mean (for images), median, min,
        max or stride.
    exact
        Compute every scale from the finest one over its whole window, instead of from the scale above it; the source
        is then read once for each scale.
    box
        The part of the source to convert, ``((x0, x1), (y0, y1), (z0, z1))`` in voxels of the new volume.
    skip_empty
        Leave all-zero chunks out.
    missing
        What absent chunks of the source are: ``"zero"`` reads zeros and counts them, ``"error"`` raises.
    checksums
        Store the CRC-32C of every chunk beside the volume, for `check`.
    memory, workers
        Bytes (``"512MB"``) that the job may hold (a quarter of the machine's), and threads (0 or None: one per core).
    spool_dir
        The folder of temporary files.
    resume
        Go on with an unfinished job of the same source and options; memory, workers and progress may differ.
    overwrite
        Replace a volume that is there, finished or not; foreign files stay.
    dry_run
        Write nothing, and return a forecast of what would be done, which prints well.
    executor
        Where the parts of the volume are made that are finished together: ``"threads"`` of this process (the default),
        ``"processes"`` of this machine, which share `memory`, or anything with the method ``submit`` of
        `concurrent.futures`, such as ``distributed.Client(...).get_executor()``; there `memory` and `workers` are those
        of one task, by default 2 GiB and one thread.
    part
        ``"3/16"``: this is the third of sixteen processes that run the same call, each with another part. Whoever is
        last finishes the volume; the counts of the report are those of the part.
    progress
        Called with finished and total voxels.

    Raises
    ------
    FailedTasksError
        Tasks of the executor failed; all others are done.
    NotFoundError, SourceError
        The source is missing, damaged, or of a kind that no viewer shows.
    ExistsError
        A volume, or an unfinished one of another command, is at the destination.
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
    given = given_options(_outputs(locals()), _DEFAULTS)
    store = open_store(parse_spec(destination).url)
    processes, bytes_each, threads = share(executor, memory, workers, remote=store.remote)
    options = Options(
        Wishes(type, dtype, resolution, voxel_offset, range, percentile),
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
        Running(
            bytes_each,
            threads,
            progress or ignore_progress,
            skip_empty,
            None if spool_dir is None else os.fspath(spool_dir),
            part=parse_part(part),
        ),
        overwrite,
        exact,
        resume,
        checksums,
    )
    with (
        closing(open_any(source, dataset=dataset, axes=axes, gaps=gaps, missing=checked_missing(missing))) as opened,
        task_pool(executor, processes) as tasks,
    ):
        options = replace(options, running=replace(options.running, tasks=tasks))
        refuse_part(options.running, overwrite=overwrite, resume=resume)
        refuse_unshared(source, opened, tasks, parts=part is not None)
        refuse_unseen(tasks, store)
        if isinstance(opened, VolumeSource):
            if opened.volume.url == store.url:
                raise OptionError(f"{store.url} is both source and destination")
            options = replace(options, wishes=replace(options.wishes, type=type or opened.volume.parsed_info.type))
        if missing == "error" and opened.unwritten_chunks:
            raise SourceError(f"{counted(opened.unwritten_chunks, 'chunk')} of {opened.name} were never written")
        if dry_run:
            return forecast(opened, plan_conversion(opened, options), options)
        return _convert(opened, store, options, given)


def _convert(source: Source, store: Store, options: Options, given: Mapping[str, Any]) -> Report:
    began = time.monotonic()
    part, old = options.running.part, found_info(store)
    complete = old is not None and not exists(store, JOURNAL_KEY)
    if complete and not options.overwrite and part is None:
        raise ExistsError(f"a volume exists at {store.url}; overwrite replaces it")
    plan = plan_conversion(source, options)
    sampled, info, step = _absent(source), info_to_json(plan.info), _step(plan, options, given)
    if part is not None:
        plan = replace(plan, notes=(*plan.notes, f"part {part.number + 1} of {part.count}"))
        if complete and old is not None and _made_by_others(store, old, info, source.name, step):
            return _report(store, plan, [], Made([]), began)
    spool = choose_spool(source, plan, options)
    command = Command("convert", source.name, fingerprint(source), given, info, __version__)
    with _journal(store, command, old, options) as journal:
        options = replace(options, running=replace(options.running, journal=journal))
        announce(options.running.progress, announcement(source, plan, options))
        places = _places(store, plan, options)
        with spooled(source, spool, options.running.spool_dir) as voxels:
            made = _make(voxels, places, plan, options)
        made.absent += _absent(source) - sampled
        made.decoded_bytes += source.decoded_bytes
        report = _report(store, plan, places, made, began)
        with journal.ending() as ours:
            if ours:
                found = found_info(store)
                if found is None or info_to_json(found) != info:
                    create_info(store, plan.info)
                add_provenance(store, [source.name], step)
                journal.end()
    once = math.prod(plan.levels[0].box.size) * source.shape[3] * source.dtype.itemsize
    return replace(report, source_bytes=0 if made.resumed or part else once)


def _journal(store: Store, command: Command, old: Info | None, options: Options) -> Journal:
    if options.running.part is not None:
        return share_journal(store, command, old)
    return open_journal(store, command, old, resume=options.resume, overwrite=options.overwrite)


def _step(plan: Plan, options: Options, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the provenance says of a conversion."""
    return {
        "task": "convert",
        "options": dict(given),
        "method": plan.method,
        "exact": options.exact,
        "choices": list(plan.notes),
    }


def _made_by_others(store: Store, old: Info, info: Mapping[str, Any], source: str, step: Mapping[str, Any]) -> bool:
    """Whether the volume that is there is the one of which a part was to be made."""
    sources, last = last_step(store)
    return info_to_json(old) == info and last == step and source in sources


def _report(store: Store, plan: Plan, places: Sequence[Place], made: Made, began: float) -> Report:
    return Report(
        "convert",
        store.url,
        tuple(scale_report(place.scale, counts) for place, counts in zip(places, made.counts, strict=True)),
        plan.notes,
        time.monotonic() - began,
        made.read_bytes,
        made.absent,
        peak_memory(),
        voxels=math.prod(plan.levels[0].box.size),
        files=sum(_file_count(place, counts) for place, counts in zip(places, made.counts, strict=True)),
        decoded_bytes=made.decoded_bytes,
        resumed=made.resumed,
    )


def _file_count(place: Place, counts: Counts) -> int:
    """Return how many files hold the chunks of a scale; shards are listed, because only chunks are counted."""
    return counts.chunks if place.scale.sharding is None else sum(1 for _ in chunk_files(place))


def _absent(source: Source) -> int:
    """Return how many chunks of a source volume were asked for and not there so far."""
    return source.absent if isinstance(source, VolumeSource) else 0


def _places(store: Store, plan: Plan, options: Options) -> list[Place]:
    """Return where the chunks of each scale go."""
    return [
        place_of(
            store,
            plan.info,
            plan.info.scale(index),
            compression=options.compression,
            compress_level=options.compress_level,
            checksums=options.checksums,
        )
        for index in range(len(plan.levels))
    ]


def _make(source: Source, places: Sequence[Place], plan: Plan, options: Options) -> Made:
    """Write all chunks of all scales."""
    targets = [Target(place.grid, level.factor, (place,)) for place, level in zip(places, plan.levels, strict=True)]
    base = Base(
        plan.levels[0].box,
        ConvertedSource(source, plan.choices),
        source.block,
        plan.choices.dtype,
        plan.info.num_channels,
        source_demand(source, plan.choices, options.running.workers),
    )
    make = make_exact_scales if options.exact else make_scales
    return make(base, targets, plan.method, options.running)


def _outputs(keywords: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keywords of `convert` that show in what it writes; where one number means three it is spelled so."""
    return {name: three(value) if name in TRIPLETS else value for name, value in keywords.items() if name in _DEFAULTS}


_DEFAULTS = {
    name: parameter.default
    for name, parameter in inspect.signature(convert).parameters.items()
    if name not in HOW_IT_RUNS
}
