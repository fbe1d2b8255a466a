"""Regions of TIFF pages: only the strips and tiles that a region touches are read and decoded."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING

import numpy as np

from ngprecomp.errors import SourceError
from ngprecomp.sources.mapped import read_mapped
from ngprecomp.sources.sharing import share
from ngprecomp.sources.tiff.pages import JPEG, Page, Segments, check_claim, is_plain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Executor

    from ngprecomp.sources.axes import Region
    from ngprecomp.sources.protocol import Voxels
    from ngprecomp.sources.tally import Tally

TOGETHER = 1 << 18  # bytes of voxels in strips that one thread reads at once: those of libtiff are 8 KiB, soon decoded
ALIGNMENT = 16  # bytes at most between strips that lie behind each other


def read_pages(
    pages: list[tuple[Page, Voxels]], region: Region, name: str, pool: Executor | None, decoded: Tally
) -> None:
    """Fill for each page its array with the same region; both have the five axes of `pages`; `decoded` counts.

    Raises
    ------
    SourceError
        A page does not decode; the sentence names it.
    """
    jobs = [(page, target, numbers) for page, target in pages for numbers in _groups(page, region)]

    def work(job: tuple[Page, Voxels, list[int]]) -> None:
        page, target, numbers = job
        try:
            decoded.add(_read_segments(page, numbers, region, target) if numbers else _read_plain(page, region, target))
        except (MemoryError, PermissionError):
            raise
        except Exception as error:  # each codec of imagecodecs raises its own kind
            reason = error or type(error).__name__
            raise SourceError(f"{name}, page {page.index} is damaged: {reason}") from error

    share(work, jobs, pool)


def _groups(page: Page, region: Region) -> list[list[int]]:
    """Return the numbers of the strips or tiles that a region touches; those of a group lie behind each other.

    A plain page has none, and is one group.
    """
    if is_plain(page):
        return [[]]
    segments = Segments.of(page.keyframe)
    most = TOGETHER // (math.prod(segments.segment) * page.keyframe.dtype.itemsize)
    groups: list[list[int]] = []
    for number in segments.touched(region):
        if groups and len(groups[-1]) < most and _follows(page, groups[-1][-1], number):
            groups[-1].append(number)
        else:
            groups.append([number])
    return groups


def _follows(page: Page, one: int, other: int) -> bool:
    gap = page.offsets[other] - page.offsets[one] - page.counts[one]
    return page.counts[one] > 0 and 0 <= gap <= ALIGNMENT


def _read_plain(page: Page, region: Region, target: Voxels) -> int:
    """Copy a region of a page that lies uncompressed in one piece, and return its bytes.

    A whole page is read: maps of many small files keep the threads that make them waiting for each other (512 of
    256 KiB: 80 ms, read 30).
    """
    keyframe = page.keyframe
    file_dtype = keyframe.dtype.newbyteorder(keyframe.parent.byteorder)
    if target.shape == keyframe.shaped and target.flags.c_contiguous:
        _read_into(target, page)
        if file_dtype != target.dtype:
            target.byteswap(inplace=True)
    else:
        read_mapped(page.path, file_dtype, page.offsets[0], tuple(keyframe.shaped), region, target)
    return target.nbytes


def _read_into(target: Voxels, page: Page) -> None:
    with open(page.path, "rb") as file:
        file.seek(page.offsets[0])
        found = file.readinto(target.data.cast("B"))
    if found < target.nbytes:
        raise ValueError(f"its voxels are cut off: expected {target.nbytes} bytes, found {found}")


def _read_segments(page: Page, numbers: list[int], region: Region, target: Voxels) -> int:
    """Decode strips or tiles into their parts of `target`, which holds `region`; return how many bytes that were."""
    keyframe = page.keyframe
    extra = {"jpegtables": page.jpegtables, "jpegheader": keyframe.jpegheader} if keyframe.compression in JPEG else {}
    nbytes = 0
    for number, data in zip(numbers, _stored_bytes(page, numbers), strict=True):
        decoded, start, shape = keyframe.decode(data, number, **extra)
        place, inside = _common(region, start, (1, *shape))
        if decoded is None:
            target[place] = keyframe.nodata
        else:
            target[place] = decoded[np.newaxis][inside]
            nbytes += decoded.nbytes
    return nbytes


def _common(region: Region, start: tuple[int, ...], shape: tuple[int, ...]) -> tuple[Region, Region]:
    """Return the part of a region that lies in an array at `start`, as seen from the region and from the array."""
    of_region, of_array = [], []
    for part, at, size in zip(region, start, shape, strict=True):
        lo, hi = max(part.start, at), min(part.stop, at + size)
        of_region.append(slice(lo - part.start, hi - part.start))
        of_array.append(slice(lo - at, hi - at))
    return tuple(of_region), tuple(of_array)


def _stored_bytes(page: Page, numbers: list[int]) -> Iterator[bytes | None]:
    """Yield the bytes of the strips or tiles of a group, None for one that was left out."""
    begin, end = page.offsets[numbers[0]], page.offsets[numbers[-1]] + page.counts[numbers[-1]]
    with open(page.path, "rb", buffering=0) as file:
        data = os.pread(file.fileno(), end - begin, begin)
    for number in numbers:
        offset, count = page.offsets[number], page.counts[number]
        check_claim(page, count, f"number {number}")
        stored = data[offset - begin : offset - begin + count]
        if len(stored) < count:
            raise ValueError(f"strip or tile {number} is cut off: expected {count} bytes, found {len(stored)}")
        yield stored if count and offset else None
