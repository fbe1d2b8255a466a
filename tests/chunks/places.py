"""Places for tests: one raw scale in a store, and which chunk lies in which of its shards."""

import numpy as np

from ngprecomp.chunks.place import Place
from ngprecomp.format.scale import Scale
from ngprecomp.format.shard_location import locate
from ngprecomp.format.sharding import Sharding
from ngprecomp.kernels.morton import compressed_morton_code


def sharding(preshift=1, minishard=1, shard=2, hash="identity", index="raw", data="raw"):
    return Sharding(preshift, hash, minishard, shard, index, data)


def place(store, size=(22, 13, 9), chunk=(4, 4, 4), sharding=None, dtype="uint8", channels=1, **members):
    scale = Scale(
        key="s",
        size=size,
        voxel_offset=members.pop("voxel_offset", (0, 0, 0)),
        resolution=(1.0, 1.0, 1.0),
        chunk_sizes=(chunk,),
        encoding=members.pop("encoding", "raw"),
        sharding=sharding,
        **members,
    )
    return Place(store, "s", scale, np.dtype(dtype).name, channels)


def chunk_id(where, position):
    return int(compressed_morton_code([position], where.grid.shape)[0])


def shard_of(where, position):
    """(shard number, minishard, chunk id) of a grid position."""
    number = chunk_id(where, position)
    shard, minishard = locate(where.scale.sharding, np.array([number], np.uint64))
    return int(shard[0]), int(minishard[0]), number
