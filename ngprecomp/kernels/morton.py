"""Compressed Morton codes of many grid positions at once, and back (sharded.md, "Chunk identifiers").

Both directions permute bits. Forwards, the bits of x, y and z are packed side by side into one word, whose
digits of ten bits are looked up in tables: three reads for an id of 30 bits, from 12 KiB of the first cache.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numba import config, types
from numba.extending import intrinsic

from ngprecomp.errors import OptionError, OutOfBoundsError
from ngprecomp.kernels import streaming
from ngprecomp.kernels.aligned import aligned_empty
from ngprecomp.kernels.jit import inline, kernel, read_only
from ngprecomp.kernels.morton_bits import bit_order, morton_bits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, NDArray

__all__ = ["compressed_morton_code", "grid_positions", "morton_bits"]

_DIGIT_BITS = 10
_TOGETHER = 128  # keys that are packed, then looked up, within the first cache
U = np.uint64


def compressed_morton_code(positions: ArrayLike, grid_shape: Sequence[int]) -> NDArray[np.uint64]:
    """Return the chunk ids of grid positions.

    Parameters
    ----------
    positions
        Integers, [..., 3]: chunk counts along x, y, z from the first chunk of the volume.
    grid_shape
        Chunks of the volume along x, y, z.

    Returns
    -------
    array
        uint64, [...].

    Raises
    ------
    OutOfBoundsError
        A position is negative or not below `grid_shape`.
    OptionError
        `positions` are not integers [..., 3], or the ids would exceed 64 bits.

    Examples
    --------
    >>> compressed_morton_code([[0, 0, 0], [1, 0, 0], [4, 2, 1]], (5, 3, 2))
    array([ 0,  1, 52], dtype=uint64)
    """
    bits = morton_bits(grid_shape)
    given = _integers(positions, "positions")
    if given.ndim == 0 or given.shape[-1] != 3:
        raise OptionError(f"positions are x, y, z along the last axis; their shape is {given.shape}")
    # Values of 2**63 and above turn negative here, and are refused as such.
    flat = read_only(np.ascontiguousarray(given.astype(np.int64, copy=False).reshape(-1, 3)))
    codes = aligned_empty((len(flat),), np.uint64)
    x, y, z = map(int, grid_shape)
    tables = _tables(np.argsort(_packed_places(bits)))
    if sum(bits) <= 32:
        tables = tables.astype(np.uint32)
    if not _encode(flat, (x, y, z), bits, tables, codes, flat.nbytes >= streaming.LARGE):
        outside = np.any((flat < 0) | (flat >= (x, y, z)), axis=1)
        _refuse_first(given.reshape(-1, 3), outside, "position", grid_shape)
    return codes.reshape(given.shape[:-1])


def grid_positions(codes: ArrayLike, grid_shape: Sequence[int]) -> NDArray[np.int64]:
    """Return the grid positions of chunk ids: the inverse of `compressed_morton_code`.

    Parameters
    ----------
    codes
        Chunk ids, [...].
    grid_shape
        Chunks of the volume along x, y, z.

    Returns
    -------
    array
        int64, [..., 3]: x, y, z.

    Raises
    ------
    OutOfBoundsError
        An id belongs to no chunk of the grid.
    OptionError
        `codes` are not integers, or the ids would exceed 64 bits.

    Examples
    --------
    >>> grid_positions([0, 52], (5, 3, 2))
    array([[0, 0, 0],
           [4, 2, 1]])
    """
    bits = morton_bits(grid_shape)
    given = _integers(codes, "codes")
    if given.dtype.kind == "i":
        _refuse_first(given.ravel(), (given < 0).ravel(), "chunk id", grid_shape)
    flat = read_only(np.ascontiguousarray(given.astype(np.uint64, copy=False).reshape(-1)))
    positions = np.empty((len(flat), 3), np.int64)
    x, y, z = map(int, grid_shape)
    if not _decode(flat, (x, y, z), bits, _tables(_packed_places(bits)), positions):
        beyond = np.any(positions >= (x, y, z), axis=1)
        if sum(bits) < 64:
            beyond |= flat >> np.uint64(sum(bits)) > 0
        _refuse_first(flat, beyond, "chunk id", grid_shape)
    return positions.reshape(*given.shape, 3)


def _integers(values: ArrayLike, what: str) -> NDArray[Any]:
    """Return an array of integers; an empty list, which NumPy makes float64, is one too."""
    array = np.asarray(values)
    if array.dtype.kind not in "iu" and array.size:
        raise OptionError(f"{what} must be an array of integers of at most 64 bits, not of {array.dtype}")
    return array


def _refuse_first(values: NDArray[Any], wrong: NDArray[np.bool_], what: str, grid_shape: Sequence[int]) -> None:
    """Raise for the first of `values` that is `wrong`, if any."""
    if wrong.any():
        raise OutOfBoundsError(
            f"{what} {values[int(wrong.argmax())].tolist()} lies outside the grid of "
            f"{'x'.join(map(str, grid_shape))} chunks"
        )


def _packed_places(bits: tuple[int, int, int]) -> NDArray[np.int64]:
    """Return, for every bit of a code, its place in the packed word."""
    first = (0, bits[0], bits[0] + bits[1])
    return np.array([first[axis] + bit for axis, bit in bit_order(bits)], np.int64)


@kernel
def _tables(destinations: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return [digit, value]: the bits of one digit of a word, each moved to its destination."""
    digits = 1 if len(destinations) <= _DIGIT_BITS else max(3, -(-len(destinations) // _DIGIT_BITS))
    tables = np.zeros((digits, 2**_DIGIT_BITS), np.uint64)
    for source in range(len(destinations)):
        table = tables[source // _DIGIT_BITS]
        half = 1 << (source % _DIGIT_BITS)
        moved = np.uint64(1) << np.uint64(destinations[source])
        for value in range(half):
            table[half + value] = table[value] | moved
    return tables


@inline
def _permuted(word, values, digits):
    """Return a word whose digits were looked up in so many tables, which lie behind each other."""
    digit, size = U(_DIGIT_BITS), U(2**_DIGIT_BITS)
    mask = size - U(1)
    moved = U(values[word & mask])
    # One digit, and three for keys of up to 30 bits, written out take 0.7 of the time of a loop.
    if digits > U(1):
        moved |= U(values[(word >> digit & mask) + size]) | U(values[(word >> (digit + digit) & mask) + size + size])
        for i in range(U(3), digits):
            moved |= U(values[(word >> digit * i & mask) + size * i])
    return moved


def _code_writer() -> Callable[..., Any]:
    """Return a function (codes, i, code, streams) that sets a code."""

    def interpreted(codes: NDArray[Any], i: int, code: int, _streams: bool) -> None:
        codes[int(i)] = code

    def compiled(_context: Any, codes: Any, _i: Any, _code: Any, _streams: Any) -> Any:
        def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            array, i, code, streams = arguments
            data = context.make_array(codes)(context, builder, array).data
            streaming.store_word(builder, code, builder.gep(data, [i]), streams)
            return context.get_dummy_value()

        return types.void(codes, types.uint64, types.uint64, types.boolean), generate

    return interpreted if config.DISABLE_JIT else intrinsic(compiled)  # type: ignore[attr-defined]


_write_code = _code_writer()


@kernel
def _encode(positions, grid, bits, tables, codes, streams):
    """Fill `codes`; return whether all positions lie in the grid (outside it a code is meaningless).

    Packing some keys before any is looked up lets LLVM make vectors of it: together 0.6 of the time.
    """
    coordinates, words = positions.reshape(-1), np.empty(_TOGETHER, np.uint64)
    values, digits = tables.reshape(-1), U(len(tables))
    end_x, end_y, end_z = U(grid[0]), U(grid[1]), U(grid[2])
    above_x = U(bits[0])
    # A shift by 64 is undefined: with all bits in x and y there is but z = 0.
    above_y = U(min(bits[0] + bits[1], 63))
    outside = U(0)
    for first in range(U(0), U(len(codes)), U(_TOGETHER)):
        count = min(U(_TOGETHER), U(len(codes)) - first)
        for i in range(count):
            at = U(3) * (first + i)
            # Negative ones become huge.
            x, y, z = U(coordinates[at]), U(coordinates[at + U(1)]), U(coordinates[at + U(2)])
            outside |= U(x >= end_x) | U(y >= end_y) | U(z >= end_z)
            words[i] = x | (y << above_x) | (z << above_y)
        for i in range(count):
            _write_code(codes, first + i, _permuted(words[i], values, digits), streams)
    return outside == U(0)


@kernel
def _decode(
    codes: NDArray[np.uint64],
    grid: tuple[int, int, int],
    bits: tuple[int, int, int],
    tables: NDArray[np.uint64],
    positions: NDArray[np.int64],
) -> bool:
    """Fill `positions`; return whether all codes belong to a position of the grid."""
    total = bits[0] + bits[1] + bits[2]
    unused = ~np.uint64(0) << np.uint64(total) if total < 64 else np.uint64(0)
    above_x = np.uint64(bits[0])
    above_y = np.uint64(min(bits[0] + bits[1], 63))
    mask_x = (np.uint64(1) << above_x) - np.uint64(1)
    mask_y = (np.uint64(1) << np.uint64(bits[1])) - np.uint64(1)
    mask_z = (np.uint64(1) << np.uint64(bits[2])) - np.uint64(1)
    inside = True
    values, digits = tables.reshape(-1), U(len(tables))
    for i in range(len(codes)):
        packed = _permuted(codes[i], values, digits)
        x = np.int64(packed & mask_x)
        y = np.int64((packed >> above_x) & mask_y)
        z = np.int64((packed >> above_y) & mask_z)
        inside &= (codes[i] & unused == np.uint64(0)) & (x < grid[0]) & (y < grid[1]) & (z < grid[2])
        positions[i, 0] = x
        positions[i, 1] = y
        positions[i, 2] = z
    return inside
