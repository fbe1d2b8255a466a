"""The most frequent of 2 x 2 x 1 and 2 x 2 x 2 integers, the smallest of several: sorted in registers, no branch."""

from __future__ import annotations

import numpy as np

from ngprecomp.kernels.jit import inline, kernel

# Unsigned indices: Numba would test signed ones for being negative.
U = np.uintp


@inline
def _sorted_two(a, b):  # type: ignore[no-untyped-def]
    return min(a, b), max(a, b)


@inline
def _sorted_four(voxels, z, y, x):  # type: ignore[no-untyped-def]
    """Return the 2 x 2 voxels of one plane in ascending order."""
    a, b = _sorted_two(voxels[z, y, x], voxels[z, y, x + U(1)])
    c, d = _sorted_two(voxels[z, y + U(1), x], voxels[z, y + U(1), x + U(1)])
    a, c = _sorted_two(a, c)
    b, d = _sorted_two(b, d)
    b, c = _sorted_two(b, c)
    return a, b, c, d


@inline
def _mode_of_four(voxels, z, y, x):  # type: ignore[no-untyped-def]
    """Return the first value of the sorted window that occurs twice, else the smallest."""
    a, b, c, d = _sorted_four(voxels, z, y, x)
    mode = c if c == d else a
    mode = b if b == c else mode
    return a if a == b else mode


@inline
def _mode_of_eight(voxels, z, y, x):  # type: ignore[no-untyped-def]
    """Return the first value of the longest run of the sorted window: runs of 2, then 3, then 4 and more."""
    a, c, e, g = _sorted_four(voxels, z, y, x)
    b, d, f, h = _sorted_four(voxels, z + U(1), y, x)
    # Odd-even merge of the two sorted fours.
    a, b = _sorted_two(a, b)
    c, d = _sorted_two(c, d)
    e, f = _sorted_two(e, f)
    g, h = _sorted_two(g, h)
    b, e = _sorted_two(b, e)
    d, g = _sorted_two(d, g)
    b, c = _sorted_two(b, c)
    d, e = _sorted_two(d, e)
    f, g = _sorted_two(f, g)
    mode = g if g == h else a
    mode = f if f == g else mode
    mode = e if e == f else mode
    mode = d if d == e else mode
    mode = c if c == d else mode
    mode = b if b == c else mode
    mode = a if a == b else mode
    mode = f if f == h else mode
    mode = e if e == g else mode
    mode = d if d == f else mode
    mode = c if c == e else mode
    mode = b if b == d else mode
    mode = a if a == c else mode
    mode = e if e == h else mode
    mode = d if d == g else mode
    mode = c if c == f else mode
    mode = b if b == e else mode
    return a if a == d else mode


@inline
def _mode_of_row(voxels, z, y, x, depth, out, to_z, to_y, to_x, count):  # type: ignore[no-untyped-def]
    """Compute `count` consecutive voxels of a row of the result."""
    if depth == 1:
        for i in range(count):
            out[to_z, to_y, to_x + U(i)] = _mode_of_four(voxels, z, y, x + U(2) * U(i))
    else:
        for i in range(count):
            out[to_z, to_y, to_x + U(i)] = _mode_of_eight(voxels, z, y, x + U(2) * U(i))


@kernel
def mode_of_pairs(voxels, start, out, at, size, depth):  # type: ignore[no-untyped-def]
    """Mode of 2 x 2 x `depth` (1 or 2) integer voxels.

    LLVM leaves up to 63 voxels at the end of a row to scalar code (uint8 rows of 125: 8 instead of 28 GB/s). They are
    computed in blocks of 32, a number it vectorises whole; the last block overlaps the one before.
    """
    whole = size[2] // 64 * 64 if size[2] >= 32 else size[2]
    for k in range(size[0]):
        for j in range(size[1]):
            z, y = U(start[0] + depth * k), U(start[1] + 2 * j)
            to_z, to_y = U(at[0] + k), U(at[1] + j)
            _mode_of_row(voxels, z, y, U(start[2]), depth, out, to_z, to_y, U(at[2]), whole)
            for i in range(whole, size[2], 32):
                first = min(i, size[2] - 32)
                _mode_of_row(voxels, z, y, U(start[2] + 2 * first), depth, out, to_z, to_y, U(at[2] + first), 32)
