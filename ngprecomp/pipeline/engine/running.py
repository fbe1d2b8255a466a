"""Run a round: read unit by unit, make the cells of a unit on threads, hand finished chunks to their shards."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from ngprecomp.chunks.ordered_map import map_in_order
from ngprecomp.chunks.shard_sets import ShardSet, ShardSets
from ngprecomp.format.box import Box, Triple, triple
from ngprecomp.format.grid import ceil_div
from ngprecomp.pipeline.engine.cells import Counts, Voxels, make_cell
from ngprecomp.pipeline.engine.footprints import Outcome
from ngprecomp.pipeline.engine.rounds import Round, in_morton_order, tiles

if TYPE_CHECKING:
    from collections.abc import Callable, Container
    from concurrent.futures import Executor

Shards = dict[tuple[int, int], ShardSet]


@dataclass(frozen=True, slots=True)
class Job:
    """A round and how it is run.

    `read` returns a box of the base as [x, y, z, channel]; `unit` counts the cells along each axis that are read at
    once (powers of two); `window` bounds the cells in flight in `pool`; `progress` is told the voxels of the finest
    target that each finished cell holds. Footprints that begin at one of the cells `finished` are left out, all others
    are at least `least_footprint` large, and `record` is told what each came to when its shards are published.
    """

    round: Round
    read: Callable[[Box], Voxels]
    unit: Triple
    pool: Executor | None
    window: int
    progress: Callable[[int], None]
    skip_empty: bool = False
    spool_dir: str | None = None
    finished: Container[Triple] = ()
    least_footprint: Triple = (1, 1, 1)
    record: Callable[[Box, Outcome], None] | None = None

    @property
    def footprint(self) -> Triple:
        """Cells of a footprint along each axis; all are powers of two, so units tile footprints exactly."""
        return triple(map(max, self.unit, self.round.shard_cells(), self.least_footprint))


def run_round(job: Job) -> Outcome:
    """Make all scales of a round, footprint by footprint; the shards of a footprint appear when it is done."""
    total = Outcome([Counts() for _ in job.round.targets])
    for footprint in tiles(job.round.cells, job.footprint):
        if footprint.lo in job.finished:
            continue
        outcome = _run_footprint(job, footprint)
        if job.record is not None:
            job.record(footprint, outcome)
        total.add(outcome)
    return total


def _run_footprint(job: Job, footprint: Box) -> Outcome:
    outcome = Outcome([Counts() for _ in job.round.targets])
    with ShardSets() as sets:
        shards = _open_shards(job, footprint, sets)
        for unit in _units(job, footprint):
            _run_unit(job, unit, shards, outcome)
    return outcome


def _open_shards(job: Job, footprint: Box, sets: ShardSets) -> Shards:
    # The index at the front of a shard is written last: after a loss of power it could be missing from a file that has
    # its full length, which is all that is checked of recorded footprints.
    durable = job.record is not None
    return {
        (index, number): sets.open(place, job.round.owned(index, footprint), spool_dir=job.spool_dir, durable=durable)
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


def _run_unit(job: Job, unit: Box, shards: Shards, outcome: Outcome) -> None:
    box = job.round.needed(unit)[0]
    voxels = job.read(box)
    outcome.voxels_read += math.prod(box.size)
    cells = [Box.of_size((1, 1, 1), position) for position in in_morton_order(unit, job.round.cells.size)]
    make = partial(make_cell, job.round, voxels=voxels, lo=box.lo, skip_empty=job.skip_empty)
    for cell, made in zip(cells, map_in_order(make, cells, job.pool, job.window), strict=True):
        for index, number, chunk_id, stored in made.sharded:
            shards[index, number].add(chunk_id, stored)
        for total, counts in zip(outcome.counts, made.counts, strict=True):
            total.add(counts)
        job.progress(math.prod(job.round.targets[0].grid.cells(job.round.owned(0, cell)).size))
