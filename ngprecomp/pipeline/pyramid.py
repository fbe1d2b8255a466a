"""Coarser scales for a volume that has only its first one, or whose ``info`` declares empty ones, or over a box."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import reduce
from typing import TYPE_CHECKING, Any

from ngprecomp.chunks.listing import has_chunks
from ngprecomp.errors import OptionError
from ngprecomp.format.box import Triple, three
from ngprecomp.format.info import Info, info_to_json, with_scale
from ngprecomp.pipeline.command import Command
from ngprecomp.pipeline.engine.lossless_copies import LOSSY
from ngprecomp.pipeline.engine.making import Running
from ngprecomp.pipeline.engine.task_pools import ExecutorLike, refuse_unseen, share, task_pool
from ngprecomp.pipeline.journal import open_journal, unfinished_scales
from ngprecomp.pipeline.progress import Progress, ignore_progress
from ngprecomp.pipeline.provenance import add_provenance
from ngprecomp.pipeline.pyramids.filling import Filled, fill, fingerprint_of, written_places
from ngprecomp.pipeline.pyramids.levels import choose_method
from ngprecomp.pipeline.pyramids.rebuilding import rebuild_box, recorded_method
from ngprecomp.pipeline.pyramids.runs import added_scales, finished_scales, places_of, planned_runs
from ngprecomp.pipeline.report import MEAN_OF_LABELS, Report, counted, peak_memory
from ngprecomp.version import __version__
from ngprecomp.volume.creating import positive_triple
from ngprecomp.volume.documents import change_info
from ngprecomp.volume.handle import BoxLike, Volume, as_box
from ngprecomp.volume.opening import handle_of, info_of, read_scale
from ngprecomp.volume.places import place_of, refuse_shared_folders

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from ngprecomp.format.box import Box
    from ngprecomp.format.scale import Scale
    from ngprecomp.storage.protocol import Store
    from ngprecomp.volume.reading import Missing


@dataclass(frozen=True, slots=True)
class Options:
    """What `build_pyramid` was told about the scales; None where nothing."""

    levels: int | None
    factor: Triple | None
    method: str | None
    exact: bool
    missing: Missing
    skip_empty: bool
    checksums: bool
    resume: bool
    overwrite: bool


JOB = "build_pyramid"


def build_pyramid(  # noqa: PLR0913 - a public signature may be long
    volume: Volume | str | os.PathLike[str] | Mapping[str, Any],
    *,
    levels: int | None = None,
    factor: Sequence[int] | None = None,
    method: str | None = None,
    exact: bool = False,
    box: BoxLike | None = None,
    missing: Missing = "zero",
    skip_empty: bool = False,
    checksums: bool = False,
    memory: int | str | None = None,
    workers: int | None = None,
    resume: bool = True,
    overwrite: bool = False,
    executor: ExecutorLike = None,
    progress: Progress | None = None,
) -> Report:
    """Make the coarser scales of a volume, each from the one before it in ``info``, or anew where a box has changed.

    Scales that ``info`` declares and that hold no chunk are filled with their own key, chunk size and encoding. Where
    it declares only the first one, or `levels` asks for more, scales are added that are stored like the last one.

    Parameters
    ----------
    volume
        An open volume, or a path, URL or JSON spec.
    levels, factor, method
        The number of coarser scales, the factor of each added step (x, y, z), and mode (for segmentations), mean (for
        images), median, min, max, stride, or thin: the mode, but thin objects keep their share (`ng.downsample`).
    exact
        Make every scale from the first one, over the whole window that a voxel stands for; it is read once for each.
    box
        Make only the chunks over ``((x0, x1), (y0, y1), (z0, z1))`` anew, which has changed in the scale that `volume`
        is opened at, in every coarser scale that holds chunks. The method is by default the one that the provenance
        says these were made by.
    missing
        What absent chunks are: ``"zero"`` reads zeros and counts them, ``"error"`` raises.
    skip_empty
        Leave all-zero chunks out.
    checksums
        Store the CRC-32C of every chunk of the scales that are made beside the volume, for `check`; not over a box.
    memory, workers
        Bytes (``"512MB"``) that the job may hold, and threads (0 or None: one per core).
    resume
        Go on with an unfinished job of the same options over the same voxels, instead of beginning anew.
    overwrite
        Make all coarser scales anew, also those that hold chunks. With a box that goes without saying.
    executor
        Where footprints of whole chunks and shards are made, as in `convert`; not over a box.
    progress
        Called with finished and total voxels.

    Raises
    ------
    OptionError
        There is nothing to make, a declared scale is no downsampling of the one before it, the method does not fit, or
        two scales have the same folder.
    OutOfBoundsError
        The box leaves the scale.
    ExistsError
        A pyramid that other options or voxels lead to was begun and not finished, and `overwrite` is not asked for.

    Examples
    --------
    >>> import ngprecomp as ng
    >>> vol = ng.create("memory://doc/pyramid", shape=(200, 200, 200), dtype="uint8", chunk_size=(64, 64, 64))
    >>> vol[:100] = 8
    >>> [scale.key for scale in ng.build_pyramid(vol).scales]
    ['2_2_2', '4_4_4']
    """
    began = time.monotonic()
    opened = handle_of(volume)
    refuse_shared_folders(opened.place.store, info_of(opened))
    processes, bytes_each, threads = share(executor, memory, workers, remote=opened.place.store.remote)
    running = Running(bytes_each, threads, progress or ignore_progress, skip_empty)
    options = Options(
        levels,
        positive_triple("factor", three(factor)),
        method,
        exact,
        missing,
        skip_empty,
        checksums,
        resume,
        overwrite,
    )
    with task_pool(executor, processes) as tasks:
        if box is None:
            refuse_unseen(tasks, opened.place.store)
            filled, notes = _whole(opened, options, replace(running, tasks=tasks))
        elif tasks is None:
            filled, notes = _over_box(opened, as_box(box, opened.box), options, running)
        else:
            raise OptionError("a box is made anew by threads of this process: chunks of it are changed where they are")
    return Report(
        "build_pyramid",
        opened.url,
        tuple(filled.scales),
        tuple(notes),
        time.monotonic() - began,
        filled.read_bytes,
        filled.absent,
        peak_memory(),
        resumed=filled.resumed,
    )


def _whole(volume: Volume, options: Options, running: Running) -> tuple[Filled, list[str]]:
    """Make whole scales; return what was made and the choices behind it."""
    levels, exact = options.levels, options.exact
    store, info = volume.place.store, info_of(volume)
    method = choose_method(options.method, info.type, info.dtype, exact=exact)
    scales = [read_scale(store, info, index) for index in range(len(info.scales))]
    added = added_scales(scales, levels, options.factor, method)
    places = places_of(store, info, [*scales, *added], checksums=options.checksums)
    beyond = [] if levels is None else [place.scale.key for place in places[levels + 1 :] if has_chunks(place)]
    if levels is not None:
        places = places[: levels + 1]
    declared = [] if options.overwrite else places[1 : len(scales)]
    runs = planned_runs(places, finished_scales(declared, unfinished_scales(store, JOB)), method, exact=exact)
    if not runs:
        raise OptionError(_nothing_to_make(store, len(scales) - 1))
    written = {place.scale.key: place.scale for place in written_places(runs)}
    target = info_to_json(reduce(with_scale, written.values(), replace(info, scales=())))
    command = Command(JOB, store.url, fingerprint_of(runs), _given(options, method), target, __version__)
    with open_journal(store, command, None, resume=options.resume, overwrite=options.overwrite) as journal:
        running = replace(running, journal=journal)
        filled = fill(runs, method, options.missing, running, exact=exact)
        if added:
            change_info(store, lambda now: _with_added(now, added))
        journal.end()
    notes = [_method_note(method, exact=exact)]
    notes.append(f"{counted(len(added), 'scale')} added" if added else "scales as declared in info")
    if beyond:
        notes.append(f"remark: {', '.join(beyond)} still hold what was made before; without levels all are made anew")
    if info.type == "segmentation" and method == "mean":
        notes.append(MEAN_OF_LABELS)
    add_provenance(store, [], {"task": "build_pyramid", "method": method, "exact": exact, "choices": notes})
    return filled, notes


def _given(options: Options, method: str) -> dict[str, Any]:
    """Return the options that show in what is written."""
    given = {"method": method, "exact": options.exact, "missing": options.missing, "skip_empty": options.skip_empty}
    if options.checksums:
        given["checksums"] = True
    return {"levels": options.levels, "factor": options.factor and list(options.factor), **given}


def _with_added(info: Info, added: Sequence[Scale]) -> Info:
    """Return the volume with scales that it has not got yet; a job that was cut off just before its end left them."""
    known = {scale.get("key") for scale in info.scales}
    return reduce(with_scale, [scale for scale in added if scale.key not in known], info)


def _over_box(volume: Volume, box: Box, options: Options, running: Running) -> tuple[Filled, list[str]]:
    """Make the chunks over a box of the scale that is open anew; return what was made and the choices behind it."""
    if options.checksums:
        raise OptionError("a box is made anew without checksums: those of the chunks that change are removed")
    if options.levels is not None or options.factor is not None:
        raise OptionError("a box is made anew in the scales that exist: levels and factor are for new scales")
    if options.exact and volume.scale_index:
        raise OptionError("exact scales are made from the first scale: a box that has changed is one of its voxels")
    store, info = volume.place.store, info_of(volume)
    recorded, was_exact = recorded_method(store)
    exact = options.exact or (was_exact and options.method is None and volume.scale_index == 0)
    method = choose_method(options.method or recorded, info.type, info.dtype, exact=exact)
    why = "as asked" if options.method else "from provenance" if recorded else f"the usual one for type {info.type}"
    coarser = [read_scale(store, info, index) for index in range(volume.scale_index, len(info.scales))]
    places = [place_of(store, info, scale) for scale in coarser]
    rebuilt = rebuild_box(places, box, method, options.missing, running, exact=exact)
    notes = [f"box {box} of scale {volume.key}", f"{_method_note(method, exact=exact)}: {why}"]
    empty = [scale.key for scale in coarser[1:] if scale.key not in {made.key for made in rebuilt.scales}]
    if any(scale.encoding in LOSSY for scale in coarser[: len(rebuilt.scales)]):
        notes.append("remark: made from decoded lossy voxels, which a whole pyramid of a source is not")
    if not rebuilt.scales:
        notes.append("nothing to do: no coarser scale holds a chunk over the box")
    elif empty:
        notes.append(f"scales {', '.join(empty)} hold no chunk and stay empty")
    if rebuilt.scales:
        step = {"task": "build_pyramid", "method": method, "exact": exact, "box": str(box), "choices": notes}
        add_provenance(store, [], step)
    return Filled(rebuilt.scales, rebuilt.read_bytes, rebuilt.absent), notes


def _method_note(method: str, *, exact: bool) -> str:
    return f"method {method}, each scale from the first" if exact else f"method {method}"


def _nothing_to_make(store: Store, coarser: int) -> str:
    if coarser:
        return f"{store.url} has all its {coarser} coarser scales; overwrite makes them anew"
    return f"one chunk of {store.url} holds the whole volume: there is no coarser scale to make"
