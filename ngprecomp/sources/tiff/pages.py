"""Regions of TIFF pages: only the strips and tiles that a region touches are read and decoded.

A page is seen as five axes, as tifffile does: separate samples, depth, length, width, contiguous samples.
"""

from __future__ import annotations

import itertools
import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ngprecomp.errors import SourceError
from ngprecomp.sources.mapped import read_mapped
from ngprecomp.sources.stored import row_block

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ngprecomp.sources.axes import Region
    from ngprecomp.sources.protocol import Voxels

JPEG = frozenset({6, 7, 33007, 34892})
# A damaged header may claim 2**60 voxels: more than this per stored byte is refused before it is allocated.
GREATEST_RATIO = 1 << 16
SMALL = 64 << 20
Page = Any  # a TiffPage or TiffFrame of tifffile, whose optional attributes are all there after `check_page`


@dataclass(frozen=True, slots=True)
class Segments:
    """The grid of strips or tiles of a page, the same for all pages of a series."""

    image: tuple[int, ...]
    segment: tuple[int, ...]

    @classmethod
    def of(cls, keyframe: Page) -> Segments:
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
            yield int(np.ravel_multi_index(position, self.grid))


def axis_places(keyframe: Page, name: str) -> tuple[int, ...]:
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


def page_block(keyframe: Page, places: tuple[int, ...]) -> tuple[int, ...]:
    """Return the unit of reading along a page's own axes: a row if it lies plain, else a strip or tile."""
    if keyframe.is_final:
        return row_block(keyframe.shape, keyframe.dtype.itemsize)
    segments = Segments.of(keyframe)
    return tuple(min(segments.segment[place], segments.image[place]) for place in places)


def is_plain(page: Page) -> bool:
    """Whether the voxels of a page lie uncompressed and in one piece; offset 0 means that it was left out."""
    return bool(page.keyframe.is_final) and page.dataoffsets[0] > 0


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
    found = min(len(page.dataoffsets), len(page.databytecounts))
    if found < expected or 0 in keyframe.shaped:
        raise SourceError(
            f"{where} claims shape {keyframe.shape} in {expected} strips or tiles and lists {found} of them"
        )
    file_size = page.parent.filehandle.size
    end = max(map(sum, zip(page.dataoffsets, page.databytecounts, strict=False)))
    if is_plain(page):
        end = max(end, page.dataoffsets[0] + keyframe.nbytes)
    else:
        _check_claim(page, max(page.databytecounts), where)
    if end > file_size:
        raise SourceError(f"{where} is cut off: its data end at byte {end}, the file has {file_size}")


def _check_claim(page: Page, count: int, where: str) -> None:
    """Refuse a strip or tile that claims to hold far more voxels than its `count` stored bytes can."""
    claimed = math.prod(Segments.of(page.keyframe).segment) * page.keyframe.dtype.itemsize
    if count and claimed > max(SMALL, GREATEST_RATIO * count):
        raise SourceError(f"{where} claims {claimed} bytes of voxels in a strip or tile of {count} bytes")


def read_plain(page: Page, region: Region, target: Voxels) -> None:
    """Copy a region of a page that lies uncompressed in one piece; `region` and `target` have five axes."""
    keyframe = page.keyframe
    file_dtype = keyframe.dtype.newbyteorder(keyframe.parent.byteorder)
    path = page.parent.filehandle.path
    read_mapped(path, file_dtype, page.dataoffsets[0], tuple(keyframe.shaped), region, target)


def read_segment(page: Page, number: int, region: Region, target: Voxels) -> int:
    """Decode one strip or tile into its part of `target`, which holds `region`; both have five axes.

    Returns how many bytes were decoded.
    """
    data = _stored_bytes(page, number)
    keyframe = page.keyframe
    extra = {"jpegtables": page.jpegtables, "jpegheader": keyframe.jpegheader} if keyframe.compression in JPEG else {}
    decoded, start, shape = keyframe.decode(data, number, **extra)
    extent = (1, *shape)
    common = [
        slice(max(part.start, at), min(part.stop, at + step))
        for part, at, step in zip(region, start, extent, strict=True)
    ]
    place = tuple(slice(c.start - r.start, c.stop - r.start) for c, r in zip(common, region, strict=True))
    if decoded is None:
        target[place] = keyframe.nodata
        return 0
    inside = tuple(slice(c.start - at, c.stop - at) for c, at in zip(common, start, strict=True))
    target[place] = decoded[np.newaxis][inside]
    return int(decoded.nbytes)


def _stored_bytes(page: Page, number: int) -> bytes | None:
    """Return the bytes of a strip or tile, None for one that was left out."""
    offset, count = page.dataoffsets[number], page.databytecounts[number]
    if count == 0 or offset == 0:
        return None
    _check_claim(page, count, f"number {number}")
    with open(page.parent.filehandle.path, "rb") as file:
        data = os.pread(file.fileno(), count, offset)
    if len(data) != count:
        raise ValueError(f"strip or tile {number} is cut off: expected {count} bytes, found {len(data)}")
    return data


def damaged(page: Page, name: str, error: Exception) -> SourceError:
    """Return the error for a page that does not decode."""
    return SourceError(f"{name}, page {page.index} is damaged: {error or type(error).__name__}")
