"""Which chunks are read or written together: those of one shard, and as many as are worth a thread's while."""

from __future__ import annotations

import math
from itertools import groupby, islice, zip_longest
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from ngprecomp.format.box import Box, Triple
from ngprecomp.format.grid import ceil_div, positions_in
from ngprecomp.format.shard_location import locate
from ngprecomp.kernels.morton import compressed_morton_code

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ngprecomp.chunks.place import Place

T = TypeVar("T")
Shard = tuple[int, list[tuple[int, Triple]]]

# Of raw voxels. Half as much asks a server for twice as many ranges; twice as much leaves threads without work.
REMOTE_BYTES = 4 << 20
# Of raw voxels, on disks: what is less is not worth a thread's while. Labels are decoded at 10 GB/s.
LOCAL_BYTES = 1 << 20
LOCAL_LABEL_BYTES = 8 << 20
# Of each thread, on disks: enough for threads to end together, few enough that a shard is seldom looked up again.
PORTIONS = 16
LONGEST = 8  # times what is worth a thread's while: what has begun is waited for when a read is given up


def reading_threads(place: Place, touched: Box, threads: int) -> int:
    """Return how many of some threads are worth their while to read the touched chunks.

    One is, for two portions on a disk that decode quickly: to hand one of them to another thread made 100 cutouts of
    64 x 64 x 64 labels take 123 ms of the processors in place of 89, and no less time.
    """
    quick = _labels(place) or stored_raw(place)
    few = math.prod(touched.size) <= 2 * _portion(place)
    return 1 if quick and few and not place.store.remote else threads


def stored_raw(place: Place) -> bool:
    """Whether to decode a chunk is to copy it, unless its file is compressed."""
    sharding = place.scale.sharding
    return place.scale.encoding == "raw" and (sharding is None or sharding.data_encoding == "raw")


def by_shard(place: Place, touched: Box) -> Iterator[Shard]:
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
    asked for as much of a shard as one request is worth, and for each chunk by itself where it is an object. Portions
    come in turn from as many stretches as there are threads: two that write to the same large page for the first time
    both clear it, as they did with 340 of the 512 of 1 GiB of labels.
    """
    remote, count = place.store.remote, _portion(place)
    if not remote:
        share = ceil_div(math.prod(touched.size), threads)
        count = min(share, max(count, ceil_div(share, PORTIONS)), LONGEST * count)
    if place.scale.sharding is None:
        stretches = [_portions(positions_in(slab), 1 if remote else count) for slab in _slabs(touched, threads)]
    else:
        shards = list(by_shard(place, touched))
        share = ceil_div(len(shards), threads)
        stretches = [_portions_of_shards(part, count) for part in _portions(iter(shards), share)]
    for in_turn in zip_longest(*stretches):
        yield from filter(None, in_turn)


def _slabs(touched: Box, count: int) -> Iterator[Box]:
    """Yield a box of positions in at most so many parts along z."""
    (x0, y0, z0), (x1, y1, z1) = touched.lo, touched.hi
    depth = ceil_div(z1 - z0, count)
    for z in range(z0, z1, depth or 1):
        yield Box((x0, y0, z), (x1, y1, min(z + depth, z1)))


def _portions_of_shards(shards: Iterable[Shard], count: int) -> Iterator[list[Triple]]:
    """Yield the positions in some shards, portions of one shard each."""
    for _, members in shards:
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
