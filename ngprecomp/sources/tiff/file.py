"""One TIFF file: pages, tiles, BigTIFF, ImageJ, OME."""

from __future__ import annotations

import contextlib
import math
import os
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile

from ngprecomp.errors import NgprecompError, NotFoundError, SourceError
from ngprecomp.sources.axes import Axes, Region, asked_axes_note, count_axes, parse_axes
from ngprecomp.sources.raw import RawArray
from ngprecomp.sources.stored import StoredArray, StoredSource, check_array, native, sizes
from ngprecomp.sources.tally import Tally
from ngprecomp.sources.tiff.log import held_back_log
from ngprecomp.sources.tiff.metadata import check_ome, check_promises
from ngprecomp.sources.tiff.page_reading import read_pages
from ngprecomp.sources.tiff.pages import (
    Page,
    axis_places,
    five_axes,
    page_block,
)
from ngprecomp.sources.tiff.positions import read_voxel_offset
from ngprecomp.sources.tiff.series import checked_pages, choose_series, told_shape
from ngprecomp.sources.tiff.sizes import read_voxel_size
from ngprecomp.sources.tiff.values import value_notes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Executor

    from ngprecomp.sources.protocol import Voxels

# Q and I are what tifffile calls an axis over pages of which the file says nothing.
LETTERS = {"X": "x", "Y": "y", "Z": "z", "Q": "z", "I": "z", "C": "c", "S": "c", "T": "t"}


def open_tiff(path: str, dataset: str | None, axes: str | None) -> StoredSource:
    """Open a TIFF file; `dataset` is the number of one of its series where it holds several.

    Raises
    ------
    SourceError
        The file is damaged or cut off, holds several series or points in time, or axes we cannot place.
    """
    with opened(path) as file:
        chosen = choose_series(file, path, dataset)
        series = [file.series[number] for number in chosen.numbers]
        check_promises(file, path)
        if axes is None:
            check_ome(file, path)
        shape, order, axes_note = _order(series, chosen.name, axes)
        stored = _stored(file, chosen.numbers, shape, chosen.name)
        keyframe = series[0].keyframe
        resolution, size_notes = read_voxel_size(file, keyframe, chosen.numbers[0])
        offset, offset_notes = read_voxel_offset(file, chosen.numbers[0], resolution)
        notes = (
            *chosen.notes,
            axes_note,
            *size_notes,
            *offset_notes,
            *value_notes(keyframe, file.imagej_metadata, chosen.name),
        )
        return StoredSource(chosen.name, stored, order, resolution, offset, notes)


@contextlib.contextmanager
def opened(path: str) -> Iterator[tifffile.TiffFile]:
    """Open a file for looking at its headers; whatever tifffile stumbles over there is damage.

    What it logs is heard only where no error is raised.

    Raises
    ------
    SourceError
        The file is no TIFF file or its headers are damaged.
    """
    try:
        with held_back_log(), tifffile.TiffFile(path) as file:
            if len(file.pages) == 0:
                raise SourceError(f"{path} is a damaged TIFF file: its first page is missing")
            yield file
    except (NgprecompError, MemoryError, PermissionError):
        raise
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no file {path}") from error
    except Exception as error:  # a damaged tag surfaces as any of a dozen kinds
        raise SourceError(f"{path} is a damaged TIFF file or none: {error}") from error


def _order(series: list[tifffile.TiffPageSeries], name: str, axes: str | None) -> tuple[tuple[int, ...], Axes, str]:
    """Return shape and order of the chosen series, and the sentence on where the order comes from."""
    shape, told = told_shape(series)
    pages = f"{shape[0]} pages, written one by one" if len(series) > 1 else ""
    if axes is not None:
        shape = (*(1 for _ in range(count_axes(axes) - len(shape))), *shape)
        order = parse_axes(axes, shape, name)
        return shape, order, f"{asked_axes_note(order, shape)}; the file says {pages or told}"
    if "T" in told and shape[told.index("T")] > 1:
        points = shape[told.index("T")]
        choice = ",".join({"T": "t=0", "S": "c"}.get(letter, letter.lower()) for letter in told)
        raise SourceError(
            f"{name} holds {points} points in time (axes {told}, shape {shape}), a volume holds one: axes {choice} "
            f"takes the first, 0 of 0 to {points - 1}; if that axis is z in truth, say so with axes"
        )
    if {"C", "S"} <= set(told):
        raise SourceError(f"{name} has axes {told}, shape {shape}: channels of several colours each; split them first")
    letters = "".join(LETTERS.get(letter, "?") for letter in told)
    if "?" in letters or len(set(letters)) < len(letters):
        raise SourceError(f"{name} has axes {told}, shape {shape}; name their order with axes")
    if pages:
        return shape, parse_axes(letters, shape, name), f"axes {letters}: {pages}, taken as slices along z"
    unknown = "; the file does not name the axis over its pages, it is taken as z" if set(told) & set("QI") else ""
    note = f"axes {letters}: from the TIFF file ({series[0].kind or 'pages'} {told}){unknown}"
    return shape, parse_axes(letters, shape, name), note


def _stored(file: tifffile.TiffFile, numbers: tuple[int, ...], shape: tuple[int, ...], name: str) -> StoredArray:
    """Return the array of the chosen series: in one piece where it lies so, else page by page."""
    series = [file.series[number] for number in numbers]
    first = series[0]
    check_array(name, shape, np.dtype(first.dtype))
    if first.dataoffset and len(series) == 1 and not first.is_multifile:
        file_dtype = np.dtype(first.dtype).newbyteorder(file.byteorder)
        return RawArray(file.filehandle.path, shape, file_dtype, first.dataoffset)
    page_shape = first.keyframe.shape
    count = sum(len(one) for one in series)
    inner = _long(shape)[len(_long(shape)) - len(_long(page_shape)) :]
    complete = math.prod(shape) == count * math.prod(page_shape)
    if first.transform is not None or inner != _long(page_shape) or not complete:
        raise SourceError(f"{name}: {count} pages of shape {page_shape} do not make up a series of {shape}")
    return TiffPages(file, numbers, shape, name)


def _long(shape: Sequence[int]) -> tuple[int, ...]:
    """Return a shape without its axes of one voxel: tifffile drops and adds those between pages and series."""
    return tuple(size for size in shape if size != 1)


class TiffPages:
    """The pages of one or more series in their own order; only headers are kept, and read again after unpickling."""

    unwritten_chunks = 0  # strips and tiles of length 0 are a way to store a constant

    def __init__(self, file: tifffile.TiffFile, numbers: tuple[int, ...], shape: tuple[int, ...], name: str) -> None:
        self._path = file.filehandle.path
        self._numbers = numbers
        self._name = name
        pages = self._read_headers(file)
        keyframe = pages[0].keyframe
        self._pages: list[Page] | None = pages
        self._page_shape = keyframe.shape
        self._places = axis_places(keyframe, name)
        self._lock = threading.Lock()
        self._decoded = Tally()
        self.shape = shape
        self.dtype: np.dtype[Any] = native(np.dtype(keyframe.dtype))
        over_pages = len(_long(shape)) - len(_long(self._page_shape))
        page_blocks = {page_block(page.keyframe, self._places) for page in pages}
        in_page = zip(map(max, zip(*page_blocks, strict=True)), self._page_shape, strict=True)
        blocks = iter([1] * over_pages + [block for block, size in in_page if size != 1])
        self.block = tuple(1 if size == 1 else next(blocks) for size in shape)

    @property
    def files(self) -> tuple[str, ...]:
        """The file, and those that hold further pages of its series."""
        return tuple(dict.fromkeys(os.path.abspath(page.path) for page in self._loaded()))

    @property
    def decoded_bytes(self) -> int:
        """Bytes of the pages, strips and tiles read so far."""
        return self._decoded.total

    def read(self, region: Region, pool: Executor | None) -> Voxels:
        """Return a region in stored order, its strips and tiles decoded in the threads of `pool`."""
        voxels = np.empty(sizes(region), self.dtype)
        over_pages, in_page = self._split(region)
        inside = five_axes(in_page, self._places)
        leading = _long(self.shape)[: len(over_pages)]
        numbers = np.arange(math.prod(leading)).reshape(leading)[over_pages]
        pages = self._loaded()
        wanted = [
            (pages[number], target)
            for number, target in zip(numbers.flat, voxels.reshape(-1, *sizes(inside)), strict=True)
        ]
        read_pages(wanted, inside, self._name, pool, self._decoded)
        return voxels

    def _split(self, region: Region) -> tuple[Region, Region]:
        """Return the part of a region that chooses pages and the part inside each page."""
        parts = [part for part, size in zip(region, self.shape, strict=True) if size != 1]
        over_pages = len(parts) - len(_long(self._page_shape))
        inside = iter(parts[over_pages:])
        in_page = tuple(slice(0, 1) if size == 1 else next(inside) for size in self._page_shape)
        return tuple(parts[:over_pages]), in_page

    def close(self) -> None:
        """Forget the headers; no file stays open."""
        self._pages = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_pages": None, "_lock": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.Lock())

    def _loaded(self) -> list[Page]:
        with self._lock:
            if self._pages is None:
                with opened(self._path) as file:
                    self._pages = self._read_headers(file)
            return self._pages

    def _read_headers(self, file: tifffile.TiffFile) -> list[Page]:
        return checked_pages([file.series[number] for number in self._numbers], self._name)
