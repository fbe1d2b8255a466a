"""TIFF pages: how their voxels are cut into strips or tiles, and what of that can be checked in their headers.

A page is seen as five axes, as tifffile does: separate samples, depth, length, width, contiguous samples.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ngprecomp.errors import SourceError
from ngprecomp.sources.stored import row_block

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ngprecomp.sources.axes import Region

JPEG = frozenset({6, 7, 33007, 34892})
# A damaged header may claim 2**60 voxels: more than this per stored byte is refused before it is allocated.
GREATEST_RATIO = 1 << 16
SMALL = 64 << 20
TiffPage = Any  # or TiffFrame, of tifffile


@dataclass(frozen=True, slots=True)
class Page:
    """A page that can be read while no file is open.

    Parameters
    ----------
    keyframe
        A page of tifffile that tells how the voxels of this one are stored; it may be one of another file.
    path, file_size, index
        The file, its bytes, and the page's number in it.
    offsets, counts
        Where its strips or tiles begin in the file, and how many bytes they have.
    jpegtables
        What all its strips have in common if they are JPEG files.
    """

    keyframe: TiffPage
    path: str
    file_size: int
    index: int
    offsets: tuple[int, ...]
    counts: tuple[int, ...]
    jpegtables: bytes | None = None

    @classmethod
    def of(cls, page: TiffPage) -> Page:
        """Return a page of an open file."""
        file = page.parent.filehandle
        return cls(
            page.keyframe, file.path, file.size, page.index, page.dataoffsets, page.databytecounts, page.jpegtables
        )


@dataclass(frozen=True, slots=True)
class Segments:
    """The grid of strips or tiles of a page, the same for all pages of a series."""

    image: tuple[int, ...]
    segment: tuple[int, ...]

    @classmethod
    def of(cls, keyframe: TiffPage) -> Segments:
        """Return the grid of a page from its tags."""
        image = tuple(keyframe.shaped)
        if keyframe.is_tiled:
            inner = (keyframe.tiledepth, keyframe.tilelength, keyframe.tilewidth)
        else:
            inner = (1, min(keyframe.rowsperstrip, image[2]), image[3])
        return cls(image, (1, *inner, image[4]))

    @property
    def grid(self) -> tuple[int, ...]:
        """Segments along each of the five axes."""
        return tuple(-(-size // step) for size, step in zip(self.image, self.segment, strict=True))

    def touched(self, region: Region) -> Iterator[int]:
        """Yield the numbers of the segments that share a voxel with a region."""
        ranges = [
            range(part.start // step, -(-part.stop // step)) for part, step in zip(region, self.segment, strict=True)
        ]
        for position in itertools.product(*ranges):
            number = 0
            for at, count in zip(position, self.grid, strict=True):
                number = number * count + at
            yield number


def axis_places(keyframe: TiffPage, name: str) -> tuple[int, ...]:
    """Return for each axis of a page which of the five axes it is."""
    letters = keyframe.axes
    length = letters.find("Y")
    places = {"Z": 1, "Y": 2, "X": 3}
    try:
        return tuple(
            places[letter] if letter not in "SC" else (0 if at < length else 4) for at, letter in enumerate(letters)
        )
    except KeyError:
        raise SourceError(f"{name} has pages with axes {letters}; expected Y and X, perhaps Z and S") from None


def five_axes(region: Region, places: tuple[int, ...]) -> Region:
    """Return the region of a page, given along its own axes, along the five."""
    parts = dict(zip(places, region, strict=True))
    return tuple(parts.get(axis, slice(0, 1)) for axis in range(5))


def page_block(keyframe: TiffPage, places: tuple[int, ...]) -> tuple[int, ...]:
    """Return the unit of reading along a page's own axes: a row if it lies plain, else a strip or tile."""
    if keyframe.is_final:
        return row_block(keyframe.shape, keyframe.dtype.itemsize)
    segments = Segments.of(keyframe)
    return tuple(min(segments.segment[place], segments.image[place]) for place in places)


def is_plain(page: Page) -> bool:
    """Whether the voxels of a page lie uncompressed and in one piece; offset 0 means that it was left out."""
    return bool(page.keyframe.is_final) and page.offsets[0] > 0


def checked_page(page: TiffPage, name: str) -> Page:
    """Return a page of an open file, checked as far as its header tells.

    Raises
    ------
    SourceError
        As `check_page`.
    """
    checked = Page.of(page)
    check_page(checked, name)
    _ = page.keyframe.decode  # some codecs look into the file when the function is made
    return checked


def check_page(page: Page, name: str) -> None:
    """Refuse a page whose data leave the file or cannot be as large as it claims.

    Raises
    ------
    SourceError
        It names the page.
    """
    keyframe = page.keyframe
    where = f"{name}, page {page.index}"
    if keyframe.dtype is None:
        raise SourceError(f"{where} holds samples of a type that cannot be read")
    expected = 1 if keyframe.is_final else math.prod(Segments.of(keyframe).grid)
    found = min(len(page.offsets), len(page.counts))
    if found < expected or 0 in keyframe.shaped:
        raise SourceError(
            f"{where} claims shape {keyframe.shape} in {expected} strips or tiles and lists {found} of them"
        )
    end = max(map(sum, zip(page.offsets, page.counts, strict=False)))
    if is_plain(page):
        end = max(end, page.offsets[0] + keyframe.nbytes)
    else:
        check_claim(page, max(page.counts), where)
    if end > page.file_size:
        raise SourceError(f"{where} is cut off: its data end at byte {end}, the file has {page.file_size}")


def check_claim(page: Page, count: int, where: str) -> None:
    """Refuse a strip or tile that claims to hold far more voxels than its `count` stored bytes can."""
    claimed = math.prod(Segments.of(page.keyframe).segment) * page.keyframe.dtype.itemsize
    if count and claimed > max(SMALL, GREATEST_RATIO * count):
        raise SourceError(f"{where} claims {claimed} bytes of voxels in a strip or tile of {count} bytes")
