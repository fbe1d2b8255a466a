"""Checksums of chunks beside a volume, which no viewer reads.

For each box of chunks that a job finished at once there is a document ``ngprecomp-checksums/FOLDER/CHUNKSIZE/BOX``,
where BOX are their positions in the grid. Each chunk has a line: the CRC-32C of its bytes as they are stored (in a
shard: of its entry) and its position, in ascending order of z, y, x. Whoever changes a chunk removes the document.
"""

from __future__ import annotations

import re
from contextlib import suppress
from math import prod
from typing import TYPE_CHECKING, NamedTuple

from ngprecomp.errors import DecodeError, KeyNotFoundError, UnlistableError
from ngprecomp.format.box import Box
from ngprecomp.format.names import chunk_name, escapes, join, parse_chunk_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ngprecomp.chunks.place import Place
    from ngprecomp.format.box import Triple

CHECKSUM_FOLDER = "ngprecomp-checksums"
LINE_BYTES = 72  # of a chunk at most: eight digits, and three numbers of at most 18

_LINE = re.compile(r"([0-9a-f]{8}) (\d{1,18}) (\d{1,18}) (\d{1,18})")


class Summed(NamedTuple):
    """A chunk by its grid position, and the CRC-32C of its stored bytes."""

    position: Triple
    checksum: int


def checksum_folder(place: Place) -> str:
    """Return what the keys of a scale's documents begin with; each of its stored copies has a folder of its own."""
    return join(CHECKSUM_FOLDER, join(place.folder, "_".join(map(str, place.scale.chunk_size)))) + "/"


def write_checksums(place: Place, positions: Box, chunks: Iterable[Summed]) -> None:
    """Store the checksums of the chunks at a box of grid positions; chunks that are not stored have none."""
    listed = sorted(chunks, key=lambda chunk: chunk.position[::-1])
    lines = [f"{checksum:08x} {x} {y} {z}\n" for (x, y, z), checksum in listed]
    place.store.put(checksum_folder(place) + chunk_name(positions), "".join(lines).encode(), durable=True)


def checksum_documents(place: Place) -> Iterator[str]:
    """Yield the keys of the documents of a scale.

    There are none where we do not write: in stores that cannot be listed, and outside of the volume's folder.
    """
    if escapes(place.scale.key):
        return
    try:
        yield from place.store.list(checksum_folder(place))
    except UnlistableError:
        return


def read_checksums(place: Place, key: str) -> list[Summed]:
    """Return the checksums in a document.

    Raises
    ------
    DecodeError
        It is no such document.
    StorageError
        It is larger than one for these chunks can be.
    """
    found = []
    box = _positions_of(key) or place.grid.positions
    limit = LINE_BYTES * prod(box.intersection(place.grid.positions).size)
    for number, line in enumerate(place.store.get(key, limit=limit).data.decode("ascii", "replace").splitlines(), 1):
        match = _LINE.fullmatch(line)
        if match is None:
            raise DecodeError(f"line {number}: expected a checksum of 8 digits and three numbers, found {line[:80]!r}")
        checksum, x, y, z = match.groups()
        found.append(Summed((int(x), int(y), int(z)), int(checksum, 16)))
    return found


def checksum_of(place: Place, position: Triple) -> int | None:
    """Return the checksum of a chunk as the documents say now, None if none of them names it."""
    for key in _documents_over(place, Box.of_size((1, 1, 1), position)):
        with suppress(KeyNotFoundError):
            for named, checksum in read_checksums(place, key):
                if named == position:
                    return checksum
    return None


def drop_checksums(place: Place, positions: Box) -> None:
    """Remove the documents that may name a chunk at a box of grid positions: these chunks are about to change."""
    stale = list(_documents_over(place, positions))
    if stale:
        place.store.delete(stale)


def _documents_over(place: Place, positions: Box) -> Iterator[str]:
    """Yield the keys of the documents that may name a chunk at a box of grid positions."""
    for key in checksum_documents(place):
        box = _positions_of(key)
        if box is None or not box.intersection(positions).empty:
            yield key


def _positions_of(key: str) -> Box | None:
    """Return the box of grid positions that a document is named after, None if it has another name."""
    return parse_chunk_name(key.rpartition("/")[2])


def remove_checksums(place: Place) -> None:
    """Remove the checksums of all stored copies of a scale."""
    for copy in place.copies:
        place.store.delete(checksum_documents(copy))
    sweep_checksums(place)


def sweep_checksums(place: Place) -> None:
    """Remove what dead processes have left unfinished among the checksums of a scale."""
    for copy in place.copies:
        place.store.sweep(checksum_folder(copy).rstrip("/"))
