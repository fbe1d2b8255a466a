"""A folder, a glob or a list of PNG or JPEG pictures, one slice each, as one volume."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ngprecomp.sources.axes import asked_axes_note, parse_axes
from ngprecomp.sources.sharing import share
from ngprecomp.sources.stacks.picture_files import PictureHeader, read_picture, read_picture_header
from ngprecomp.sources.stacks.placing import Gaps, common_header, place_slices, stack_note
from ngprecomp.sources.stacks.slice_names import PICTURES, choose_slices, number_slices
from ngprecomp.sources.stored import StoredSource, check_array, sizes
from ngprecomp.sources.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Iterable
    from concurrent.futures import Executor

    from ngprecomp.sources.axes import Region
    from ngprecomp.sources.protocol import Voxels


def open_pictures(paths: Iterable[str], name: str, axes: str | None, gaps: Gaps) -> StoredSource:
    """Open pictures as slices along z in natural order; one alone is a volume of one slice.

    Every header is read and checked; no pixel is.

    Raises
    ------
    SourceError
        There are no pictures, numbers are missing and `gaps` is "error", or a picture is damaged or differs in
        size or kind from the others.
    """
    files, notes = choose_slices(paths, name, PICTURES)
    return open_picture_files(files, name, axes, gaps, notes)


def open_picture(path: str, axes: str | None) -> StoredSource:
    """Open one picture, whatever its name ends with, as a volume of one slice."""
    return open_picture_files([path], path, axes, "error", ())


def open_picture_files(
    files: list[str], name: str, axes: str | None, gaps: Gaps, notes: tuple[str, ...]
) -> StoredSource:
    """Open files that are known to be the slices, in their order; `notes` tell how they were chosen."""
    depth, slots = len(files), dict(enumerate(files))
    if len(files) > 1:
        numbering = number_slices(files, name)
        depth, slots = place_slices(files, numbering, name, gaps)
        notes = (stack_note(files, numbering, gaps), *notes)
    header = common_header(files, name, read_picture_header)
    stored = PictureStack(slots, header, (depth, *header.shape))
    check_array(name, stored.shape, stored.dtype)
    letters = "zyx" if header.colours == 1 else "zyxc"
    order = parse_axes(axes or letters, stored.shape, name)
    axes_note = (
        asked_axes_note(order, stored.shape) if axes else f"axes {letters}: rows and columns of pictures along z"
    )
    bits = (f"samples of {header.bits} bits are taken as stored",) if header.bits < 8 else ()
    return StoredSource(name, stored, order, notes=(*notes, axes_note, *bits))


@dataclass(frozen=True, slots=True)
class PictureStack:
    """Pictures along the first axis; where `slots` has none there is a slice of zeros."""

    slots: dict[int, str]
    header: PictureHeader
    shape: tuple[int, ...]
    unwritten_chunks: int = 0  # blank slices were asked for
    decoded: Tally = field(default_factory=Tally, compare=False)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of a sample."""
        return self.header.dtype

    @property
    def block(self) -> tuple[int, ...]:
        """A picture: it decodes as a whole."""
        return (1, *self.header.shape)

    @property
    def files(self) -> tuple[str, ...]:
        """All pictures."""
        return tuple(map(os.path.abspath, self.slots.values()))

    @property
    def decoded_bytes(self) -> int:
        """Bytes of the pictures decoded so far."""
        return self.decoded.total

    def read(self, region: Region, pool: Executor | None) -> Voxels:
        """Return a region, its pictures decoded in the threads of `pool`."""
        voxels = np.empty(sizes(region), self.dtype)
        along = range(region[0].start, region[0].stop)

        def work(z: int) -> None:
            path = self.slots.get(z)
            if path is None:
                voxels[z - along.start] = 0
                return
            pixels = read_picture(path, self.header)
            voxels[z - along.start] = pixels[region[1:]]
            self.decoded.add(pixels.nbytes)

        share(work, along, pool)
        return voxels

    def close(self) -> None:
        """Nothing stays open."""
