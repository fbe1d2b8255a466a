"""Carry all chunks of a scale to another place as they are encoded.

Whatever is carried is looked at on the way, so that damage is an error here and no surprise there: what is compressed
is inflated, which checks its sum; raw and compressed_segmentation are decoded, which costs less than writing the file
(0.18 ms and 0.46 ms for a chunk of 64 x 64 x 64 labels); of a PNG header and checksums are checked, of a JPEG its
header and its end.
"""

from __future__ import annotations

import math
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ngprecomp.chunks.batches import by_shard
from ngprecomp.chunks.checksums import Summed, write_checksums
from ngprecomp.chunks.ordered_map import map_in_order
from ngprecomp.chunks.shard_sets import ShardSets
from ngprecomp.chunks.sharded import ShardFile, open_shard
from ngprecomp.chunks.unsharded import write_unsharded
from ngprecomp.format.box import Box, Triple, triple
from ngprecomp.format.grid import ceil_div
from ngprecomp.format.sharding import chunks_per_shard
from ngprecomp.kernels.crc32c import crc32c
from ngprecomp.kernels.morton import compressed_morton_code
from ngprecomp.pipeline.copies.transfer import Carried, Transfer, carried_chunk, check_stored
from ngprecomp.pipeline.engine.cells import Counts
from ngprecomp.pipeline.engine.elsewhere import Footprint, footprint_task
from ngprecomp.pipeline.engine.footprints import (
    Cut,
    Outcome,
    cut_as_before,
    cut_rounds,
    entry_of,
    footprint_name,
    found_outcome,
    plan_to_json,
)
from ngprecomp.pipeline.engine.rounds import Target, in_morton_order, tiles
from ngprecomp.pipeline.engine.submitting import run_tasks
from ngprecomp.pipeline.engine.units import Demand
from ngprecomp.pipeline.progress import ignore_progress
from ngprecomp.volume.resources import Resources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ngprecomp.chunks.place import Place
    from ngprecomp.pipeline.engine.making import Running
    from ngprecomp.storage.protocol import Writer
    from ngprecomp.volume.reading import Missing

PIECE = 4 << 20  # bytes of a shard that are copied at once


@dataclass(slots=True)
class Moved:
    """What arrived: counts, bytes read, chunks that were absent, footprints that an earlier process had finished.

    `sums` are the checksums of the chunks, if they are wanted.
    """

    counts: Counts = field(default_factory=Counts)
    read_bytes: int = 0
    absent: int = 0
    resumed: int = 0
    sums: list[Summed] = field(default_factory=list)

    def add(self, other: Moved) -> None:
        """Add what arrived elsewhere."""
        self.counts.add(other.counts)
        self.read_bytes += other.read_bytes
        self.absent += other.absent
        self.resumed += other.resumed
        self.sums += other.sums


@dataclass(frozen=True, slots=True)
class Carrier:
    """A transfer and how it is run; `tell` is told the positions of the chunks that are done."""

    transfer: Transfer
    missing: Missing
    running: Running
    threads: Resources
    unit: Triple
    tell: Callable[[Box], None]


def carry(transfer: Transfer, missing: Missing, running: Running, threads: Resources) -> Moved:
    """Carry all chunks of a transfer that goes `as_stored`; what the journal knows as finished is not done again.

    Raises
    ------
    DecodeError
        A chunk is damaged; the sentence names it.
    MissingChunkError
        A chunk is absent and `missing` is ``"error"``.
    OptionError
        The memory is too little for single chunks.
    """
    journal = running.journal
    assert journal is not None, "a copy has a journal"
    cut = _cut(transfer, running)
    journal.begin(running.stage, plan_to_json([cut]))
    entries = journal.entries(running.stage)
    tell = _teller(transfer, running)
    moved = Moved()

    def unfinished() -> Iterator[Footprint]:
        for cells in cut.footprints:
            name = footprint_name(0, cells)
            before = found_outcome(cut.round, cells, entries[name]) if name in entries else None
            if before is None:
                yield footprint_task(cut, name, cells)
            else:
                moved.add(Moved(before.counts[0], resumed=1))
                tell(cut.round.owned(0, cells))

    carried: Iterator[tuple[Footprint, tuple[Moved, dict[str, Any]]]]
    if running.tasks is None:
        carrier = Carrier(transfer, missing, running, threads, cut.unit, tell)
        carried = ((task, _carried(carrier, cut, task)) for task in unfinished())
    else:
        alone = replace(running, journal=None, tasks=None, progress=ignore_progress)
        carried = run_tasks(partial(_carry_elsewhere, transfer, missing, alone, cut), unfinished(), running.tasks)
    for task, (one, entry) in carried:
        journal.record(running.stage, task.name, entry)
        moved.add(one)
        if running.tasks is not None:
            tell(cut.round.owned(0, task.cells))
    return moved


def _carry_elsewhere(
    transfer: Transfer, missing: Missing, running: Running, cut: Cut, task: Footprint
) -> tuple[Moved, dict[str, Any]]:
    """Carry a footprint with threads of its own, in whichever process this is."""
    with closing(Resources(running.workers)) as threads:
        return _carried(Carrier(transfer, missing, running, threads, cut.unit, _tell_nobody), cut, task)


def _tell_nobody(positions: Box) -> None:
    """Let progress be told of whole footprints."""


def _carried(carrier: Carrier, cut: Cut, task: Footprint) -> tuple[Moved, dict[str, Any]]:
    """Carry a footprint; return what arrived, and what the journal keeps of it."""
    positions = cut.round.owned(0, task.cells)
    moved = _carry_footprint(carrier, positions)
    if moved.sums:
        write_checksums(carrier.transfer.target, positions, moved.sums)
        moved.sums.clear()
    return moved, entry_of(cut.round, task.cells, Outcome([moved.counts]))


def _cut(transfer: Transfer, running: Running) -> Cut:
    """Return the footprints in which chunks are carried, as an earlier process has begun them if there was one."""
    target = transfer.target
    targets = [Target(target.grid, (1, 1, 1), (target,))]
    demand = Demand(target.dtype.itemsize * target.num_channels, running.workers, target.grid.chunk)
    plan = running.journal and running.journal.plan(running.stage)
    if plan:
        return cut_as_before(target.grid.domain, targets, "stride", demand, running.memory, plan)[0]
    return cut_rounds(target.grid.domain, targets, "stride", demand, running.memory)[0]


def _teller(transfer: Transfer, running: Running) -> Callable[[Box], None]:
    grid, done = transfer.target.grid, 0

    def tell(positions: Box) -> None:
        nonlocal done
        done += math.prod(grid.cells(positions).size)
        running.progress(done, math.prod(grid.domain.size))

    return tell


def _carry_footprint(carrier: Carrier, positions: Box) -> Moved:
    """Carry the chunks at a box of grid positions that holds whole shards, shard by shard where these are boxes."""
    target = carrier.transfer.target
    shard = None if target.scale.sharding is None else chunks_per_shard(target.scale.sharding, target.grid.shape)
    if shard is None:
        return _carry_chunks(carrier, positions)
    whole = carrier.transfer.whole_shards and not carrier.running.skip_empty
    moved = Moved()
    for part in tiles(positions, shard):
        copied = _copy_shard(carrier, part) if whole else None
        moved.add(copied or _carry_chunks(carrier, part))
    return moved


def _copy_shard(carrier: Carrier, positions: Box) -> Moved | None:
    """Copy a shard byte for byte, and look at all its chunks before it appears.

    None, with nothing written, if it lacks a chunk or holds one that is not its own.
    """
    source, target = carrier.transfer.source, carrier.transfer.target
    ((number, members),) = by_shard(target, positions)
    shard = open_shard(source, number)
    if shard is None:
        return None
    ids, starts, sizes = shard.chunks()
    if ids.tolist() != [chunk_id for chunk_id, _ in members]:
        return None

    def check(chunk: tuple[Triple, bytes]) -> tuple[Triple, list[Summed]]:
        check_stored(source, *chunk)
        return chunk[0], _sums(target, *chunk)

    moved = Moved(Counts(len(members), 0, int(sizes.sum())), shard.stat.size)
    with target.store.writer(target.shard_key(number), durable=True) as writer:
        _append(shard, writer)
        chunks = (
            (position, writer.read(start, size))
            for (_, position), start, size in zip(members, starts.tolist(), sizes.tolist(), strict=True)
        )
        for position, sums in map_in_order(check, chunks, carrier.threads.pool, carrier.running.workers + 1):
            moved.sums += sums
            carrier.tell(Box.of_size((1, 1, 1), position))
    return moved


def _append(shard: ShardFile, writer: Writer) -> None:
    for start in range(0, shard.stat.size, PIECE):
        (piece,) = shard.ranges([start], [min(PIECE, shard.stat.size - start)])
        writer.append(piece)


def _carry_chunks(carrier: Carrier, positions: Box) -> Moved:
    """Carry chunks one by one, in ascending order of their ids."""
    target = carrier.transfer.target
    sharded = target.scale.sharding is not None
    moved = Moved()
    with ShardSets() as sets:
        shards = sets.open(target, positions, spool_dir=carrier.running.spool_dir, durable=True) if sharded else None
        for unit in _units(positions, carrier.unit):
            order = in_morton_order(unit, target.grid.shape)
            ids = compressed_morton_code(np.array(order), target.grid.shape).tolist()
            deliver = partial(_fetch if sharded else _deliver, carrier)
            arrived = map_in_order(deliver, order, carrier.threads.pool, carrier.running.workers + 1)
            for position, chunk_id, (chunk, one) in zip(order, ids, arrived, strict=True):
                if shards is not None and chunk.stored is not None:
                    shards.add(chunk_id, chunk.stored)
                moved.add(one)
                carrier.tell(Box.of_size((1, 1, 1), position))
    return moved


def _units(positions: Box, unit: Triple) -> Iterator[Box]:
    """Cut a box of positions into units, in Morton order."""
    shape = triple(map(ceil_div, positions.size, unit))
    for corner in in_morton_order(Box((0, 0, 0), shape), shape):
        at = triple(lo + number * step for lo, number, step in zip(positions.lo, corner, unit, strict=True))
        yield Box.of_size(unit, at).intersection(positions)


def _fetch(carrier: Carrier, position: Triple) -> tuple[Carried, Moved]:
    """Return a chunk, and what it counts for."""
    transfer, running = carrier.transfer, carrier.running
    chunk = carried_chunk(transfer, position, carrier.missing, carrier.threads.cache, skip_empty=running.skip_empty)
    counts = Counts(0, 1, 0) if chunk.stored is None else Counts(1, 0, len(chunk.stored))
    sums = [] if chunk.stored is None else _sums(transfer.target, position, chunk.stored)
    return chunk, Moved(counts, chunk.read_bytes, int(chunk.absent), sums=sums)


def _deliver(carrier: Carrier, position: Triple) -> tuple[Carried, Moved]:
    """Fetch a chunk that is a file of its own, and write it."""
    chunk, moved = _fetch(carrier, position)
    if chunk.stored is not None:
        write_unsharded(carrier.transfer.target, position, chunk.stored)
    return chunk, moved


def _sums(target: Place, position: Triple, stored: bytes) -> list[Summed]:
    """Return the checksum of a chunk, none if they are not wanted."""
    return [Summed(position, crc32c(stored))] if target.checksums else []
