"""Means of windows of voxels: exact sums of integers, rounded to the nearest with ties to even."""

from __future__ import annotations

import numpy as np

from ngprecomp.kernels.jit import inline, kernel

# Unsigned indices: Numba would test signed ones for being negative, and 3-D indexing would cost more than the sums.
U = np.uintp


@inline
def _upper_half(voxel, wide):  # type: ignore[no-untyped-def]
    return wide(wide(voxel) >> wide(32))


@inline
def _lower_half(voxel, wide):  # type: ignore[no-untyped-def]
    return wide(wide(voxel) & wide(0xFFFFFFFF))


@inline
def _sum_windows(sums, voxels, corner, window, known_width):  # type: ignore[no-untyped-def]
    """Set `sums` to the sums of consecutive windows along x, the first at `corner`.

    `known_width` is a tuple as long as the window is wide, or empty: the length of a tuple belongs to its type, and
    loops of known length vectorise (0.05 instead of 0.2 to 0.4 ns a voxel).
    """
    wide = sums.dtype.type
    width = len(known_width) or window[2]
    for i in range(sums.size):
        sums[i] = 0
    for dz in range(window[0]):
        for dy in range(window[1]):
            z, y, x = U(corner[0] + dz), U(corner[1] + dy), U(corner[2])
            for i in range(sums.size):
                total = sums[i]
                for dx in range(width):
                    total = wide(total + wide(voxels[z, y, x + U(width) * U(i) + U(dx)]))
                sums[i] = total


@inline
def _sum_halves(high, low, voxels, corner, window, known_width):  # type: ignore[no-untyped-def]
    """Set `high` and `low` to the sums of the upper and the lower 32 bits; each voxel is read but once."""
    wide = high.dtype.type
    width = len(known_width) or window[2]
    for i in range(high.size):
        high[i] = low[i] = 0
    for dz in range(window[0]):
        for dy in range(window[1]):
            z, y, x = U(corner[0] + dz), U(corner[1] + dy), U(corner[2])
            for i in range(high.size):
                upper, lower = high[i], low[i]
                for dx in range(width):
                    voxel = voxels[z, y, x + U(width) * U(i) + U(dx)]
                    upper = wide(upper + _upper_half(voxel, wide))
                    lower = wide(lower + _lower_half(voxel, wide))
                high[i], low[i] = upper, lower


@kernel
def mean_of_windows(voxels, start, out, at, size, window, known_width, sums):  # type: ignore[no-untyped-def]
    """Mean of whole windows of integers; `sums` is scratch for one row of sums, all below 2**52.

    A quotient in double precision is then a tie only where the exact one is. Adding 1.5 * 2**52 leaves no bits for a
    fraction, so the addition itself rounds to the nearest, ties to even.
    """
    narrow = out.dtype.type
    count, shift = np.float64(window[0] * window[1] * window[2]), np.float64(1.5 * 2**52)
    for k in range(size[0]):
        for j in range(size[1]):
            corner = (start[0] + window[0] * k, start[1] + window[1] * j, start[2])
            _sum_windows(sums, voxels, corner, window, known_width)
            to_z, to_y = U(at[0] + k), U(at[1] + j)
            for i in range(size[2]):
                mean = (np.float64(sums[i]) / count + shift) - shift
                out[to_z, to_y, U(at[2]) + U(i)] = narrow(mean)


@kernel
def mean_of_windows_float(voxels, start, out, at, size, window, known_width, sums):  # type: ignore[no-untyped-def]
    """Mean of whole windows of floating-point voxels; `sums` is scratch for one row of sums."""
    count = sums.dtype.type(window[0] * window[1] * window[2])
    for k in range(size[0]):
        for j in range(size[1]):
            corner = (start[0] + window[0] * k, start[1] + window[1] * j, start[2])
            _sum_windows(sums, voxels, corner, window, known_width)
            to_z, to_y = U(at[0] + k), U(at[1] + j)
            for i in range(size[2]):
                out[to_z, to_y, U(at[2]) + U(i)] = sums[i] / count


@kernel
def mean_of_windows_64(voxels, start, out, at, size, window, known_width, high, low):  # type: ignore[no-untyped-def]
    """Mean of whole windows of at most 2**16 integers of 64 bits; `high` and `low` are as below.

    The sums of upper and lower halves stay below 2**48, so a long division by digits of 32 bits is exact in double
    precision, for the reason above, and vectorises: 2 to 3 times as fast as in integers.
    """
    narrow = out.dtype.type
    count, shift = np.float64(window[0] * window[1] * window[2]), np.float64(1.5 * 2**52)
    for k in range(size[0]):
        for j in range(size[1]):
            corner = (start[0] + window[0] * k, start[1] + window[1] * j, start[2])
            _sum_halves(high, low, voxels, corner, window, known_width)
            to_z, to_y = U(at[0] + k), U(at[1] + j)
            for i in range(size[2]):
                upper = np.float64(np.int64(high[i]))
                first = np.floor(upper / count)
                rest = (upper - first * count) * np.float64(2**32) + np.float64(np.int64(low[i]))
                last = (rest / count + shift) - shift
                out[to_z, to_y, U(at[2]) + U(i)] = narrow((np.int64(first) << 32) + np.int64(last))


@kernel
def mean_of_windows_128(voxels, start, out, at, size, window, known_width, high, low):  # type: ignore[no-untyped-def]
    """Mean of whole windows of at most 2**30 integers: the sums of upper and lower halves give the 128-bit quotient.

    `high` and `low` are scratch for a row of 64-bit sums, signed as the voxels are.
    """
    narrow = out.dtype.type
    count = np.int64(window[0] * window[1] * window[2])
    for k in range(size[0]):
        for j in range(size[1]):
            corner = (start[0] + window[0] * k, start[1] + window[1] * j, start[2])
            _sum_halves(high, low, voxels, corner, window, known_width)
            to_z, to_y = U(at[0] + k), U(at[1] + j)
            for i in range(size[2]):
                # Both sums are below 2**62.
                first = np.int64(high[i]) // count
                rest = ((np.int64(high[i]) - first * count) << 32) + np.int64(low[i])
                last = rest // count
                rest -= last * count
                mean = (first << 32) + last
                mean += 2 * rest > count or (2 * rest == count and mean & 1 == 1)
                out[to_z, to_y, U(at[2]) + U(i)] = narrow(mean)
