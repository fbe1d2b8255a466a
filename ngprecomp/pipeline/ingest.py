"""Put a source into a volume that exists: over what is there, added to it, or only where it is not zero."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial, reduce
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal, get_args

from ngprecomp.chunks.listing import has_chunks, writable_compression
from ngprecomp.errors import OptionError
from ngprecomp.format.box import Box
from ngprecomp.pipeline.conversion.converted_source import refuse_unshared
from ngprecomp.pipeline.conversion.volume_source import VolumeSource
from ngprecomp.pipeline.engine.submitting import run_tasks
from ngprecomp.pipeline.engine.task_pools import ExecutorLike, refuse_unseen, share, task_pool
from ngprecomp.pipeline.ingestion.placed_source import PlacedSource, open_for, place_source
from ngprecomp.pipeline.ingestion.write_units import Reading, write_units
from ngprecomp.pipeline.progress import Progress, ignore_progress
from ngprecomp.pipeline.provenance import add_provenance
from ngprecomp.pipeline.pyramid import build_pyramid
from ngprecomp.pipeline.report import Report, ScaleReport, peak_memory
from ngprecomp.volume.handle import BoxLike, Volume
from ngprecomp.volume.indexing import box_selection
from ngprecomp.volume.opening import ScaleLike, handle_of, info_of, read_scale
from ngprecomp.volume.places import place_of, refuse_shared_folders
from ngprecomp.volume.resources import Resources
from ngprecomp.volume.writing import Input, Mode, Written, write_selection, write_shard

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ngprecomp.chunks.place import Place
    from ngprecomp.pipeline.engine.task_pools import TaskPool
    from ngprecomp.volume.reading import Missing

Where = Volume | str | os.PathLike[str] | Mapping[str, Any]
Compress = Literal["none", "gzip", "plain-gzip"]

MODES = {
    "overwrite": "what was there is replaced (mode add adds to it)",
    "add": "added to what was there, integers wrap around; once more adds once more",
    "max": "the greater of both stays",
    "nonzero": "what was there is replaced except where the source is zero",
}


@dataclass(frozen=True, slots=True)
class Options:
    """How an ingest is done; where there are `tasks`, each has so much of the memory and so many of the threads."""

    mode: Mode
    compress: Compress | None
    pyramid: bool
    memory: int
    workers: int
    progress: Progress
    tasks: TaskPool | None = None


@dataclass(frozen=True, slots=True)
class Unit:
    """Boxes that are written together, as one task."""

    boxes: tuple[Box, ...]

    def __str__(self) -> str:
        return f"voxels {reduce(Box.hull, self.boxes)}"


@dataclass(slots=True)
class Put:
    """What was written, and what reading its source met in other processes."""

    written: Written = field(default_factory=Written)
    absent: int = 0
    decoded_bytes: int = 0


def ingest(  # noqa: PLR0913 - a public signature may be long
    source: Any,
    volume: Where,
    offset: Sequence[int] | None = None,
    *,
    scale: ScaleLike | None = None,
    mode: Mode = "overwrite",
    dataset: str | None = None,
    axes: str | None = None,
    gaps: Literal["error", "close", "blank"] = "error",
    box: BoxLike | None = None,
    compress: Compress | None = None,
    pyramid: bool = True,
    missing: Missing = "zero",
    memory: int | str | None = None,
    workers: int | None = None,
    executor: ExecutorLike = None,
    progress: Progress | None = None,
) -> Report:
    """Put voxels into an existing volume, and make its coarser scales over them anew.

    Parameters
    ----------
    source
        What `convert` reads: an HDF5, TIFF or .npy file, a stack of slices, an array (which needs `axes`), a volume.
    volume
        An open volume, or a path, URL or JSON spec.
    offset
        Coordinates of the source's first voxel, x, y, z, in voxels of the scale; by default what the source says.
    scale
        An index, a key or a resolution; by default the first scale, or that of the open volume.
    mode
        ``"overwrite"``, ``"add"`` (unsigned integers wrap around), ``"max"``, or ``"nonzero"``: what is zero in the
        source stays as it is in the volume. All but add may be repeated.
    dataset, axes, gaps
        As in `convert`.
    box
        The part to take, ``((x0, x1), (y0, y1), (z0, z1))`` in voxels of the volume.
    compress
        Chunk files: ``"none"``, ``"gzip"`` (names with ``.gz``) or ``"plain-gzip"`` (gzip under plain names, as ndm
        writes them); None follows the files that are there.
    pyramid
        Make coarser scales that hold chunks anew over the box; those that are empty stay empty.
    missing
        What absent chunks of a source volume are: ``"zero"``, counted, or ``"error"``.
    memory, workers
        Bytes (``"512MB"``) that the job may hold, and threads (0 or None: one per core).
    executor
        Where units of whole chunks or shards are written, as in `convert`, but not with mode add; the coarser scales
        are made here.
    progress
        Called with finished and total voxels.

    Raises
    ------
    OutOfBoundsError
        The source leaves the volume.
    SourceError
        Values, channels or the data type do not fit into the volume. Nothing is written before all of it is known.
    OptionError
        An option is invalid, the source does not say where it lies, or two scales have the same folder.

    Examples
    --------
    >>> import numpy as np, ngprecomp as ng
    >>> vol = ng.create("memory://doc/ingest", shape=(64, 64, 32), dtype="uint32", chunk_size=(32, 32, 32))
    >>> report = ng.ingest(np.full((4, 8, 8), 7, np.uint8), vol, (10, 10, 30 - 4), axes="zyx")
    >>> vol[10, 10, 24:28, 0].tolist(), report.scales[0].chunks
    ([0, 0, 7, 7], 1)
    """
    if mode not in get_args(Mode):
        raise OptionError(f"mode is one of {', '.join(MODES)}, found {mode!r}")
    if compress is not None and compress not in get_args(Compress):
        raise OptionError(f"compress is one of {', '.join(get_args(Compress))}, found {compress!r}")
    processes, bytes_each, threads = share(executor, memory, workers, remote=False)
    options = Options(mode, compress, pyramid, bytes_each, threads, progress or ignore_progress)
    opened = handle_of(volume, scale)
    refuse_shared_folders(opened.place.store, info_of(opened))
    given = open_for(opened, source, dataset=dataset, axes=axes, gaps=gaps, missing=missing)
    with closing(given), task_pool(executor, processes) as tasks:
        refuse_unshared(source, given, tasks, parts=False)
        refuse_unseen(tasks, opened.place.store)
        if tasks is not None and mode == "add":
            raise OptionError("mode add is for threads of this process: a task that is repeated would add once more")
        return _ingest(place_source(given, opened, offset, box), opened, replace(options, tasks=tasks))


def _ingest(given: PlacedSource, volume: Volume, options: Options) -> Report:
    began = time.monotonic()
    source, dtype = given.source, given.source.dtype
    places = [_written_place(place, volume, options.compress) for place in volume.place.copies]
    # A block as it is read and turned, or as it is read and in the type of the volume.
    voxel_bytes = (dtype.itemsize + max(dtype.itemsize, volume.dtype.itemsize)) * volume.shape[3]
    reading = Reading(voxel_bytes, source.block)
    units = list(write_units(places[0], given.box, reading, memory=options.memory, workers=options.workers))
    with closing(Resources(options.workers)) as threads:
        why = given.check_values(chain.from_iterable(units), threads.pool)
        put = _write(given, map(Unit, units), places, options, threads)
        written = put.written
    done = (f"box {given.box} of scale {volume.key}", f"{options.mode}: {MODES[options.mode]}")
    add_provenance(volume.place.store, [source.name], {"task": "ingest", "choices": list(done)})
    scales, remarks = _coarser(volume, given.box, options)
    nbytes = math.prod(given.box.size) * source.shape[3] * dtype.itemsize
    first = ScaleReport(volume.key, volume.scale.size, written.chunks, written.empty, written.nbytes)
    return Report(
        job="ingest",
        destination=volume.url,
        scales=(first, *scales),
        notes=tuple(dict.fromkeys((*source.notes, f"data type {dtype} into {volume.dtype}: {why}", *done, *remarks))),
        seconds=time.monotonic() - began,
        read_bytes=nbytes,
        absent=put.absent + (source.absent if isinstance(source, VolumeSource) else 0),
        peak_bytes=peak_memory(),
        voxels=math.prod(given.box.size),
        decoded_bytes=put.decoded_bytes + source.decoded_bytes,
        source_bytes=nbytes,
        conflicts=None if options.mode == "overwrite" else written.conflicts,
    )


def _written_place(place: Place, volume: Volume, compress: Compress | None) -> Place:
    """Return a place that keeps zeros, as whole-volume jobs do, and compresses chunk files as asked."""
    place = replace(place, store_zeros=True)
    if compress is None:
        return replace(place, compression=writable_compression(place))
    if place.scale.sharding is not None:
        raise OptionError(f"scale {volume.key!r} of {volume.url} is sharded: its sharding says what is compressed")
    return replace(place, compression="" if compress == "none" else compress)


def _write(
    given: PlacedSource, units: Iterable[Unit], places: Sequence[Place], options: Options, threads: Resources
) -> Put:
    """Write all units, which share no stored object."""
    put = Put()
    done, total = 0, math.prod(given.box.size)
    write = partial(_write_unit, given, places, options.mode, threads, os.getpid())
    tasks = options.tasks
    counted = ((unit, write(unit)) for unit in units) if tasks is None else run_tasks(write, units, tasks)
    for unit, counts in counted:
        put.written.add(counts.written)
        put.absent += counts.absent
        put.decoded_bytes += counts.decoded_bytes
        done += sum(math.prod(box.size) for box in unit.boxes)
        options.progress(done, total)
    return put


def _write_unit(
    given: PlacedSource, places: Sequence[Place], mode: Mode, threads: Resources, owner: int, unit: Unit
) -> Put:
    """Write a unit into all copies of the scale; those after the first hold the same voxels once more.

    In another process than that of the `owner`, the source has begun to count anew.
    """
    source = given.source

    def read(box: Box) -> Input:
        voxels = given.read(box, threads.pool)
        return Input(box_selection(box, voxels.shape[3]), voxels, mode)

    if len(unit.boxes) > 1:
        written = write_shard(places[0], unit.boxes, read, threads)
    else:
        part = read(unit.boxes[0])
        written, *_ = (write_selection(place, part, threads) for place in places)
    if os.getpid() == owner:
        return Put(written)
    with closing(source):
        return Put(written, source.absent if isinstance(source, VolumeSource) else 0, source.decoded_bytes)


def _coarser(volume: Volume, box: Box, options: Options) -> tuple[tuple[ScaleReport, ...], tuple[str, ...]]:
    """Make the coarser scales over a box anew; return what was written and what is to be said of them."""
    store, info = volume.place.store, info_of(volume)
    coarser = [read_scale(store, info, index) for index in range(volume.scale_index + 1, len(info.scales))]
    filled = [scale.key for scale in coarser if has_chunks(place_of(store, info, scale))]
    empty = [scale.key for scale in coarser if scale.key not in filled]
    remarks = [f"coarser scales that hold nothing: {', '.join(empty)} (ngprecomp pyramid fills them)"] if empty else []
    if not filled:
        return (), tuple(remarks)
    if not options.pyramid:
        renew = "" if volume.scale_index else f" (ngprecomp pyramid --box {box} makes them anew)"
        return (), (f"remark: coarser scales as they were before: {', '.join(filled)}{renew}", *remarks)
    report = build_pyramid(
        volume, box=box.slices, memory=options.memory, workers=options.workers, progress=options.progress
    )
    return report.scales, (*report.notes, *remarks)
