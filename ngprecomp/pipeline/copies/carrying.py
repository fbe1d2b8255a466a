"""Carry all chunks of a scale to another place as they are encoded.

Whatever is carried is looked at on the way, so that damage is an error here and no surprise there: what is compressed
is inflated, which checks its sum; raw and compressed_segmentation are decoded, which costs less than writing the file
(0.18 ms and 0.46 ms for a chunk of 64 x 64 x 64 labels); of a PNG header and checksums are checked, of a JPEG its
header and its end.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ngprecomp.chunks.batches import by_shard
from ngprecomp.chunks.ordered_map import map_in_order
from ngprecomp.chunks.shard_sets import ShardSets
from ngprecomp.chunks.sharded import ShardFile, open_shard
from ngprecomp.chunks.unsharded import write_unsharded
from ngprecomp.format.box import Box, Triple, triple
from ngprecomp.format.grid import ceil_div
from ngprecomp.format.sharding import chunks_per_shard
from ngprecomp.kernels.morton import compressed_morton_code
from ngprecomp.pipeline.copies.transfer import Carried, Transfer, carried_chunk, check_stored
from ngprecomp.pipeline.engine.cells import Counts
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
from ngprecomp.pipeline.engine.planning import Demand
from ngprecomp.pipeline.engine.rounds import Target, in_morton_order, tiles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ngprecomp.pipeline.engine.making import Running
    from ngprecomp.storage.protocol import Writer
    from ngprecomp.volume.reading import Missing
    from ngprecomp.volume.resources import Resources

PIECE = 4 << 20  # bytes of a shard that are copied at once


@dataclass(slots=True)
class Moved:
    """What arrived: counts, bytes read, chunks that were absent, footprints that an earlier process had finished."""

    counts: Counts = field(default_factory=Counts)
    read_bytes: int = 0
    absent: int = 0
    resumed: int = 0

    def add(self, other: Moved) -> None:
        """Add what arrived elsewhere."""
        self.counts.add(other.counts)
        self.read_bytes += other.read_bytes
        self.absent += other.absent
        self.resumed += other.resumed


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
    carrier = Carrier(transfer, missing, running, threads, cut.unit, _teller(transfer, running))
    moved = Moved()
    for footprint in cut.footprints:
        name, positions = footprint_name(0, footprint), cut.round.owned(0, footprint)
        before = found_outcome(cut.round, footprint, entries[name]) if name in entries else None
        if before is None:
            one = _carry_footprint(carrier, positions)
            journal.record(running.stage, name, entry_of(cut.round, footprint, Outcome([one.counts])))
        else:
            one = Moved(before.counts[0], resumed=1)
            carrier.tell(positions)
        moved.add(one)
    return moved


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

    def check(chunk: tuple[Triple, bytes]) -> Triple:
        check_stored(source, *chunk)
        return chunk[0]

    with target.store.writer(target.shard_key(number), durable=True) as writer:
        _append(shard, writer)
        chunks = (
            (position, writer.read(start, size))
            for (_, position), start, size in zip(members, starts.tolist(), sizes.tolist(), strict=True)
        )
        for position in map_in_order(check, chunks, carrier.threads.pool, carrier.running.workers + 1):
            carrier.tell(Box.of_size((1, 1, 1), position))
    return Moved(Counts(len(members), 0, int(sizes.sum())), shard.stat.size)


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
            for position, chunk_id, chunk in zip(order, ids, arrived, strict=True):
                if shards is not None and chunk.stored is not None:
                    shards.add(chunk_id, chunk.stored)
                moved.add(_moved(chunk))
                carrier.tell(Box.of_size((1, 1, 1), position))
    return moved


def _units(positions: Box, unit: Triple) -> Iterator[Box]:
    """Cut a box of positions into units, in Morton order."""
    shape = triple(map(ceil_div, positions.size, unit))
    for corner in in_morton_order(Box((0, 0, 0), shape), shape):
        at = triple(lo + number * step for lo, number, step in zip(positions.lo, corner, unit, strict=True))
        yield Box.of_size(unit, at).intersection(positions)


def _fetch(carrier: Carrier, position: Triple) -> Carried:
    return carried_chunk(
        carrier.transfer,
        position,
        carrier.missing,
        carrier.threads.cache,
        skip_empty=carrier.running.skip_empty,
    )


def _deliver(carrier: Carrier, position: Triple) -> Carried:
    """Fetch a chunk that is a file of its own, and write it."""
    chunk = _fetch(carrier, position)
    if chunk.stored is not None:
        write_unsharded(carrier.transfer.target, position, chunk.stored)
    return chunk


def _moved(chunk: Carried) -> Moved:
    counts = Counts(0, 1, 0) if chunk.stored is None else Counts(1, 0, len(chunk.stored))
    return Moved(counts, chunk.read_bytes, int(chunk.absent))
