"""Units: how many cells of a round are read at once, what that decodes, and what it holds in memory.

What a plan costs is counted in decoded bytes. A source decodes whole blocks (a chunk of the file, a page, a strip), and
a block that several units touch is decoded for each of them.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ngprecomp.chunks.shard_sets import OPEN_SHARDS
from ngprecomp.errors import OptionError
from ngprecomp.format.box import Triple, triple
from ngprecomp.format.grid import ceil_div
from ngprecomp.format.sharding import chunks_per_shard, shard_count
from ngprecomp.pipeline.engine.rounds import power_of_two

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ngprecomp.pipeline.engine.rounds import Round

UNIT_BYTES = 256 << 20  # larger units gain nothing and cost page faults
UNIT_CELLS = 4  # cells of a unit for each thread, so that all threads end at about the same time
COUNTED = 1 << 16  # units along an axis whose blocks are counted: so many are like all
TOLERATED = 1.25  # how often a block is decoded: less gains little and takes memory

# What the memory of a job is made of, measured by benchmarks/memory_job.py.
DECODING = 3  # blocks that a thread holds while it decodes one: packed, decoded, and once more unshuffled or joined
ENCODED = 1.3  # bytes of a chunk for each byte of its voxels: compressed_segmentation may exceed them by so much
WRITER_BYTES = 256 << 10  # of a shard that is written: its buffer
CHUNK_BYTES = 64  # of a chunk in a shard that is written: id, place and size, and the same sorted when it is closed
ALLOCATOR = 7  # a seventh more: what the allocator keeps in parts too small to give back, caches, small objects


@dataclass(frozen=True, slots=True)
class Demand:
    """What the memory and the reading of a round depend on.

    Parameters
    ----------
    voxel_bytes
        Of a voxel with its channels, as it is stored.
    workers
        Threads.
    block
        What the source decodes at once, in voxels; `origin` is where a block begins (None: at the first voxel).
    source_bytes, held_bytes
        Of a voxel with its channels in the source, and at most while a unit is read and converted; by default the same
        as stored and twice that.
    apart
        Whether several threads may read boxes of their own at the same time.
    """

    voxel_bytes: int
    workers: int
    block: Triple
    origin: Triple | None = None
    source_bytes: int = 0
    held_bytes: int = 0
    apart: bool = False

    @property
    def unit_bytes(self) -> int:
        """Bytes for each voxel of a unit while it is read or used, whichever is more."""
        return max(self.held_bytes or 2 * self.voxel_bytes, self.voxel_bytes)

    @property
    def decoding_bytes(self) -> int:
        """Bytes that all threads hold while each decodes one block; the thread that reads the unit helps them."""
        return (self.workers + 1) * DECODING * (self.source_bytes or self.voxel_bytes) * math.prod(self.block)


def choose_unit(job: Round, demand: Demand, memory: int) -> Triple:
    """Return the cells along each axis that are read at once, powers of two.

    The unit that decodes least; where many decode little more than once, the largest below `UNIT_BYTES`, or with
    `UNIT_CELLS` for each thread if that is more.

    Raises
    ------
    OptionError
        Not even one cell fits.
    """
    need = round_bytes(job, (1, 1, 1), demand)
    if need > memory:
        raise OptionError(
            f"memory of {memory} bytes is too little: chunks of {job.targets[-1].grid.chunk} voxels and source blocks "
            f"of {demand.block} need {need} bytes with {demand.workers} workers; give more memory, fewer workers or "
            "smaller chunks"
        )
    repeats = [[_repeats(job, axis, cells, demand) for cells in _powers(job, axis)] for axis in range(3)]
    enough = enough_bytes(job, demand)

    def worth(unit: Triple) -> tuple[float, ...]:
        decoded = math.prod(of_axis[cells.bit_length() - 1] for of_axis, cells in zip(repeats, unit, strict=True))
        nbytes = demand.voxel_bytes * math.prod(unit_voxels(job, unit))
        return (max(TOLERATED, decoded), max(enough, nbytes), -nbytes, max(unit), unit[2], unit[1])

    return min(_units_within(job, demand, memory), key=worth)


def enough_bytes(job: Round, demand: Demand) -> int:
    """Return the bytes of voxels from which on it makes no difference how many more are begun together."""
    cell = demand.voxel_bytes * math.prod(unit_voxels(job, (1, 1, 1)))
    return max(UNIT_BYTES, UNIT_CELLS * demand.workers * cell)


def _units_within(job: Round, demand: Demand, memory: int) -> Iterator[Triple]:
    """Yield all units that fit, from one cell on."""
    beside = bytes_beside(job, demand)
    along = [{cells: unit_voxels(job, (cells,) * 3)[axis] for cells in _powers(job, axis)} for axis in range(3)]
    for (z, z_voxels), (y, y_voxels) in itertools.product(along[2].items(), along[1].items()):
        for x, x_voxels in along[0].items():
            held = demand.unit_bytes * x_voxels * y_voxels * z_voxels + beside + shard_bytes(job, (x, y, z))
            if with_allocator(held) > memory:
                break  # a larger one does not fit either
            yield x, y, z


def _powers(job: Round, axis: int) -> list[int]:
    return [1 << bit for bit in range(power_of_two(job.cells.size[axis]).bit_length())]


def amplification(job: Round, unit: Triple, demand: Demand) -> float:
    """Return how often a block of the source is decoded on average."""
    return math.prod(_repeats(job, axis, unit[axis], demand) for axis in range(3))


def _repeats(job: Round, axis: int, cells: int, demand: Demand) -> float:
    """Return how many units of so many cells touch a block, on average along one axis."""
    lo, hi, block = job.base.lo[axis], job.base.hi[axis], demand.block[axis]
    origin = lo if demand.origin is None else demand.origin[axis]
    halo = _reach(job, axis)[1]
    step = unit_steps(job, (cells, cells, cells))[axis]
    hi = min(hi, lo + step * COUNTED)
    starts = lo + step * np.arange(max(1, min(COUNTED, ceil_div(job.cells.size[axis], cells))))
    firsts = np.clip(starts - halo, lo, hi)
    ends = np.clip(starts + step + halo, lo, hi)
    touched = np.where(firsts < ends, (ends - 1 - origin) // block - (firsts - origin) // block + 1, 0)
    blocks = (hi - 1 - origin) // block - (lo - origin) // block + 1
    return float(touched.sum() / max(1, blocks))


def _reach(job: Round, axis: int) -> tuple[int, int]:
    """Return the voxels of the base for one of the last target, and how many more a unit may need at either end.

    None where every scale begins at a whole window: then chunks and windows end at the same voxels.
    """
    whole, aligned = 1, True
    for target in job.targets:
        whole *= target.factor[axis]
        aligned &= target.grid.domain.lo[axis] * whole == job.base.lo[axis]
    return whole, (0 if aligned else whole - 1) + job.tile_halo[axis]


def unit_steps(job: Round, unit: Triple) -> Triple:
    """Return the voxels of the base along each axis from one unit to the next."""
    chunk = job.targets[-1].grid.chunk
    return triple(unit[axis] * chunk[axis] * _reach(job, axis)[0] for axis in range(3))


def unit_voxels(job: Round, unit: Triple) -> Triple:
    """Return the voxels of the base along each axis that a unit needs at most."""
    halos = (_reach(job, axis)[1] for axis in range(3))
    return triple(
        min(size, step + 2 * halo) for size, step, halo in zip(job.base.size, unit_steps(job, unit), halos, strict=True)
    )


def round_bytes(job: Round, unit: Triple, demand: Demand) -> int:
    """Return the bytes that a round holds at most while it runs with such a unit.

    The unit as it is read, with what conversion takes; the blocks that are decoded; for each thread and one cell
    waiting the cell with its encoded chunks; the shards that are open; and the allocator's share.
    """
    held = demand.unit_bytes * math.prod(unit_voxels(job, unit)) + bytes_beside(job, demand) + shard_bytes(job, unit)
    return with_allocator(held)


def with_allocator(held: int) -> int:
    """Return the bytes that a process grows by when it holds so many."""
    return held + held // ALLOCATOR


def bytes_beside(job: Round, demand: Demand) -> int:
    """Return what is held whatever the unit: blocks that are decoded, and cells with their encoded chunks."""
    return demand.decoding_bytes + (demand.workers + 1) * demand.voxel_bytes * _cell_voxels(job)


def _cell_voxels(job: Round) -> int:
    """Return the voxels that the chunks of a cell hold, encoded and where they are made of finer ones also as such."""
    voxels, held = math.prod(unit_voxels(job, (1, 1, 1))), 0.0
    for target in job.targets:
        made = target.factor != (1, 1, 1)
        voxels = ceil_div(voxels, math.prod(target.factor))
        held += voxels * (ENCODED + made)
    return math.ceil(held)


def shard_bytes(job: Round, unit: Triple) -> int:
    """Return what the shards of a footprint hold that are written at the same time."""
    if all(place.scale.sharding is None for target in job.targets for place in target.places):
        return 0
    footprint = footprint_cells(job, unit)
    held = 0
    for target, ratio in zip(job.targets, job.ratios, strict=True):
        shape = triple(map(min, target.grid.shape, (f * r for f, r in zip(footprint, ratio, strict=True))))
        for place in target.places:
            if place.scale.sharding is not None:
                shard = chunks_per_shard(place.scale.sharding, target.grid.shape)
                count = (
                    math.prod(map(ceil_div, shape, shard))
                    if shard
                    else shard_count(place.scale.sharding, target.grid.shape)
                )
                held += CHUNK_BYTES * math.prod(shape) + WRITER_BYTES * min(count, OPEN_SHARDS)
    return held


def footprint_cells(job: Round, unit: Triple) -> Triple:
    """Return the cells along each axis of the least footprint that holds the unit and whole shards of every scale."""
    return triple(map(max, unit, job.shard_cells()))
