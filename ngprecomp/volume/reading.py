"""Read a selection: every touched chunk is fetched and decoded on a thread, straight into the result."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from ngprecomp.chunks.coding import decode_chunk, decode_chunk_into
from ngprecomp.chunks.ordered_map import map_in_order
from ngprecomp.chunks.reading import read_encoded
from ngprecomp.errors import MissingChunkError, OptionError
from ngprecomp.format.box import Box, Triple
from ngprecomp.format.grid import positions_in

if TYPE_CHECKING:
    from ngprecomp.chunks.place import Place
    from ngprecomp.volume.indexing import Part, Selection
    from ngprecomp.volume.resources import Resources

Voxels = NDArray[Any]
Missing = Literal["zero", "error"]


def checked_missing(missing: Missing) -> Missing:
    """Return a policy for absent chunks.

    Raises
    ------
    OptionError
        There is no such policy.
    """
    if missing not in ("zero", "error"):
        raise OptionError(f'missing is "zero" or "error", found {missing!r}')
    return missing


def read_selection(place: Place, selection: Selection, missing: Missing, resources: Resources) -> tuple[Voxels, int]:
    """Return the selected voxels as [x, y, z, channel], Fortran-ordered, and how many touched chunks are absent.

    Absent chunks are zeros.

    Raises
    ------
    MissingChunkError
        A chunk is absent and `missing` is ``"error"``.
    DecodeError
        A chunk is damaged.
    """
    voxels: Voxels = np.empty(selection.shape, place.dtype, order="F")
    touched = place.grid.touched(selection.box)
    read = partial(_read_chunk, place, selection, voxels, missing, resources)
    pool = resources.pool if max(touched.size) > 1 and resources.threads > 1 else None
    return voxels, sum(map_in_order(read, positions_in(touched), pool, 4 * resources.threads))


def _read_chunk(
    place: Place, selection: Selection, voxels: Voxels, missing: Missing, resources: Resources, position: Triple
) -> bool:
    """Fill the part of `voxels` that a chunk holds; return whether the chunk is absent."""
    part = selection.part_of(place.grid.cell(position))
    if part.empty:
        return False  # a stride steps over this chunk
    encoded = read_encoded(place, position, resources.cache)
    if encoded is None:
        if missing == "error":
            raise MissingChunkError(f"{place.describe(position)} is absent")
        voxels[part.of_selection] = 0
    elif selection.dense and selection.shape[3] == place.num_channels:
        box, at = _dense(part)
        decode_chunk_into(place, position, encoded, box, voxels, at)
    else:
        voxels[part.of_selection] = decode_chunk(place, position, encoded)[part.of_chunk]
    return encoded is None


def _dense(part: Part) -> tuple[Box, Triple]:
    """Return a part without steps as the box of the chunk and where it begins in the selection."""
    x, y, z, _ = part.of_chunk
    to_x, to_y, to_z, _ = part.of_selection
    return Box((x.start, y.start, z.start), (x.stop, y.stop, z.stop)), (to_x.start, to_y.start, to_z.start)
