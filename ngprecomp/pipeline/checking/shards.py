"""Every shard: its indices, whether its chunks belong there, whether they decode (sharded.md)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ngprecomp.chunks.coding import decode_chunk
from ngprecomp.chunks.deflating import inflate_chunk, inflate_index
from ngprecomp.chunks.limits import encoded_limit, minishard_limit, stored_limit
from ngprecomp.chunks.sharded import ATTEMPTS, ShardFile, open_shard
from ngprecomp.errors import DecodeError, KeyNotFoundError, NgprecompError, OutOfBoundsError
from ngprecomp.format.shard_index import CHUNK_BYTES, ENTRY_BYTES, decode_minishard_index, decode_shard_index
from ngprecomp.format.shard_location import locate
from ngprecomp.kernels.crc32c import crc32c
from ngprecomp.kernels.morton import grid_positions
from ngprecomp.pipeline.checking.checksums import Seen, verdict
from ngprecomp.pipeline.checking.findings import Kind, PendingFindings
from ngprecomp.pipeline.checking.presence import Presence
from ngprecomp.pipeline.checking.walk import DAMAGED, reason
from ngprecomp.pipeline.report import counted, megabytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from ngprecomp.chunks.place import Place
    from ngprecomp.format.box import Triple
    from ngprecomp.format.shard_index import MinishardIndex
    from ngprecomp.pipeline.checking.checksums import Checksums
    from ngprecomp.pipeline.checking.walk import Checking

MISPLACED = Kind("error", "no reader finds it there: write the shard anew")
BUSY = Kind("warning", "somebody writes there: check again when that is done")
UNUSED = Kind("hint", "a copy of the volume has no such gaps")

INDEX_BLOCK = 1 << 16  # minishards whose entries of the shard index are held at once


class Stored(NamedTuple):
    """One chunk in a shard: its grid position, and where its bytes are."""

    position: Triple
    start: int
    size: int


@dataclass(slots=True)
class Contents:
    """What the indices of a shard say: the chunks that belong there, and all byte ranges that something takes.

    `homes` are the shards of chunks that belong elsewhere, `strangers` the ids that the grid does not have. They are
    `sound` while every index could be read.
    """

    chunks: list[Stored] = field(default_factory=list)
    homes: list[int] = field(default_factory=list)
    strangers: list[int] = field(default_factory=list)
    starts: list[NDArray[np.int64]] = field(default_factory=list)
    sizes: list[NDArray[np.int64]] = field(default_factory=list)
    sound: bool = True

    def take(self, starts: NDArray[np.int64], sizes: NDArray[np.int64]) -> None:
        """Note byte ranges that are taken."""
        self.starts.append(starts)
        self.sizes.append(sizes)


def check_shards(place: Place, numbers: Iterable[int], checksums: Checksums, checking: Checking) -> Presence:
    """Check every shard and decode every chunk of a scale; return which chunks are there."""
    return Presence.of(place.grid.shape, _all_positions(place, sorted(numbers), checksums, checking))


def _all_positions(place: Place, numbers: Iterable[int], checksums: Checksums, checking: Checking) -> Iterator[Triple]:
    for number in numbers:
        for _ in range(ATTEMPTS):
            found = PendingFindings()
            positions, version = _check_shard(place, number, checksums, replace(checking, findings=found))
            if not found.pending or version == _version(place, number):
                found.pass_on(checking.findings)
                break
        else:
            key = place.shard_key(number)
            checking.findings.add(BUSY, f"was replaced {ATTEMPTS} times while it was looked at", key, place.folder)
        for position in positions:
            checking.tally.add(math.prod(place.grid.cell(position).size))
        yield from positions


def _version(place: Place, number: int) -> str | None:
    """Return the version of a shard, None if it is absent or nobody can say."""
    try:
        return place.store.stat(place.shard_key(number)).version
    except OSError:
        return None


def _check_shard(
    place: Place, number: int, checksums: Checksums, checking: Checking
) -> tuple[list[Triple], str | None]:
    """Check one version of a shard; return the chunks that it lists, and which version that was."""
    key, version = place.shard_key(number), None
    try:
        shard = open_shard(place, number)
        if shard is None:
            raise KeyNotFoundError("was removed while the check was running")
        version = shard.stat.version
        contents = _contents(shard, number, checking)
    except (NgprecompError, OSError) as error:
        checking.findings.add(DAMAGED, reason(error, place), key, place.folder)
        return [], version
    _check_ranges(shard, contents, checking)
    looks = checking.map_chunks(place, partial(_look, shard, bool(checksums)), contents.chunks)
    for chunk, seen in zip(contents.chunks, looks, strict=True):
        fault = verdict(seen, chunk.position, checksums)
        if fault:
            checking.findings.add(*fault, f"{key}, chunk {place.grid.cell(chunk.position)}", place.folder)
    return [chunk.position for chunk in contents.chunks], version


def _look(shard: ShardFile, summed: bool, chunk: Stored) -> Seen:
    """Decode a chunk, which must hold the voxels that the grid says."""
    place, position = shard.place, chunk.position
    limit = encoded_limit(place, position)
    if chunk.size > stored_limit(limit):
        return Seen(f"expected at most {limit} bytes, found {chunk.size} bytes in the shard")
    try:
        stored = shard.ranges([chunk.start], [chunk.size])[0]
        decode_chunk(place, position, inflate_chunk(place, stored, limit))
    except (NgprecompError, OSError) as error:
        return Seen(reason(error, place, position))
    return Seen("", crc32c(stored) if summed else 0)


def _contents(shard: ShardFile, number: int, checking: Checking) -> Contents:
    """Return what the indices of a shard say, and report each that is damaged or lists chunks of other places.

    Raises
    ------
    DecodeError
        The file is shorter than its shard index.
    """
    contents = Contents()
    front = ENTRY_BYTES * shard.sharding.minishard_count
    if shard.stat.size < front:
        raise DecodeError(f"expected a shard index of {front} bytes, found a file of {shard.stat.size} bytes")
    contents.take(np.array([0]), np.array([front]))
    for first in range(0, shard.sharding.minishard_count, INDEX_BLOCK):
        count = min(INDEX_BLOCK, shard.sharding.minishard_count - first)
        for at, start, end in _entries(shard, first, count, contents, checking):
            where = f"{shard.key}, minishard {at}"
            contents.take(np.array([start]), np.array([end - start]))
            try:
                index = _minishard(shard, start, end)
            except (NgprecompError, OSError) as error:
                contents.sound = False
                checking.findings.add(DAMAGED, reason(error, shard.place), where, shard.place.folder)
                continue
            contents.take(index.starts, index.sizes)
            _sort_out(shard, (number, at), index, contents)
    _report_misplaced(shard, contents, checking)
    return contents


def _entries(
    shard: ShardFile, first: int, count: int, contents: Contents, checking: Checking
) -> Iterator[tuple[int, int, int]]:
    """Yield number, start and end of the minishard indices that are not empty, and report impossible ones."""
    front, size = ENTRY_BYTES * shard.sharding.minishard_count, shard.stat.size
    data = shard.ranges([ENTRY_BYTES * first], [ENTRY_BYTES * count])[0]
    try:
        bounds = decode_shard_index(data, count, index_bytes=front, file_bytes=size)
        used = np.flatnonzero(bounds[:, 0] < bounds[:, 1])
        yield from ((first + int(at), int(bounds[at, 0]), int(bounds[at, 1])) for at in used)
    except DecodeError:
        for at in range(count):
            entry = data[ENTRY_BYTES * at : ENTRY_BYTES * (at + 1)]
            try:
                start, end = decode_shard_index(entry, 1, index_bytes=front, file_bytes=size)[0].tolist()
            except DecodeError as error:
                contents.sound = False
                where = f"{shard.key}, minishard {first + at}"
                checking.findings.add(DAMAGED, str(error), where, shard.place.folder)
                continue
            if start < end:
                yield first + at, start, end


def _minishard(shard: ShardFile, start: int, end: int) -> MinishardIndex:
    """Return a minishard index; of one that is longer than all possible chunks need nothing is read."""
    most = minishard_limit(shard.place)
    if end - start > stored_limit(CHUNK_BYTES * most):
        raise DecodeError(f"expected an index of at most {most} chunks, found {end - start} bytes")
    stored = shard.ranges([start], [end - start])[0]
    return decode_minishard_index(
        inflate_index(stored, shard.sharding, CHUNK_BYTES * most),
        ENTRY_BYTES * shard.sharding.minishard_count,
        max_entries=most,
        file_bytes=shard.stat.size,
    )


def _sort_out(shard: ShardFile, here: tuple[int, int], index: MinishardIndex, contents: Contents) -> None:
    """Sort the chunks of a minishard; `here` is the number of the shard and its own."""
    positions, in_grid = _positions(index.ids, shard.place)
    numbers, minishards = locate(shard.sharding, index.ids)
    belongs = in_grid & (numbers == here[0]) & (minishards == here[1])
    chunks = zip(
        positions[belongs].tolist(), index.starts[belongs].tolist(), index.sizes[belongs].tolist(), strict=True
    )
    contents.chunks += [Stored((x, y, z), start, size) for (x, y, z), start, size in chunks]
    contents.homes += numbers[in_grid & ~belongs].tolist()
    contents.strangers += index.ids[~in_grid].tolist()


def _positions(ids: NDArray[np.uint64], place: Place) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the grid positions of chunk ids, and which of the ids the grid has at all."""
    shape = place.grid.shape
    in_grid = np.ones(len(ids), bool)
    try:
        return grid_positions(ids, shape), in_grid
    except OutOfBoundsError:
        positions = np.zeros((len(ids), 3), np.int64)
        for at, chunk_id in enumerate(ids):
            try:
                positions[at] = grid_positions(chunk_id, shape)
            except OutOfBoundsError:
                in_grid[at] = False
        return positions, in_grid


def _report_misplaced(shard: ShardFile, contents: Contents, checking: Checking) -> None:
    """Report chunks outside of the grid, and those whose ids hash to another shard or minishard."""
    add, within = checking.findings.add, shard.place.folder
    if contents.strangers:
        chunks = counted(len(contents.strangers), "chunk")
        add(
            MISPLACED,
            f"lists {chunks} outside of the grid, the first with id {contents.strangers[0]}",
            shard.key,
            within,
        )
    if not contents.homes:
        return
    chunks = counted(len(contents.homes), "chunk")
    homes = sorted({shard.place.shard_key(number) for number in contents.homes})
    if homes == [shard.key]:
        what = f"lists {chunks} under a minishard that their ids do not hash to"
    else:
        others = f" and {len(homes) - 1} others" if len(homes) > 1 else ""
        whole = "" if contents.chunks else "all, as if the file had another number: "
        what = f"lists {whole}{chunks} whose ids hash to {homes[0]}{others}"
    add(MISPLACED, what, shard.key, within)


def _check_ranges(shard: ShardFile, contents: Contents, checking: Checking) -> None:
    """Report byte ranges that overlap, and bytes that nothing uses."""
    starts, sizes = np.concatenate(contents.starts), np.concatenate(contents.sizes)
    ranges = np.unique(np.stack([starts, starts + sizes], axis=1), axis=0)  # equal chunks may share their bytes
    reached = np.maximum.accumulate(ranges[:, 1])
    overlaps = np.flatnonzero(ranges[1:, 0] < reached[:-1])
    if len(overlaps):
        (start, end), before = ranges[overlaps[0] + 1].tolist(), int(reached[overlaps[0]])
        what = f"{counted(len(overlaps), 'range')} of bytes overlap, the first {start} to {end} begins before {before}"
        checking.findings.add(DAMAGED, what, shard.key, shard.place.folder)
    elif contents.sound:
        used = int((ranges[:, 1] - ranges[:, 0]).sum())
        if used < shard.stat.size:
            unused = shard.stat.size - used
            what = f"nothing uses {unused} of its {megabytes(shard.stat.size)}"
            checking.findings.add(UNUSED, what, shard.key, shard.place.folder)
