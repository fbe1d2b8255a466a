"""Labels to compressed_segmentation words and back, one channel at a time: the compiled loops behind plain functions.

The voxels are C-contiguous [z, y, x]; all triples are z, y, x; offsets count words from the start of the channel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ngprecomp.kernels.compressed_segmentation_decode import (
    BITS_UNKNOWN,
    DECODED,
    HEADERS_CUT,
    INDEX_OUTSIDE,
    TABLE_OUTSIDE,
    VALUES_OUTSIDE,
    decode_blocks,
)
from ngprecomp.kernels.compressed_segmentation_encode import (
    ENCODED,
    LABEL_LIMIT,
    OFFSET_LIMIT,
    OFFSET_TOO_LARGE,
    TOO_MANY_LABELS,
    encode_blocks,
)
from ngprecomp.kernels.jit import read_only

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Triple = tuple[int, int, int]

__all__ = [
    "BITS_UNKNOWN",
    "DECODED",
    "ENCODED",
    "HEADERS_CUT",
    "INDEX_OUTSIDE",
    "LABEL_LIMIT",
    "OFFSET_LIMIT",
    "OFFSET_TOO_LARGE",
    "TABLE_OUTSIDE",
    "TOO_MANY_LABELS",
    "VALUES_OUTSIDE",
    "decode_channel",
    "encode_channel",
    "words_needed",
]


def encode_channel(
    voxels: NDArray[Any], lo: Triple, size: Triple, block: Triple, out: NDArray[np.uint32]
) -> tuple[int, int]:
    """Encode the box `lo` to `lo + size` of one channel of labels.

    Parameters
    ----------
    voxels
        Aligned [z, y, x] of uint32 or uint64 in native byte order; only the box is read.
    lo, size, block
        First voxel and voxels of the box, voxels of a block.
    out
        At least `words_needed` words, written from the start.

    Returns
    -------
    position, fault
        The number of words written and `ENCODED`, or the number of a block, counted x fastest, and its fault.
    """
    if 0 in size:
        return 0, ENCODED
    position, fault = encode_blocks(read_only(voxels), lo, size, block, out)
    return int(position), int(fault)


def words_needed(size: Triple, block: Triple, itemsize: int) -> int:
    """Return an upper bound of the words that `encode_channel` writes for labels of `itemsize` bytes."""
    blocks, filled, padded = 1, 1, 1
    for voxels, edge in zip(size, block, strict=True):
        blocks *= -(-voxels // edge)
        filled *= min(voxels, edge)
        padded *= edge
    labels = min(filled, LABEL_LIMIT)
    bits = next(bits for bits in (0, 1, 2, 4, 8, 16) if labels <= 1 << bits)
    largest = -(-bits * padded // 32) + labels * itemsize // 4
    return 2 * blocks + min(blocks * largest, OFFSET_LIMIT + largest)


def decode_channel(
    words: NDArray[np.uint32],
    shape: Triple,
    block: Triple,
    out: NDArray[Any],
    at: Triple,
    lo: Triple,
    size: Triple,
) -> tuple[int, int]:
    """Decode the box `lo` to `lo + size` of one channel into `out`.

    Parameters
    ----------
    words
        From the start of the channel to the end of the chunk.
    shape, block
        Voxels of the whole channel and of a block.
    out
        Aligned, writable [z, y, x] of uint32 or uint64.
    at, lo, size
        Where the box goes in `out`, its first voxel in the channel, and its voxels.

    Returns
    -------
    position, fault
        The number of the block, counted x fastest, that could not be decoded, and its fault, or `DECODED`.
    """
    if 0 in size:
        return 0, DECODED
    position, fault = decode_blocks(read_only(words), shape, block, out, at, lo, size)
    return int(position), int(fault)
