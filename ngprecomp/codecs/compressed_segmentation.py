"""The compressed_segmentation encoding of label chunks.

References
----------
Neuroglancer, "Precomputed format", section "compressed_segmentation encoding".
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from ngprecomp.errors import DecodeError, EncodeError, OptionError, OutOfBoundsError
from ngprecomp.kernels import compressed_segmentation as kernels
from ngprecomp.kernels.aligned import aligned_empty
from ngprecomp.kernels.reversal import fortran_ordered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import DTypeLike

    Labels = np.ndarray[Any, np.dtype[np.uint32 | np.uint64]]
    Words = np.ndarray[Any, np.dtype[np.uint32]]

Triple = tuple[int, int, int]

_FIRST: Triple = (0, 0, 0)
LARGEST_EDGE = 1 << 16
LARGEST_BLOCK = 1 << 29  # at one bit a voxel its values fill all 2**24 words that an offset can name


def encode(voxels: Labels, block_size: Sequence[int] = (8, 8, 8)) -> bytes:
    """Return the bytes of a chunk of labels.

    Parameters
    ----------
    voxels
        [x, y, z] or [x, y, z, channel] of uint32 or uint64, in any byte order and memory layout; Fortran order is
        read in place.
    block_size
        Voxels of a block along x, y and z.

    Raises
    ------
    EncodeError
        If the labels are neither uint32 nor uint64, an offset does not fit into 24 bits, or a block holds more than
        65536 labels.
    OptionError
        If the block size is not three integers from 1 to 65536 with a product of at most 2**29.

    Examples
    --------
    >>> labels = np.zeros((16, 8, 8), np.uint64)
    >>> labels[8:] = 2**63
    >>> data = encode(labels)
    >>> len(data)
    36
    >>> bool((decode(data, labels.shape, np.uint64) == labels).all())
    True
    """
    if voxels.ndim not in (3, 4):
        raise EncodeError(f"expected labels of 3 or 4 axes (x, y, z, channel), found shape {voxels.shape}")
    channels = voxels.reshape((*voxels.shape, 1)) if voxels.ndim == 3 else voxels
    return encode_region(channels, (0, 0, 0), channels.shape[:3], block_size)


def encode_region(
    voxels: Labels, lo: Sequence[int], size: Sequence[int], block_size: Sequence[int] = (8, 8, 8)
) -> bytes:
    """Return the bytes of the chunk that is the box `lo` to `lo + size` of a bigger array.

    Parameters
    ----------
    voxels
        [x, y, z, channel] of uint32 or uint64; Fortran order is read in place, other layouts are copied as a whole.
    lo, size, block_size
        First voxel of the box, its voxels and those of a block, each x, y, z.

    Raises
    ------
    EncodeError, OptionError
        As `encode`.
    OutOfBoundsError
        If the box leaves the array.
    """
    if voxels.dtype.kind != "u" or voxels.dtype.itemsize not in (4, 8):
        raise EncodeError(f"compressed_segmentation holds uint32 or uint64 labels, found {voxels.dtype}")
    block = _block(block_size)
    _check_inside(lo, size, voxels.shape, "the array")
    native = np.require(voxels, voxels.dtype.newbyteorder("="), ["A"])
    channels = fortran_ordered(native).T

    start, shape = _zyx(lo), _zyx(size)
    each = kernels.words_needed(shape, block, native.itemsize)
    words = np.empty(len(channels) * (1 + each), np.uint32)
    end = len(channels)
    for number, channel in enumerate(channels):
        words[number] = end
        position, fault = kernels.encode_channel(channel, start, shape, block, words[end:])
        if fault != kernels.ENCODED:
            raise _refusal(fault, position, shape, block, number)
        end += position
    return words[:end].tobytes()


def decode(
    data: bytes | bytearray | memoryview,
    shape: Sequence[int],
    dtype: DTypeLike,
    block_size: Sequence[int] = (8, 8, 8),
) -> Labels:
    """Return the labels of a chunk as a Fortran-ordered array.

    Parameters
    ----------
    data
        The whole chunk.
    shape
        Voxels x, y, z of the chunk, or x, y, z, channels; the result has this shape.
    dtype
        uint32 or uint64.
    block_size
        Voxels of a block along x, y and z.

    Raises
    ------
    DecodeError
        If the bytes are not such a chunk; nothing is ever read outside of them.
    OptionError
        If the dtype is another one, or the block size as in `encode`.
    """
    labels: Labels = aligned_empty(shape, np.dtype(dtype).newbyteorder("="))
    channels = labels[..., np.newaxis] if labels.ndim == 3 else labels
    _check_out(channels, shape[3] if len(shape) == 4 else 1)
    whole = _zyx(channels.shape)
    _decode_channels(data, whole, _block(block_size), channels, _FIRST, _FIRST, whole)
    return labels


def decode_into(
    data: bytes | bytearray | memoryview,
    shape: Sequence[int],
    block_size: Sequence[int],
    out: Labels,
    at: Sequence[int],
    lo: Sequence[int],
    size: Sequence[int],
) -> None:
    """Decode the box `lo` to `lo + size` of a chunk straight into a bigger array; other blocks are not looked at.

    Parameters
    ----------
    data
        The whole chunk.
    shape
        Voxels x, y, z of the chunk, or x, y, z, channels.
    block_size
        Voxels of a block along x, y and z.
    out
        Fortran-ordered [x, y, z, channel] of uint32 or uint64, native and writable.
    at
        First voxel of the box in `out`, x, y, z.
    lo, size
        First voxel of the box in the chunk and its voxels, each x, y, z.

    Raises
    ------
    DecodeError, OptionError
        As `decode`; `out` may then be written in part.
    OutOfBoundsError
        If the box leaves the chunk or the array.
    """
    _check_out(out, shape[3] if len(shape) == 4 else 1)
    block = _block(block_size)
    _check_inside(lo, size, shape, "the chunk")
    _check_inside(at, size, out.shape, "the array")
    _decode_channels(data, _zyx(shape), block, out, _zyx(at), _zyx(lo), _zyx(size))


def _check_out(out: Labels, channels: int) -> None:
    """Refuse an array that a chunk of so many channels cannot be decoded into."""
    if out.dtype.kind != "u" or out.itemsize not in (4, 8):
        raise OptionError(f"compressed_segmentation holds uint32 or uint64 labels, asked for {out.dtype}")
    flags = out.flags
    if out.ndim != 4 or out.shape[3] != channels or not (flags.f_contiguous and flags.behaved):
        raise OptionError(
            f"expected a writable Fortran-ordered array of {channels} channels, found shape {out.shape}, "
            f"strides {out.strides}, writable {flags.writeable}"
        )


def _decode_channels(
    data: bytes | bytearray | memoryview,
    chunk: Triple,
    block: Triple,
    out: Labels,
    at: Triple,
    lo: Triple,
    size: Triple,
) -> None:
    """Decode a box that lies in the chunk and in the array; triples are z, y, x."""
    words, starts = _channels(data, out.shape[3])
    for channel, start in enumerate(starts):
        position, fault = kernels.decode_channel(words[start:], chunk, block, out.T[channel], at, lo, size)
        if fault != kernels.DECODED:
            raise _damage(fault, position, words[start:], chunk, block, channel)


def _zyx(triple: Sequence[int]) -> Triple:
    """Return the first three numbers in the order of the kernels."""
    return int(triple[2]), int(triple[1]), int(triple[0])


def _block(block_size: Sequence[int]) -> Triple:
    """Return a checked block size as z, y, x."""
    # Spelled out, here and below: generators took a third of the 15 us that Python spends on each chunk.
    x, y, z = block_size if len(block_size) == 3 else (0, 0, 0)
    edges = 1 <= x <= LARGEST_EDGE and 1 <= y <= LARGEST_EDGE and 1 <= z <= LARGEST_EDGE
    if not edges or int(x) * int(y) * int(z) > LARGEST_BLOCK:
        raise OptionError(
            f"expected a compressed_segmentation block of three edges from 1 to {LARGEST_EDGE} and at most "
            f"{LARGEST_BLOCK} voxels, found {list(block_size)}"
        )
    return int(z), int(y), int(x)


def _check_inside(lo: Sequence[int], size: Sequence[int], shape: Sequence[int], what: str) -> None:
    """Raise if a box leaves an array: the kernels do not look."""
    x, y, z = lo
    width, height, depth = size
    inside = 0 <= x <= x + width <= shape[0] and 0 <= y <= y + height <= shape[1]
    if not (inside and 0 <= z <= z + depth <= shape[2]):
        raise OutOfBoundsError(f"the box from {list(lo)} of size {list(size)} leaves {what} of shape {list(shape)}")


def _place(position: int, shape: Triple, block: Triple, channel: int) -> str:
    """Name a block by its grid position; `shape` and `block` are z, y, x."""
    _, grid_y, grid_x = (-(-voxels // edge) for voxels, edge in zip(shape, block, strict=True))
    row, x = divmod(position, grid_x)
    z, y = divmod(row, grid_y)
    return f"block {x},{y},{z} of channel {channel}"


def _refusal(fault: int, position: int, size: Triple, block: Triple, channel: int) -> EncodeError:
    """Return the error for labels that cannot be encoded."""
    place = _place(position, size, block, channel)
    x, y, z = reversed(size)
    if fault == kernels.TOO_MANY_LABELS:
        return EncodeError(
            f"{place} holds more than {kernels.LABEL_LIMIT} labels, which no viewer reads: use blocks smaller than "
            f"{','.join(map(str, reversed(block)))}"
        )
    return EncodeError(
        f"the data of {place} would start at word 2**24 (64 MiB) or later, which offsets of 24 bits cannot name: use "
        f"chunks smaller than {x},{y},{z}"
    )


def _channels(data: bytes | bytearray | memoryview, channels: int) -> tuple[Words, list[int]]:
    """Return a chunk as words, and the word at which each channel starts."""
    nbytes = memoryview(data).nbytes
    if nbytes % 4 or nbytes < 4 * channels:
        raise DecodeError(
            f"expected compressed_segmentation data of a multiple of 4 bytes with {channels} channel offsets, "
            f"found {nbytes} bytes"
        )
    words = np.frombuffer(data, "<u4") if nbytes else np.empty(0, np.uint32)
    if not (words.flags.aligned and words.dtype.isnative):
        words = words.astype(np.uint32)
    starts = words[:channels].tolist()
    for channel, start in enumerate(starts):
        if not channels <= start <= len(words):
            raise DecodeError(
                f"expected channel {channel} to start at a word from {channels} to {len(words)}, found {start}"
            )
    return words, starts


def _damage(fault: int, position: int, words: Words, shape: Triple, block: Triple, channel: int) -> DecodeError:
    """Return the error for a block that cannot be decoded."""
    place = _place(position, shape, block, channel)
    headers = 2 * prod(-(-voxels // edge) for voxels, edge in zip(shape, block, strict=True))
    if fault == kernels.HEADERS_CUT:
        return DecodeError(f"channel {channel} has {len(words)} words, its block headers alone need {headers}")
    header, values = map(int, words[2 * position : 2 * position + 2])
    table, bits = header & 0xFFFFFF, header >> 24
    inside = f"between the headers' end at word {headers} and the end of the channel at word {len(words)}"
    messages = {
        kernels.BITS_UNKNOWN: f"expected 0, 1, 2, 4, 8, 16 or 32 encoded bits, found {bits}",
        kernels.TABLE_OUTSIDE: f"expected a lookup table {inside}, found its offset {table}",
        kernels.VALUES_OUTSIDE: f"expected values of {bits} bits {inside}, found their offset {values}",
        kernels.INDEX_OUTSIDE: f"an encoded value points beyond the end of the channel at word {len(words)}",
    }
    return DecodeError(f"{place}: {messages[fault]}")
