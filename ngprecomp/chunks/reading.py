"""Read one encoded chunk, sharded or not behind one call."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ngprecomp.chunks.deflating import inflate_chunk
from ngprecomp.chunks.sharded import read_sharded
from ngprecomp.chunks.unsharded import read_unsharded
from ngprecomp.format.grid import ceil_div

if TYPE_CHECKING:
    from ngprecomp.chunks.cache import LruCache
    from ngprecomp.chunks.place import Place
    from ngprecomp.format.box import Triple

IMAGE_OVERHEAD = 1 << 16  # headers and tables of a jpeg, png or jxl


def read_encoded(place: Place, position: Triple, cache: LruCache | None = None) -> bytes | None:
    """Return the encoded chunk at a grid position, None if it is absent.

    Raises
    ------
    DecodeError
        The file, the shard or an index is damaged; the sentence names the chunk.
    """
    limit = encoded_limit(place, position)
    with place.naming(position):
        if place.scale.sharding is None:
            return read_unsharded(place, position, limit)
        stored = read_sharded(place, position, cache)
        return None if stored is None else inflate_chunk(place, stored, limit)


def encoded_limit(place: Place, position: Triple) -> int:
    """Return the bytes that an encoded chunk can have at most: what inflates to more is damaged."""
    shape = place.chunk_shape(position)
    voxels, itemsize = math.prod(shape), place.dtype.itemsize
    block = place.scale.compressed_segmentation_block_size
    if block is None:
        return voxels * itemsize + (0 if place.scale.encoding == "raw" else voxels * itemsize + IMAGE_OVERHEAD)
    blocks = math.prod(map(ceil_div, shape, block)) * place.num_channels
    # Per block a header of 8 bytes, at most 4 bytes of index and one table entry for each of its voxels.
    return 4 * place.num_channels + blocks * (8 + math.prod(block) * (4 + itemsize))
