"""A cell made depth-first: read a chunk, encode it, halve it into the chunk above, which is done with its last part."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from ngprecomp.format.box import Box, Triple, triple
from ngprecomp.kernels.aligned import aligned_empty
from ngprecomp.kernels.downsample import downsample_into, downsampled_box
from ngprecomp.pipeline.engine.cells import Cell, chunks_of, store_chunk
from ngprecomp.pipeline.engine.rounds import windows

if TYPE_CHECKING:
    from collections.abc import Callable

    from ngprecomp.pipeline.engine.rounds import Round

Voxels = NDArray[Any]


def descend(job: Round, number: int, cell: Box, *, read: Callable[[Box], Voxels], skip_empty: bool = False) -> Cell:
    """Make all chunks of a cell; at once is read what one chunk of target `number` is made of.

    Every chunk must be made of whole chunks of the finer scale. Chunks of unsharded scales are written here.
    """
    descent = _Descent(job, number, cell, read, skip_empty=skip_empty)
    for position in descent.ids[-1]:
        descent.voxels(len(job.targets) - 1, position)
    descent.made.sharded.sort(key=lambda chunk: chunk[:3])
    return descent.made


class _Descent:
    """One cell: the ids of its chunks by position, and which chunks lie under which, in Morton order."""

    def __init__(self, job: Round, number: int, cell: Box, read: Callable[[Box], Voxels], *, skip_empty: bool) -> None:
        self.made = Cell.blank(job)
        self.ids = [dict(chunks_of(job, index, cell)) for index in range(len(job.targets))]
        self._job, self._number, self._read, self._skip_empty = job, number, read, skip_empty
        self._under: list[defaultdict[Triple, list[Triple]]] = [defaultdict(list) for _ in job.targets]
        for index, target in enumerate(job.targets[1:], 1):
            for position in self.ids[index - 1]:
                above = triple(at // f for at, f in zip(position, target.factor, strict=True))
                self._under[index][above].append(position)

    def voxels(self, index: int, position: Triple) -> tuple[Voxels, Box]:
        """Make a chunk of a target and all chunks under it; return its voxels and where they lie."""
        voxels, box = self._portion(position) if index == self._number else self._joined(index, position)
        self._store(index, position, voxels, box)
        return voxels, box

    def _joined(self, index: int, position: Triple) -> tuple[Voxels, Box]:
        """Put a chunk together from the chunks under it."""
        target = self._job.targets[index]
        box = target.grid.cell(position)
        place = target.places[0]
        voxels: Voxels = aligned_empty((*box.size, place.num_channels), place.dtype)
        for under in self._under[index][position]:
            finer, of = self.voxels(index - 1, under)
            part = Box(*downsampled_box(of.lo, of.hi, target.factor, self._job.method))
            at = part.relative_to(box.lo).lo
            downsample_into(finer, of.lo, voxels, box.lo, target.factor, self._job.method, at, part.size)
        return voxels, box

    def _portion(self, position: Triple) -> tuple[Voxels, Box]:
        """Read what a chunk is made of, and make it, with the chunks under it, from there."""
        targets = self._job.targets[: self._number + 1]
        box = targets[-1].grid.cell(position)
        for number, target in reversed(list(enumerate(targets))):
            domain = targets[number - 1].grid.domain if number else self._job.base
            box = windows(box, target.factor).intersection(domain)
        voxels = self._read(box)
        self.made.voxels_read += voxels[..., 0].size
        for number, target in enumerate(targets):
            if target.factor != (1, 1, 1):
                part = Box(*downsampled_box(box.lo, box.hi, target.factor, self._job.method))
                coarse: Voxels = aligned_empty((*part.size, voxels.shape[3]), voxels.dtype)
                downsample_into(voxels, box.lo, coarse, part.lo, target.factor, self._job.method)
                voxels, box = coarse, part
            for under in self._down(self._number, number, position):
                self._store(number, under, voxels, box)
        return voxels, box

    def _down(self, index: int, number: int, position: Triple) -> list[Triple]:
        """Return the chunks of target `number` under a chunk of target `index`, none if that is the same."""
        if number == index:
            return []
        under = self._under[index][position]
        return under if number == index - 1 else [low for high in under for low in self._down(index - 1, number, high)]

    def _store(self, index: int, position: Triple, voxels: Voxels, box: Box) -> None:
        chunk = self._job.targets[index].grid.cell(position).relative_to(box.lo)
        chunk_id = self.ids[index][position]
        store_chunk(self.made, self._job, index, position, chunk_id, voxels, chunk, skip_empty=self._skip_empty)
