"""Chunks inside shards: shard index, minishard index, byte range (sharded.md)."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate, repeat
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
    from collections.abc import Hashable, Iterator, Sequence

    from ngprecomp.chunks.cache import LruCache
    from ngprecomp.chunks.place import Place
    from ngprecomp.format.box import Triple
    from ngprecomp.format.sharding import Sharding
    from ngprecomp.storage.protocol import Stat

ATTEMPTS = 5
# Bytes. Chunks that are taken a few at a time from the same memory cost no page faults: 512 of 256 kB took 460 ms of
# the processors, 580 four by four.
LOCAL_READ = 1 << 19


@dataclass(frozen=True, slots=True)
class ShardFile:
    """One version of a shard: what was looked up in it stays valid while the version is the same."""

    place: Place
    sharding: Sharding
    key: str
    stat: Stat

    def ranges(self, starts: Sequence[int], lengths: Sequence[int]) -> list[bytes]:
        """Return byte ranges of this version."""
        return self.place.store.get_ranges(self.key, starts, lengths, if_version=self.stat.version)

    def stream(self, starts: Sequence[int], lengths: Sequence[int]) -> Iterator[bytes]:
        """Yield byte ranges of this version; a remote store is asked once, on a disk `LOCAL_READ` are read at once."""
        held = math.inf if self.place.store.remote else LOCAL_READ
        ends = list(accumulate(lengths))
        first = 0
        while first < len(ends):
            end = max(first + 1, bisect_right(ends, ends[first] - lengths[first] + held))
            yield from self.ranges(starts[first:end], lengths[first:end])
            first = end

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
    return next(read_together(place, [position], cache))


def read_together(
    place: Place, positions: Sequence[Triple], cache: LruCache | None = None, *, inflate: bool = False
) -> Iterator[bytes | None]:
    """Yield the bytes of chunks of one shard as it stores them, or inflated; None for those that are absent.

    They are looked up together and read a few at a time; inflated chunks are kept in the cache. A shard that is
    replaced between two looks at it is looked at again.

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
    done, failed = 0, 0
    while done < len(wanted):
        try:
            for read in _read_once(place, number, wanted[done:], cache, inflate=inflate):
                done += 1
                yield read
        except (KeyNotFoundError, ChangedError):
            failed += 1
            if failed == ATTEMPTS:
                raise


def _read_once(
    place: Place, number: int, wanted: Sequence[_Wanted], cache: LruCache | None, *, inflate: bool
) -> Iterator[bytes | None]:
    shard = open_shard(place, number)
    if shard is None:
        yield from repeat(None, len(wanted))
        return
    kept = [_kept(cache, shard.name_of(one.chunk_id)) if cache and inflate else None for one in wanted]
    left = [one for one, chunk in zip(wanted, kept, strict=True) if chunk is None]
    listed = _listed(shard, left, cache) if left else {}
    stored = shard.stream([start for start, _ in listed.values()], [size for _, size in listed.values()])
    for one, chunk in zip(wanted, kept, strict=True):
        if one.chunk_id not in listed:
            yield chunk
        elif inflate:
            yield _inflated(shard, one, next(stored), cache)
        else:
            yield next(stored)


def _listed(shard: ShardFile, wanted: list[_Wanted], cache: LruCache | None) -> dict[int, tuple[int, int]]:
    """Return where the stored bytes of chunks begin and how many they are, by id and in their order."""
    with shard.place.naming(wanted[0].position):
        indices = shard.minishards({one.minishard for one in wanted}, cache)
    listed: dict[int, tuple[int, int]] = {}
    for one in wanted:
        bounds = indices[one.minishard].find(one.chunk_id) if one.minishard in indices else None
        if bounds is not None:
            with shard.place.naming(one.position):
                shard.require_sound(one.chunk_id, *bounds, stored_limit(one.limit))
            listed[one.chunk_id] = bounds
    return listed


def _inflated(shard: ShardFile, one: _Wanted, stored: bytes, cache: LruCache | None) -> bytes:
    with shard.place.naming(one.position):
        inflated = inflate_chunk(shard.place, stored, one.limit)
    if cache:
        cache.add(shard.name_of(one.chunk_id), inflated, len(inflated))
    return inflated


def _kept(cache: LruCache, name: tuple[Hashable, ...]) -> bytes | None:
    kept = cache.get(name)
    return kept if isinstance(kept, bytes) else None
