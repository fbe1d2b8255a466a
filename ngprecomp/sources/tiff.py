"""One TIFF file: pages, tiles, BigTIFF, ImageJ, OME."""

from __future__ import annotations

import contextlib
import math
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import tifffile

from ngprecomp.errors import NgprecompError, NotFoundError, SourceError
from ngprecomp.sources.axes import Axes, Region, parse_axes
from ngprecomp.sources.raw import RawArray
from ngprecomp.sources.sharing import share
from ngprecomp.sources.stored import StoredArray, StoredSource, check_array, native, sizes
from ngprecomp.sources.tiff_metadata import check_promises, read_voxel_size
from ngprecomp.sources.tiff_pages import (
    Page,
    Segments,
    axis_places,
    check_page,
    damaged,
    five_axes,
    is_plain,
    page_block,
    read_plain,
    read_segment,
)

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
        number, name, series_notes = _choose(file, path, dataset)
        series = file.series[number]
        check_promises(file, path)
        shape, order, axes_note = _order(series, name, axes)
        stored = _stored(file, number, shape, name)
        resolution, size_notes = read_voxel_size(file, series.keyframe, number)
        notes = (*series_notes, axes_note, *size_notes, *value_notes(series.keyframe))
        return StoredSource(name, stored, order, resolution, notes=notes)


@contextlib.contextmanager
def opened(path: str) -> Iterator[tifffile.TiffFile]:
    """Open a file for looking at its headers; whatever tifffile stumbles over there is damage.

    Raises
    ------
    SourceError
        The file is no TIFF file or its headers are damaged.
    """
    try:
        with tifffile.TiffFile(path) as file:
            if len(file.pages) == 0:
                raise SourceError(f"{path} is a damaged TIFF file: its first page is missing")
            yield file
    except (NgprecompError, MemoryError, PermissionError):
        raise
    except FileNotFoundError as error:
        raise NotFoundError(f"there is no file {path}") from error
    except Exception as error:  # a damaged tag surfaces as any of a dozen kinds
        raise SourceError(f"{path} is a damaged TIFF file or none: {error}") from error


def _choose(file: tifffile.TiffFile, path: str, dataset: str | None) -> tuple[int, str, tuple[str, ...]]:
    """Return the number of a series, the name of the source and a note on resolutions left aside."""
    listed = ", ".join(f"{number} {one.shape} {one.dtype}" for number, one in enumerate(file.series))
    if dataset is not None:
        if not dataset.isdecimal() or int(dataset) >= len(file.series):
            raise NotFoundError(f"{path} holds no series {dataset!r}; its series are {listed}")
        return int(dataset), f"{path}:{dataset}", ()
    if len(file.series) != 1:
        raise SourceError(
            f"{path} holds {len(file.series)} series of pages, name one as FILE:NUMBER; they are {listed}"
        )
    levels = len(file.series[0].levels)
    return 0, path, (f"level 0 of the {levels} resolutions in the file",) if levels > 1 else ()


def _order(series: tifffile.TiffPageSeries, name: str, axes: str | None) -> tuple[tuple[int, ...], Axes, str]:
    """Return shape and order of a series, without the axes of one voxel that tifffile squeezes away."""
    shape = tuple(int(size) for size in series.get_shape(squeeze=True))
    told = series.get_axes(squeeze=True)
    if axes is not None:
        shape = (*(1 for _ in range(len(axes) - len(shape))), *shape)
        return shape, parse_axes(axes, shape, name), f"axes {axes.lower()}: as asked; the file says {told}"
    if "T" in told and shape[told.index("T")] > 1:
        raise SourceError(
            f"{name} holds {shape[told.index('T')]} points in time (axes {told}, shape {shape}), a volume "
            "holds one; if that axis is z in truth, say so with axes"
        )
    letters = "".join(LETTERS.get(letter, "?") for letter in told)
    if "?" in letters or len(set(letters)) < len(letters):
        raise SourceError(f"{name} has axes {told}, shape {shape}; name their order with axes")
    unknown = "; the file does not name the axis over its pages, it is taken as z" if set(told) & set("QI") else ""
    note = f"axes {letters}: from the TIFF file ({series.kind or 'pages'} {told}){unknown}"
    return shape, parse_axes(letters, shape, name), note


def _stored(file: tifffile.TiffFile, number: int, shape: tuple[int, ...], name: str) -> StoredArray:
    """Return the array of a series: in one piece where it lies so, else page by page."""
    series = file.series[number]
    check_array(name, shape, np.dtype(series.dtype))
    if series.dataoffset and not series.is_multifile:
        file_dtype = np.dtype(series.dtype).newbyteorder(file.byteorder)
        return RawArray(file.filehandle.path, shape, file_dtype, series.dataoffset)
    page_shape = series.keyframe.shape
    inner = _long(shape)[len(_long(shape)) - len(_long(page_shape)) :]
    complete = math.prod(shape) == len(series) * math.prod(page_shape)
    if series.transform is not None or inner != _long(page_shape) or not complete:
        raise SourceError(f"{name}: {len(series)} pages of shape {page_shape} do not make up a series of {shape}")
    return TiffPages(file, number, shape, name)


def _checked_pages(series: tifffile.TiffPageSeries, name: str) -> list[Page]:
    """Return all pages of a series, each checked as far as its header tells."""
    pages = [series[number] for number in range(len(series))]
    for number, page in enumerate(pages):
        if page is None:
            raise SourceError(f"{name}: page {number} of the series is missing in the file")
        check_page(page, name)
    _ = series.keyframe.decode  # some codecs look into the file when the function is made: while it is open
    return pages


def _long(shape: Sequence[int]) -> tuple[int, ...]:
    """Return a shape without its axes of one voxel: tifffile drops and adds those between pages and series."""
    return tuple(size for size in shape if size != 1)


class TiffPages:
    """A series of pages in its own order; only headers are kept, and they are read again after unpickling."""

    unwritten_chunks = 0  # strips and tiles of length 0 are a way to store a constant

    def __init__(self, file: tifffile.TiffFile, number: int, shape: tuple[int, ...], name: str) -> None:
        series = file.series[number]
        self._path = file.filehandle.path
        self._number = number
        self._name = name
        self._pages: list[Page] | None = _checked_pages(series, name)
        self._page_shape = series.keyframe.shape
        self._places = axis_places(series.keyframe, name)
        self._lock = threading.Lock()
        self.shape = shape
        self.dtype: np.dtype[Any] = native(np.dtype(series.dtype))
        over_pages = len(_long(shape)) - len(_long(self._page_shape))
        in_page = zip(page_block(series.keyframe, self._places), self._page_shape, strict=True)
        blocks = iter([1] * over_pages + [block for block, size in in_page if size != 1])
        self.block = tuple(1 if size == 1 else next(blocks) for size in shape)

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
        read_pages(wanted, inside, self._name, pool)
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
                    self._pages = _checked_pages(file.series[self._number], self._name)
            return self._pages


def read_pages(pages: list[tuple[Page, Voxels]], region: Region, name: str, pool: Executor | None) -> None:
    """Fill for each page its array with the same region; both have the five axes of `tiff_pages`."""
    jobs = [
        (page, target, number)
        for page, target in pages
        for number in ([None] if is_plain(page) else Segments.of(page.keyframe).touched(region))
    ]

    def work(job: tuple[Page, Voxels, int | None]) -> None:
        page, target, number = job
        try:
            if number is None:
                read_plain(page, region, target)
            else:
                read_segment(page, number, region, target)
        except (MemoryError, PermissionError):
            raise
        except Exception as error:  # each codec of imagecodecs raises its own kind
            raise damaged(page, name, error) from error

    share(work, jobs, pool)


def value_notes(keyframe: Page) -> tuple[str, ...]:
    """Return sentences about values that mean something else than brightness."""
    if keyframe.photometric == tifffile.PHOTOMETRIC.MINISWHITE:
        return ("the file says that 0 is white; values are taken as stored",)
    if keyframe.photometric == tifffile.PHOTOMETRIC.PALETTE:
        return ("the file holds indices into a colour table; they are taken as stored",)
    return ()
