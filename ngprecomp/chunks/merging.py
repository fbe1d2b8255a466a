"""Changes to some chunks of a shard: a new shard streamed from the old one and the changes."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from ngprecomp.chunks.shard_writing import ShardWriter
from ngprecomp.chunks.sharded import ShardFile, open_shard

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ngprecomp.chunks.place import Place

Change = tuple[int, bytes | None]
COPY_BYTES = 8 << 20


def merge_shard(
    place: Place, number: int, changes: Iterable[Change], *, ordered: bool = True, durable: bool = False
) -> None:
    """Replace, add and remove (None) chunks of a shard; the others are copied as they are stored.

    Changes that are `ordered` come in ascending order of their chunk ids; others are sorted on the disk, which takes
    one more copy. Memory is one change and `COPY_BYTES`. The caller holds the lock of the shard's key.
    """
    changes = iter(changes)
    first = next(changes, None)
    if first is None:
        return
    shard = open_shard(place, number)
    kept = _kept(shard) if shard else iter(())
    join = _merged if ordered else _appended
    with ShardWriter(place.store, place.shard_key(number), place.sharding, durable=durable) as writer:
        for chunk_id, stored in join(kept, chain([first], changes)):
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


def _appended(kept: Iterator[Change], changes: Iterator[Change]) -> Iterator[Change]:
    """Yield the changes as they come, then the chunks that they leave alone."""
    changed: set[int] = set()
    for change in changes:
        changed.add(change[0])
        yield change
    yield from (old for old in kept if old[0] not in changed)


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
