"""MurmurHash3_x86_128 of chunk ids, the hash that spreads them over shards (sharded.md, "Hashing")."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ngprecomp.errors import OptionError
from ngprecomp.kernels.jit import inline, kernel

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def murmurhash3_x86_128(keys: ArrayLike) -> NDArray[np.uint64]:
    """Return the first 8 bytes of the hash of each key, with seed 0.

    A key is hashed as its 8 little-endian bytes, and the 8 bytes of the hash are a little-endian number.

    Parameters
    ----------
    keys
        Integers of 0 to 2**64 - 1, of any shape.

    Returns
    -------
    array
        uint64, of the same shape.

    Raises
    ------
    OptionError
        A key is no integer or negative.

    Examples
    --------
    >>> [hex(hashed) for hashed in murmurhash3_x86_128([0, 2**32 - 1])]
    ['0x4772b084e028ae41', '0x7260ffc08751be']
    """
    given = np.asarray(keys)
    if given.size and given.dtype.kind not in "iu":
        raise OptionError(f"keys must be an array of integers of at most 64 bits, not of {given.dtype}")
    if given.dtype.kind == "i" and (given < 0).any():
        raise OptionError(f"keys must not be negative; the smallest is {given.min()}")
    # Read-only, as any input can become without a copy: one type for which the kernel is compiled.
    flat = np.ascontiguousarray(given, np.uint64).reshape(-1).view()
    flat.flags.writeable = False
    hashes = np.empty(len(flat), np.uint64)
    _hash(flat, hashes)
    return hashes.reshape(given.shape)


# Sums and products are taken in 64 bits, as Numba would do anyway, and cut back after each step, which lets
# LLVM hash several keys per instruction.
_LOW_HALF = np.uint64(0xFFFFFFFF)


@inline
def _times(a: np.uint32, b: np.uint32) -> np.uint32:
    return np.uint32((np.uint64(a) * np.uint64(b)) & _LOW_HALF)


@inline
def _plus(a: np.uint32, b: np.uint32) -> np.uint32:
    return np.uint32((np.uint64(a) + np.uint64(b)) & _LOW_HALF)


@inline
def _rotated(a: np.uint32, left: int) -> np.uint32:
    return np.uint32(np.uint32(a << np.uint32(left)) | np.uint32(a >> np.uint32(32 - left)))


@inline
def _mixed(h: np.uint32) -> np.uint32:
    h = np.uint32(h ^ (h >> np.uint32(16)))
    h = _times(h, np.uint32(0x85EBCA6B))
    h = np.uint32(h ^ (h >> np.uint32(13)))
    h = _times(h, np.uint32(0xC2B2AE35))
    return np.uint32(h ^ (h >> np.uint32(16)))


@kernel
def _hash(keys: NDArray[np.uint64], hashes: NDArray[np.uint64]) -> None:
    length = np.uint32(8)
    for i in range(len(keys)):
        low = np.uint32(keys[i] & _LOW_HALF)
        high = np.uint32(keys[i] >> np.uint64(32))
        # Eight bytes are less than a block of sixteen: only the algorithm's tail applies, and h4 equals h3.
        h1 = _times(_rotated(_times(low, np.uint32(0x239B961B)), 15), np.uint32(0xAB0E9789))
        h2 = _times(_rotated(_times(high, np.uint32(0xAB0E9789)), 16), np.uint32(0x38B34AE5))
        h1 = np.uint32(h1 ^ length)
        h2 = np.uint32(h2 ^ length)
        h1 = _plus(h1, _plus(h2, np.uint32(16)))
        h2 = _plus(h2, h1)
        h3 = _plus(length, h1)
        h1, h2, h3 = _mixed(h1), _mixed(h2), _mixed(h3)
        h1 = _plus(h1, _plus(h2, _plus(h3, h3)))
        h2 = _plus(h2, h1)
        hashes[i] = np.uint64(h1) | (np.uint64(h2) << np.uint64(32))
