"""Portions: what a thread reads at once where each thread reads for itself.

Where chunks of a source lie in chunks of the volume, nobody has to wait for a unit: each thread takes a cell, reads it
chunk by chunk, and makes the coarser chunks as it goes. The voxels are still in the processor's cache when they are
encoded, and memory holds a few chunks of each thread instead of a unit of a quarter of a gigabyte.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from ngprecomp.format.grid import ceil_div
from ngprecomp.pipeline.engine.units import (
    TOLERATED,
    amplification,
    bytes_beside,
    choose_unit,
    enough_bytes,
    shard_bytes,
    unit_voxels,
    with_allocator,
)

if TYPE_CHECKING:
    from ngprecomp.format.box import Triple
    from ngprecomp.pipeline.engine.rounds import Round
    from ngprecomp.pipeline.engine.units import Demand

LEAST_BLOCK = 4 << 10  # smaller blocks are rows of an array that lies in one piece: large boxes of it read faster


def portion(job: Round, number: int) -> Round:
    """Return the round whose cells are the chunks of target `number`, with the scales under them."""
    return replace(job, targets=job.targets[: number + 1])


def choose_portion(job: Round, demand: Demand, memory: int) -> int | None:
    """Return the number of the target of whose chunks a thread reads one at once; None where units are read.

    It is the finest one with which blocks of the source are hardly decoded more than once.
    """
    block = math.prod(demand.block) * (demand.source_bytes or demand.voxel_bytes)
    if not demand.apart or block < LEAST_BLOCK or not _nested(job):
        return None
    last = len(job.targets) - 1
    for number in range(last if job.method == "thin" else 0, last + 1):  # tiles of thin reach over several chunks
        few = amplification(portion(job, number), (1, 1, 1), demand) <= TOLERATED
        if few and portion_bytes(job, number, (1, 1, 1), demand) <= memory:
            return number
    return None


def _nested(job: Round) -> bool:
    """Whether every chunk is made of whole chunks of the finer scale, and of nothing else."""
    domain = job.base
    for number, target in enumerate(job.targets):
        coarse, chunk = target.grid.domain, target.grid.chunk
        begins = all(lo * f == fine for lo, fine, f in zip(coarse.lo, domain.lo, target.factor, strict=True))
        ends = all(hi == ceil_div(fine, f) for hi, fine, f in zip(coarse.hi, domain.hi, target.factor, strict=True))
        whole = number == 0 or all(side % f == 0 for side, f in zip(chunk, target.factor, strict=True))
        if not (begins and ends and whole and chunk == job.targets[0].grid.chunk):
            return False
        domain = coarse
    return job.tile_halo == (0, 0, 0) and all(target.places for target in job.targets)


def portion_bytes(job: Round, number: int, group: Triple, demand: Demand) -> int:
    """Return the bytes that a round holds at most with portions of target `number` and `group` cells of a footprint.

    Each thread holds a portion as it is read and the chunks that are being put together above it.
    """
    read = demand.unit_bytes * math.prod(unit_voxels(portion(job, number), (1, 1, 1)))
    above = demand.voxel_bytes * math.prod(job.targets[0].grid.chunk) * (len(job.targets) - 1 - number)
    return with_allocator(demand.workers * (read + above) + bytes_beside(job, demand) + shard_bytes(job, group))


def choose_group(job: Round, number: int, demand: Demand, memory: int) -> Triple:
    """Return the cells along each axis, powers of two, that are begun before the first of them must have ended.

    They are as many as a unit would hold, so that footprints are no smaller than where units are read.
    """
    cell = demand.voxel_bytes * math.prod(unit_voxels(job, (1, 1, 1)))
    enough = enough_bytes(job, demand)
    group = [1, 1, 1]
    while cell * math.prod(group) < enough:
        axes = [axis for axis in range(3) if group[axis] < job.cells.size[axis]]
        if not axes:
            break
        axis = min(axes, key=lambda axis: group[axis])
        larger = [2 * n if at == axis else n for at, n in enumerate(group)]
        if portion_bytes(job, number, (larger[0], larger[1], larger[2]), demand) > memory:
            break
        group = larger
    return group[0], group[1], group[2]


def amplification_of(job: Round, demand: Demand, memory: int) -> float:
    """Return how often a round decodes each block of its base, whether it reads portions or units."""
    number = choose_portion(job, demand, memory)
    if number is not None:
        return amplification(portion(job, number), (1, 1, 1), demand)
    return amplification(job, choose_unit(job, demand, memory), demand)
