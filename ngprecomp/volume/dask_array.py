"""A volume as a dask array: the same axes, from voxel 0 on, in blocks of whole chunks."""

from __future__ import annotations

import operator
import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ngprecomp.errors import OptionError
from ngprecomp.format.box import Triple, three, triple
from ngprecomp.storage.memory import MemoryStore
from ngprecomp.volume.budget import REMOTE_WORKERS, parse_memory
from ngprecomp.volume.write_boxes import grown, nbytes_of, object_shape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ngprecomp.chunks.place import Place
    from ngprecomp.storage.protocol import Store
    from ngprecomp.volume.handle import Volume
    from ngprecomp.volume.resources import Resources

BLOCK_BYTES = 128 << 20  # a task of dask takes 4 ms of its scheduler, as long as reading a few MB

Blocks = tuple[tuple[int, ...], ...]


def to_dask(volume: Volume, chunks: Sequence[int] | int | str | None = None) -> Any:
    """Return a volume as a dask array [x, y, z, channel]; `Volume.to_dask` says how.

    Raises
    ------
    OptionError
        `chunks` are no multiples of the chunks of the volume, or dask is not installed.
    """
    array = dask_arrays()
    shape = block_shape(volume.place, chunks)
    blocks = (*_pieces(volume.box.size, shape), (volume.place.num_channels,))
    voxels = FromZero(replace(volume, resources=task_resources(volume)))
    from dask.base import tokenize

    name = f"ngprecomp-{tokenize(volume.url, volume.info, volume.scale_index, volume.missing, blocks)}"
    meta = np.empty((0, 0, 0, 0), volume.dtype, order="F")
    return array.from_array(voxels, blocks, name=name, asarray=False, fancy=False, meta=meta)


def dask_arrays() -> Any:
    """Return the module of dask's arrays.

    Raises
    ------
    OptionError
        It is not installed.
    """
    try:
        import dask.array
    except ImportError as error:
        raise OptionError("dask arrays need dask: python -m pip install 'ngprecomp[dask]'") from error
    return dask.array


def task_resources(volume: Volume) -> Resources:
    """Return resources for what several tasks do at once: dask brings the threads, except for waiting."""
    return volume.resources.with_threads(REMOTE_WORKERS if volume.place.store.remote else 1)


def block_shape(place: Place, wish: Sequence[int] | int | str | None = None) -> Triple:
    """Return the voxels of a block: as wished, or as many whole shards, else chunks, as a limit in bytes allows.

    Raises
    ------
    OptionError
        The wish is no multiple of the chunks, or less than one.
    """
    if wish is not None and not isinstance(wish, str):
        return _whole_chunks(place, wish)
    size, voxel_bytes = place.scale.size, place.dtype.itemsize * place.num_channels
    chunk, stored = place.grid.chunk, object_shape(place)
    limit = max(BLOCK_BYTES, nbytes_of(chunk, size, voxel_bytes)) if wish is None else parse_memory(wish)
    return grown(stored if nbytes_of(stored, size, voxel_bytes) <= limit else chunk, size, voxel_bytes, limit)


def _whole_chunks(place: Place, wish: Sequence[int] | int) -> Triple:
    """Return a wish as x, y, z; -1 and whatever reaches the end of the volume stand for the whole axis."""
    size, chunk = place.scale.size, place.grid.chunk
    try:
        asked = triple(map(operator.index, three(wish)))
    except (TypeError, ValueError):
        raise OptionError(f"chunks are three integers, x, y, z, or bytes such as '64MB', found {wish!r}") from None
    shape = triple(length if step == -1 else step for step, length in zip(asked, size, strict=True))
    if not all(
        step >= length or step in range(own, length, own) for step, own, length in zip(shape, chunk, size, strict=True)
    ):
        raise OptionError(
            f"blocks of a dask array are multiples of the volume's chunks of {chunk} voxels, found {wish!r}; "
            "rechunk makes others of them"
        )
    return triple(max(1, min(step, length)) for step, length in zip(shape, size, strict=True))


def _pieces(size: Triple, step: Triple) -> Blocks:
    """Return the lengths of the blocks along each axis; the last one is cut at the end of the volume."""
    return tuple(
        tuple(min(own, length - at) for at in range(0, length, own)) or (0,)
        for length, own in zip(size, step, strict=True)
    )


def refuse_unseen(store: Store, process: int) -> None:
    """Refuse to work in another process on what only `process` holds.

    Raises
    ------
    OptionError
        The volume lies in its memory.
    """
    if isinstance(store, MemoryStore) and process != os.getpid():
        raise OptionError(f"{store.url} lies in the memory of another process: use threads of dask, or a folder")


@dataclass(frozen=True, slots=True)
class FromZero:
    """A volume whose first voxel is 0, 0, 0, as dask counts; it pickles as the handle does, without threads."""

    volume: Volume
    process: int = field(default_factory=os.getpid)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Voxels along x, y, z and the number of channels."""
        return self.volume.shape

    @property
    def ndim(self) -> int:
        """Always 4."""
        return 4

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of a voxel."""
        return self.volume.dtype

    def __getitem__(self, index: tuple[slice | int, ...]) -> NDArray[Any]:
        """Return what integers and slices select, which dask has made of the caller's."""
        refuse_unseen(self.volume.place.store, self.process)
        offset = (*self.volume.voxel_offset, 0)
        return self.volume[tuple(map(_absolute, index, self.shape, offset))]


def _absolute(part: slice | int, length: int, offset: int) -> slice | int:
    if not isinstance(part, slice):
        return int(part) + offset
    start, stop, step = part.indices(length)
    return slice(start + offset, stop + offset, step) if range(start, stop, step) else slice(offset, offset)
