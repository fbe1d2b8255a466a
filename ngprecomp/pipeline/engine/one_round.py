"""One round: its footprints made here, as tasks of an executor, or by several processes that share them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from ngprecomp.pipeline.engine.cells import Counts
from ngprecomp.pipeline.engine.elsewhere import Work, footprint_task, make_elsewhere
from ngprecomp.pipeline.engine.footprints import Cut, Outcome, entry_of, footprint_name
from ngprecomp.pipeline.engine.parts import Part, make_part
from ngprecomp.pipeline.engine.running import Job, job_of, run_footprint
from ngprecomp.pipeline.shared_journal import SharedJournal

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator

    from ngprecomp.format.box import Box
    from ngprecomp.pipeline.engine.bases import Base
    from ngprecomp.pipeline.engine.making import Running
    from ngprecomp.pipeline.engine.rounds import Round
    from ngprecomp.pipeline.engine.task_pools import TaskPool
    from ngprecomp.volume.resources import Resources


@dataclass(frozen=True, slots=True)
class Step:
    """A round that is about to run.

    `cut` is written, with a copy for the next round where that needs one; `recorded` is what the journal knows of it.
    The footprints `done` are left out; `tell` is told the voxels of what is finished.
    """

    base: Base
    cut: Cut
    recorded: Round
    number: int
    done: Container[Box]
    running: Running
    threads: Resources
    spool: str
    tell: Callable[[int], None]

    @property
    def todo(self) -> Iterator[tuple[str, Box]]:
        """The footprints to make, with their names in the journal."""
        left = (cells for cells in self.cut.footprints if cells not in self.done)
        return ((footprint_name(self.number, cells), cells) for cells in left)

    @property
    def job(self) -> Job:
        """The round as this process makes it."""
        return job_of(
            self.cut,
            self.base,
            self.threads,
            progress=self.tell,
            skip_empty=self.running.skip_empty,
            spool_dir=self.spool,
            durable=self.running.journal is not None,
        )

    def record(self, name: str, cells: Box, outcome: Outcome) -> None:
        """Enter a finished footprint into the journal."""
        if self.running.journal is not None:
            self.running.journal.record(self.running.stage, name, entry_of(self.recorded, cells, outcome))


@dataclass(slots=True)
class Ran:
    """What a round came to, with what reading its base met in other processes."""

    outcome: Outcome
    absent: int = 0
    decoded_bytes: int = 0


def run_round(step: Step) -> Ran:
    """Make the footprints of a round that are not done."""
    running = step.running
    ran = Ran(Outcome([Counts() for _ in step.cut.round.targets]))
    if running.tasks is not None:
        _run_elsewhere(step, running.tasks, ran)
        return ran
    make = partial(_make_here, step, step.job, ran)
    if running.part is not None:
        _run_part(step, running.part, make)
        return ran
    for name, cells in step.todo:
        make(name, cells)
    return ran


def _make_here(step: Step, job: Job, ran: Ran, name: str, cells: Box) -> None:
    outcome = run_footprint(job, cells)
    step.record(name, cells, outcome)
    ran.outcome.add(outcome)


def _run_part(step: Step, part: Part, make: Callable[[str, Box], None]) -> None:
    journal, todo = step.running.journal, dict(step.todo)
    assert isinstance(journal, SharedJournal), "parts share a journal"
    # Of all footprints: parts that begin at different times must agree on whose is which.
    mine = islice(step.cut.footprints, part.number, None, part.count)
    own_names = (footprint_name(step.number, cells) for cells in mine)
    own = make_part(todo, own_names, part, partial(journal.recorded, step.running.stage), make)
    step.tell(sum(step.cut.voxels(cells) for name, cells in todo.items() if name not in own))


def _run_elsewhere(step: Step, pool: TaskPool, ran: Ran) -> None:
    running = step.running
    work = Work(
        step.base,
        step.cut,
        step.recorded,
        running.workers,
        step.threads.cache_bytes,
        running.skip_empty,
        running.spool_dir,
        os.getpid(),
    )
    tasks = (footprint_task(step.cut, name, cells) for name, cells in step.todo)
    for task, finished in make_elsewhere(work, tasks, pool):
        if running.journal is not None:
            running.journal.record(running.stage, task.name, finished.entry)
        ran.outcome.add(finished.outcome)
        ran.absent += finished.absent
        ran.decoded_bytes += finished.decoded_bytes
        step.tell(step.cut.voxels(task.cells))
