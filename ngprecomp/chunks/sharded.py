"""Chunks inside shards: shard index, minishard index, byte range (sharded.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ngprecomp.chunks.deflating import inflate_index
from ngprecomp.errors import ChangedError, DecodeError, KeyNotFoundError
from ngprecomp.format.shard_index import (
    CHUNK_BYTES,
    ENTRY_BYTES,
    MinishardIndex,
    decode_minishard_index,
    decode_shard_index,
)
from ngprecomp.format.sharding import Sharding, locate, max_chunks_per_minishard
from ngprecomp.kernels.morton import compressed_morton_code

if TYPE_CHECKING:
    from ngprecomp.chunks.cache import LruCache
    from ngprecomp.chunks.place import Place
    from ngprecomp.format.box import Triple
    from ngprecomp.storage.protocol import Stat

ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class ShardFile:
    """One version of a shard: what was looked up in it stays valid while the version is the same."""

    place: Place
    sharding: Sharding
    key: str
    stat: Stat

    def ranges(self, starts: list[int], lengths: list[int]) -> list[bytes]:
        """Return byte ranges of this version."""
        return self.place.store.get_ranges(self.key, starts, lengths, if_version=self.stat.version)

    def minishard(self, number: int, cache: LruCache | None = None) -> MinishardIndex | None:
        """Return the index of a minishard, None if it is empty."""
        name = ("minishard", self.key, self.stat.version, number)
        cached = cache.get(name) if cache else None
        if isinstance(cached, MinishardIndex):
            return cached
        found = self._indices(number, 1)
        if not found:
            return None
        if cache:
            cache.add(name, found[0], sum(column.nbytes for column in found[0]))
        return found[0]

    def chunks(self) -> MinishardIndex:
        """Return all chunks of the shard in ascending order of their ids."""
        columns = zip(_NO_CHUNKS, *self._indices(0, self.sharding.minishard_count), strict=True)
        ids, starts, sizes = map(np.concatenate, columns)
        order = np.argsort(ids)
        return MinishardIndex(ids[order], starts[order], sizes[order])

    def _indices(self, first: int, count: int) -> list[MinishardIndex]:
        """Return the indices of `count` minishards from `first` on, without the empty ones."""
        front = ENTRY_BYTES * self.sharding.minishard_count
        limit = max_chunks_per_minishard(self.sharding, self.place.grid.shape)
        try:
            if self.stat.size < front:
                raise DecodeError(f"expected a shard index of {front} bytes, found a file of {self.stat.size} bytes")
            entries = self.ranges([ENTRY_BYTES * first], [ENTRY_BYTES * count])[0]
            bounds = decode_shard_index(entries, count, index_bytes=front, file_bytes=self.stat.size)
            starts, ends = bounds[bounds[:, 0] < bounds[:, 1]].T
            return [
                decode_minishard_index(
                    inflate_index(stored, self.sharding, CHUNK_BYTES * limit),
                    front,
                    max_entries=limit,
                    file_bytes=self.stat.size,
                )
                for stored in self.ranges(starts.tolist(), (ends - starts).tolist())
            ]
        except DecodeError as error:
            raise DecodeError(f"shard {self.key} in {self.place.store.url}: {error}") from error


_NO_CHUNKS = MinishardIndex(np.zeros(0, np.uint64), np.zeros(0, np.int64), np.zeros(0, np.int64))


def open_shard(place: Place, number: int) -> ShardFile | None:
    """Return the shard as it is now, None if it is absent."""
    key = place.shard_key(number)
    try:
        return ShardFile(place, place.sharding, key, place.store.stat(key))
    except KeyNotFoundError:
        return None


def read_sharded(place: Place, position: Triple, cache: LruCache | None = None) -> bytes | None:
    """Return the bytes of a chunk as its shard stores them, None if the chunk or its shard is absent.

    A shard that is replaced between two looks at it is looked at again.
    """
    ids = compressed_morton_code([position], place.grid.shape)
    numbers, minishards = locate(place.sharding, ids)
    wanted = int(numbers[0]), int(minishards[0]), int(ids[0])
    for _ in range(ATTEMPTS - 1):
        try:
            return _read_once(place, *wanted, cache)
        except (KeyNotFoundError, ChangedError):
            continue
    return _read_once(place, *wanted, cache)


def _read_once(place: Place, number: int, minishard: int, chunk_id: int, cache: LruCache | None) -> bytes | None:
    shard = open_shard(place, number)
    index = shard.minishard(minishard, cache) if shard else None
    found = index.find(chunk_id) if index else None
    if shard is None or found is None:
        return None
    return shard.ranges([found[0]], [found[1]])[0]
