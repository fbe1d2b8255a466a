"""Write a selection: whole stored objects, each under its lock; what is not selected stays as it is."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ngprecomp.chunks.coding import decode_chunk, encode_stored
from ngprecomp.chunks.listing import writable_compression
from ngprecomp.chunks.merging import Change, merge_shard
from ngprecomp.chunks.ordered_map import map_in_order
from ngprecomp.chunks.reading import read_encoded
from ngprecomp.chunks.unsharded import chunk_key, write_unsharded
from ngprecomp.format.box import Box, Triple
from ngprecomp.format.grid import positions_in
from ngprecomp.format.sharding import locate
from ngprecomp.kernels.morton import compressed_morton_code
from ngprecomp.kernels.reversal import fortran_ordered

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ngprecomp.chunks.place import Place
    from ngprecomp.volume.indexing import Selection
    from ngprecomp.volume.resources import Resources

Voxels = NDArray[Any]


def write_selection(
    place: Place, selection: Selection, voxels: Voxels, resources: Resources, *, durable: bool = False
) -> None:
    """Store voxels [x, y, z, channel] over a selection of their shape.

    Chunks that become all zero are removed, as TensorStore does. A shard is streamed into a new one that holds the
    changed chunks and copies of the others; memory is a few chunks.
    """
    if 0 in selection.shape:
        return
    place = _like_the_rest(place, resources)
    touched = place.grid.touched(selection.box)
    if place.scale.sharding is None:
        write = partial(_write_file, place, selection, voxels, resources, durable)
        pool = resources.pool if max(touched.size) > 1 and resources.threads > 1 else None
        for _ in map_in_order(write, positions_in(touched), pool, 4 * resources.threads):
            pass
    else:
        for number, members in _by_shard(place, touched):
            with place.store.lock(place.shard_key(number)):
                changes = _changes(place, selection, voxels, members, resources)
                merge_shard(place, number, changes, durable=durable)


def _like_the_rest(place: Place, resources: Resources) -> Place:
    """Return the place with its chunk files compressed as those that are there, so that one reader finds them all."""
    if place.compression or place.scale.sharding is not None:
        return place
    known = resources.cache.get(("compression", place.folder))
    if known is None:
        known = writable_compression(place)
        resources.cache.add(("compression", place.folder), known, len(place.folder))
    return replace(place, compression=str(known))


def _write_file(
    place: Place, selection: Selection, voxels: Voxels, resources: Resources, durable: bool, position: Triple
) -> None:
    with place.store.lock(chunk_key(place, position)):
        chunk = _changed_chunk(place, selection, voxels, resources, position)
        if chunk is not None:
            write_unsharded(place, position, _stored(place, position, chunk), durable=durable)


def _changed_chunk(
    place: Place, selection: Selection, voxels: Voxels, resources: Resources, position: Triple
) -> Voxels | None:
    """Return the whole chunk with the selected voxels replaced, None if the selection steps over it."""
    part = selection.part_of(place.grid.cell(position))
    if part.empty:
        return None
    new: Voxels = voxels[part.of_selection]
    shape = place.chunk_shape(position)
    if new.shape == shape and selection.dense:
        whole: Voxels = fortran_ordered(new)
        return whole
    encoded = None if new.shape == shape else read_encoded(place, position, resources.cache)
    chunk: Voxels = np.zeros(shape, place.dtype, order="F")
    if encoded is not None:
        chunk[...] = decode_chunk(place, position, encoded)
    chunk[part.of_chunk] = new
    return chunk


def _stored(place: Place, position: Triple, chunk: Voxels) -> bytes | None:
    if not place.store_zeros and not chunk.any():
        return None
    x, y, z, _ = chunk.shape
    return encode_stored(place, position, chunk, Box.of_size((x, y, z)))


def _by_shard(place: Place, touched: Box) -> Iterator[tuple[int, list[tuple[int, Triple]]]]:
    """Yield each shard's number with its touched chunks as (id, position) in ascending order of their ids."""
    positions = list(positions_in(touched))
    ids = compressed_morton_code(positions, place.grid.shape)
    numbers, _ = locate(place.sharding, ids)
    order = np.lexsort((ids, numbers)).tolist()
    for number, members in groupby(order, key=lambda at: int(numbers[at])):
        yield number, [(int(ids[at]), positions[at]) for at in members]


def _changes(
    place: Place, selection: Selection, voxels: Voxels, members: list[tuple[int, Triple]], resources: Resources
) -> Iterator[Change]:
    def change(member: tuple[int, Triple]) -> Change | None:
        chunk_id, position = member
        chunk = _changed_chunk(place, selection, voxels, resources, position)
        return None if chunk is None else (chunk_id, _stored(place, position, chunk))

    pool = resources.pool if len(members) > 1 and resources.threads > 1 else None
    made = map_in_order(change, members, pool, 2 * resources.threads)
    return (one for one in made if one is not None)
