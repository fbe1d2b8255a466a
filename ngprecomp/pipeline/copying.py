"""Copy a volume: as it is, or encoded, cut into chunks and shards, and cropped in another way."""

from __future__ import annotations

import inspect
import math
import os
import time
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from ngprecomp.chunks.listing import chunk_files
from ngprecomp.errors import ExistsError
from ngprecomp.format.box import three
from ngprecomp.format.info import info_to_json
from ngprecomp.format.spec import parse_spec
from ngprecomp.pipeline.command import Command, fingerprint, given_options
from ngprecomp.pipeline.conversion.volume_source import VolumeSource
from ngprecomp.pipeline.copies.carrying import Moved, carry
from ngprecomp.pipeline.copies.copied_scales import Compress, CopyOptions
from ngprecomp.pipeline.copies.overlap import refuse_overlap
from ngprecomp.pipeline.copies.plan import CopyPlan, plan_copy
from ngprecomp.pipeline.copies.sidecars import copy_sidecar, refuse_foreign
from ngprecomp.pipeline.engine.bases import StoredVoxels
from ngprecomp.pipeline.engine.making import Running, cache_of, make_scales
from ngprecomp.pipeline.engine.rounds import Target
from ngprecomp.pipeline.engine.task_pools import ExecutorLike, refuse_unseen, share, task_pool
from ngprecomp.pipeline.engine.units import Demand
from ngprecomp.pipeline.journal import open_journal
from ngprecomp.pipeline.progress import Announcement, Progress, announce, ignore_progress
from ngprecomp.pipeline.provenance import add_provenance
from ngprecomp.pipeline.report import Report, counted, megabytes, peak_memory, scale_report
from ngprecomp.storage.copying import copy_object
from ngprecomp.storage.locate import open_store
from ngprecomp.storage.protocol import exists
from ngprecomp.version import __version__
from ngprecomp.volume.creating import Storage
from ngprecomp.volume.documents import create_info, found_info
from ngprecomp.volume.opening import ScaleLike, SpecLike, info_of, open_volume, store_of
from ngprecomp.volume.places import JOURNAL_KEY, PROVENANCE_KEY
from ngprecomp.volume.reading import Missing, checked_missing
from ngprecomp.volume.resources import Resources

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ngprecomp.pipeline.conversion.scales import ShardSize
    from ngprecomp.pipeline.copies.transfer import Transfer
    from ngprecomp.storage.protocol import Store
    from ngprecomp.volume.handle import BoxLike, Volume

# The same command: these may differ when a job goes on.
HOW_IT_RUNS = (
    "source", "destination", "memory", "workers", "spool_dir", "resume", "overwrite", "dry_run", "executor",
    "progress",
)  # fmt: skip
TRIPLETS = ("compressed_segmentation_block_size", "chunk_size", "shard_size")


def copy_volume(  # noqa: PLR0913 - a public signature may be long
    source: Volume | SpecLike,
    destination: SpecLike,
    *,
    scales: ScaleLike | list[ScaleLike] | None = None,
    box: BoxLike | None = None,
    encoding: str | None = None,
    compressed_segmentation_block_size: Sequence[int] | None = None,
    jpeg_quality: int | None = None,
    png_level: int | None = None,
    compress: Compress | None = None,
    compress_level: int | None = None,
    chunk_size: Sequence[int] | None = None,
    shard_size: ShardSize | Literal["keep"] = "keep",
    sharding: Mapping[str, Any] | None = None,
    sidecars: bool = True,
    missing: Missing = "zero",
    skip_empty: bool = False,
    checksums: bool = False,
    memory: int | str | None = None,
    workers: int | None = None,
    spool_dir: str | os.PathLike[str] | None = None,
    resume: bool = True,
    overwrite: bool = False,
    dry_run: bool = False,
    executor: ExecutorLike = None,
    progress: Progress | None = None,
) -> Report | CopyPlan:
    """Copy a volume, and on the way encode, chunk, shard or crop it in another way.

    Where the encoding and the chunks of a scale stay the same, its chunks are not decoded: a JPEG loses nothing. They
    are looked at nevertheless, and a damaged one ends the copy. A copy that was interrupted goes on where it stopped
    when it is called again in the same way.

    Parameters
    ----------
    source
        An open volume, or a path, URL or JSON spec; all its scales are meant, whichever was opened.
    destination
        A path, URL or JSON spec of the new volume's folder.
    scales
        An index, key or resolution in nm (x, y, z), or a list of such: the scales to copy. Default: all.
    box
        ``((x0, x1), (y0, y1), (z0, z1))`` in voxels of the finest scale that is copied; of coarser ones the voxels
        that stand for any of these are taken. Coordinates stay.
    encoding, compressed_segmentation_block_size, jpeg_quality, png_level
        How chunks are encoded; by default as they are.
    compress, compress_level
        Chunk files: ``"none"``, ``"gzip"`` (names with ``.gz``) or ``"plain-gzip"`` (gzip under plain names); by
        default as those of the source. The level of any gzip, 0 to 12.
    chunk_size, shard_size, sharding
        Voxels of a chunk and of a shard, x, y, z. Shards are by default kept, about as large as they are where the
        chunks change; ``"auto"``, ``"always"`` and None (no shards) as in `convert`. Or the exact JSON.
    sidecars
        Take along the folders that ``info`` names as ``mesh``, ``skeletons`` and ``segment_properties``, provenance,
        and members of ``info`` that we do not know; else all of that is left out.
    missing
        What absent chunks are: ``"zero"`` stores zeros and counts them, ``"error"`` raises.
    skip_empty
        Leave all-zero chunks out; every chunk is decoded for that.
    checksums
        Store the CRC-32C of every chunk beside the new volume, for `check`.
    memory, workers, spool_dir
        Bytes (``"512MB"``) that the job may hold, threads (0 or None: one per core), the folder of temporary files.
    resume, overwrite
        Go on with an unfinished copy of the same source and options; replace a volume that is there.
    dry_run
        Write nothing, and return the plan, which prints well.
    executor
        Where footprints of chunks or shards are copied, as in `convert`.
    progress
        Called with finished and total voxels.

    Raises
    ------
    NotFoundError
        There is no such volume or scale.
    ExistsError
        A volume, an unfinished one of another command, or a file in the way of a sidecar is at the destination.
    OptionError
        An option is invalid, or source and destination are the same.
    DecodeError
        A chunk is damaged; the sentence names it.
    MissingChunkError
        A chunk is absent and `missing` is ``"error"``.

    Examples
    --------
    >>> import ngprecomp as ng
    >>> vol = ng.create("memory://doc/from", shape=(64, 64, 64), dtype="uint8", chunk_size=(32, 32, 32))
    >>> vol[...] = 7
    >>> report = ng.copy(vol, "memory://doc/to", shard_size=(64, 64, 64))
    >>> report.notes[0], report.files
    ('scale 1_1_1: chunks as they are', 1)
    """
    given = given_options(_outputs(locals()), _DEFAULTS)
    options = CopyOptions(
        scales,
        box,
        Storage(
            encoding,
            three(compressed_segmentation_block_size),
            jpeg_quality,
            png_level,
            three(chunk_size),
            sharding=sharding,
        ),
        three(shard_size),
        compress,
        compress_level,
        sidecars,
        checksums,
    )
    store = store_of(source)
    target = open_store(parse_spec(destination).url)
    processes, bytes_each, threads = share(executor, memory, workers, remote=store.remote or target.remote)
    running = Running(
        bytes_each,
        threads,
        progress or ignore_progress,
        skip_empty,
        None if spool_dir is None else os.fspath(spool_dir),
    )
    checked_missing(missing)
    plan = plan_copy(store, info_of(source), target, options)
    old = found_info(target)
    refuse_overlap(store, target, plan, old if overwrite else None)
    if dry_run:
        return plan
    if not overwrite and not exists(target, JOURNAL_KEY):
        if old is not None:
            raise ExistsError(f"a volume exists at {target.url}; overwrite replaces it")
        refuse_foreign(target, plan.sidecars)
    first = plan.transfers[0].source.scale
    opened = open_volume(store.url, first.key, max_chunk_bytes=plan.info.max_chunk_bytes)
    marks = fingerprint(VolumeSource(opened))
    command = Command("copy", store.url, marks, given, info_to_json(plan.info), __version__)
    with (
        task_pool(executor, processes) as tasks,
        open_journal(target, command, old, resume=resume, overwrite=overwrite) as journal,
    ):
        refuse_unseen(tasks, store, target)
        return _copy(store, target, plan, missing, replace(running, journal=journal, tasks=tasks))


def _copy(source: Store, target: Store, plan: CopyPlan, missing: Missing, running: Running) -> Report:
    began = time.monotonic()
    announce(running.progress, _announcement(plan, running))
    moved, voxels = [], 0
    with closing(Resources(running.workers, cache_of(running.memory))) as threads:
        for stage, transfer in enumerate(plan.transfers):
            step = replace(running, stage=stage, progress=_following(running.progress, voxels, plan.voxels))
            moved.append(_move(transfer, missing, step, threads))
            voxels += math.prod(transfer.target.scale.size)
        for stage, sidecar in enumerate(plan.sidecars, len(plan.transfers)):
            copy_sidecar(source, target, sidecar, replace(running, stage=stage), threads)
    if plan.provenance:
        copy_object(source, PROVENANCE_KEY, target, PROVENANCE_KEY)
    if found_info(target) is None:
        create_info(target, plan.info)
    add_provenance(target, [source.url], {"task": "copy", "choices": list(plan.notes)})
    files = sum(1 for transfer in plan.transfers for _ in chunk_files(transfer.target))
    assert running.journal is not None
    running.journal.end()
    return Report(
        "copy",
        target.url,
        tuple(
            scale_report(transfer.target.scale, one.counts) for transfer, one in zip(plan.transfers, moved, strict=True)
        ),
        plan.notes,
        time.monotonic() - began,
        sum(one.read_bytes for one in moved),
        sum(one.absent for one in moved),
        peak_memory(),
        voxels=max(math.prod(transfer.target.scale.size) for transfer in plan.transfers),
        files=files,
        resumed=sum(one.resumed for one in moved),
    )


def _move(transfer: Transfer, missing: Missing, running: Running, threads: Resources) -> Moved:
    """Carry the chunks of a scale as they are, or decode and encode its voxels."""
    if transfer.as_stored:
        return carry(transfer, missing, running, threads)
    source, target = transfer.source, transfer.target
    voxels = StoredVoxels(source, threads, missing)
    voxel_bytes = source.dtype.itemsize * source.num_channels
    demand = Demand(voxel_bytes, running.workers, source.grid.chunk, origin=source.grid.domain.lo, apart=True)
    base = replace(voxels.base, domain=target.grid.domain, demand=demand)
    made = make_scales(base, [Target(target.grid, (1, 1, 1), (target,))], "stride", running)
    return Moved(made.counts[0], made.read_bytes, voxels.absent + made.absent, made.resumed)


def _following(progress: Progress, before: int, total: int) -> Progress:
    """Return the progress of a scale that begins when `before` of all voxels are done."""
    return lambda done, _: progress(before + done, total)


def _announcement(plan: CopyPlan, running: Running) -> Announcement:
    place = plan.transfers[0].target
    line = (
        f"{plan.voxels:,} voxels, {counted(len(plan.transfers), 'scale')}, memory {megabytes(running.memory)}, "
        f"{counted(running.workers, 'thread')}"
    )
    remarks = tuple(note for note in plan.notes if note.startswith("remark"))
    return Announcement(remarks, line, place.dtype.itemsize * place.num_channels)


def _outputs(keywords: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keywords of `copy_volume` that show in what it writes; where one number means three it is so."""
    return {name: three(value) if name in TRIPLETS else value for name, value in keywords.items() if name in _DEFAULTS}


_DEFAULTS = {
    name: parameter.default
    for name, parameter in inspect.signature(copy_volume).parameters.items()
    if name not in HOW_IT_RUNS
}
