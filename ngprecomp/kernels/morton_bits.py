"""Which bit of which axis lies where in a compressed Morton code (sharded.md, "Chunk identifiers").

Plain integers, without Numba: what reads only metadata must not pay 0.3 s for importing a compiler.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ngprecomp.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Sequence

BITS_OF_AN_ID = 64


def morton_bits(grid_shape: Sequence[int]) -> tuple[int, int, int]:
    """Return how many bits of x, of y and of z a chunk id holds in a grid of `grid_shape` chunks.

    Raises
    ------
    OptionError
        `grid_shape` is not three counts, or the ids would exceed 64 bits.

    Examples
    --------
    >>> morton_bits((538, 618, 805))
    (10, 10, 10)
    """
    if len(grid_shape) != 3 or any(not 0 <= count < 2**63 for count in grid_shape):
        raise OptionError(f"a grid shape is three counts of chunks (x, y, z), not {tuple(grid_shape)}")
    x, y, z = (max(0, int(count) - 1).bit_length() for count in grid_shape)
    if x + y + z > BITS_OF_AN_ID:
        raise OptionError(
            f"a grid of {'x'.join(map(str, grid_shape))} chunks needs chunk ids of {x + y + z} bits; "
            f"they have {BITS_OF_AN_ID}: take larger chunks or unsharded storage"
        )
    return x, y, z


def bit_order(bits: tuple[int, int, int]) -> list[tuple[int, int]]:
    """Return (axis, bit of the position) for every bit of a code, the lowest first.

    Examples
    --------
    >>> bit_order((2, 1, 0))
    [(0, 0), (1, 0), (0, 1)]
    """
    return [(axis, bit) for bit in range(max(bits)) for axis in range(3) if bit < bits[axis]]


def low_bits(bits: tuple[int, int, int], count: int) -> tuple[int, int, int]:
    """Return how many of the lowest `count` bits of a code belong to x, to y and to z.

    Examples
    --------
    >>> low_bits((3, 5, 6), 10)
    (3, 4, 3)
    """
    axes = [axis for axis, _ in bit_order(bits)[:count]]
    return axes.count(0), axes.count(1), axes.count(2)
