"""Chunks that belong together because they lie in one shard."""

from __future__ import annotations

import math
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from ngprecomp.format.grid import positions_in
from ngprecomp.format.sharding import locate
from ngprecomp.kernels.morton import compressed_morton_code

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ngprecomp.chunks.place import Place
    from ngprecomp.format.box import Box, Triple

# Of raw voxels. Half as much asks a server for twice as many ranges; twice as much leaves threads without work.
BATCH_BYTES = 4 << 20


def by_shard(place: Place, touched: Box) -> Iterator[tuple[int, list[tuple[int, Triple]]]]:
    """Yield each shard's number with its touched chunks as (id, position) in ascending order of their ids."""
    positions = list(positions_in(touched))
    ids = compressed_morton_code(positions, place.grid.shape)
    numbers, _ = locate(place.sharding, ids)
    order = np.lexsort((ids, numbers)).tolist()
    for number, members in groupby(order, key=lambda at: int(numbers[at])):
        yield number, [(int(ids[at]), positions[at]) for at in members]


def batches(place: Place, touched: Box) -> Iterator[list[Triple]]:
    """Yield the positions of touched chunks in the portions in which they are best read.

    That is one by one, except for the shards of a remote store: there about `BATCH_BYTES` of neighbours.
    """
    if place.scale.sharding is None or not place.store.remote:
        yield from ([position] for position in positions_in(touched))
        return
    chunk_bytes = math.prod(place.scale.chunk_size) * place.num_channels * place.dtype.itemsize
    count = max(1, BATCH_BYTES // chunk_bytes)
    for _, members in by_shard(place, touched):
        for first in range(0, len(members), count):
            yield [position for _, position in members[first : first + count]]
