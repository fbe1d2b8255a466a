"""Which shard and minishard hold a chunk, and which chunks a shard holds (sharded.md)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, cast

from ngprecomp.format.box import Box, Triple, triple
from ngprecomp.format.grid import ceil_div
from ngprecomp.format.members import Members
from ngprecomp.kernels.morton_bits import bit_order, low_bits, morton_bits

Hash = Literal["identity", "murmurhash3_x86_128"]
ShardEncoding = Literal["raw", "gzip"]

TYPE = "neuroglancer_uint64_sharded_v1"
HASHES = ("identity", "murmurhash3_x86_128")
ENCODINGS = ("raw", "gzip")
MAX_PRESHIFT_BITS = 64
# The shard index of 2**32 minishards would already take 64 GiB; TensorStore has the same limit.
MAX_MINISHARD_BITS = 32


@dataclass(frozen=True, slots=True)
class Sharding:
    """Where chunks lie: of ``hash(id >> preshift_bits)`` low bits are the minishard, the next the shard."""

    preshift_bits: int
    hash: Hash
    minishard_bits: int
    shard_bits: int
    minishard_index_encoding: ShardEncoding = "raw"
    data_encoding: ShardEncoding = "raw"

    @property
    def minishard_count(self) -> int:
        """Minishards in each shard."""
        return 1 << self.minishard_bits

    @property
    def within_shard_bits(self) -> int:
        """Low bits of a hashed id that do not choose the shard."""
        return self.preshift_bits + self.minishard_bits


def parse_sharding(doc: object, where: str = "sharding") -> Sharding:
    """Return the value of a ``sharding`` object; `where` is its path in the document, for messages.

    Whole floats count as integers, as in TensorStore.

    Raises
    ------
    MetadataError
        With everything that is wrong, unknown members included.

    Examples
    --------
    >>> parse_sharding({"@type": "neuroglancer_uint64_sharded_v1", "hash": "identity",
    ...                 "preshift_bits": 9, "minishard_bits": 6, "shard_bits": 15}).minishard_count
    64
    """
    members = Members(doc, where)
    members.choice("@type", (TYPE,))
    hashed = members.choice("hash", HASHES)
    preshift_bits = members.integer("preshift_bits", 0, MAX_PRESHIFT_BITS)
    minishard_bits = members.integer("minishard_bits", 0, MAX_MINISHARD_BITS)
    # Minishard and shard are cut from one hash of 64 bits.
    shard_bits = members.integer("shard_bits", 0, 64 - minishard_bits)
    index_encoding = members.choice("minishard_index_encoding", ENCODINGS, "raw")
    data_encoding = members.choice("data_encoding", ENCODINGS, "raw")
    for name in members.unread():
        members.note(name, "is not a member of sharding")
    members.close()
    return Sharding(
        preshift_bits,
        cast("Hash", hashed),
        minishard_bits,
        shard_bits,
        cast("ShardEncoding", index_encoding),
        cast("ShardEncoding", data_encoding),
    )


def sharding_to_json(sharding: Sharding) -> dict[str, Any]:
    """Return the ``sharding`` object with all seven members."""
    return {
        "@type": TYPE,
        "data_encoding": sharding.data_encoding,
        "hash": sharding.hash,
        "minishard_bits": sharding.minishard_bits,
        "minishard_index_encoding": sharding.minishard_index_encoding,
        "preshift_bits": sharding.preshift_bits,
        "shard_bits": sharding.shard_bits,
    }


def chunks_per_shard(sharding: Sharding, grid_shape: Triple) -> Triple | None:
    """Return how many chunks a shard has along x, y, z, or None where a shard is no box of chunks.

    A shard is a box if ids are not hashed and no bit of them is ignored. The box is not larger than the grid.

    Examples
    --------
    >>> chunks_per_shard(Sharding(9, "identity", 1, 4), (7, 26, 38))
    (7, 16, 8)
    """
    bits = morton_bits(grid_shape)
    if sharding.hash != "identity" or sharding.within_shard_bits + sharding.shard_bits < sum(bits):
        return None
    within = low_bits(bits, sharding.within_shard_bits)
    return triple(min(max(1, count), 1 << bit) for count, bit in zip(grid_shape, within, strict=True))


def shard_positions(sharding: Sharding, grid_shape: Triple, shard: int) -> Box:
    """Return the grid positions of shard number `shard`, empty where it lies outside the grid.

    Only for shardings with `chunks_per_shard`.

    Examples
    --------
    >>> shard_positions(Sharding(9, "identity", 1, 4), (7, 26, 38), 3)
    Box(lo=(0, 16, 8), hi=(7, 26, 16))
    """
    assert chunks_per_shard(sharding, grid_shape) is not None, "the shards are no boxes of chunks"
    bits = morton_bits(grid_shape)
    within = low_bits(bits, sharding.within_shard_bits)
    lo = [0, 0, 0]
    for i, (axis, bit) in enumerate(bit_order(bits)[sharding.within_shard_bits :]):
        lo[axis] |= (shard >> i & 1) << bit
    whole = Box.of_size(triple(1 << bit for bit in within), triple(lo))
    return whole.intersection(Box((0, 0, 0), grid_shape))


def shard_count(sharding: Sharding, grid_shape: Triple) -> int:
    """Return how many shards a full grid has; where a shard is no box of chunks, how many at most.

    Examples
    --------
    >>> shard_count(Sharding(9, "identity", 1, 4), (7, 26, 38))
    10
    """
    shape = chunks_per_shard(sharding, grid_shape)
    if shape is None:
        return min(1 << sharding.shard_bits, math.prod(grid_shape))
    return math.prod(map(ceil_div, grid_shape, shape))


def max_chunks_per_minishard(sharding: Sharding, grid_shape: Triple) -> int:
    """Return how many chunks of a grid one minishard can list at most: what lists more is damaged.

    Examples
    --------
    >>> max_chunks_per_minishard(Sharding(9, "identity", 1, 4), (7, 26, 38))
    512
    """
    chunks = math.prod(grid_shape)
    if sharding.hash != "identity":
        return chunks
    total = sum(morton_bits(grid_shape))
    ignored = max(0, total - sharding.within_shard_bits - sharding.shard_bits)
    return min(chunks, 1 << min(total, sharding.preshift_bits + ignored))


def write_chunk_shape(sharding: Sharding | None, grid_shape: Triple, chunk: Triple, size: Triple) -> Triple:
    """Return the voxels along x, y, z that are stored as one object, in whole chunks.

    Without sharding a chunk, else a shard; the whole volume where a shard is no box of chunks.

    Parameters
    ----------
    grid_shape, chunk, size
        Chunks of the scale, voxels of a chunk, voxels of the scale, along x, y, z.

    Examples
    --------
    >>> write_chunk_shape(Sharding(9, "identity", 1, 4), (7, 26, 38), (159, 79, 79), (1000, 2000, 3000))
    (1113, 1264, 632)
    """
    if sharding is None:
        return chunk
    chunks = chunks_per_shard(sharding, grid_shape) or grid_shape
    # No longer than the volume, but in whole chunks; an empty axis still has chunks of some size.
    whole = (min(count * step, extent) for count, step, extent in zip(chunks, chunk, size, strict=True))
    return triple(max(1, ceil_div(voxels, step)) * step for voxels, step in zip(whole, chunk, strict=True))
