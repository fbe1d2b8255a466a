"""Make the scales of a pyramid: all rounds, one after the other, each reading the last scale of the one before."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from ngprecomp.pipeline.engine.footprints import (
    Cut,
    Outcome,
    cut_as_before,
    cut_rounds,
    entry_of,
    footprint_name,
    found_outcome,
    plan_to_json,
)
from ngprecomp.pipeline.engine.planning import Demand
from ngprecomp.pipeline.engine.running import Job, run_round
from ngprecomp.pipeline.engine.temporary_folder import temporary_folder
from ngprecomp.storage.local import LocalStore
from ngprecomp.volume.indexing import box_selection
from ngprecomp.volume.reading import Missing, read_selection
from ngprecomp.volume.resources import Resources

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Executor

    import numpy as np

    from ngprecomp.chunks.place import Place
    from ngprecomp.format.box import Box, Triple
    from ngprecomp.pipeline.engine.cells import Counts
    from ngprecomp.pipeline.engine.rounds import Round, Target
    from ngprecomp.pipeline.journal import Journal
    from ngprecomp.pipeline.progress import Progress

Voxels = NDArray[Any]
LOSSY = ("jpeg",)
CACHE = 16  # part of the memory for chunks and indices of the scale that a later round reads


@dataclass(frozen=True, slots=True)
class Base:
    """Where the voxels of the first round come from: a reader of absolute boxes, its domain, its natural block.

    `demand` says what reading asks of the memory where that is known better than from the rest.
    """

    domain: Box
    read: Callable[[Box, Executor | None], Voxels]
    block: Triple
    dtype: np.dtype[Any]
    num_channels: int
    demand: Demand | None = None


@dataclass(frozen=True, slots=True)
class Running:
    """How a job is run.

    Bytes that it may hold, threads, who is told of progress, whether all-zero chunks are left out, the folder of
    temporary files (None: the system's), the journal in which it notes what is finished, and as which stage of the job.
    """

    memory: int
    workers: int
    progress: Progress
    skip_empty: bool = False
    spool_dir: str | None = None
    journal: Journal | None = None
    stage: int = 0


@dataclass(slots=True)
class Made:
    """What was made.

    Counts of each target; bytes of voxels read from the base by this process, re-reading included; footprints that an
    earlier process had finished.
    """

    counts: list[Counts]
    read_bytes: int = 0
    resumed: int = 0


def make_scales(base: Base, targets: Sequence[Target], method: str, running: Running) -> Made:
    """Store all targets, each made from the one before it, the first from the base.

    Where chunks are stored with losses, a later round reads a lossless copy of the scale before it, which lies in a
    temporary folder until the job ends: coarse voxels are never made from decoded lossy ones. What the journal knows
    as finished, and what is still there, is not made again.

    Raises
    ------
    OptionError
        The memory is too little for single chunks.
    """
    voxel_bytes = base.dtype.itemsize * base.num_channels
    cuts = _cuts(base, targets, method, running)
    if running.journal is not None:
        running.journal.begin(running.stage, plan_to_json(cuts))
    finished = _finished(cuts, running)
    total = sum(cut.voxels(cut.round.cells) for cut in cuts)
    tell = _counted(running.progress, total)
    tell(sum(cut.voxels(box) for cut, done in zip(cuts, finished, strict=True) for box in done))
    made = Made([], resumed=sum(map(len, finished)))
    with (
        temporary_folder(running.spool_dir) as spool,
        closing(Resources(running.workers, running.memory // CACHE)) as threads,
    ):
        source = base
        for number, (cut, done) in enumerate(zip(cuts, finished, strict=True)):
            last = number == len(cuts) - 1
            this = cut.round if last else _with_lossless_copy(cut.round, f"{spool}/{number}")
            job = Job(
                this,
                _reader(source, threads),
                cut.unit,
                threads.pool,
                running.workers + 1,
                tell,
                running.skip_empty,
                spool,
                finished={footprint.lo for footprint in done},
                least_footprint=cut.footprint,
                record=_recorder(running, number, cut.round),
            )
            outcome = run_round(job)
            if number == 0:
                made.read_bytes = voxel_bytes * outcome.voxels_read
            for before in done.values():
                outcome.add(before)
            made.counts += outcome.counts
            if not last:
                source = StoredVoxels(this.targets[-1].places[-1], threads).base
    return made


def _cuts(base: Base, targets: Sequence[Target], method: str, running: Running) -> list[Cut]:
    """Return the rounds, as an earlier process has begun them if there was one."""
    demand = base.demand or Demand(base.dtype.itemsize * base.num_channels, running.workers, base.block)
    plan = running.journal and running.journal.plan(running.stage)
    if not plan:
        return cut_rounds(base.domain, targets, method, demand, running.memory)
    return cut_as_before(base.domain, targets, method, demand, running.memory, plan)


def _finished(cuts: Sequence[Cut], running: Running) -> list[dict[Box, Outcome]]:
    """Return the finished footprints of each round.

    The lossless copy that a round leaves for the next one died with its process: such a round counts as finished only
    where no later round has work to do.
    """
    entries = {} if running.journal is None else running.journal.entries(running.stage)
    finished: list[dict[Box, Outcome]] = []
    work = False
    for number, cut in reversed(list(enumerate(cuts))):
        done: dict[Box, Outcome] = {}
        for footprint in cut.footprints if entries and not (work and _lossy(cut.round)) else ():
            entry = entries.get(footprint_name(number, footprint))
            outcome = None if entry is None else found_outcome(cut.round, footprint, entry)
            if outcome is not None:
                done[footprint] = outcome
        finished.insert(0, done)
        work = work or len(done) < cut.count
    return finished


def _recorder(running: Running, number: int, job: Round) -> Callable[[Box, Outcome], None] | None:
    """Return a function that enters a finished footprint into the journal."""
    journal, stage = running.journal, running.stage
    if journal is None:
        return None
    return lambda footprint, outcome: journal.record(
        stage, footprint_name(number, footprint), entry_of(job, footprint, outcome)
    )


def _counted(progress: Progress, total: int) -> Callable[[int], None]:
    """Return a function that is told how much more is finished, and tells `progress` how much in all."""
    done = 0

    def tell(more: int) -> None:
        nonlocal done
        done += more
        progress(done, total)

    return tell


def _reader(base: Base, threads: Resources) -> Callable[[Box], Voxels]:
    return lambda box: base.read(box, threads.pool)


def _lossy(job: Round) -> bool:
    """Whether the last target of a round is stored with losses."""
    return job.targets[-1].places[0].scale.encoding in LOSSY


def _with_lossless_copy(job: Round, folder: str) -> Round:
    """Return the round with a raw copy of its last target, if that is stored with losses."""
    if not _lossy(job):
        return job
    top = job.targets[-1]
    lossy = top.places[-1]
    scale = replace(
        lossy.scale, key="lossless", voxel_offset=top.grid.domain.lo, encoding="raw", jpeg_quality=None, sharding=None
    )
    copy = replace(lossy, store=LocalStore(folder), folder=scale.key, scale=scale, compression="")
    return replace(job, targets=(*job.targets[:-1], replace(top, places=(*top.places, copy))))


class StoredVoxels:
    """A stored scale as the base of a round; counts the absent chunks that it met."""

    def __init__(self, place: Place, threads: Resources, missing: Missing = "zero") -> None:
        self._place = place
        self._threads = threads
        self._missing: Missing = missing
        self.absent = 0

    def read(self, box: Box, _: Executor | None = None) -> Voxels:
        """Return a box of voxels [x, y, z, channel], absolute coordinates."""
        selection = box_selection(box, self._place.num_channels)
        voxels, absent = read_selection(self._place, selection, self._missing, self._threads)
        self.absent += absent
        return voxels

    @property
    def base(self) -> Base:
        """The scale as a base."""
        place = self._place
        return Base(place.scale.box, self.read, place.scale.chunk_size, place.dtype, place.num_channels)
