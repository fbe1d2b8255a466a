"""Make the scales of a pyramid: all rounds, one after the other, each reading the last scale of the one before."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ngprecomp.pipeline.engine.bases import StoredVoxels
from ngprecomp.pipeline.engine.footprints import (
    Cut,
    Outcome,
    cut_as_before,
    cut_rounds,
    footprint_name,
    found_outcome,
    plan_to_json,
)
from ngprecomp.pipeline.engine.lossless_copies import LOSSY, copies_are_kept, with_kept_copy, with_temporary_copy
from ngprecomp.pipeline.engine.one_round import Step, run_round
from ngprecomp.pipeline.engine.temporary_folder import temporary_folder
from ngprecomp.pipeline.engine.units import Demand
from ngprecomp.volume.resources import DEFAULT_CACHE_BYTES, Resources

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ngprecomp.format.box import Box
    from ngprecomp.pipeline.engine.bases import Base
    from ngprecomp.pipeline.engine.cells import Counts
    from ngprecomp.pipeline.engine.parts import Part
    from ngprecomp.pipeline.engine.rounds import Target
    from ngprecomp.pipeline.engine.task_pools import TaskPool
    from ngprecomp.pipeline.journal import Journal
    from ngprecomp.pipeline.progress import Progress

CACHE = 16  # part of the memory for chunks and indices of a stored scale that is read; most are read once


def cache_of(memory: int) -> int:
    """Return the bytes of a cache for a job that may hold `memory`."""
    return min(memory // CACHE, DEFAULT_CACHE_BYTES)


@dataclass(frozen=True, slots=True)
class Running:
    """How a job is run.

    Bytes that it may hold, threads, who is told of progress, whether all-zero chunks are left out, the folder of
    temporary files (None: the system's), the journal in which it notes what is finished, and as which stage of the job.
    Where `tasks` says that footprints are made elsewhere, memory and threads are those of each; a `part` is made where
    other processes make the others.
    """

    memory: int
    workers: int
    progress: Progress
    skip_empty: bool = False
    spool_dir: str | None = None
    journal: Journal | None = None
    stage: int = 0
    tasks: TaskPool | None = None
    part: Part | None = None


@dataclass(slots=True)
class Made:
    """What was made.

    Counts of each target; bytes of voxels read from the base for this job, re-reading included; footprints that an
    earlier process had finished; chunks that were absent from the base, and bytes decoded of it, in other processes.
    """

    counts: list[Counts]
    read_bytes: int = 0
    resumed: int = 0
    absent: int = 0
    decoded_bytes: int = 0


def make_scales(base: Base, targets: Sequence[Target], method: str, running: Running) -> Made:
    """Store all targets, each made from the one before it, the first from the base.

    Where chunks are stored with losses, a later round reads a lossless copy of the scale before it, which is there
    until the job ends: coarse voxels are never made from decoded lossy ones. What the journal knows as finished, and
    what is still there, is not made again.

    Raises
    ------
    OptionError
        The memory is too little for single chunks.
    FailedTasksError
        Tasks of an executor failed; what the others made is in the journal.
    """
    cuts = _begun(base, targets, method, running)
    finished = _finished(cuts, running)
    tell = _counted(running.progress, sum(cut.voxels(cut.round.cells) for cut in cuts))
    tell(sum(cut.voxels(box) for cut, done in zip(cuts, finished, strict=True) for box in done))
    made = Made([], resumed=sum(map(len, finished)))
    with (
        temporary_folder(running.spool_dir) as spool,
        closing(Resources(running.workers, cache_of(running.memory))) as threads,
    ):
        source = base
        for number, (cut, done) in enumerate(zip(cuts, finished, strict=True)):
            last = number == len(cuts) - 1
            written = cut if last or copies_are_kept(running) else with_temporary_copy(cut, f"{spool}/{number}")
            ran = run_round(Step(source, written, cut.round, number, done, running, threads, spool, tell))
            if number == 0:
                made.read_bytes = base.voxel_bytes * ran.outcome.voxels_read
                made.absent, made.decoded_bytes = ran.absent, ran.decoded_bytes
            if running.part is None:  # the counts of a part are its own
                for before in done.values():
                    ran.outcome.add(before)
            made.counts += ran.outcome.counts
            if not last:
                source = StoredVoxels(written.round.targets[-1].places[-1], threads).base
    return made


def _begun(base: Base, targets: Sequence[Target], method: str, running: Running) -> list[Cut]:
    """Return the rounds, as another process has begun them if there was one, else note how they are cut."""
    journal, stage = running.journal, running.stage
    demand = base.demand or Demand(base.voxel_bytes, running.workers, base.block, apart=base.apart)

    def cut_like(plan: Sequence[object] | None) -> list[Cut]:
        if not plan:
            return cut_rounds(base.domain, targets, method, demand, running.memory)
        return cut_as_before(base.domain, targets, method, demand, running.memory, plan)

    cuts = cut_like(None if journal is None else journal.plan(stage))
    if journal is not None:
        plan = plan_to_json(cuts)
        held = journal.begin(stage, plan)
        cuts = cuts if held == plan else cut_like(held)
    if not copies_are_kept(running):
        return cuts
    return [*(with_kept_copy(cut, stage, number) for number, cut in enumerate(cuts[:-1])), *cuts[-1:]]


def _finished(cuts: Sequence[Cut], running: Running) -> list[dict[Box, Outcome]]:
    """Return the finished footprints of each round.

    A temporary copy that a lossy round leaves for the next one died with its process: such a round counts as finished
    only where no later round has work to do.
    """
    entries = {} if running.journal is None else running.journal.entries(running.stage)
    finished: list[dict[Box, Outcome]] = []
    work = False
    for number, cut in reversed(list(enumerate(cuts))):
        done: dict[Box, Outcome] = {}
        lost = work and _is_lossy(cut) and not copies_are_kept(running)
        for footprint in cut.footprints if entries and not lost else ():
            entry = entries.get(footprint_name(number, footprint))
            outcome = None if entry is None else found_outcome(cut.round, footprint, entry)
            if outcome is not None:
                done[footprint] = outcome
            elif entry is not None and running.journal is not None:
                running.journal.forget(running.stage, footprint_name(number, footprint))
        finished.insert(0, done)
        work = work or len(done) < cut.count
    return finished


def _is_lossy(cut: Cut) -> bool:
    return cut.round.targets[-1].places[0].scale.encoding in LOSSY


def _counted(progress: Progress, total: int) -> Callable[[int], None]:
    """Return a function that is told how much more is finished, and tells `progress` how much in all."""
    done = 0

    def tell(more: int) -> None:
        nonlocal done
        done += more
        progress(done, total)

    return tell
