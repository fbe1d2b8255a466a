"""A folder, a glob or a list of TIFF files, one slice each, as one volume."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ngprecomp.errors import SourceError
from ngprecomp.sources.axes import asked_axes_note, parse_axes
from ngprecomp.sources.sharing import share
from ngprecomp.sources.stacks.placing import Gaps, common_header, place_slices, stack_note
from ngprecomp.sources.stacks.slice_names import choose_slices, number_slices
from ngprecomp.sources.stacks.slice_pages import SlicePages, slice_page
from ngprecomp.sources.stored import StoredSource, check_array, native, sizes
from ngprecomp.sources.tally import Tally
from ngprecomp.sources.tiff.file import LETTERS, open_tiff, opened
from ngprecomp.sources.tiff.page_reading import read_pages
from ngprecomp.sources.tiff.pages import TiffPage, axis_places, five_axes, page_block
from ngprecomp.sources.tiff.sizes import read_voxel_size
from ngprecomp.sources.tiff.values import value_notes

if TYPE_CHECKING:
    from collections.abc import Iterable
    from concurrent.futures import Executor

    from ngprecomp.sources.axes import Region
    from ngprecomp.sources.protocol import Voxels


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
    depth, slots = place_slices(files, numbering, name, gaps)
    pages = SlicePages(files[0])
    header = common_header(files, name, lambda path: _header(pages.page(path).keyframe))
    check_array(name, header.shape, np.dtype(header.dtype))
    with opened(files[0]) as file:
        page = slice_page(file, files[0])
        block = (1, *page_block(page, axis_places(page, files[0])))
        resolution, size_notes = read_voxel_size(file, page, 0)
        size_notes = (*size_notes, *value_notes(page, file.imagej_metadata, files[0]))
    stored = SliceArray(slots, pages, header, (depth, *header.shape), block)
    asked = axes or "z" + "".join(LETTERS.get(letter, "?") for letter in header.axes)
    order = parse_axes(asked, stored.shape, name)
    axes_note = asked_axes_note(order, stored.shape) if axes else f"axes {order}: slices along z"
    stack_notes = (stack_note(files, numbering, gaps), axes_note)
    return StoredSource(name, stored, order, resolution, notes=(*stack_notes, *notes, *size_notes))


@dataclass(frozen=True, slots=True)
class SliceArray:
    """Files along the first axis; where `slots` has none there is a slice of zeros."""

    slots: dict[int, str]
    pages: SlicePages = field(compare=False)
    header: SliceHeader
    shape: tuple[int, ...]
    block: tuple[int, ...]
    decoded: Tally = field(default_factory=Tally, compare=False)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the voxels, in native byte order."""
        return native(np.dtype(self.header.dtype))

    @property
    def unwritten_chunks(self) -> int:
        """None: blank slices were asked for."""
        return 0

    @property
    def files(self) -> tuple[str, ...]:
        """All slices."""
        return tuple(map(os.path.abspath, self.slots.values()))

    @property
    def decoded_bytes(self) -> int:
        """Bytes of the pages, strips and tiles read so far."""
        return self.decoded.total

    def read(self, region: Region, pool: Executor | None) -> Voxels:
        """Return a region, its files read in the threads of `pool`."""
        voxels = np.empty(sizes(region), self.dtype)
        along = range(region[0].start, region[0].stop)
        share(lambda z: self._read_slice(z, region[1:], voxels[z - along.start]), along, pool)
        return voxels

    def close(self) -> None:
        """Nothing stays open."""

    def _read_slice(self, z: int, region: Region, target: Voxels) -> None:
        path = self.slots.get(z)
        if path is None:
            target[...] = 0
            return
        page = self.pages.page(path)
        keyframe = page.keyframe
        if _header(keyframe) != self.header:
            raise SourceError(f"{path} has changed: expected {self.header}, found {_header(keyframe)}")
        inside = five_axes(region, axis_places(keyframe, path))
        read_pages([(page, target.reshape(sizes(inside)))], inside, path, None, self.decoded)


def _header(keyframe: TiffPage) -> SliceHeader:
    return SliceHeader(keyframe.shape, keyframe.axes, str(np.dtype(keyframe.dtype)))
