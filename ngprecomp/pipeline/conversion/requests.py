"""How many requests a conversion makes of a bucket, by the classes in which providers count them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ngprecomp.chunks.batches import REMOTE_BYTES
from ngprecomp.format.grid import ceil_div
from ngprecomp.format.sharding import shard_count
from ngprecomp.storage.cloud import LARGEST_PUT, PAGE, PART_BYTES

if TYPE_CHECKING:
    from ngprecomp.format.box import Triple
    from ngprecomp.format.scale import Scale


@dataclass(frozen=True, slots=True)
class Requests:
    """Requests of a job that begins anew and is not interrupted, without the few dozen that every job makes.

    Class A (``put``, ``list``) is what providers charge most for, class B (``get``, ``head``) a tenth of that;
    ``delete`` is free.
    """

    put: int = 0
    list: int = 0
    get: int = 0
    head: int = 0
    delete: int = 0

    def __add__(self, other: Requests) -> Requests:
        return Requests(
            self.put + other.put,
            self.list + other.list,
            self.get + other.get,
            self.head + other.head,
            self.delete + other.delete,
        )

    def __str__(self) -> str:
        return (
            f"{self.put + self.list:,} of class A ({self.put:,} PUT, {self.list:,} LIST), "
            f"{self.get + self.head:,} of class B ({self.get:,} GET, {self.head:,} HEAD), {self.delete:,} DELETE"
        )


def writing_requests(scale: Scale, nbytes: int) -> Requests:
    """Return what storing a scale of so many bytes takes: chunks one by one, or shards, which are counted at the end.

    A chunk also removes what may lie under its other names; a shard is looked at when its footprint is recorded.
    """
    if scale.sharding is None:
        chunks = math.prod(scale.grid.shape)
        return Requests(put=chunks, delete=chunks)
    shards = shard_count(scale.sharding, scale.grid.shape)
    size = ceil_div(nbytes, max(1, shards))
    parts = 1 if size <= LARGEST_PUT else 2 + ceil_div(size, PART_BYTES)
    return Requests(put=shards * parts, list=ceil_div(shards, PAGE), head=shards)


def recording_requests(footprints: int) -> Requests:
    """Return what noting finished footprints in the journal takes, and removing the notes at the end."""
    pages = ceil_div(footprints, PAGE)
    return Requests(put=footprints, list=pages, delete=pages)


def reading_requests(scale: Scale, voxel_bytes: int, at_once: Triple, times: float) -> Requests:
    """Return what reading a scale takes in boxes of `at_once` voxels, each chunk so many times on average.

    Of a shard the chunks that are wanted together come by one request, after a look at its version; the index of a
    minishard takes two, once.
    """
    chunks = round(times * math.prod(scale.grid.shape))
    if scale.sharding is None:
        return Requests(get=chunks)
    touched = math.prod(map(ceil_div, at_once, scale.chunk_size))
    chunk_bytes = voxel_bytes * math.prod(scale.chunk_size)
    together = max(1, min(REMOTE_BYTES // chunk_bytes, touched))
    looks = ceil_div(chunks, together)
    shards = shard_count(scale.sharding, scale.grid.shape)
    return Requests(get=looks + 2 * shards * scale.sharding.minishard_count, head=looks)
