"""Mode and median of windows of any size: a sorting network run on many windows at once, without a branch."""

from __future__ import annotations

import numpy as np

from ngprecomp.kernels.jit import inline, kernel

# Unsigned indices: Numba would test signed ones for being negative.
U = np.uintp


@inline
def _count_varied(varied, voxels, corner, window, width):  # type: ignore[no-untyped-def]
    """Mark the windows along x, from `corner` on, that are not constant; return their number."""
    for i in range(varied.size):
        varied[i] = False
    first_z, first_y, x = U(corner[0]), U(corner[1]), U(corner[2])
    for dz in range(window[0]):
        for dy in range(window[1]):
            z, y = first_z + U(dz), first_y + U(dy)
            for i in range(varied.size):
                value = voxels[first_z, first_y, x + U(width) * U(i)]
                differs = False
                for dx in range(width):
                    differs |= voxels[z, y, x + U(width) * U(i) + U(dx)] != value
                varied[i] |= differs
    count = 0
    for i in range(varied.size):
        count += varied[i]
    return count


@inline
def _gather(table, lane, run, voxels, corner, window, width):  # type: ignore[no-untyped-def]
    """Copy `run` windows along x, the first at `corner`, into columns of `table`, one voxel of each per row."""
    row = U(0)
    for dz in range(window[0]):
        for dy in range(window[1]):
            z, y, x = U(corner[0] + dz), U(corner[1] + dy), U(corner[2])
            for i in range(run):
                for dx in range(width):
                    table[row + U(dx), U(lane) + U(i)] = voxels[z, y, x + U(width) * U(i) + U(dx)]
            row += U(width)


@inline
def _sort_two_rows(table, i, j):  # type: ignore[no-untyped-def]
    """Exchange the values of two rows where they are out of order; NaN comes after every number."""
    for lane in range(table.shape[1]):
        a, b = table[U(i), U(lane)], table[U(j), U(lane)]
        swap = b < a or a != a  # only NaN differs from itself
        table[U(i), U(lane)] = b if swap else a
        table[U(j), U(lane)] = a if swap else b


@inline
def _sort_columns(table):  # type: ignore[no-untyped-def]
    """Sort every column by Batcher's merge exchange (Knuth, volume 3, algorithm 5.2.2M), which fits any length."""
    length = table.shape[0]
    top = 1
    while 2 * top < length:
        top *= 2
    p = top
    while p > 0:
        q, r, d = top, 0, p
        while True:
            for i in range(length - d):
                if i & p == r:
                    _sort_two_rows(table, i, i + d)
            if q == p:
                break
            d, r = q - p, p
            q //= 2
        p //= 2


@inline
def _longest_runs(table, answer, run, longest):  # type: ignore[no-untyped-def]
    """Set `answer` to the first value of the longest run of each sorted column; the others are scratch."""
    for lane in range(answer.size):
        answer[lane] = table[0, lane]
        run[lane] = longest[lane] = 1
    for row in range(1, table.shape[0]):
        for lane in range(answer.size):
            value = table[U(row), U(lane)]
            same = value == table[U(row) - U(1), U(lane)]
            length = np.int32(run[lane] + np.int32(1)) if same else np.int32(1)
            longer = length > longest[lane]
            run[lane] = length
            answer[lane] = value if longer else answer[lane]
            longest[lane] = length if longer else longest[lane]


@kernel
def _settle(table, answer, lanes, filled, out, find_mode):  # type: ignore[no-untyped-def]
    """Write the answers of the first `filled` columns of `table` to their places in `out`."""
    _sort_columns(table)
    if find_mode:
        _longest_runs(table, answer, lanes[3], lanes[4])
    else:
        for lane in range(answer.size):
            answer[lane] = table[(table.shape[0] - 1) // 2, lane]
    for lane in range(filled):
        out[U(lanes[0, lane]), U(lanes[1, lane]), U(lanes[2, lane])] = answer[lane]


@kernel
def order_of_windows(  # type: ignore[no-untyped-def]
    voxels, start, out, at, size, window, known_width, table, answer, lanes, varied, find_mode
):
    """Mode (`find_mode`) or lower median of whole windows.

    A constant window is its own answer; the others are copied into columns of a table, which are sorted when it is
    full. Where most windows of a row vary all are copied, which vectorises. `known_width` is as for the means.

    Scratch: `table` has a row per voxel of a window and a column (a lane) per window, `answer` a value per lane,
    `lanes` [5, lanes] int32 the place z, y, x in `out` and two counts, `varied` a bool per window along x.
    """
    width, capacity, filled = len(known_width) or window[2], table.shape[1], 0
    for k in range(size[0]):
        for j in range(size[1]):
            z, y = start[0] + window[0] * k, start[1] + window[1] * j
            mostly = 2 * _count_varied(varied, voxels, (z, y, start[2]), window, width) > size[2]
            i = 0
            while i < size[2]:
                x = start[2] + width * i
                if not (mostly or varied[i]):
                    out[U(at[0] + k), U(at[1] + j), U(at[2] + i)] = voxels[U(z), U(y), U(x)]
                    i += 1
                    continue
                count = min(capacity - filled, size[2] - i) if mostly else 1
                _gather(table, filled, count, voxels, (z, y, x), window, width)
                for n in range(count):
                    lanes[0, filled + n] = at[0] + k
                    lanes[1, filled + n] = at[1] + j
                    lanes[2, filled + n] = at[2] + i + n
                i += count
                filled += count
                if filled == capacity:
                    _settle(table, answer, lanes, filled, out, find_mode)
                    filled = 0
    _settle(table, answer, lanes, filled, out, find_mode)
