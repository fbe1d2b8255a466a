"""Means of windows of voxels: exact sums of integers, rounded to the nearest with ties to even."""

from __future__ import annotations

import numpy as np

from ngprecomp.kernels.jit import inline, kernel

# Unsigned indices: Numba would test signed ones for being negative, and 3-D indexing would cost more than the sums.
U = np.uintp


@inline
def _sum_of_four(voxels, z, y, x, wide):  # type: ignore[no-untyped-def]
    """Return the sum of the 2 x 2 voxels of one plane; each step is cast back, else Numba makes it 64 bits wide."""
    below, right = y + U(1), x + U(1)
    left_half = wide(wide(voxels[z, y, x]) + wide(voxels[z, below, x]))
    right_half = wide(wide(voxels[z, y, right]) + wide(voxels[z, below, right]))
    return wide(left_half + right_half)


@inline
def _shift_to_even(total, bits, wide):  # type: ignore[no-untyped-def]
    """Return ``total / 2**bits`` rounded to the nearest, ties to even: add just below a half, or a half if odd."""
    odd = wide(wide(total >> wide(bits)) & wide(1))
    just_below_half = wide((1 << (bits - 1)) - 1)
    return wide(wide(wide(total + just_below_half) + odd) >> wide(bits))


@kernel
def mean_of_pairs(voxels, start, out, at, size, depth, accumulator):  # type: ignore[no-untyped-def]
    """Mean of 2 x 2 x `depth` (1 or 2) voxels of up to 32 bits; `accumulator` is an empty array of twice the bits."""
    wide, narrow = accumulator.dtype.type, out.dtype.type
    for k in range(size[0]):
        for j in range(size[1]):
            z, y = U(start[0] + depth * k), U(start[1] + 2 * j)
            to_z, to_y = U(at[0] + k), U(at[1] + j)
            if depth == 1:
                for i in range(size[2]):
                    total = _sum_of_four(voxels, z, y, U(start[2]) + U(2) * U(i), wide)
                    out[to_z, to_y, U(at[2]) + U(i)] = narrow(_shift_to_even(total, 2, wide))
            else:
                for i in range(size[2]):
                    x = U(start[2]) + U(2) * U(i)
                    upper = _sum_of_four(voxels, z, y, x, wide)
                    total = wide(upper + _sum_of_four(voxels, z + U(1), y, x, wide))
                    out[to_z, to_y, U(at[2]) + U(i)] = narrow(_shift_to_even(total, 3, wide))


@inline
def _quotients(voxels, z, y, x, bits, integer):  # type: ignore[no-untyped-def]
    """Return the sum of ``voxel >> bits`` over the 2 x 2 voxels of one plane."""
    bits, below, right = integer(bits), y + U(1), x + U(1)
    left_half = integer(integer(voxels[z, y, x] >> bits) + integer(voxels[z, below, x] >> bits))
    right_half = integer(integer(voxels[z, y, right] >> bits) + integer(voxels[z, below, right] >> bits))
    return integer(left_half + right_half)


@inline
def _remainders(voxels, z, y, x, bits, integer):  # type: ignore[no-untyped-def]
    """Return the sum of the bits that `_quotients` shifts out."""
    mask, below, right = integer((1 << bits) - 1), y + U(1), x + U(1)
    left_half = integer(integer(voxels[z, y, x] & mask) + integer(voxels[z, below, x] & mask))
    right_half = integer(integer(voxels[z, y, right] & mask) + integer(voxels[z, below, right] & mask))
    return integer(left_half + right_half)


@inline
def _quotient_to_even(quotient, rest, bits, integer):  # type: ignore[no-untyped-def]
    """Return ``quotient + rest / 2**bits`` rounded to the nearest, ties to even."""
    odd = integer(integer(quotient + integer(rest >> integer(bits))) & integer(1))
    just_below_half = integer((1 << (bits - 1)) - 1)
    return integer(quotient + integer(integer(integer(rest + just_below_half) + odd) >> integer(bits)))


@kernel
def mean_of_pairs_64(voxels, start, out, at, size, depth):  # type: ignore[no-untyped-def]
    """Mean of 2 x 2 x `depth` (1 or 2) voxels of 64 bits: quotients and remainders are summed apart, none overflows."""
    integer = out.dtype.type
    for k in range(size[0]):
        for j in range(size[1]):
            z, y = U(start[0] + depth * k), U(start[1] + 2 * j)
            to_z, to_y = U(at[0] + k), U(at[1] + j)
            if depth == 1:
                for i in range(size[2]):
                    x = U(start[2]) + U(2) * U(i)
                    quotient = _quotients(voxels, z, y, x, 2, integer)
                    rest = _remainders(voxels, z, y, x, 2, integer)
                    out[to_z, to_y, U(at[2]) + U(i)] = _quotient_to_even(quotient, rest, 2, integer)
            else:
                for i in range(size[2]):
                    x = U(start[2]) + U(2) * U(i)
                    upper = _quotients(voxels, z, y, x, 3, integer)
                    quotient = integer(upper + _quotients(voxels, z + U(1), y, x, 3, integer))
                    upper = _remainders(voxels, z, y, x, 3, integer)
                    rest = integer(upper + _remainders(voxels, z + U(1), y, x, 3, integer))
                    out[to_z, to_y, U(at[2]) + U(i)] = _quotient_to_even(quotient, rest, 3, integer)


@kernel
def mean_of_pairs_float(voxels, start, out, at, size, depth):  # type: ignore[no-untyped-def]
    """Mean of 2 x 2 x `depth` (1 or 2) floating-point voxels, summed in their own precision."""
    real = out.dtype.type
    for k in range(size[0]):
        for j in range(size[1]):
            z, y = U(start[0] + depth * k), U(start[1] + 2 * j)
            to_z, to_y = U(at[0] + k), U(at[1] + j)
            if depth == 1:
                for i in range(size[2]):
                    total = _sum_of_four(voxels, z, y, U(start[2]) + U(2) * U(i), real)
                    out[to_z, to_y, U(at[2]) + U(i)] = total * real(0.25)
            else:
                for i in range(size[2]):
                    x = U(start[2]) + U(2) * U(i)
                    total = _sum_of_four(voxels, z, y, x, real) + _sum_of_four(voxels, z + U(1), y, x, real)
                    out[to_z, to_y, U(at[2]) + U(i)] = total * real(0.125)


@inline
def _whole(voxel, wide):  # type: ignore[no-untyped-def]
    return wide(voxel)


@inline
def _upper_half(voxel, wide):  # type: ignore[no-untyped-def]
    return wide(wide(voxel) >> wide(32))


@inline
def _lower_half(voxel, wide):  # type: ignore[no-untyped-def]
    return wide(wide(voxel) & wide(0xFFFFFFFF))


@inline
def _sum_windows(sums, part, voxels, corner, window, known_width):  # type: ignore[no-untyped-def]
    """Set `sums` to the sums of one part of the voxels of consecutive windows along x, the first at `corner`.

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
                    total = wide(total + part(voxels[z, y, x + U(width) * U(i) + U(dx)], wide))
                sums[i] = total


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
            _sum_windows(sums, _whole, voxels, corner, window, known_width)
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
            _sum_windows(sums, _whole, voxels, corner, window, known_width)
            to_z, to_y = U(at[0] + k), U(at[1] + j)
            for i in range(size[2]):
                out[to_z, to_y, U(at[2]) + U(i)] = sums[i] / count


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
            _sum_windows(high, _upper_half, voxels, corner, window, known_width)
            _sum_windows(low, _lower_half, voxels, corner, window, known_width)
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
