"""One cell of a round: downsample its voxels and encode its chunks, on one thread."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ngprecomp.chunks.checksums import Summed
from ngprecomp.chunks.coding import encode_stored
from ngprecomp.chunks.unsharded import write_unsharded
from ngprecomp.kernels.aligned import aligned_empty
from ngprecomp.kernels.crc32c import crc32c
from ngprecomp.kernels.downsample import downsample_into
from ngprecomp.kernels.morton import compressed_morton_code
from ngprecomp.pipeline.engine.rounds import Round, in_morton_order

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ngprecomp.format.box import Box, Triple

Voxels = NDArray[Any]


@dataclass(slots=True)
class Counts:
    """What was written: chunks, chunks left out because they are all zero, bytes."""

    chunks: int = 0
    skipped: int = 0
    nbytes: int = 0

    def add(self, other: Counts) -> None:
        """Add another count to this one."""
        self.chunks += other.chunks
        self.skipped += other.skipped
        self.nbytes += other.nbytes


@dataclass(slots=True)
class Cell:
    """What one cell came to.

    Chunks for shards as (target, place, chunk id, bytes), checksums as (target, chunk), the counts of each target, and
    the voxels that were read for it alone.
    """

    sharded: list[tuple[int, int, int, bytes]] = field(default_factory=list)
    sums: list[tuple[int, Summed]] = field(default_factory=list)
    counts: list[Counts] = field(default_factory=list)
    voxels_read: int = 0

    @classmethod
    def blank(cls, job: Round) -> Cell:
        """Return a cell of which nothing is made."""
        return cls(counts=[Counts() for _ in job.targets])


def make_cell(job: Round, cell: Box, voxels: Voxels, lo: Triple, *, skip_empty: bool = False) -> Cell:
    """Make all chunks of a cell from `voxels` [x, y, z, channel], whose first voxel has the coordinates `lo`.

    Chunks of unsharded scales are written here; those of shards go back to the one who holds the shard.
    """
    made = Cell.blank(job)
    boxes = job.needed(cell)
    for index, target in enumerate(job.targets):
        if target.factor != (1, 1, 1):
            box = boxes[index + 1]
            coarse: Voxels = aligned_empty((*box.size, voxels.shape[3]), voxels.dtype)
            downsample_into(voxels, lo, coarse, box.lo, target.factor, job.method)
            voxels, lo = coarse, box.lo
        for position, chunk_id in chunks_of(job, index, cell):
            chunk = target.grid.cell(position).relative_to(lo)
            store_chunk(made, job, index, position, chunk_id, voxels, chunk, skip_empty=skip_empty)
    return made


def store_chunk(
    made: Cell,
    job: Round,
    index: int,
    position: Triple,
    chunk_id: int,
    voxels: Voxels,
    chunk: Box,
    *,
    skip_empty: bool,
) -> None:
    """Encode the chunk of target `index` whose voxels are the box `chunk` of `voxels`, and enter it into the cell."""
    counts = made.counts[index]
    if skip_empty and not voxels[chunk.slices].any():
        counts.skipped += 1
        return
    for number, place in enumerate(job.targets[index].places):
        stored = encode_stored(place, position, voxels, chunk)
        if number == 0:  # the second place of a lossy scale is temporary
            counts.chunks += 1
            counts.nbytes += len(stored)
            if place.checksums:
                made.sums.append((index, Summed(position, crc32c(stored))))
        if place.scale.sharding is None:
            write_unsharded(place, position, stored)
        else:
            made.sharded.append((index, number, chunk_id, stored))


def chunks_of(job: Round, index: int, cell: Box) -> Iterator[tuple[Triple, int]]:
    """Yield position and chunk id of a target's chunks in the cell, ids ascending (0 where no place needs them)."""
    target = job.targets[index]
    shape = target.grid.shape
    positions = in_morton_order(job.owned(index, cell), shape) if target.places else []
    sharded = any(place.scale.sharding is not None for place in target.places)
    ids = (
        compressed_morton_code(np.array(positions).reshape(-1, 3), shape).tolist() if sharded else [0] * len(positions)
    )
    return zip(positions, ids, strict=True)
