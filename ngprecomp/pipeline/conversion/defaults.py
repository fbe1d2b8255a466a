"""What convert chooses where the caller does not say."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ngprecomp.format.box import Triple, triple
from ngprecomp.format.grid import ceil_div

if TYPE_CHECKING:
    from collections.abc import Sequence

ISOTROPIC = 3  # up to this ratio of voxel sizes chunks are cubes
MAX_UNSHARDED_CHUNKS = 1000
SHARD_VOXELS = 2**28


def default_chunk_size(resolution: Sequence[float]) -> Triple:
    """Return 2**18 voxels in powers of two: a cube, or flat along axes whose voxels are more than 3 times the smallest.

    Examples
    --------
    >>> default_chunk_size((4, 4, 12)), default_chunk_size((4, 4, 40)), default_chunk_size((4, 40, 40))
    ((64, 64, 64), (128, 128, 16), (256, 32, 32))
    """
    coarse = [step > ISOTROPIC * min(resolution) for step in resolution]
    short, long = {0: (64, 64), 1: (16, 128), 2: (32, 256)}[sum(coarse)]
    return triple(short if flat else long for flat in coarse)


def needs_shards(sizes: Sequence[Triple], chunk_size: Triple) -> bool:
    """Whether scales of these sizes have so many chunks together that they are better kept in shards."""
    chunks = sum(math.prod(map(ceil_div, size, chunk_size)) for size in sizes)
    return chunks > MAX_UNSHARDED_CHUNKS
