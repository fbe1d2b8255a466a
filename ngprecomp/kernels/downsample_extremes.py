"""The smallest and the largest voxel of windows of any size; NaN is passed over."""

from __future__ import annotations

import numpy as np

from ngprecomp.kernels.jit import inline, kernel

# Unsigned indices: Numba would test signed ones for being negative.
U = np.uintp


@inline
def _smaller(a, b):  # type: ignore[no-untyped-def]
    """Return the smaller of a known extreme and a voxel, the extreme if the voxel is NaN."""
    return b if b < a else a


@inline
def _larger(a, b):  # type: ignore[no-untyped-def]
    return b if b > a else a


@inline
def _fold_windows(extreme, worst, voxels, start, out, at, size, window, known_width):  # type: ignore[no-untyped-def]
    """Fold the rows of each window into a row of `out`.

    `known_width` is a tuple as long as the window is wide, or empty: the length of a tuple belongs to its type, and
    loops of known length vectorise.
    """
    width = len(known_width) or window[2]
    x, to_x = U(start[2]), U(at[2])
    for k in range(size[0]):
        for j in range(size[1]):
            to_z, to_y = U(at[0] + k), U(at[1] + j)
            for i in range(size[2]):
                out[to_z, to_y, to_x + U(i)] = worst
            for dz in range(window[0]):
                for dy in range(window[1]):
                    z, y = U(start[0] + window[0] * k + dz), U(start[1] + window[1] * j + dy)
                    for i in range(size[2]):
                        best = out[to_z, to_y, to_x + U(i)]
                        for dx in range(width):
                            best = extreme(best, voxels[z, y, x + U(width) * U(i) + U(dx)])
                        out[to_z, to_y, to_x + U(i)] = best


@kernel
def smallest_of_windows(voxels, start, out, at, size, window, known_width, worst):  # type: ignore[no-untyped-def]
    """Smallest voxel of whole windows; `worst` is the largest value of the dtype, infinity for floats."""
    _fold_windows(_smaller, worst, voxels, start, out, at, size, window, known_width)


@kernel
def largest_of_windows(voxels, start, out, at, size, window, known_width, worst):  # type: ignore[no-untyped-def]
    """Largest voxel of whole windows; `worst` is the smallest value of the dtype, minus infinity for floats."""
    _fold_windows(_larger, worst, voxels, start, out, at, size, window, known_width)
