"""A folder, a glob or a list of TIFF files, one slice each, as one volume."""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ngprecomp.errors import SourceError
from ngprecomp.sources.axes import parse_axes
from ngprecomp.sources.sharing import share
from ngprecomp.sources.slice_names import Numbering, choose_slices, number_slices
from ngprecomp.sources.stored import StoredSource, check_array, native, sizes
from ngprecomp.sources.tiff import LETTERS, open_tiff, opened, read_pages, value_notes
from ngprecomp.sources.tiff_metadata import check_promises, read_voxel_size
from ngprecomp.sources.tiff_pages import axis_places, check_page, five_axes, page_block

if TYPE_CHECKING:
    from collections.abc import Iterable
    from concurrent.futures import Executor

    import tifffile

    from ngprecomp.sources.axes import Region
    from ngprecomp.sources.protocol import Voxels

Gaps = Literal["error", "close", "blank"]
HEADER_THREADS = 8  # opening a file waits for the disk or the network, not for the processor


@dataclass(frozen=True, slots=True)
class SliceHeader:
    """What must be the same in all files of a stack."""

    shape: tuple[int, ...]
    axes: str
    dtype: str

    def __str__(self) -> str:
        return f"shape {self.shape} {self.axes} {self.dtype}"


def open_slices(paths: Iterable[str], name: str, axes: str | None, gaps: Gaps) -> StoredSource:
    """Open files of one page each as a stack along z, in natural order; one file alone is what it is.

    Every header is read and checked; no voxel is.

    Raises
    ------
    SourceError
        There are no TIFF files, numbers are missing and `gaps` is "error", or a file is damaged, has several
        pages or differs in shape or type from the others.
    """
    files, notes = choose_slices(paths, name)
    if len(files) == 1:
        source = open_tiff(files[0], None, axes)
        return dataclasses.replace(source, notes=(*source.notes, *notes))
    numbering = number_slices(files, name)
    depth, slots = _slots(files, numbering, name, gaps)
    header = _common_header(files, name)
    check_array(name, header.shape, np.dtype(header.dtype))
    with opened(files[0]) as file:
        page = file.pages[0]
        block = (1, *page_block(page, axis_places(page, files[0])))
        resolution, size_notes = read_voxel_size(file, page, 0)
        size_notes = (*size_notes, *value_notes(page))
    stored = SliceArray(slots, header, (depth, *header.shape), block)
    asked = axes or "z" + "".join(LETTERS.get(letter, "?") for letter in header.axes)
    order = parse_axes(asked, stored.shape, name)
    stack_notes = (
        _stack_note(files, numbering, gaps),
        f"axes {order}: {'as asked' if axes else 'slices along z'}",
    )
    return StoredSource(name, stored, order, resolution, notes=(*stack_notes, *notes, *size_notes))


@dataclass(frozen=True, slots=True)
class SliceArray:
    """Files along the first axis; where `files` has none there is a slice of zeros."""

    files: dict[int, str]
    header: SliceHeader
    shape: tuple[int, ...]
    block: tuple[int, ...]

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the voxels, in native byte order."""
        return native(np.dtype(self.header.dtype))

    @property
    def unwritten_chunks(self) -> int:
        """None: blank slices were asked for."""
        return 0

    def read(self, region: Region, pool: Executor | None) -> Voxels:
        """Return a region, its files read in the threads of `pool`."""
        voxels = np.empty(sizes(region), self.dtype)
        along = range(region[0].start, region[0].stop)
        share(lambda z: self._read_slice(z, region[1:], voxels[z - along.start]), along, pool)
        return voxels

    def close(self) -> None:
        """Nothing stays open."""

    def _read_slice(self, z: int, region: Region, target: Voxels) -> None:
        path = self.files.get(z)
        if path is None:
            target[...] = 0
            return
        with opened(path) as file:
            page = file.pages[0]
            if _header(file) != self.header:
                raise SourceError(f"{path} has changed: expected {self.header}, found {_header(file)}")
            check_page(page, path)
            inside = five_axes(region, axis_places(page, path))
            read_pages([(page, target.reshape(sizes(inside)))], inside, path, None)


def _slots(files: list[str], numbering: Numbering, name: str, gaps: Gaps) -> tuple[int, dict[int, str]]:
    """Return the number of slices and the file of each."""
    if numbering.missing and gaps == "error":
        raise SourceError(
            f"{name}: {_span(files)}, but {numbering.missing} numbers are missing: {numbering.named_missing()}; "
            "gaps close takes the slices as neighbours, gaps blank puts black ones there"
        )
    if numbering.numbers is None or gaps != "blank":
        return len(files), dict(enumerate(files))
    first, last = numbering.numbers[0], numbering.numbers[-1]
    return last - first + 1, {number - first: file for number, file in zip(numbering.numbers, files, strict=True)}


def _span(files: list[str]) -> str:
    return f"{len(files)} slices, {os.path.basename(files[0])} ... {os.path.basename(files[-1])}"


def _stack_note(files: list[str], numbering: Numbering, gaps: Gaps) -> str:
    span = f"{_span(files)} in natural order"
    if numbering.numbers is None:
        return f"{span}; {numbering.reason}"
    if not numbering.missing:
        return f"{span}, none missing"
    done = "left out" if gaps == "close" else "blank"
    return f"{span}; {numbering.missing} missing numbers are {done}: {numbering.named_missing()}"


def _common_header(files: list[str], name: str) -> SliceHeader:
    """Return the header that all files share.

    Raises
    ------
    SourceError
        A file differs from most; it is named.
    """

    def checked(path: str) -> SliceHeader:
        with opened(path) as file:
            check_promises(file, path)
            check_page(file.pages[0], path)
            if file.pages.is_multipage or (file.imagej_metadata or {}).get("images", 1) > 1:
                raise SourceError(f"{path} holds several pages; each file of a stack holds one slice")
            return _header(file)

    with ThreadPoolExecutor(HEADER_THREADS) as pool:
        headers = list(pool.map(checked, files))
    usual, count = Counter(headers).most_common(1)[0]
    for path, header in zip(files, headers, strict=True):
        if header != usual:
            raise SourceError(f"{path} differs from {count} slices of {name}: expected {usual}, found {header}")
    return usual


def _header(file: tifffile.TiffFile) -> SliceHeader:
    page = file.pages[0]
    return SliceHeader(page.shape, page.axes, str(np.dtype(page.dtype)))
