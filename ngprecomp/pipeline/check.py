"""Everything that can be wrong with a volume, in one report."""

from __future__ import annotations

import math
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ngprecomp.errors import MetadataError
from ngprecomp.format.info import find_scale
from ngprecomp.format.names import key_problem
from ngprecomp.format.scale import MAX_CHUNK_BYTES
from ngprecomp.pipeline.checking.findings import CheckReport, Kind, ScaleCheck
from ngprecomp.pipeline.checking.hosting import check_store
from ngprecomp.pipeline.checking.info import INVALID, check_info
from ngprecomp.pipeline.checking.pyramid import Looked, Made, check_coarser
from ngprecomp.pipeline.checking.repairing import EmptyScales, repair_all
from ngprecomp.pipeline.checking.scale import check_scale
from ngprecomp.pipeline.checking.source import check_source
from ngprecomp.pipeline.checking.walk import Checking, Tally
from ngprecomp.pipeline.conversion.volume_source import open_any
from ngprecomp.pipeline.engine.making import Running
from ngprecomp.pipeline.engine.task_pools import ExecutorLike, refuse_unseen, share, task_pool
from ngprecomp.pipeline.progress import Progress, ignore_progress
from ngprecomp.pipeline.pyramids.levels import choose_method
from ngprecomp.pipeline.pyramids.rebuilding import recorded_method
from ngprecomp.volume.handle import Volume
from ngprecomp.volume.opening import store_of
from ngprecomp.volume.places import place_of
from ngprecomp.volume.resources import Resources

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ngprecomp.chunks.place import Place
    from ngprecomp.format.info import Info
    from ngprecomp.sources.protocol import Source
    from ngprecomp.storage.protocol import Store
    from ngprecomp.volume.opening import ScaleLike, SpecLike

EMPTY = Kind("error", "ngprecomp pyramid fills coarser scales that are empty")
NO_VOXELS = Kind("warning", "write its voxels")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a check is asked for: scales (all where None), a source to compare with, every coarse chunk.

    Scales whose decoded chunks take more than `max_chunk_bytes` are not looked at.
    """

    scales: tuple[ScaleLike, ...] | None
    source: Source | None
    full: bool
    max_chunk_bytes: int


def check(  # noqa: PLR0913 - a public signature may be long
    volume: Volume | SpecLike,
    *,
    against: Any = None,
    dataset: str | None = None,
    axes: str | None = None,
    full: bool = False,
    repair: bool = False,
    scales: Sequence[ScaleLike] | None = None,
    memory: int | str | None = None,
    workers: int | None = None,
    executor: ExecutorLike = None,
    progress: Progress | None = None,
) -> CheckReport:
    """Look for everything that can be wrong with a volume; a volume that does not open has a report too.

    Checked are ``info`` with all its scales, against the format and against what other programs read; every chunk,
    which must decode to the voxels that the grid says; names that do not belong in the folders of the scales; the
    indices of shards; and whether the coarser scales are what is made of the finer ones.

    Parameters
    ----------
    volume
        An open volume, or a path, URL or JSON spec.
    against, dataset, axes
        What the first scale must be equal to, voxel by voxel: anything that `ng.convert` reads, and its two options.
    full
        Compare every chunk of the coarser scales with the finer ones, not only some.
    repair
        Remove what dead processes left unfinished and chunk files that are not read since another one is, make chunks
        of coarser scales that are absent; then check again.
    scales
        Indices, keys or resolutions of the scales whose chunks are looked at; all where not given.
    memory, workers
        Bytes (``"512MB"``) that chunks may take, and threads (0 or None: one per core).
    executor
        Where chunks are decoded and compared, as in `convert`; the comparison with `against` is done here.
    progress
        Called with finished and total voxels.

    Raises
    ------
    NotFoundError
        `against` or one of `scales` does not exist.
    OptionError
        An option is invalid, or the memory is too little for one chunk.

    Examples
    --------
    >>> import ngprecomp as ng
    >>> vol = ng.create("memory://doc/check", shape=(64, 64, 64), dtype="uint8", chunk_size=(32, 32, 32))
    >>> vol[...] = 7
    >>> report = ng.check(vol)
    >>> report.ok, [str(problem) for problem in report.problems]
    (True, ['hint: provenance: there is no such file (nobody can tell what made the volume)'])
    """
    began = time.monotonic()
    store = store_of(volume)
    processes, bytes_each, threads = share(executor, memory, workers, remote=False)
    running = Running(bytes_each, threads, progress or ignore_progress)
    with _opened(against, dataset, axes) as source, task_pool(executor, processes) as tasks:
        refuse_unseen(tasks, store)
        running = replace(running, tasks=tasks)
        largest = volume.parsed_info.max_chunk_bytes if isinstance(volume, Volume) else MAX_CHUNK_BYTES
        asked = Asked(None if scales is None else tuple(scales), source, full, largest)
        checking, looked = _check(store, asked, running)
        repaired: tuple[str, ...] = ()
        if repair and checking.repairs:
            repaired = repair_all(checking.repairs, replace(running, progress=ignore_progress, tasks=None))
            checking, looked = _check(store, asked, running)
    checked = tuple(
        ScaleCheck(one.place.scale.key, one.presence.count, one.presence.absent, one.summed) for one in looked
    )
    seconds = time.monotonic() - began
    return CheckReport(store.url, checking.findings.worst_first(), checked, repaired, seconds)


@contextmanager
def _opened(against: Any, dataset: str | None, axes: str | None) -> Iterator[Source | None]:
    if against is None:
        yield None
        return
    with closing(open_any(against, dataset=dataset, axes=axes)) as source:
        yield source


def _check(store: Store, asked: Asked, running: Running) -> tuple[Checking, list[Looked]]:
    """Check once; return all that was found, and the scales whose chunks were looked at."""
    with closing(Resources(running.workers)) as threads, closing(Resources(threads=1)) as reader:
        checking = Checking(threads, running.memory, asked.full, Tally(running.progress), tasks=running.tasks)
        info = check_info(store, asked.max_chunk_bytes, checking)
        if info is None:
            return checking, []
        check_store(store, info, checking)
        places = _places(store, info, asked)
        tally = checking.tally
        tally.total = sum(math.prod(place.scale.size) * len(place.copies) for place in places.values())
        if asked.source is not None and 0 in places:
            tally.total += math.prod(places[0].scale.size)
        looked: dict[int, Looked] = {}
        begun = 0
        for index, place in places.items():
            looked[index] = Looked(place, *check_scale(place, info, checking))
            begun += math.prod(place.scale.size) * len(place.copies)
            tally.add(begun - tally.done)  # absent chunks are finished too
        made = _made(store, info)
        _check_emptiness(looked, made, checking)
        _check_pyramid(looked, made, checking, reader)
        if asked.source is not None:
            if 0 in places:
                check_source(places[0], asked.source, checking)
            else:
                checking.findings.add(INVALID, f"cannot be compared with {asked.source.name}", "scale 0")
        return checking, list(looked.values())


def _places(store: Store, info: Info, asked: Asked) -> dict[int, Place]:
    """Return where the chosen scales lie that can be looked at; what is wrong with others is reported already."""
    if asked.scales is None:
        chosen = list(range(len(info.scales)))
    else:
        chosen = sorted({find_scale(info, selector) for selector in asked.scales})
    places = {}
    for index in chosen:
        try:
            scale = info.scale(index)
        except MetadataError:
            continue
        if key_problem(scale.key) is None:
            places[index] = place_of(store, info, scale)
    return places


def _made(store: Store, info: Info) -> Made:
    """Return how the coarser scales were made, as far as provenance tells."""
    try:
        method, exact = recorded_method(store)
    except OSError:  # provenance is there but cannot be read
        method, exact = None, False
    return Made(choose_method(method, info.type, info.dtype), method is not None, exact)


def _check_emptiness(looked: Mapping[int, Looked], made: Made, checking: Checking) -> None:
    """Report scales without any chunk."""
    empty = [index for index, one in looked.items() if not one.presence.count and one.presence.absent]
    if looked and len(empty) == len(looked):
        checking.findings.add(NO_VOXELS, "no scale that was looked at holds any chunk", "volume")
        return
    for index in empty:
        checking.findings.add(EMPTY, "holds no chunk, other scales do", f"scale {looked[index].place.scale.key}")
    if empty and 0 in looked and 0 not in empty:
        keys = tuple(looked[index].place.scale.key for index in empty)
        checking.repairs.append(EmptyScales(looked[empty[0]].place, keys, made.method, made.exact))


def _check_pyramid(looked: Mapping[int, Looked], made: Made, checking: Checking, reader: Resources) -> None:
    """Compare each coarser scale with the one before it, or the first, if both were looked at."""
    for index, coarse in looked.items():
        if index and index - 1 in looked and (not made.exact or 0 in looked):
            check_coarser(looked[0 if made.exact else index - 1], coarse, looked.get(0), made, checking, reader)
