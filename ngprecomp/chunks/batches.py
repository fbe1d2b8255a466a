"""Which chunks are read or written together: those of one shard, and as many as are worth a thread's while."""

from __future__ import annotations

import math
from itertools import groupby, islice
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from ngprecomp.format.grid import ceil_div, positions_in
from ngprecomp.format.shard_location import locate
from ngprecomp.kernels.morton import compressed_morton_code

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ngprecomp.chunks.place import Place
    from ngprecomp.format.box import Box, Triple

T = TypeVar("T")

# Of raw voxels. Half as much asks a server for twice as many ranges; twice as much leaves threads without work.
REMOTE_BYTES = 4 << 20
# Of raw voxels, on disks: little is saved by asking for much, and what is held at once shall stay in the cache. In
# portions of 8 MiB images of 64 x 64 x 64 voxels take 33,000 page faults for 128 MiB, in these 600.
LOCAL_BYTES = 1 << 20
# Labels: a tenth of this at most is stored, and blocks are decoded at 10 GB/s.
LOCAL_LABEL_BYTES = 8 << 20


def reading_threads(place: Place, touched: Box, threads: int) -> int:
    """Return how many of some threads are worth their while to read the touched chunks.

    One is, for two portions on a disk that decode quickly: to hand one of them to another thread made 100 cutouts of
    64 x 64 x 64 labels take 123 ms of the processors in place of 89, and no less time.
    """
    sharding = place.scale.sharding
    inflated = sharding is not None and sharding.data_encoding != "raw"
    quick = _labels(place) or (place.scale.encoding == "raw" and not inflated)
    few = math.prod(touched.size) <= 2 * _portion(place)
    return 1 if quick and few and not place.store.remote else threads


def by_shard(place: Place, touched: Box) -> Iterator[tuple[int, list[tuple[int, Triple]]]]:
    """Yield each shard's number with its touched chunks as (id, position) in ascending order of their ids."""
    if touched.empty:
        return
    positions = list(positions_in(touched))
    ids = compressed_morton_code(positions, place.grid.shape)
    numbers, _ = locate(place.sharding, ids)
    order = np.lexsort((ids, numbers)).tolist()
    for number, members in groupby(order, key=lambda at: int(numbers[at])):
        yield number, [(int(ids[at]), positions[at]) for at in members]


def batches(place: Place, touched: Box, threads: int) -> Iterator[list[Triple]]:
    """Yield the positions of touched chunks in the portions in which they are best read by some threads.

    That is some neighbours in one shard or folder, on a disk few enough that each thread has some; a remote store is
    asked for as much of a shard as one request is worth, and for each chunk by itself where it is an object.
    """
    remote, count = place.store.remote, _portion(place)
    if not remote:
        count = min(count, ceil_div(math.prod(touched.size), threads))
    if place.scale.sharding is None:
        yield from _portions(positions_in(touched), 1 if remote else count)
        return
    for _, members in by_shard(place, touched):
        yield from _portions((position for _, position in members), count)


def encoding_portions(place: Place, chunks: Iterable[T]) -> Iterator[list[T]]:
    """Yield chunks in the portions in which they are best encoded: one by one, if they are not small."""
    return _portions(iter(chunks), _chunks_in(place, LOCAL_BYTES))


def _portion(place: Place) -> int:
    """Return how many chunks are best read at once."""
    if place.store.remote:
        return _chunks_in(place, REMOTE_BYTES)
    return _chunks_in(place, LOCAL_LABEL_BYTES if _labels(place) else LOCAL_BYTES)


def _labels(place: Place) -> bool:
    return place.scale.encoding == "compressed_segmentation"


def _chunks_in(place: Place, nbytes: int) -> int:
    return max(1, nbytes // (math.prod(place.scale.chunk_size) * place.num_channels * place.dtype.itemsize))


def _portions(items: Iterator[T], count: int) -> Iterator[list[T]]:
    """Yield lists of `count` items, the last of what is left."""
    while portion := list(islice(items, count)):
        yield portion
