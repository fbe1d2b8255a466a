"""A box of a volume as slabs along z: every chunk is read once, whatever the memory."""

from __future__ import annotations

import math
import tempfile
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ngprecomp.errors import OptionError
from ngprecomp.format.box import Box, Triple, triple
from ngprecomp.format.grid import Grid, positions_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ngprecomp.volume.handle import Volume
    from ngprecomp.volume.reading import Missing

Voxels = NDArray[Any]

PARTS = 5  # what is read, what waits for the next slab, both joined, what is still being written, chunks in flight
LARGE = 256 << 20  # slabs of more bytes make nothing faster


@dataclass(slots=True)
class Slabs:
    """The slabs of a box: [x, y, z, channel] as `convert` returns them, Fortran-ordered, in order along z.

    All but the last have a multiple of `depth` planes. Where a layer of chunks does not fit into `memory` bytes, it is
    gathered in a temporary file in `folder`, and the slabs are views of that. `absent` counts absent chunks.
    """

    volume: Volume
    box: Box
    missing: Missing
    dtype: np.dtype[Any]
    convert: Callable[[Voxels, Box], Voxels]
    memory: int
    depth: int
    folder: str
    absent: int = 0

    def __iter__(self) -> Iterator[Voxels]:
        return regrouped(self._pieces(), self.depth)

    def _pieces(self) -> Iterator[Voxels]:
        step = reading_step(self.volume, self.box, self.dtype, self.memory)
        if step[0] < self.volume.shape[0] or step[1] < self.volume.shape[1]:
            yield from self._gathered(step)
            return
        for brick in _cells(self.volume.box, step, self.box):
            yield self._read(brick)

    def _gathered(self, step: Triple) -> Iterator[Voxels]:
        """Yield as many planes at once as fit, of layers that are gathered in a file brick by brick."""
        layers = (*self.volume.shape[:2], step[2])
        planes = planes_within(self.memory, self.volume, self.box, self.dtype)
        for layer in _cells(self.volume.box, layers, self.box):
            shape = (*layer.size, self.volume.shape[3])
            # Each layer has a file of its own: whoever got slabs of the one before may still be looking at them.
            with tempfile.TemporaryFile(dir=self.folder, prefix=".") as file:
                file.truncate(math.prod(shape) * self.dtype.itemsize)
                for brick in _cells(self.volume.box, step, layer):
                    _mapped(file, self.dtype, shape)[brick.relative_to(layer.lo).slices] = self._read(brick)
                for z in range(0, layer.size[2], planes):
                    yield _mapped(file, self.dtype, shape)[:, :, z : z + planes]

    def _read(self, box: Box) -> Voxels:
        voxels, absent = self.volume.read(box, self.missing)
        self.absent += absent
        return self.convert(voxels, box)


def reading_step(volume: Volume, box: Box, dtype: np.dtype[Any], memory: int) -> Triple:
    """Return the shape of the bricks that are read at once: whole chunks, as many as fit, along x before y before z.

    Raises
    ------
    OptionError
        One chunk alone takes more than its part of `memory`.
    """
    chunk = triple(map(min, volume.scale.chunk_size, volume.shape[:3]))
    step, limit = list(chunk), memory // PARTS
    nbytes = math.prod(map(min, chunk, box.size)) * _voxel_bytes(volume, dtype)
    if nbytes > limit:
        raise OptionError(
            f"memory of {memory} bytes is too little: chunks of {chunk} voxels need {PARTS * nbytes} bytes"
        )
    for axis in range(3):
        if axis == 2:
            limit = max(nbytes, min(limit, LARGE))
        whole = nbytes // min(chunk[axis], box.size[axis]) * box.size[axis]
        if whole > limit:
            step[axis] = chunk[axis] * (limit // nbytes)
            break
        step[axis], nbytes = volume.shape[axis], whole
    return triple(step)


def planes_within(memory: int, volume: Volume, box: Box, dtype: np.dtype[Any]) -> int:
    """Return how many whole planes of a box fit into their part of `memory`, at least 1."""
    plane = box.size[0] * box.size[1] * _voxel_bytes(volume, dtype)
    return max(1, memory // PARTS // plane)


def regrouped(pieces: Iterable[Voxels], depth: int) -> Iterator[Voxels]:
    """Yield the planes of all pieces again; all slabs but the last have a multiple of `depth` planes."""
    carried: Voxels | None = None
    for piece in pieces:
        joined = piece if carried is None else np.concatenate((carried, piece), axis=2)
        whole = joined.shape[2] // depth * depth
        if whole:
            yield joined[:, :, :whole]
        # A copy, so that what was yielded is not held until the rest is.
        carried = None if whole == joined.shape[2] else joined[:, :, whole:].copy(order="F")
        del joined
    if carried is not None:
        yield carried


def _cells(domain: Box, step: Triple, box: Box) -> Iterator[Box]:
    """Yield the parts of a box between the planes of a grid of `step` voxels over the domain, x fastest."""
    grid = Grid(domain, step)
    for position in positions_in(grid.touched(box)):
        yield grid.cell(position).intersection(box)


def _voxel_bytes(volume: Volume, dtype: np.dtype[Any]) -> int:
    converted = 0 if dtype == volume.dtype else dtype.itemsize
    return volume.shape[3] * (volume.dtype.itemsize + converted)


def _mapped(file: IO[bytes], dtype: np.dtype[Any], shape: tuple[int, ...]) -> Voxels:
    """Return a new map of the file, whose memory the system takes back as soon as nobody looks at it."""
    return np.memmap(file, dtype, "r+", shape=shape, order="F")
