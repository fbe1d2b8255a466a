"""Headers that are known: a file whose header is like that of another one need not be parsed.

Parsing a header takes 0.2 ms, thrice that where several threads do it, and each slice of a stack is looked at twice: it
was a third of a conversion of slices of 512 x 512. Most slices differ only in where their strips lie.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    import tifffile

    from ngprecomp.sources.tiff.pages import TiffPage

Numbers = tuple[int, ...]
LONGEST = 1 << 16  # bytes: longer ones belong to large pages, of which there are few
TILES, STRIPS = (324, 325), (273, 279)  # the tags of offsets and byte counts


@dataclass(frozen=True, slots=True)
class KnownHeader:
    """The header of a file with one page: how the file begins, and its directory of tags with all their values.

    Parameters
    ----------
    magic
        What stands in front of the offset of the directory.
    directory
        All bytes from its begin to the end of the last value, moved as if it began at 0, without what `differs`.
    pointers
        Where it holds offsets of its own values.
    offsets, counts
        Where it holds begins and bytes of the strips or tiles, and as which type.
    differs
        What may differ from file to file.
    """

    magic: bytes
    directory: bytes
    byteorder: Literal["little", "big"]
    pointers: tuple[slice, ...]
    offsets: tuple[slice, np.dtype[Any]]
    counts: tuple[slice, np.dtype[Any]]
    differs: tuple[slice, ...]

    def strips(self, descriptor: int) -> tuple[Numbers, Numbers] | None:
        """Return offsets and byte counts of the strips or tiles of an open file, None where its header is another."""
        start = os.pread(descriptor, 2 * len(self.magic), 0)
        begin = int.from_bytes(start[len(self.magic) :], self.byteorder)
        if not start.startswith(self.magic) or begin >= os.fstat(descriptor).st_size:
            return None
        directory = os.pread(descriptor, len(self.directory), begin)
        if len(directory) < len(self.directory) or self.moved(directory, begin) != self.directory:
            return None
        offsets, counts = (
            tuple(np.frombuffer(directory[place], dtype).tolist()) for place, dtype in (self.offsets, self.counts)
        )
        return offsets, counts

    def moved(self, directory: bytes, begin: int) -> bytes:
        """Return a directory that begins at `begin` as if it began at 0, with zeros in places that may differ."""
        moved = bytearray(directory)
        for place in self.pointers:
            size = place.stop - place.start
            offset = int.from_bytes(moved[place], self.byteorder) - begin
            moved[place] = (offset % (1 << 8 * size)).to_bytes(size, self.byteorder)
        for place in self.differs:
            moved[place] = bytes(place.stop - place.start)
        return bytes(moved)


def known_header(file: tifffile.TiffFile, page: TiffPage) -> KnownHeader | None:
    """Return the header of an open file, None if it has several pages, or its directory is scattered or long."""
    tiff, begin, next_page = file.tiff, page.offset, file.pages.next_page_offset
    codes = TILES if page.is_tiled else STRIPS
    if len(file.pages) > 1 or next_page is None or not all(code in page.tags for code in codes):
        return None
    tags = list(page.tags)
    ends = [next_page + tiff.offsetsize, *(tag.valueoffset + tag.valuebytecount for tag in tags)]
    if min(tag.valueoffset for tag in tags) < begin or max(ends) - begin > LONGEST:
        return None
    offsets, counts = (_values(page.tags[code], begin, tiff.byteorder) for code in codes)
    descriptor = file.filehandle.fileno()
    known = KnownHeader(
        os.pread(descriptor, tiff.offsetsize, 0),
        b"",
        "little" if tiff.byteorder == "<" else "big",
        tuple(_pointer(tag, begin, file) for tag in tags if tag.valueoffset != _inline(tag, file)),
        offsets,
        counts,
        # Whether voxels lie plain and in one piece shows in all of these numbers together.
        () if page.is_final else (offsets[0], counts[0]),
    )
    known = replace(known, directory=known.moved(os.pread(descriptor, max(ends) - begin, begin), begin))
    # tifffile may have taken them otherwise than they stand there.
    return known if known.strips(descriptor) == (page.dataoffsets, page.databytecounts) else None


def _values(tag: tifffile.TiffTag, begin: int, byteorder: str) -> tuple[slice, np.dtype[Any]]:
    """Return where the values of a tag lie in the directory, and their type."""
    place, size = tag.valueoffset - begin, tag.valuebytecount
    return slice(place, place + size), np.dtype(f"{byteorder}u{size // tag.count}")


def _inline(tag: tifffile.TiffTag, file: tifffile.TiffFile) -> int:
    """Return where a tag holds its values, or their offset if they are too many."""
    return int(tag.offset + file.tiff.tagsize - file.tiff.offsetsize)


def _pointer(tag: tifffile.TiffTag, begin: int, file: tifffile.TiffFile) -> slice:
    """Return where the directory holds the offset of the values of a tag."""
    place = _inline(tag, file) - begin
    return slice(place, place + file.tiff.offsetsize)
