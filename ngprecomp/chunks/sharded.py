"""Chunks inside shards: shard index, minishard index, byte range (sharded.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ngprecomp.chunks.deflating import inflate_chunk, inflate_index
from ngprecomp.chunks.limits import encoded_limit, minishard_limit, stored_limit
from ngprecomp.errors import ChangedError, DecodeError, KeyNotFoundError
from ngprecomp.format.shard_index import (
    CHUNK_BYTES,
    ENTRY_BYTES,
    MinishardIndex,
    decode_minishard_index,
    decode_shard_index,
)
from ngprecomp.format.shard_location import locate
from ngprecomp.kernels.morton import compressed_morton_code

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from ngprecomp.chunks.cache import LruCache
    from ngprecomp.chunks.place import Place
    from ngprecomp.format.box import Triple
    from ngprecomp.format.sharding import Sharding
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
        return self.minishards({number}, cache).get(number)

    def minishards(self, numbers: set[int], cache: LruCache | None = None) -> dict[int, MinishardIndex]:
        """Return the indices of some minishards by their numbers, without the empty ones."""
        known: dict[int, MinishardIndex] = {}
        for number in numbers:
            cached = cache.get(self._name(number)) if cache else None
            if isinstance(cached, MinishardIndex):
                known[number] = cached
        missing = sorted(numbers - set(known))
        if not missing:
            return known
        # Not bounded by the file: of one that is cut off, the chunks before the cut are still read.
        found = self._indices(missing, file_bytes=None)
        if cache:
            for number, index in found.items():
                cache.add(self._name(number), index, sum(column.nbytes for column in index))
        return known | found

    def chunks(self) -> MinishardIndex:
        """Return all chunks of the shard in ascending order of their ids; none of them may be in a wrong minishard."""
        indices = self._indices(range(self.sharding.minishard_count), file_bytes=self.stat.size)
        for number, index in indices.items():
            self._require_own(number, index)
        columns = zip(_NO_CHUNKS, *indices.values(), strict=True)
        ids, starts, sizes = map(np.concatenate, columns)
        order = np.argsort(ids)
        return MinishardIndex(ids[order], starts[order], sizes[order])

    def require_sound(self, chunk_id: int, start: int, size: int, limit: int) -> None:
        """Refuse a chunk whose stored bytes leave the file or are more than `limit`."""
        if start + size > self.stat.size or size > limit:
            raise DecodeError(
                f"shard {self.key} in {self.place.store.url}: chunk {chunk_id} is listed with {size} bytes from byte "
                f"{start}: expected at most {limit} in a file of {self.stat.size} bytes"
            )

    def name_of(self, chunk_id: int) -> tuple[Hashable, ...]:
        """Return the name of an inflated chunk in a cache."""
        return "chunk", self.key, self.stat.version, chunk_id

    def _name(self, number: int) -> tuple[Hashable, ...]:
        """Return the name of a minishard in a cache."""
        return "minishard", self.key, self.stat.version, number

    def _indices(self, numbers: Sequence[int], *, file_bytes: int | None) -> dict[int, MinishardIndex]:
        """Return the indices of minishards, given in ascending order, by their numbers, without the empty ones."""
        front = ENTRY_BYTES * self.sharding.minishard_count
        limit = minishard_limit(self.place)
        try:
            if self.stat.size < front:
                raise DecodeError(f"expected a shard index of {front} bytes, found a file of {self.stat.size} bytes")
            entries = self._entries(numbers)
            bounds = decode_shard_index(entries, len(numbers), index_bytes=front, file_bytes=self.stat.size)
            used = np.flatnonzero(bounds[:, 0] < bounds[:, 1])
            starts, ends = bounds[used].T
            if (ends - starts).max(initial=0) > stored_limit(CHUNK_BYTES * limit):
                raise DecodeError(
                    f"expected minishards of at most {limit} chunks, found one of {(ends - starts).max()} bytes"
                )
            packed = self.ranges(starts.tolist(), (ends - starts).tolist())
            return {
                numbers[at]: decode_minishard_index(
                    inflate_index(stored, self.sharding, CHUNK_BYTES * limit),
                    front,
                    max_entries=limit,
                    file_bytes=file_bytes,
                )
                for at, stored in zip(used.tolist(), packed, strict=True)
            }
        except DecodeError as error:
            raise DecodeError(f"shard {self.key} in {self.place.store.url}: {error}") from error

    def _entries(self, numbers: Sequence[int]) -> bytes:
        """Return the entries of the shard index for some minishards, read with those between them."""
        first, last = numbers[0], numbers[-1]
        (entries,) = self.ranges([ENTRY_BYTES * first], [ENTRY_BYTES * (last + 1 - first)])
        if len(entries) == ENTRY_BYTES * len(numbers):
            return entries
        begins = (ENTRY_BYTES * (number - first) for number in numbers)
        return b"".join(entries[begin : begin + ENTRY_BYTES] for begin in begins)

    def _require_own(self, number: int, index: MinishardIndex) -> None:
        """Refuse a minishard that lists a chunk of another one: no reader finds it there."""
        _, minishards = locate(self.sharding, index.ids)
        foreign = index.ids[minishards != np.uint64(number)]
        if foreign.size:
            raise DecodeError(
                f"shard {self.key} in {self.place.store.url}: chunk {foreign[0]} is listed in minishard {number}, "
                f"where it does not belong"
            )


_NO_CHUNKS = MinishardIndex(np.zeros(0, np.uint64), np.zeros(0, np.int64), np.zeros(0, np.int64))


def open_shard(place: Place, number: int) -> ShardFile | None:
    """Return the shard as it is now, None if it is absent."""
    key = place.shard_key(number)
    try:
        return ShardFile(place, place.sharding, key, place.store.stat(key))
    except KeyNotFoundError:
        return None


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A chunk by position, id and minishard, and the bytes that it has at most when it is inflated."""

    position: Triple
    chunk_id: int
    minishard: int
    limit: int


def read_sharded(place: Place, position: Triple, cache: LruCache | None = None) -> bytes | None:
    """Return the bytes of a chunk as its shard stores them, None if the chunk or its shard is absent."""
    return read_together(place, [position], cache)[0]


def read_together(
    place: Place, positions: Sequence[Triple], cache: LruCache | None = None, *, inflate: bool = False
) -> list[bytes | None]:
    """Return the bytes of chunks of one shard as it stores them, or inflated; None for those that are absent.

    What of them lies together is read together; inflated chunks are kept in the cache. A shard that is replaced between
    two looks at it is looked at again.

    Raises
    ------
    DecodeError
        The shard, an index or what it says of a chunk is damaged; the sentence names that chunk, or the first one.
    """
    ids = compressed_morton_code(positions, place.grid.shape)
    numbers, minishards = locate(place.sharding, ids)
    number = int(numbers[0])
    assert np.all(numbers == numbers[0]), "the chunks lie in several shards"
    limits = [encoded_limit(place, position) for position in positions]
    wanted = list(map(_Wanted, positions, ids.tolist(), minishards.tolist(), limits))
    for _ in range(ATTEMPTS - 1):
        try:
            return _read_once(place, number, wanted, cache, inflate=inflate)
        except (KeyNotFoundError, ChangedError):
            continue
    return _read_once(place, number, wanted, cache, inflate=inflate)


def _read_once(
    place: Place, number: int, wanted: list[_Wanted], cache: LruCache | None, *, inflate: bool
) -> list[bytes | None]:
    shard = open_shard(place, number)
    if shard is None:
        return [None] * len(wanted)
    read = [_kept(cache, shard.name_of(one.chunk_id)) if cache and inflate else None for one in wanted]
    left = [at for at, one in enumerate(read) if one is None]
    if not left:
        return read
    with place.naming(wanted[left[0]].position):
        indices = shard.minishards({wanted[at].minishard for at in left}, cache)
    found: dict[int, tuple[int, int]] = {}
    for at in left:
        one = wanted[at]
        listed = indices[one.minishard].find(one.chunk_id) if one.minishard in indices else None
        if listed is not None:
            with place.naming(one.position):
                shard.require_sound(one.chunk_id, *listed, stored_limit(one.limit))
            found[at] = listed
    parts = shard.ranges([start for start, _ in found.values()], [size for _, size in found.values()]) if found else []
    for at, part in zip(found, parts, strict=True):
        read[at] = _inflated(shard, wanted[at], part, cache) if inflate else part
    return read


def _inflated(shard: ShardFile, one: _Wanted, stored: bytes, cache: LruCache | None) -> bytes:
    with shard.place.naming(one.position):
        inflated = inflate_chunk(shard.place, stored, one.limit)
    if cache:
        cache.add(shard.name_of(one.chunk_id), inflated, len(inflated))
    return inflated


def _kept(cache: LruCache, name: tuple[Hashable, ...]) -> bytes | None:
    kept = cache.get(name)
    return kept if isinstance(kept, bytes) else None
