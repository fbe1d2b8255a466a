"""Cut a pyramid into rounds.

Among what fits into the memory the cheapest plan is taken: chunks that each thread reads for itself, or thick slabs of
whole pages, make three scales from one reading; where memory is short, thinner slabs that make one scale, which is then
read again, still cost less than pages that are decoded for every unit.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

from ngprecomp.format.sharding import chunks_per_shard
from ngprecomp.pipeline.engine.portions import amplification_of, choose_portion
from ngprecomp.pipeline.engine.rounds import Round, Target, power_of_two
from ngprecomp.pipeline.engine.units import TOLERATED, Demand, round_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ngprecomp.format.box import Box

MAX_DEPTH = 3  # with three scales from one reading, all later rounds together read 2 % more than the source
AGAIN = 0.5  # cost of a byte of a scale that is read again: its chunks decode faster than the blocks of most sources


def split_rounds(base: Box, targets: Sequence[Target], method: str, demand: Demand, memory: int) -> list[Round]:
    """Return rounds that make all targets; the base of each round after the first is the last target before it.

    A round makes as many scales as cost least: what its units decode of the base, and the scale that the next round
    reads again.

    Raises
    ------
    OptionError
        One chunk of each thread alone takes more than `memory`.
    """
    rounds: list[Round] = []
    rest = list(targets)
    while rest:
        possible = list(_possible(base, rest, method, demand, memory))
        cost = partial(_cost, targets=len(rest), demand=demand, memory=memory)
        job = min(reversed(possible), key=cost)  # of those that cost the same the one with most scales
        rounds.append(job)
        base = job.targets[-1].grid.domain
        rest = rest[len(job.targets) :]
        demand = later_demand(demand, job)
    return rounds


def later_demand(demand: Demand, before: Round) -> Demand:
    """Return the demand of the next round, which reads the chunks of the last target of `before`."""
    chunk = before.targets[-1].grid.chunk
    return Demand(demand.voxel_bytes, demand.workers, chunk, held_bytes=demand.voxel_bytes, apart=True)


def _possible(base: Box, targets: Sequence[Target], method: str, demand: Demand, memory: int) -> Iterator[Round]:
    """Yield the rounds that may come next, with one scale, two and so on."""
    yield Round(base, tuple(targets[:1]), method)
    for depth in range(2, min(MAX_DEPTH, len(targets)) + 1):
        job = Round(base, tuple(targets[:depth]), method)
        if not _fits(job, demand, memory):
            return
        yield job


def _fits(job: Round, demand: Demand, memory: int) -> bool:
    """Whether a round may have one more target: same chunks, shards that nest, memory, and cells for all threads."""
    if len({target.grid.chunk for target in job.targets}) > 1:
        return False
    if any(place.scale.sharding is not None for target in job.targets for place in target.places):
        nest = all(power_of_two(f) == f for target in job.targets[1:] for f in target.factor)
        if not nest or not all(_rectangular(target) for target in job.targets):
            return False
    if math.prod(job.cells.size) < 2 * demand.workers:
        return False
    return round_bytes(job, (1, 1, 1), demand) <= memory or choose_portion(job, demand, memory) is not None


def _rectangular(target: Target) -> bool:
    return all(
        place.scale.sharding is None or chunks_per_shard(place.scale.sharding, target.grid.shape) is not None
        for place in target.places
    )


def _cost(job: Round, *, targets: int, demand: Demand, memory: int) -> float:
    """Return what is decoded for each byte of the base: by the round, and `AGAIN` of its last scale by the next."""
    cost = max(TOLERATED, amplification_of(job, demand, memory))
    if len(job.targets) < targets:
        cost += AGAIN * math.prod(job.targets[-1].grid.domain.size) / max(1, math.prod(job.base.size))
    return cost
