"""Changes to some chunks of a shard: a new shard streamed from the old one and the changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ngprecomp.chunks.shard_writing import ShardWriter
from ngprecomp.chunks.sharded import ShardFile, open_shard

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ngprecomp.chunks.place import Place

Change = tuple[int, bytes | None]
COPY_BYTES = 8 << 20


def merge_shard(place: Place, number: int, changes: Iterable[Change], *, durable: bool = False) -> None:
    """Replace, add and remove (None) chunks of a shard; the others are copied as they are stored.

    `changes` come in ascending order of their chunk ids; memory is one change and `COPY_BYTES`. The caller holds the
    lock of the shard's key.
    """
    shard = open_shard(place, number)
    with ShardWriter(place.store, place.shard_key(number), place.sharding, durable=durable) as writer:
        for chunk_id, stored in _merged(_kept(shard) if shard else iter(()), iter(changes)):
            if stored is not None:
                writer.add(chunk_id, stored)


def _kept(shard: ShardFile) -> Iterator[Change]:
    """Yield all chunks of a shard in ascending order of their ids, read `COPY_BYTES` at a time."""
    ids, starts, sizes = shard.chunks()
    ends = np.cumsum(sizes)
    first = 0
    while first < len(ids):
        held = ends[first] - sizes[first] + COPY_BYTES
        end = max(first + 1, int(np.searchsorted(ends, held, side="right")))
        parts = shard.ranges(starts[first:end].tolist(), sizes[first:end].tolist())
        yield from zip(ids[first:end].tolist(), parts, strict=True)
        first = end


def _merged(kept: Iterator[Change], changes: Iterator[Change]) -> Iterator[Change]:
    """Merge two streams of ascending ids; where both have a chunk the change wins."""
    old, new = next(kept, None), next(changes, None)
    while old is not None or new is not None:
        if new is None or (old is not None and old[0] < new[0]):
            assert old is not None
            yield old
            old = next(kept, None)
        else:
            if old is not None and old[0] == new[0]:
                old = next(kept, None)
            yield new
            new = next(changes, None)
