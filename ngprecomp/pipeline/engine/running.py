"""Make a footprint: read units, or let threads read for themselves; make cells on threads, hand chunks to shards."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from ngprecomp.chunks.checksums import Summed, write_checksums
from ngprecomp.chunks.ordered_map import map_in_order
from ngprecomp.chunks.shard_sets import ShardSet, ShardSets
from ngprecomp.format.box import Box, Triple, triple
from ngprecomp.format.grid import ceil_div
from ngprecomp.pipeline.engine.cells import Cell, Counts, Voxels, make_cell
from ngprecomp.pipeline.engine.descent import descend
from ngprecomp.pipeline.engine.footprints import Outcome
from ngprecomp.pipeline.engine.rounds import Round, in_morton_order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Executor

    from ngprecomp.pipeline.engine.bases import Base
    from ngprecomp.pipeline.engine.footprints import Cut
    from ngprecomp.volume.resources import Resources

Shards = dict[tuple[int, int], ShardSet]


@dataclass(frozen=True, slots=True)
class Job:
    """A round and how it is run.

    `read` returns a box of the base as [x, y, z, channel]; `unit` counts the cells along each axis that are read at
    once (powers of two), unless each thread reads by itself what a chunk of the target number `portion` is made of;
    `window` bounds the cells in flight in `pool`; `progress` is told the voxels of the finest target that each
    finished cell holds. Shards that are `durable` survive a loss of power as soon as they are published.
    """

    round: Round
    read: Callable[[Box], Voxels]
    unit: Triple
    pool: Executor | None
    window: int
    progress: Callable[[int], None]
    skip_empty: bool = False
    spool_dir: str | None = None
    durable: bool = False
    portion: int | None = None


def job_of(
    cut: Cut,
    base: Base,
    threads: Resources,
    *,
    progress: Callable[[int], None],
    skip_empty: bool,
    spool_dir: str | None,
    durable: bool,
) -> Job:
    """Return a round as it is cut, made by threads of this process; these help to read units, portions each alone."""
    pool = threads.pool
    return Job(
        cut.round,
        base.reading(pool if cut.portion is None else None),
        cut.unit,
        pool,
        threads.threads + 1,
        progress,
        skip_empty,
        spool_dir,
        durable,
        cut.portion,
    )


def run_footprint(job: Job, footprint: Box) -> Outcome:
    """Make all chunks of a footprint, of every scale of the round; its shards appear when they are done."""
    outcome = Outcome([Counts() for _ in job.round.targets])
    sums: list[list[Summed]] = [[] for _ in job.round.targets]
    with ShardSets() as sets:
        shards = _open_shards(job, footprint, sets)
        for cell, made in _made_cells(job, footprint):
            for index, number, chunk_id, stored in made.sharded:
                shards[index, number].add(chunk_id, stored)
            for index, chunk in made.sums:
                sums[index].append(chunk)
            for total, counts in zip(outcome.counts, made.counts, strict=True):
                total.add(counts)
            outcome.voxels_read += made.voxels_read
            job.progress(math.prod(job.round.targets[0].grid.cells(job.round.owned(0, cell)).size))
    for index, (target, chunks) in enumerate(zip(job.round.targets, sums, strict=True)):
        if chunks:
            write_checksums(target.places[0], job.round.owned(index, footprint), chunks)
    return outcome


def _open_shards(job: Job, footprint: Box, sets: ShardSets) -> Shards:
    # The index at the front of a shard is written last: after a loss of power it could be missing from a file that has
    # its full length, which is all that is checked of recorded footprints.
    spool_dir, durable = job.spool_dir, job.durable
    return {
        (index, number): sets.open(place, job.round.owned(index, footprint), spool_dir=spool_dir, durable=durable)
        for index, target in enumerate(job.round.targets)
        for number, place in enumerate(target.places)
        if place.scale.sharding is not None
    }


def _units(job: Job, footprint: Box) -> list[Box]:
    """Return the units of a footprint in Morton order, so that chunks reach their shards in order of their ids."""
    shape = triple(map(ceil_div, footprint.size, job.unit))
    return [
        Box.of_size(
            job.unit, triple(lo + at * step for lo, at, step in zip(footprint.lo, corner, job.unit, strict=True))
        ).intersection(footprint)
        for corner in in_morton_order(Box((0, 0, 0), shape), shape)
    ]


def _made_cells(job: Job, footprint: Box) -> Iterator[tuple[Box, Cell]]:
    """Yield the cells of a footprint as they are made, in Morton order within each unit."""
    if job.portion is not None:
        descent = partial(descend, job.round, job.portion, read=job.read, skip_empty=job.skip_empty)
        yield from _mapped(job, descent, [cell for unit in _units(job, footprint) for cell in _cells(job, unit)])
        return
    for unit in _units(job, footprint):
        yield from _made_of_unit(job, unit)


def _made_of_unit(job: Job, unit: Box) -> Iterator[tuple[Box, Cell]]:
    """Yield the cells of a unit; its voxels are gone when the next one is read."""
    box = job.round.needed(unit)[0]
    voxels = job.read(box)
    make = partial(make_cell, job.round, voxels=voxels, lo=box.lo, skip_empty=job.skip_empty)
    for number, (cell, made) in enumerate(_mapped(job, make, _cells(job, unit))):
        made.voxels_read = 0 if number else math.prod(box.size)
        yield cell, made


def _cells(job: Job, unit: Box) -> list[Box]:
    return [Box.of_size((1, 1, 1), position) for position in in_morton_order(unit, job.round.cells.size)]


def _mapped(job: Job, make: Callable[[Box], Cell], cells: list[Box]) -> Iterator[tuple[Box, Cell]]:
    return zip(cells, map_in_order(make, cells, job.pool, job.window), strict=True)
