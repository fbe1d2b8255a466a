"""Footprints as tasks: planned here, made wherever an executor has room, entered into the journal here."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from ngprecomp.pipeline.engine.footprints import Cut, Outcome, entry_of
from ngprecomp.pipeline.engine.running import job_of, run_footprint
from ngprecomp.pipeline.engine.submitting import run_tasks
from ngprecomp.volume.resources import Resources

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ngprecomp.format.box import Box
    from ngprecomp.pipeline.engine.bases import Base
    from ngprecomp.pipeline.engine.rounds import Round
    from ngprecomp.pipeline.engine.task_pools import TaskPool


@dataclass(frozen=True, slots=True)
class Work:
    """What every footprint of a round needs where it is made; it pickles, its base opens again what it reads.

    `recorded` is what the journal knows of the round; `workers` are the threads of a task, `cache_bytes` hold chunks
    and indices that it reads; `owner` is the process that plans.
    """

    base: Base
    cut: Cut
    recorded: Round
    workers: int
    cache_bytes: int
    skip_empty: bool
    spool_dir: str | None
    owner: int


@dataclass(frozen=True, slots=True)
class Footprint:
    """A footprint of a round as a task: its name in the journal, and its cells."""

    name: str
    cells: Box
    what: str

    def __str__(self) -> str:
        return self.what


@dataclass(frozen=True, slots=True)
class Finished:
    """What a footprint came to: its outcome, its entry in the journal, and what reading it met elsewhere."""

    outcome: Outcome
    entry: dict[str, Any]
    absent: int
    decoded_bytes: int


def footprint_task(cut: Cut, name: str, cells: Box) -> Footprint:
    """Return the task that makes a footprint."""
    target = cut.round.targets[0]
    box = target.grid.cells(cut.round.owned(0, cells))
    return Footprint(name, cells, f"voxels {box} of scale {target.places[0].scale.key}")


def make_elsewhere(work: Work, tasks: Iterable[Footprint], pool: TaskPool) -> Iterator[tuple[Footprint, Finished]]:
    """Yield footprints with what they came to, as they are finished.

    Raises
    ------
    FailedTasksError
        Some were not; all others are.
    """
    return run_tasks(partial(make_footprint, work), tasks, pool)


def make_footprint(work: Work, task: Footprint) -> Finished:
    """Make one footprint with threads of its own, in whichever process this is."""
    reader, ours = work.base.reader, os.getpid() == work.owner
    try:
        with closing(Resources(work.workers, work.cache_bytes)) as threads:
            job = job_of(
                work.cut,
                work.base,
                threads,
                progress=_tell_nobody,
                skip_empty=work.skip_empty,
                spool_dir=work.spool_dir,
                durable=True,
            )
            outcome = run_footprint(job, task.cells)
        entry = entry_of(work.recorded, task.cells, outcome)
        # in our own process all tasks share the reader, which counts for all of them
        return Finished(outcome, entry, *((0, 0) if ours else (reader.absent, reader.decoded_bytes)))
    finally:
        if not ours:
            reader.close()


def _tell_nobody(voxels: int) -> None:
    """Let progress be told of whole footprints."""
