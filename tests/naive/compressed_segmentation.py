"""The compressed_segmentation encoding, one voxel at a time: the twin of the compiled kernels."""

from __future__ import annotations

from itertools import accumulate, chain, product
from typing import Any

import numpy as np

Labels = np.ndarray[Any, Any]


def encode(voxels: Labels, block_size: tuple[int, int, int]) -> bytes:
    """Return the bytes of a chunk [x, y, z, channel] of uint32 or uint64."""
    channels = [encode_channel(voxels[..., channel], block_size) for channel in range(voxels.shape[3])]
    starts = accumulate((len(words) for words in channels[:-1]), initial=len(channels))
    return np.array([*starts, *chain(*channels)], "<u4").tobytes()


def encode_channel(voxels: Labels, block_size: tuple[int, int, int]) -> list[int]:
    """Return the 32-bit words of one channel [x, y, z]."""
    width = voxels.dtype.itemsize // 4
    blocks = block_corners(voxels.shape, block_size)
    words = [0] * (2 * len(blocks))
    tables: dict[tuple[int, ...], int] = {}
    for number, (z, y, x) in enumerate(blocks):
        block = voxels[x : x + block_size[0], y : y + block_size[1], z : z + block_size[2]]
        table = tuple(int(label) for label in np.unique(block))
        bits = next(bits for bits in (0, 1, 2, 4, 8, 16, 32) if len(table) <= 2**bits)
        values_offset = len(words)

        values = 0
        for position in np.ndindex(block.shape):
            index = table.index(int(block[position]))
            values |= index << bits * position_in_block(position, block_size)
        length = -(-bits * block_size[0] * block_size[1] * block_size[2] // 32)
        words += [values >> 32 * word & 0xFFFFFFFF for word in range(length)]

        if table not in tables:
            tables[table] = len(words)
            words += [label >> 32 * word & 0xFFFFFFFF for label in table for word in range(width)]
        words[2 * number] = tables[table] | bits << 24
        words[2 * number + 1] = values_offset
    return words


def decode(data: bytes, shape: tuple[int, int, int, int], dtype: Any, block_size: tuple[int, int, int]) -> Labels:
    """Return the labels [x, y, z, channel] of an undamaged chunk."""
    words = [int(word) for word in np.frombuffer(data, "<u4")]
    labels = np.zeros(shape, dtype, order="F")
    for channel in range(shape[3]):
        decode_channel(words[words[channel] :], labels[..., channel], block_size)
    return labels


def decode_channel(words: list[int], labels: Labels, block_size: tuple[int, int, int]) -> None:
    """Fill one channel [x, y, z] from its words."""
    width = labels.dtype.itemsize // 4
    for number, (z, y, x) in enumerate(block_corners(labels.shape, block_size)):
        bits, table = words[2 * number] >> 24, words[2 * number] & 0xFFFFFF
        values = words[2 * number + 1]
        block = labels[x : x + block_size[0], y : y + block_size[1], z : z + block_size[2]]
        for position in np.ndindex(block.shape):
            bit = bits * position_in_block(position, block_size)
            index = words[values + bit // 32] >> bit % 32 & (1 << bits) - 1 if bits else 0
            entry = words[table + width * index : table + width * (index + 1)]
            block[position] = sum(word << 32 * place for place, word in enumerate(entry))


def block_corners(shape: tuple[int, ...], block_size: tuple[int, int, int]) -> list[tuple[int, int, int]]:
    """Return the first voxel z, y, x of each block, x fastest."""
    x, y, z = (range(0, voxels, edge) for voxels, edge in zip(shape, block_size, strict=False))
    return list(product(z, y, x))


def position_in_block(position: tuple[int, ...], block_size: tuple[int, int, int]) -> int:
    """Return the number of a voxel x, y, z within a whole block, x fastest."""
    x, y, z = position
    return x + block_size[0] * (y + block_size[1] * z)
