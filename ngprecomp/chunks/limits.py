"""What a chunk or an index can have at most: what is larger is damaged, and is not read."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ngprecomp.format.grid import ceil_div
from ngprecomp.format.sharding import max_chunks_per_minishard

if TYPE_CHECKING:
    from ngprecomp.chunks.place import Place
    from ngprecomp.format.box import Triple

IMAGE_OVERHEAD = 1 << 16  # headers and tables of a jpeg, png or jxl
COMPRESSION_OVERHEAD = 1 << 16  # gzip of what does not shrink adds 5 bytes in 16 KiB, and a header with a name

# Memory for the index of so many is about 50 MiB. Only a damaged grid, whose size allows for more, gets so far:
# usual minishards list some thousand chunks.
MAX_MINISHARD_CHUNKS = 1 << 19


def encoded_limit(place: Place, position: Triple) -> int:
    """Return the bytes that an encoded chunk can have at most: what inflates to more is damaged."""
    shape = place.chunk_shape(position)
    voxels, itemsize = math.prod(shape), place.dtype.itemsize
    block = place.scale.compressed_segmentation_block_size
    if place.scale.encoding == "compresso":
        # A label and a code for each voxel; thin chunks have a window of 8 bytes, twice, and two counts for each.
        return voxels * (2 * itemsize + 32) + IMAGE_OVERHEAD
    if block is None:
        return voxels * itemsize + (0 if place.scale.encoding == "raw" else voxels * itemsize + IMAGE_OVERHEAD)
    blocks = math.prod(map(ceil_div, shape, block)) * place.num_channels
    # Per block a header of 8 bytes, at most 4 bytes of index and one table entry for each of its voxels.
    return 4 * place.num_channels + blocks * (8 + math.prod(block) * (4 + itemsize))


def stored_limit(encoded: int) -> int:
    """Return the bytes that something of `encoded` bytes takes at most once it is compressed."""
    return encoded + encoded // 64 + COMPRESSION_OVERHEAD


def minishard_limit(place: Place) -> int:
    """Return how many chunks a minishard of a sharded scale can list at most."""
    return min(max_chunks_per_minishard(place.sharding, place.grid.shape), MAX_MINISHARD_CHUNKS)
