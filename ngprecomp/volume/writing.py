"""Write a selection: whole stored objects, each under its lock; what is not selected stays as it is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from threading import Event
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from ngprecomp.chunks.batches import by_shard, encoding_portions
from ngprecomp.chunks.checksums import drop_checksums
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

    from ngprecomp.chunks.cache import LruCache
    from ngprecomp.chunks.place import Place
    from ngprecomp.volume.indexing import Part, Parts, Selection, Slices
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
    drop_checksums(place, touched)
    change = _Change(place, given, given.selection.parts(place.grid, touched), resources.cache)
    if place.scale.sharding is None:
        stop = Event()
        write = partial(_write_file, change, stop, durable)
        pool = resources.pool if max(touched.size) > 1 and resources.threads > 1 else None
        for one in map_in_order(write, positions_in(touched), pool, 4 * resources.threads, stop):
            written.add(one)
    else:
        for number, members in by_shard(place, touched):
            with place.store.lock(place.shard_key(number)):
                merge_shard(place, number, _changes(change, members, resources, written), durable=durable)
    return written


def write_shard(place: Place, boxes: Sequence[Box], read: Callable[[Box], Input], resources: Resources) -> Written:
    """Store boxes of one shard that share no chunk; each is read when it is needed, and the shard is merged once."""
    written = Written()
    touched = [place.grid.touched(box) for box in boxes]
    for positions in touched:
        drop_checksums(place, positions)
    members = [chunks for positions in touched for chunks in by_shard(place, positions)]
    number = members[0][0]
    assert all(other == number for other, _ in members), f"the boxes lie in several shards, not in {number} alone"

    def changes() -> Iterator[Change]:
        for box, positions, (_, chunks) in zip(boxes, touched, members, strict=True):
            given = read(box)
            change = _Change(place, given, given.selection.parts(place.grid, positions), resources.cache)
            yield from _changes(change, chunks, resources, written)

    with place.store.lock(place.shard_key(number)):
        merge_shard(place, number, changes(), ordered=False)
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


@dataclass(frozen=True, slots=True)
class _Chunk:
    """A whole chunk as it shall be: a box of some voxels, and in how many of them two labels met."""

    voxels: Voxels
    box: Box
    conflicts: int = 0


@dataclass(frozen=True, slots=True)
class _Change:
    """What is given for a selection, and which part of it each chunk takes."""

    place: Place
    given: Input
    parts: Parts
    cache: LruCache

    def chunk(self, position: Triple) -> _Chunk | None:
        """Return the chunk at a position as it shall be, None if it stays as it is."""
        part, given = self.parts.at(position), self.given
        if part.empty:
            return None
        new: Voxels = given.voxels[part.of_selection]
        if given.mode != "overwrite":
            # Most of what annotations are added from is zero, which changes nothing but a maximum with negative values.
            may_change = new.any() or (given.mode == "max" and self.place.dtype.kind != "u")
            return self._combined(position, part, new) if may_change else None
        complete = new.shape == self.place.chunk_shape(position)
        if complete and given.selection.dense:
            if given.voxels.flags.f_contiguous:
                return _Chunk(given.voxels, _box(part.of_selection))
            return _whole(fortran_ordered(new))
        chunk = self._zeros(position) if complete else self._now(position)
        chunk[part.of_chunk] = new
        return _whole(chunk)

    def _combined(self, position: Triple, part: Part, new: Voxels) -> _Chunk:
        chunk = self._now(position)
        combined: Voxels = fortran_ordered(chunk[part.of_chunk])
        conflicts = combine(combined, fortran_ordered(new), self.given.mode)
        chunk[part.of_chunk] = combined
        return _whole(chunk, conflicts)

    def _now(self, position: Triple) -> Voxels:
        """Return the stored voxels of a chunk as an array of its own, zeros if it is absent."""
        chunk = self._zeros(position)
        encoded = read_encoded(self.place, position, self.cache)
        if encoded is not None:
            chunk[...] = decode_chunk(self.place, position, encoded)
        return chunk

    def _zeros(self, position: Triple) -> Voxels:
        return np.zeros(self.place.chunk_shape(position), self.place.dtype, order="F")


def _whole(voxels: Voxels, conflicts: int = 0) -> _Chunk:
    x, y, z, _ = voxels.shape
    return _Chunk(voxels, Box.of_size((x, y, z)), conflicts)


def _box(slices: Slices) -> Box:
    x, y, z, _ = slices
    return Box((x.start, y.start, z.start), (x.stop, y.stop, z.stop))


def _stored(place: Place, position: Triple, chunk: _Chunk) -> bytes | None:
    """Return a chunk as it is stored, None if it is all zero and not kept."""
    if not place.store_zeros and _is_zero(chunk.voxels[chunk.box.slices]):
        return None
    return encode_stored(place, position, chunk.voxels, chunk.box)


def _is_zero(voxels: Voxels) -> bool:
    # Most chunks show it in their first row, which takes a hundredth of the time.
    return not (voxels[:, :1, :1].any() or voxels.any())


def _counted(stored: bytes | None, conflicts: int) -> Written:
    return Written(0, 1, 0, conflicts) if stored is None else Written(1, 0, len(stored), conflicts)


def _write_file(change: _Change, stop: Event, durable: bool, position: Triple) -> Written:
    place = change.place
    with place.store.lock(chunk_key(place, position), stop=stop):
        chunk = change.chunk(position)
        if chunk is None:
            return Written()
        stored = _stored(place, position, chunk)
        write_unsharded(place, position, stored, durable=durable)
    return _counted(stored, chunk.conflicts)


def _changes(
    change: _Change, members: Sequence[tuple[int, Triple]], resources: Resources, written: Written
) -> Iterator[Change]:
    """Yield the changed chunks of a shard in ascending order of their ids, and count them."""

    def make(portion: Sequence[tuple[int, Triple]]) -> list[tuple[Change, int]]:
        made: list[tuple[Change, int]] = []
        for chunk_id, position in portion:
            chunk = change.chunk(position)
            if chunk is not None:
                made.append(((chunk_id, _stored(change.place, position, chunk)), chunk.conflicts))
        return made

    pool = resources.pool if len(members) > 1 and resources.threads > 1 else None
    for made in map_in_order(make, encoding_portions(change.place, members), pool, 2 * resources.threads):
        for one, conflicts in made:
            written.add(_counted(one[1], conflicts))
            yield one
