"""Shards read and placed with Python's integers and struct."""

import gzip
import itertools
import struct

from tests.naive.morton import code_of
from tests.naive.murmur3 import first_half

WORD = 2**64


def place_of(chunk_id, spec):
    """(shard, minishard) of a chunk id, for a ``sharding`` object."""
    h = chunk_id >> spec["preshift_bits"]
    if spec["hash"] == "murmurhash3_x86_128":
        h = first_half(h)
    minishards = 2 ** spec["minishard_bits"]
    return h // minishards % 2 ** spec["shard_bits"], h % minishards


def shards_of(grid_shape, spec):
    """{shard: all its grid positions}."""
    shards = {}
    for position in itertools.product(*map(range, grid_shape)):
        shards.setdefault(place_of(code_of(position, grid_shape), spec)[0], []).append(position)
    return shards


def chunks_of(shard, spec):
    """{id: (minishard, stored bytes)} of all chunks of a shard file."""
    front = 16 * 2 ** spec["minishard_bits"]
    chunks = {}
    for minishard in range(2 ** spec["minishard_bits"]):
        start, end = struct.unpack_from("<QQ", shard, 16 * minishard)
        index = shard[front + start : front + end]
        if not index:
            continue
        if spec["minishard_index_encoding"] == "gzip":
            index = gzip.decompress(index)
        count = len(index) // 24
        rows = struct.unpack(f"<{3 * count}Q", index)
        chunk_id, at = 0, front
        for delta, gap, size in zip(rows[:count], rows[count : 2 * count], rows[2 * count :], strict=True):
            chunk_id = (chunk_id + delta) % WORD
            at = (at + gap) % WORD
            chunks[chunk_id] = minishard, shard[at : at + size]
            at += size
    return chunks
