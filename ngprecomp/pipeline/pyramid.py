"""Coarser scales for a volume that has only its first one, or whose ``info`` declares empty ones."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass, replace
from functools import reduce
from typing import TYPE_CHECKING, Any

from ngprecomp.chunks.listing import has_chunks, writable_compression
from ngprecomp.errors import OptionError
from ngprecomp.format.box import Triple, three
from ngprecomp.format.info import Info, with_scale
from ngprecomp.format.layout import sharding_for_shard_size
from ngprecomp.format.names import default_key
from ngprecomp.format.sharding import write_chunk_shape
from ngprecomp.kernels.downsample import METHODS
from ngprecomp.pipeline.levels import Level, factor_between, plan_levels
from ngprecomp.pipeline.making import Running, StoredVoxels, make_scales
from ngprecomp.pipeline.progress import Progress, ignore_progress
from ngprecomp.pipeline.provenance import add_provenance
from ngprecomp.pipeline.report import MEAN_OF_LABELS, Report, ScaleReport, counted, peak_memory, scale_report
from ngprecomp.pipeline.rounds import Target
from ngprecomp.volume.budget import parse_memory, worker_count
from ngprecomp.volume.creating import positive_triple
from ngprecomp.volume.documents import change_info, read_info
from ngprecomp.volume.handle import Volume
from ngprecomp.volume.opening import open_volume, read_scale
from ngprecomp.volume.places import place_of, refuse_escape
from ngprecomp.volume.removal import remove_chunks
from ngprecomp.volume.resources import Resources

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from ngprecomp.chunks.place import Place
    from ngprecomp.format.scale import Scale
    from ngprecomp.storage.protocol import Store
    from ngprecomp.volume.reading import Missing


@dataclass(frozen=True, slots=True)
class Run:
    """Scales that are made one from the other, and the stored scale that the first is made from."""

    base: Place
    targets: tuple[Target, ...]


def build_pyramid(  # noqa: PLR0913 - a public signature may be long
    volume: Volume | str | os.PathLike[str] | Mapping[str, Any],
    *,
    levels: int | None = None,
    factor: Sequence[int] | None = None,
    method: str | None = None,
    missing: Missing = "zero",
    skip_empty: bool = False,
    memory: int | str | None = None,
    workers: int | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Make the coarser scales of a volume, each from the one before it in ``info``.

    Scales that ``info`` declares and that hold no chunk are filled with their own key, chunk size and encoding. Where
    it declares only the first one, or `levels` asks for more, scales are added that are stored like the last one.

    Parameters
    ----------
    volume
        An open volume, or a path, URL or JSON spec.
    levels, factor, method
        The number of coarser scales, the factor of each added step (x, y, z), and mode (for segmentations), mean (for
        images), median, min, max or stride.
    missing
        What absent chunks are: ``"zero"`` reads zeros and counts them, ``"error"`` raises.
    skip_empty
        Leave all-zero chunks out.
    memory, workers
        Bytes (``"512MB"``) that the job may hold, and threads (0 or None: one per core).
    overwrite
        Make all coarser scales anew, also those that hold chunks.
    progress
        Called with finished and total voxels.

    Raises
    ------
    OptionError
        There is nothing to make, or a declared scale is no downsampling of the one before it.

    Examples
    --------
    >>> import ngprecomp as ng
    >>> vol = ng.create("memory://doc/pyramid", shape=(200, 200, 200), dtype="uint8", chunk_size=(64, 64, 64))
    >>> vol[:100] = 8
    >>> [scale.key for scale in ng.build_pyramid(vol).scales]
    ['2_2_2', '4_4_4']
    """
    began = time.monotonic()
    opened = volume if isinstance(volume, Volume) else open_volume(volume)
    store, info = opened.place.store, read_info(opened.place.store)
    chosen = method or ("mode" if info.type == "segmentation" else "mean")
    if chosen not in METHODS:
        raise OptionError(f"the method is one of {', '.join(METHODS)}, found {chosen!r}")
    scales = [read_scale(store, info, index) for index in range(len(info.scales))]
    added = _added_scales(scales, levels, positive_triple("factor", three(factor)), chosen)
    places = _places(store, info, [*scales, *added])
    if levels is not None:
        places = places[: levels + 1]
    runs = _runs(places, len(scales), chosen, overwrite=overwrite)
    if not runs:
        raise OptionError(_nothing_to_make(store, len(scales) - 1))
    running = Running(parse_memory(memory), worker_count(workers), progress or ignore_progress, skip_empty)
    made = _fill(runs, chosen, missing, running)
    if added:
        change_info(store, lambda now: reduce(with_scale, added, now))
    notes = [f"method {chosen}", f"{counted(len(added), 'scale')} added" if added else "scales as declared in info"]
    if info.type == "segmentation" and chosen == "mean":
        notes.append(MEAN_OF_LABELS)
    add_provenance(store, [], {"task": "build_pyramid", "choices": notes})
    return Report(
        "build_pyramid",
        store.url,
        tuple(made.scales),
        tuple(notes),
        time.monotonic() - began,
        made.read_bytes,
        made.absent,
        peak_memory(),
    )


def _nothing_to_make(store: Store, coarser: int) -> str:
    if coarser:
        return f"{store.url} has all its {coarser} coarser scales; overwrite makes them anew"
    return f"one chunk of {store.url} holds the whole volume: there is no coarser scale to make"


@dataclass(slots=True)
class Filled:
    """What was made by all runs."""

    scales: list[ScaleReport]
    read_bytes: int = 0
    absent: int = 0


def _fill(runs: Sequence[Run], method: str, missing: Missing, running: Running) -> Filled:
    """Make all scales of all runs; if that fails, remove what was written of them."""
    places = [place for run in runs for target in run.targets for place in target.places]
    for place in places:
        refuse_escape(place.scale, "write to")
    remove_chunks(places)
    filled = Filled([])
    with closing(Resources(running.workers)) as threads:
        try:
            for run in runs:
                voxels = StoredVoxels(run.base, threads, missing)
                made = make_scales(voxels.base, run.targets, method, running)
                filled.read_bytes += made.read_bytes
                filled.absent += voxels.absent
                filled.scales += [
                    scale_report(target.places[0].scale, counts)
                    for target, counts in zip(run.targets, made.counts, strict=True)
                ]
        except BaseException:
            remove_chunks(places)
            raise
    return filled


def _added_scales(scales: Sequence[Scale], levels: int | None, factor: Triple | None, method: str) -> list[Scale]:
    """Return the scales to add behind those that ``info`` declares."""
    last = scales[-1]
    declared = len(scales) - 1
    count = None if levels is None else max(0, levels - declared)
    if levels is None and declared:
        return []
    base = Level(last.box, last.resolution)
    planned = plan_levels(base, last.chunk_size, count=count, factor=factor, method=method)
    added = [_stored_like(last, level) for level in planned]
    keys = [scale.key for scale in (*scales, *added)]
    if len(set(keys)) < len(keys):
        raise OptionError(f"two scales would have the same key: {', '.join(keys)}")
    return added


def _stored_like(scale: Scale, level: Level) -> Scale:
    """Return the metadata of a coarser scale that is stored like `scale`, in shards of the same size."""
    sharding = scale.sharding
    if sharding is not None and sharding.hash == "identity":
        shard = write_chunk_shape(sharding, scale.grid.shape, scale.chunk_size, scale.size)
        sharding = sharding_for_shard_size(
            level.box.size, scale.chunk_size, shard, scale.encoding, sharding.data_encoding
        )
    return replace(
        scale,
        key=default_key(level.resolution),
        size=level.box.size,
        voxel_offset=level.box.lo,
        resolution=level.resolution,
        chunk_sizes=(scale.chunk_size,),
        sharding=sharding,
        extra={},
    )


def _runs(places: Sequence[Place], declared: int, method: str, *, overwrite: bool) -> list[Run]:
    """Return what to make: each unbroken row of empty scales, from the scale before it."""
    runs: list[Run] = []
    for index in range(1, len(places)):
        fine, coarse = places[index - 1], places[index]
        if index < declared and not overwrite and has_chunks(coarse):
            continue
        factor = factor_between(_level(fine.scale), _level(coarse.scale), method)
        target = Target(coarse.grid, factor, (coarse,))
        if runs and runs[-1].targets[-1].places[0] is fine:
            runs[-1] = Run(runs[-1].base, (*runs[-1].targets, target))
        else:
            runs.append(Run(fine, (target,)))
    return runs


def _level(scale: Scale) -> Level:
    return Level(scale.box, scale.resolution)


def _places(store: Store, info: Info, scales: Sequence[Scale]) -> list[Place]:
    """Return where the scales lie; chunk files are compressed as those of the first scale are, if we write that."""
    compression = writable_compression(place_of(store, info, scales[0]))
    return [place_of(store, info, scale, compression=compression) for scale in scales]
