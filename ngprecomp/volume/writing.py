"""Write a selection: whole stored objects, each under its lock; what is not selected stays as it is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from ngprecomp.chunks.batches import by_shard
from ngprecomp.chunks.coding import decode_chunk, encode_stored
from ngprecomp.chunks.listing import writable_compression
from ngprecomp.chunks.merging import Change, merge_shard
from ngprecomp.chunks.ordered_map import map_in_order
from ngprecomp.chunks.reading import read_encoded
from ngprecomp.chunks.unsharded import chunk_key, write_unsharded
from ngprecomp.format.box import Box, Triple
from ngprecomp.format.grid import positions_in
from ngprecomp.kernels.combining import combine
from ngprecomp.kernels.reversal import fortran_ordered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ngprecomp.chunks.place import Place
    from ngprecomp.volume.indexing import Part, Selection
    from ngprecomp.volume.resources import Resources

Voxels = NDArray[Any]
Mode = Literal["overwrite", "add", "max", "nonzero"]


@dataclass(frozen=True, slots=True)
class Input:
    """Voxels [x, y, z, channel] for a selection of their shape, and how they meet those that are stored."""

    selection: Selection
    voxels: Voxels
    mode: Mode = "overwrite"


@dataclass(slots=True)
class Written:
    """Chunks stored, chunks that became zero and are not, bytes stored, and voxels where two labels met."""

    chunks: int = 0
    empty: int = 0
    nbytes: int = 0
    conflicts: int = 0

    def add(self, other: Written) -> None:
        """Add another count to this one."""
        self.chunks += other.chunks
        self.empty += other.empty
        self.nbytes += other.nbytes
        self.conflicts += other.conflicts


def write_selection(place: Place, given: Input, resources: Resources, *, durable: bool = False) -> Written:
    """Store voxels over a selection: each chunk is read, changed and written under one lock.

    Chunks that become all zero are removed, as TensorStore does, unless the place keeps them. A shard is streamed into
    a new one that holds the changed chunks and copies of the others; memory is a few chunks.
    """
    written = Written()
    touched = place.grid.touched(given.selection.box)
    if 0 in given.selection.shape:
        return written
    if place.scale.sharding is None:
        write = partial(_write_file, place, given, resources, durable)
        pool = resources.pool if max(touched.size) > 1 and resources.threads > 1 else None
        for one in map_in_order(write, positions_in(touched), pool, 4 * resources.threads):
            written.add(one)
    else:
        for number, members in by_shard(place, touched):
            with place.store.lock(place.shard_key(number)):
                merge_shard(place, number, _changes(place, given, members, resources, written), durable=durable)
    return written


def write_shard(place: Place, boxes: Sequence[Box], read: Callable[[Box], Input], resources: Resources) -> Written:
    """Store boxes of one shard that share no chunk; each is read when it is needed, and the shard is merged once."""
    written = Written()
    members = [chunks for box in boxes for chunks in by_shard(place, place.grid.touched(box))]
    number = members[0][0]
    assert all(other == number for other, _ in members), f"the boxes lie in several shards, not in {number} alone"
    with place.store.lock(place.shard_key(number)):
        changes = (
            change
            for box, (_, chunks) in zip(boxes, members, strict=True)
            for change in _changes(place, read(box), chunks, resources, written)
        )
        merge_shard(place, number, changes, ordered=False)
    return written


def like_the_rest(place: Place, resources: Resources) -> Place:
    """Return the place with its chunk files compressed as those that are there, so that one reader finds them all."""
    if place.compression or place.scale.sharding is not None:
        return place
    known = resources.cache.get(("compression", place.folder))
    if known is None:
        known = writable_compression(place)
        resources.cache.add(("compression", place.folder), known, len(place.folder))
    return replace(place, compression=str(known))


def _write_file(place: Place, given: Input, resources: Resources, durable: bool, position: Triple) -> Written:
    with place.store.lock(chunk_key(place, position)):
        changed = _changed_chunk(place, given, resources, position)
        if changed is None:
            return Written()
        stored = _stored(place, position, changed[0])
        write_unsharded(place, position, stored, durable=durable)
    return _counted(stored, changed[1])


def _changed_chunk(place: Place, given: Input, resources: Resources, position: Triple) -> tuple[Voxels, int] | None:
    """Return the whole chunk as it shall be, and where two labels met in it; None if it stays as it is."""
    part = given.selection.part_of(place.grid.cell(position))
    if part.empty:
        return None
    new: Voxels = given.voxels[part.of_selection]
    if given.mode != "overwrite":
        # Most of what annotations are added from is zero, which changes nothing unless it is a maximum of something.
        may_change = new.any() or (given.mode == "max" and place.dtype.kind != "u")
        return _combined_chunk(place, part, new, given.mode, resources, position) if may_change else None
    complete = new.shape == place.chunk_shape(position)
    if complete and given.selection.dense:
        return fortran_ordered(new), 0
    chunk = _zeros(place, position) if complete else _chunk_now(place, resources, position)
    chunk[part.of_chunk] = new
    return chunk, 0


def _combined_chunk(
    place: Place, part: Part, new: Voxels, mode: Mode, resources: Resources, position: Triple
) -> tuple[Voxels, int]:
    chunk = _chunk_now(place, resources, position)
    combined: Voxels = fortran_ordered(chunk[part.of_chunk])
    conflicts = combine(combined, fortran_ordered(new), mode)
    chunk[part.of_chunk] = combined
    return chunk, conflicts


def _chunk_now(place: Place, resources: Resources, position: Triple) -> Voxels:
    """Return the stored voxels of a chunk as an array of its own, zeros if it is absent."""
    chunk = _zeros(place, position)
    encoded = read_encoded(place, position, resources.cache)
    if encoded is not None:
        chunk[...] = decode_chunk(place, position, encoded)
    return chunk


def _zeros(place: Place, position: Triple) -> Voxels:
    return np.zeros(place.chunk_shape(position), place.dtype, order="F")


def _stored(place: Place, position: Triple, chunk: Voxels) -> bytes | None:
    if not place.store_zeros and not chunk.any():
        return None
    x, y, z, _ = chunk.shape
    return encode_stored(place, position, chunk, Box.of_size((x, y, z)))


def _counted(stored: bytes | None, conflicts: int) -> Written:
    return Written(0, 1, 0, conflicts) if stored is None else Written(1, 0, len(stored), conflicts)


def _changes(
    place: Place, given: Input, members: list[tuple[int, Triple]], resources: Resources, written: Written
) -> Iterator[Change]:
    """Yield the changed chunks of a shard in ascending order of their ids, and count them."""

    def change(member: tuple[int, Triple]) -> tuple[Change, int] | None:
        chunk_id, position = member
        changed = _changed_chunk(place, given, resources, position)
        return None if changed is None else ((chunk_id, _stored(place, position, changed[0])), changed[1])

    pool = resources.pool if len(members) > 1 and resources.threads > 1 else None
    for made in map_in_order(change, members, pool, 2 * resources.threads):
        if made is not None:
            one, conflicts = made
            written.add(_counted(one[1], conflicts))
            yield one
