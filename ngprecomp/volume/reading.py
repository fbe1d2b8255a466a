"""Read a selection: every touched chunk is fetched and decoded on a thread, straight into the result."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from ngprecomp.chunks.batches import batches
from ngprecomp.chunks.coding import decode_chunk, decode_chunk_into
from ngprecomp.chunks.ordered_map import map_in_order
from ngprecomp.chunks.reading import read_batch
from ngprecomp.errors import MissingChunkError, OptionError
from ngprecomp.format.box import Box, Triple

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
    OptionError
        The selection has more voxels than the memory holds.
    """
    voxels = _empty(selection, place)
    touched = place.grid.touched(selection.box)
    read = partial(_read_chunks, place, selection, voxels, missing, resources)
    pool = resources.pool if max(touched.size) > 1 and resources.threads > 1 else None
    return voxels, sum(map_in_order(read, batches(place, touched), pool, 4 * resources.threads))


def _empty(selection: Selection, place: Place) -> Voxels:
    try:
        return np.empty(selection.shape, place.dtype, order="F")
    except (MemoryError, ValueError):  # more than there is, more than there are addresses
        nbytes = math.prod(selection.shape) * place.dtype.itemsize
        raise OptionError(
            f"a selection of shape {selection.shape} in {place.store.url} takes {nbytes} bytes: read it box by box"
        ) from None


def _read_chunks(
    place: Place, selection: Selection, voxels: Voxels, missing: Missing, resources: Resources, positions: list[Triple]
) -> int:
    """Fill the parts of `voxels` that some chunks hold; return how many of these are absent."""
    parts = [(position, selection.part_of(place.grid.cell(position))) for position in positions]
    held = [(position, part) for position, part in parts if not part.empty]  # a stride steps over the others
    if not held:
        return 0
    encoded = read_batch(place, [position for position, _ in held], resources.cache)
    return sum(
        _fill(place, selection, voxels, missing, position, part, data)
        for (position, part), data in zip(held, encoded, strict=True)
    )


def _fill(
    place: Place,
    selection: Selection,
    voxels: Voxels,
    missing: Missing,
    position: Triple,
    part: Part,
    encoded: bytes | None,
) -> bool:
    """Fill the part of `voxels` that a chunk holds; return whether the chunk is absent."""
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
