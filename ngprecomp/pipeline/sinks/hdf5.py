"""HDF5: z, y, x, or channel, z, y, x, in chunks, with voxel size and offset as CREMI has them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import h5py
import numpy as np
from isal import isal_zlib

from ngprecomp.chunks.ordered_map import map_in_order
from ngprecomp.format.box import Box, Triple
from ngprecomp.format.grid import Grid, positions_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ngprecomp.pipeline.sinks.output import Contents, Output, Voxels
    from ngprecomp.volume.resources import Resources

CHUNK_SIDE, CHUNK_DEPTH = 64, 32  # 2**17 voxels: at most the megabyte that HDF5 keeps decoded by default
LEVEL = 2  # of isal: as small as zlib's 6 and 14 times as fast


def write_hdf5(path: str, contents: Contents, slabs: Iterator[Voxels], output: Output, threads: Resources) -> str:
    """Write one dataset with the attributes `resolution` and `offset` (nm; z, y, x); its chunks are as deep as `depth`.

    Chunks are deflated on the threads: HDF5 alone would do it one after the other.
    """
    channels, size = contents.num_channels, contents.size
    axes = "zyx" if channels == 1 else "czyx"
    chunk = (min(CHUNK_SIDE, size[0]), min(CHUNK_SIDE, size[1]), min(contents.depth, size[2]))
    with h5py.File(path, "w") as file:
        dataset = file.create_dataset(
            output.dataset,
            shape=(channels, *size[::-1])[-len(axes) :],
            dtype=contents.dtype,
            chunks=(1, *chunk[::-1])[-len(axes) :],
            compression=None if output.compression == "none" else "gzip",
        )
        for axis, letter in enumerate(axes):
            dataset.dims[axis].label = letter
        step = np.array(contents.resolution[::-1])
        dataset.attrs["resolution"] = step
        dataset.attrs["offset"] = step * contents.voxel_offset[::-1]
        written = 0
        for slab in slabs:
            _write_slab(dataset, slab, written, chunk, threads)
            written += slab.shape[2]
    return f"HDF5: dataset {output.dataset}, axes {axes}, attributes resolution and offset (nm; z, y, x)"


def _write_slab(dataset: h5py.Dataset, slab: Voxels, z: int, chunk: Triple, threads: Resources) -> None:
    """Write whole chunks from plane `z` on, past HDF5's own filters."""
    grid = Grid(Box.of_size((slab.shape[0], slab.shape[1], slab.shape[2])), chunk)
    places = [
        (cell, channel) for channel in range(slab.shape[3]) for cell in map(grid.cell, positions_in(grid.positions))
    ]
    stored = partial(_stored, slab, chunk, dataset.compression is not None)
    for (cell, channel), data in zip(
        places, map_in_order(stored, places, threads.pool, 4 * threads.threads), strict=True
    ):
        start = (channel, z + cell.lo[2], cell.lo[1], cell.lo[0])
        dataset.id.write_direct_chunk(start[-dataset.ndim :], data)


def _stored(slab: Voxels, chunk: Triple, deflated: bool, place: tuple[Box, int]) -> bytes:
    """Return a chunk as the file holds it; what lies beyond the dataset is zero."""
    cell, channel = place
    voxels = slab[(*cell.slices, channel)]
    if cell.size != chunk:
        padded = np.zeros(chunk, slab.dtype, order="F")
        padded[tuple(map(slice, cell.size))] = voxels
        voxels = padded
    data = voxels.tobytes(order="F")
    return isal_zlib.compress(data, LEVEL) if deflated else data
