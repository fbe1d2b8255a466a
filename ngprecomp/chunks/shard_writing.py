"""Shards written as a stream: chunks as they come, then the minishard indices, the shard index at the front last."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

import numpy as np

from ngprecomp.chunks.deflating import deflate_index
from ngprecomp.errors import StorageError
from ngprecomp.format.shard_index import encode_minishard_index, encode_shard_index
from ngprecomp.format.shard_location import locate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ngprecomp.format.sharding import Sharding
    from ngprecomp.storage.protocol import Buffer, Store, Writer


class ShardWriter:
    """One shard file in the making; memory is 24 bytes a chunk, whatever the size of the shard.

    Chunks may come in any order; the finished file holds them in ascending order of their ids, so its bytes depend
    on the chunks alone (volume.md, "Sharded chunk storage").
    """

    def __init__(
        self, store: Store, key: str, sharding: Sharding, *, durable: bool = False, spool_dir: str | None = None
    ) -> None:
        self._store = store
        self._key = key
        self._sharding = sharding
        self._durable = durable
        self._spool_dir = spool_dir
        self._index_bytes = 16 << sharding.minishard_bits
        self._ids, self._starts, self._sizes = array("Q"), array("Q"), array("Q")
        self._writer = self._begin()

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, chunk_id: int, stored: Buffer) -> None:
        """Append one chunk as its shard stores it (already compressed if the sharding says so)."""
        start = self._writer.append(stored)
        self._ids.append(chunk_id)
        self._starts.append(start)
        self._sizes.append(len(stored))

    def close(self) -> None:
        """Write the indices and publish the shard; one without chunks leaves no file behind."""
        if not self._ids:
            self.discard()
            self._store.delete([self._key])
            return
        try:
            ids = np.frombuffer(self._ids, np.uint64)
            if not np.all(ids[1:] > ids[:-1]):
                self._sort(np.argsort(ids, kind="stable"))
            self._write_indices()
        except BaseException:
            self.discard()
            raise
        self._writer.publish()

    def discard(self) -> None:
        """Leave what was under the key before."""
        self._writer.discard()

    def _begin(self) -> Writer:
        writer = self._store.writer(self._key, durable=self._durable, spool_dir=self._spool_dir)
        writer.append(bytes(self._index_bytes))
        return writer

    def _sort(self, order: NDArray[np.intp]) -> None:
        """Copy the chunks into a second temporary in ascending order of their ids."""
        unsorted, self._writer = self._writer, self._begin()
        try:
            ids, starts, sizes = self._ids, self._starts, self._sizes
            self._ids, self._starts, self._sizes = array("Q"), array("Q"), array("Q")
            for at in order:
                if self._ids and self._ids[-1] == ids[at]:
                    raise StorageError(f"chunk {ids[at]} was written twice to shard {self._key} in {self._store.url}")
                self.add(ids[at], unsorted.read(starts[at], sizes[at]))
        finally:
            unsorted.discard()

    def _write_indices(self) -> None:
        ids = np.frombuffer(self._ids, np.uint64)
        starts = np.frombuffer(self._starts, np.uint64)
        sizes = np.frombuffer(self._sizes, np.uint64)
        _, minishards = locate(self._sharding, ids)
        grouped = np.argsort(minishards, kind="stable")
        bounds = np.searchsorted(minishards[grouped], np.arange((1 << self._sharding.minishard_bits) + 1))
        entries: NDArray[np.uint64] = np.zeros((1 << self._sharding.minishard_bits, 2), np.uint64)
        for minishard in np.flatnonzero(np.diff(bounds)):
            members = grouped[bounds[minishard] : bounds[minishard + 1]]
            index = encode_minishard_index(ids[members], starts[members], sizes[members], self._index_bytes)
            packed = deflate_index(index, self._sharding)
            start = self._writer.append(packed)
            entries[minishard] = start, start + len(packed)
        self._writer.patch(0, encode_shard_index(entries))

    def __enter__(self) -> ShardWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: Any) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()
