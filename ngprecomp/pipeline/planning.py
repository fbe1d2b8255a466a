"""Cut a pyramid into rounds, and choose how much of the source a round reads at once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ngprecomp.errors import OptionError
from ngprecomp.format.box import Box, Triple, triple
from ngprecomp.format.sharding import chunks_per_shard
from ngprecomp.pipeline.rounds import Round, Target, power_of_two

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_DEPTH = 3  # with three scales from one reading, all later rounds together read 2 % more than the source
UNIT_BYTES = 256 << 20  # larger units gain nothing and cost page faults
TOLERATED = 1.25  # bytes decoded by the source for each byte wanted


@dataclass(frozen=True, slots=True)
class Demand:
    """What the memory of a round depends on: bytes of a voxel with its channels, threads, the source's own block."""

    voxel_bytes: int
    workers: int
    block: Triple


def split_rounds(base: Box, targets: Sequence[Target], method: str, demand: Demand, memory: int) -> list[Round]:
    """Return rounds that make all targets; the base of each round after the first is the last target before it.

    Raises
    ------
    OptionError
        One chunk of each thread alone takes more than `memory`.
    """
    rounds: list[Round] = []
    rest = list(targets)
    while rest:
        depth = 1
        while depth < min(MAX_DEPTH, len(rest)) and _fits(
            Round(base, tuple(rest[: depth + 1]), method), demand, memory
        ):
            depth += 1
        rounds.append(Round(base, tuple(rest[:depth]), method))
        base = rest[depth - 1].grid.domain
        rest = rest[depth:]
    return rounds


def _fits(job: Round, demand: Demand, memory: int) -> bool:
    """Whether a round may have one more target: same chunks, shards that nest, memory, and cells for all threads."""
    if len({target.grid.chunk for target in job.targets}) > 1:
        return False
    if any(place.scale.sharding is not None for target in job.targets for place in target.places):
        nest = all(power_of_two(f) == f for target in job.targets[1:] for f in target.factor)
        if not nest or not all(_rectangular(target) for target in job.targets):
            return False
    enough = math.prod(job.cells.size) >= 2 * demand.workers
    return enough and round_bytes(job, (1, 1, 1), demand) <= memory


def _rectangular(target: Target) -> bool:
    return all(
        place.scale.sharding is None or chunks_per_shard(place.scale.sharding, target.grid.shape) is not None
        for place in target.places
    )


def round_bytes(job: Round, unit: Triple, demand: Demand) -> int:
    """Return the bytes that a round holds at most while it runs with such a unit.

    The unit as it was read and once more while it is converted; for each thread and one cell waiting, the coarser
    voxels and the encoded chunks of a cell, which may be as large as its voxels; and for each thread what the source
    decodes at a time.
    """
    cell = math.prod(_read_size(job, (1, 1, 1)))
    return demand.voxel_bytes * (
        2 * math.prod(_read_size(job, unit))
        + (demand.workers + 1) * (cell + cell // 2)
        + demand.workers * math.prod(demand.block)
    )


def _read_size(job: Round, unit: Triple) -> Triple:
    """Return the voxels of the base along each axis that a unit needs at most."""
    sizes = job.base.size
    whole = [1, 1, 1]
    for target in job.targets:
        whole = [w * f for w, f in zip(whole, target.factor, strict=True)]
    chunk = job.targets[-1].grid.chunk
    halo = [f - 1 for f in whole]
    return triple(
        min(size, cells * c * f + 2 * h) for size, cells, c, f, h in zip(sizes, unit, chunk, whole, halo, strict=True)
    )


def choose_unit(job: Round, demand: Demand, memory: int) -> Triple:
    """Return the cells along each axis that are read at once, powers of two.

    A unit grows along the axis where the source decodes most in vain, until that is little or memory is used up; then
    until there is a cell for every thread.

    Raises
    ------
    OptionError
        Not even one cell fits.
    """
    unit: Triple = (1, 1, 1)
    need = round_bytes(job, unit, demand)
    if need > memory:
        raise OptionError(
            f"memory of {memory} bytes is too little: chunks of {job.targets[-1].grid.chunk} voxels and source blocks "
            f"of {demand.block} need {need} bytes with {demand.workers} workers; give more memory, fewer workers or "
            "smaller chunks"
        )
    while True:
        larger = [
            _doubled(unit, axis)
            for axis in range(3)
            if unit[axis] < job.cells.size[axis] and round_bytes(job, _doubled(unit, axis), demand) <= memory
        ]
        waste = _waste(job, unit, demand)
        small = demand.voxel_bytes * math.prod(_read_size(job, unit)) < UNIT_BYTES
        if not larger or (waste <= TOLERATED and not small):
            return unit
        unit = min(larger, key=lambda unit: (_waste(job, unit, demand), max(unit), unit[2], unit[1]))


def _doubled(unit: Triple, axis: int) -> Triple:
    return triple(2 * cells if at == axis else cells for at, cells in enumerate(unit))


def _waste(job: Round, unit: Triple, demand: Demand) -> float:
    """Return how many voxels the source decodes for each voxel that a unit wants."""
    wanted = _read_size(job, unit)
    decoded = [
        min(size, -(-want // block) * block if want % block == 0 else -(-want // block) * block + block)
        for want, block, size in zip(wanted, demand.block, job.base.size, strict=True)
    ]
    return math.prod(decoded) / max(1, math.prod(wanted))
