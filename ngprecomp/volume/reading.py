"""Read a selection: every touched chunk is fetched and decoded on a thread, straight into the result."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from numpy.typing import NDArray

from ngprecomp.chunks.batches import batches, reading_threads, stored_raw
from ngprecomp.chunks.coding import decode_chunk, decode_chunks_into
from ngprecomp.chunks.ordered_map import map_in_order
from ngprecomp.chunks.reading import read_batch
from ngprecomp.errors import MissingChunkError, OptionError
from ngprecomp.format.box import Box, Triple
from ngprecomp.kernels.aligned import aligned_empty

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ngprecomp.chunks.cache import LruCache
    from ngprecomp.chunks.place import Place
    from ngprecomp.volume.indexing import Part, Parts, Selection
    from ngprecomp.volume.resources import Resources

Voxels = NDArray[Any]
Missing = Literal["zero", "error"]
Chunk = tuple[Triple, bytes]


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
    touched = place.grid.touched(selection.box)
    straight = selection.dense and selection.shape[3] == place.num_channels
    pairs = straight and stored_raw(place)
    target = _Target(place, _empty(selection, place), selection.parts(place.grid, touched), straight, pairs, missing)
    fill = partial(target.fill, resources.cache)
    threads = reading_threads(place, touched, resources.threads)
    pool = resources.pool if max(touched.size) > 1 and threads > 1 else None
    return target.voxels, sum(map_in_order(fill, batches(place, touched, threads), pool, 4 * threads))


def _empty(selection: Selection, place: Place) -> Voxels:
    try:
        return aligned_empty(selection.shape, place.dtype)
    except (MemoryError, ValueError):  # more than there is, more than there are addresses
        nbytes = math.prod(selection.shape) * place.dtype.itemsize
        raise OptionError(
            f"a selection of shape {selection.shape} in {place.store.url} takes {nbytes} bytes: read it box by box"
        ) from None


@dataclass(frozen=True, slots=True)
class _Target:
    """Selected voxels that are filled from chunks, and which part of them each chunk holds.

    Into what is `straight`, without steps and with every channel, chunks are decoded without a copy; those that are
    stored raw in `pairs` of neighbours along x, which is quicker.
    """

    place: Place
    voxels: Voxels
    parts: Parts
    straight: bool
    pairs: bool
    missing: Missing

    def fill(self, cache: LruCache, positions: Sequence[Triple]) -> int:
        """Fill what some chunks hold; return how many of these are absent."""
        parts = {position: self.parts.at(position) for position in positions}
        held = {position: part for position, part in parts.items() if not part.empty}  # a stride steps over the others
        if not held:
            return 0
        there = 0
        for chunks in _side_by_side(self._present(held, cache), 2 if self.pairs else 1):
            self._fill_from(chunks, [held[position] for position, _ in chunks])
            there += len(chunks)
        return len(held) - there

    def _present(self, held: dict[Triple, Part], cache: LruCache) -> Iterator[Chunk]:
        """Yield the encoded chunks that there are; what the others hold is filled."""
        for position, encoded in zip(held, read_batch(self.place, list(held), cache), strict=True):
            if encoded is None:
                self._fill_absent(position, held[position])
            else:
                yield position, encoded

    def _fill_absent(self, position: Triple, part: Part) -> None:
        if self.missing == "error":
            raise MissingChunkError(f"{self.place.describe(position)} is absent")
        self.voxels[part.of_selection] = 0

    def _fill_from(self, chunks: list[Chunk], parts: list[Part]) -> None:
        if self.straight:
            boxes, ats = zip(*map(_dense, parts), strict=True)
            decode_chunks_into(self.place, chunks, boxes, self.voxels, ats[0])
        else:
            ((position, encoded),), (part,) = chunks, parts
            self.voxels[part.of_selection] = decode_chunk(self.place, position, encoded)[part.of_chunk]


def _side_by_side(chunks: Iterable[Chunk], most: int) -> Iterator[list[Chunk]]:
    """Yield runs of at most so many chunks, each of which follows the one before along x."""
    run: list[Chunk] = []
    for position, encoded in chunks:
        x, y, z = position
        if run and run[-1][0] != (x - 1, y, z):
            yield run
            run = []
        run.append((position, encoded))
        if len(run) == most:
            yield run
            run = []
    if run:
        yield run


def _dense(part: Part) -> tuple[Box, Triple]:
    """Return a part without steps as the box of the chunk and where it begins in the selection."""
    x, y, z, _ = part.of_chunk
    to_x, to_y, to_z, _ = part.of_selection
    return Box((x.start, y.start, z.start), (x.stop, y.stop, z.stop)), (to_x.start, to_y.start, to_z.start)
