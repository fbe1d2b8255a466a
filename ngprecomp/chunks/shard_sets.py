"""All shards of one scale that are being written at the same time."""

from __future__ import annotations

import tempfile
from array import array
from contextlib import ExitStack
from typing import TYPE_CHECKING, Protocol, Self

import numpy as np

from ngprecomp.chunks.shard_writing import ShardWriter
from ngprecomp.format.box import Box, triple
from ngprecomp.format.grid import ceil_div
from ngprecomp.format.shard_location import locate
from ngprecomp.format.sharding import chunks_per_shard

if TYPE_CHECKING:
    from ngprecomp.chunks.place import Place
    from ngprecomp.storage.protocol import Buffer

OPEN_SHARDS = 256  # a quarter of the usual limit of open files


class ShardSet(Protocol):
    """Takes the chunks of a scale in any order and publishes whole shards when it is closed."""

    def add(self, chunk_id: int, stored: Buffer) -> None:
        """Take one chunk as its shard stores it."""

    def close(self) -> None:
        """Publish all shards."""

    def discard(self) -> None:
        """Publish nothing more."""


def shard_set(place: Place, positions: Box, *, spool_dir: str | None = None, durable: bool = False) -> ShardSet:
    """Return a writer for the shards over a box of grid positions, open at once or spooled when they are too many.

    What is `durable` survives a loss of power as soon as it is closed.
    """
    sharding = place.sharding
    shape = chunks_per_shard(sharding, place.grid.shape)
    if shape is None:
        count = 1 << sharding.shard_bits
    else:
        x, y, z = triple(
            ceil_div(hi, step) - lo // step for lo, hi, step in zip(positions.lo, positions.hi, shape, strict=True)
        )
        count = x * y * z
    kind = OpenShards if count <= OPEN_SHARDS else SpooledShards
    return kind(place, spool_dir, durable=durable)


def _writer(place: Place, number: int, spool_dir: str | None, *, durable: bool) -> ShardWriter:
    return ShardWriter(place.store, place.shard_key(number), place.sharding, durable=durable, spool_dir=spool_dir)


class OpenShards:
    """Shards that are all open: each chunk goes to its file at once."""

    def __init__(self, place: Place, spool_dir: str | None = None, *, durable: bool = False) -> None:
        self._place = place
        self._spool_dir = spool_dir
        self._durable = durable
        self._writers: dict[int, ShardWriter] = {}

    def add(self, chunk_id: int, stored: Buffer) -> None:
        """Append a chunk to its shard."""
        numbers, _ = locate(self._place.sharding, np.array([chunk_id], np.uint64))
        number = int(numbers[0])
        if number not in self._writers:
            self._writers[number] = _writer(self._place, number, self._spool_dir, durable=self._durable)
        self._writers[number].add(chunk_id, stored)

    def close(self) -> None:
        """Publish all shards, one by one; if one fails the rest is discarded."""
        with ExitStack() as stack:
            stack.callback(self.discard)
            while self._writers:
                self._writers.pop(next(iter(self._writers))).close()

    def discard(self) -> None:
        """Drop what is not published."""
        while self._writers:
            self._writers.popitem()[1].discard()


class SpooledShards:
    """Shards too many to be open at once: chunks wait in one temporary file and are sorted into shards on close."""

    def __init__(self, place: Place, spool_dir: str | None = None, *, durable: bool = False) -> None:
        self._place = place
        self._spool_dir = spool_dir
        self._durable = durable
        self._spool = tempfile.TemporaryFile(dir=spool_dir)  # noqa: SIM115  `discard` closes it
        self._end = 0
        self._ids, self._starts, self._sizes = array("Q"), array("Q"), array("Q")

    def add(self, chunk_id: int, stored: Buffer) -> None:
        """Append a chunk to the spool."""
        self._spool.write(stored)
        self._ids.append(chunk_id)
        self._starts.append(self._end)
        self._sizes.append(len(stored))
        self._end += len(stored)

    def close(self) -> None:
        """Write the shards, one after the other."""
        try:
            ids = np.frombuffer(self._ids, np.uint64)
            numbers, _ = locate(self._place.sharding, ids)
            order = np.lexsort((ids, numbers))
            bounds = np.flatnonzero(np.diff(numbers[order], prepend=numbers[order[:1]])).tolist()
            for start, end in zip([0, *bounds], [*bounds, len(order)], strict=True):
                if start < end:
                    self._write(int(numbers[order[start]]), order[start:end].tolist())
        finally:
            self.discard()

    def discard(self) -> None:
        """Drop the spool."""
        self._spool.close()

    def _write(self, number: int, members: list[int]) -> None:
        with _writer(self._place, number, self._spool_dir, durable=self._durable) as writer:
            for member in members:
                self._spool.seek(self._starts[member])
                writer.add(self._ids[member], self._spool.read(self._sizes[member]))


class ShardSets:
    """The shard sets of several scales as one context: closed when the block succeeds, discarded when it raises."""

    def __init__(self) -> None:
        self._sets: list[ShardSet] = []

    def open(self, place: Place, positions: Box, *, spool_dir: str | None = None, durable: bool = False) -> ShardSet:
        """Return a new shard set that this context closes."""
        self._sets.append(shard_set(place, positions, spool_dir=spool_dir, durable=durable))
        return self._sets[-1]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with ExitStack() as stack:
            for shards in self._sets:
                stack.callback(shards.close if kind is None else shards.discard)
