"""Store a dask array in a volume: each stored object is written once, by one task."""

from __future__ import annotations

import math
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ngprecomp.errors import OptionError
from ngprecomp.format.grid import Grid
from ngprecomp.pipeline.provenance import add_provenance
from ngprecomp.pipeline.report import Report, ScaleReport, peak_memory
from ngprecomp.volume.budget import parse_memory
from ngprecomp.volume.dask_array import BLOCK_BYTES, dask_arrays, refuse_unseen, task_resources
from ngprecomp.volume.indexing import box_selection
from ngprecomp.volume.opening import handle_of
from ngprecomp.volume.places import refuse_escape
from ngprecomp.volume.values import as_voxels, converted
from ngprecomp.volume.write_boxes import grown, nbytes_of, object_shape
from ngprecomp.volume.writing import Input, like_the_rest, write_selection

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ngprecomp.chunks.place import Place
    from ngprecomp.volume.handle import Volume
    from ngprecomp.volume.opening import ScaleLike, SpecLike
    from ngprecomp.volume.resources import Resources


def from_dask(
    array: Any, volume: Volume | SpecLike, *, scale: ScaleLike | None = None, memory: int | str | None = None
) -> Report:
    """Compute a dask array and store it in a volume that exists, all of it.

    What may be assigned to ``vol[...]`` is stored as it would be there, zeros included. The array is cut into boxes of
    whole chunks or whole shards, each of which one task writes; it is computed once, by dask's scheduler of the moment:
    threads, processes, or the cluster of a `distributed.Client`. The coarser scales stay as they are.

    Parameters
    ----------
    array
        [x, y, z, channel], or [x, y, z] where there is one channel.
    volume, scale
        An open volume, or its path, URL or spec, and which of its scales.
    memory
        Bytes of a box at most, such as ``"1GB"``; each task holds one, once as it was cut before and once whole. By
        default 128 MiB, or one stored object if that is more.

    Raises
    ------
    OptionError
        The shape or the values do not fit, or one stored object is more than `memory`.

    Examples
    --------
    >>> import dask.array as da, ngprecomp as ng
    >>> vol = ng.create("memory://doc/dask", shape=(100, 80, 60), dtype="uint8", chunk_size=(32, 32, 32))
    >>> report = ng.from_dask(da.ones((100, 80, 60), dtype="uint8", chunks=50), vol)
    >>> report.scales[0].chunks, int(vol[99, 79, 59, 0])
    (24, 1)
    """
    began = time.monotonic()
    arrays = dask_arrays()
    opened = handle_of(volume, scale)
    refuse_escape(opened.scale, "write to")
    whole = _fitted(arrays, array, opened)
    places = [like_the_rest(place, opened.resources) for place in opened.place.copies]
    write = BoxWriter(tuple(places), _boxes(places[0], memory), task_resources(opened), opened.durable, os.getpid())
    boxes = whole.rechunk((*write.grid.chunk, opened.shape[3]))
    counted = (*((1,) * len(lengths) for lengths in boxes.chunks[:3]), (3,))
    counts = boxes.map_blocks(write, chunks=counted, meta=np.empty((0, 0, 0, 0), np.int64))
    chunks, empty, nbytes = map(int, counts.sum(axis=(0, 1, 2)).compute())
    note = f"boxes of {' x '.join(map(str, write.grid.chunk))} voxels, {math.prod(write.grid.shape):,} tasks"
    add_provenance(opened.place.store, ["dask array"], {"task": "from_dask", "choices": [note]})
    return Report(
        job="from_dask",
        destination=opened.url,
        scales=(ScaleReport(opened.key, opened.scale.size, chunks, empty, nbytes),),
        notes=(note,),
        seconds=time.monotonic() - began,
        read_bytes=math.prod(array.shape) * array.dtype.itemsize,
        absent=0,
        peak_bytes=peak_memory(),
        voxels=math.prod(opened.scale.size),
    )


@dataclass(frozen=True, slots=True)
class BoxWriter:
    """What a task needs to write a box of `grid` into all copies of a scale; it pickles without threads."""

    places: tuple[Place, ...]
    grid: Grid
    resources: Resources
    durable: bool
    process: int

    def __call__(self, block: NDArray[Any], block_id: tuple[int, int, int, int]) -> NDArray[np.int64]:
        """Write the voxels of a box; return chunks stored, chunks that are zero, and bytes, as [1, 1, 1, 3]."""
        x, y, z, _ = block_id
        first = self.places[0]
        refuse_unseen(first.store, self.process)
        selection = box_selection(self.grid.cell((x, y, z)), first.num_channels)
        given = Input(selection, as_voxels(block, selection, first.dtype))
        written, *_ = (write_selection(place, given, self.resources, durable=self.durable) for place in self.places)
        return np.array([[[[written.chunks, written.empty, written.nbytes]]]], np.int64)


def _fitted(arrays: Any, array: Any, volume: Volume) -> Any:
    """Return the array as [x, y, z, channel] of the volume's shape, as far as that shows without computing it."""
    converted(np.empty(0, array.dtype), volume.dtype)
    channels = volume.shape[3]
    if array.ndim == 3 and channels != 1:
        raise OptionError(
            f"expected an array of shape {volume.shape} (x, y, z, channel), found the 3-D shape {array.shape}: "
            f"the volume has {channels} channels"
        )
    if array.shape == volume.shape[:3]:
        array = array[..., np.newaxis]
    try:
        return arrays.broadcast_to(array, volume.shape)
    except ValueError:
        raise OptionError(f"an array of shape {array.shape} does not fit a volume of shape {volume.shape}") from None


def _boxes(place: Place, memory: int | str | None) -> Grid:
    """Return the boxes that tasks write, each of which holds whole stored objects."""
    stored = object_shape(place)
    voxel_bytes = place.dtype.itemsize * place.num_channels
    least = nbytes_of(stored, place.scale.size, voxel_bytes)
    limit = max(BLOCK_BYTES, least) if memory is None else parse_memory(memory)
    return Grid(place.scale.box, grown(stored, place.scale.size, voxel_bytes, limit))
