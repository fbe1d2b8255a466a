"""compresso streams to labels.

A chunk is cut into small windows, of each of which one number says which voxels are borders. Voxels that are none form
regions, whose labels are listed in the order in which a scan along x, then y, then z meets them. A border takes the
label of the neighbour before it; where all of these are borders too, a code says where its label is from.

Nothing that the stream says is believed: what does not fit together is returned as a fault.
"""

# mypy: disable-error-code="no-untyped-def,assignment"

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ngprecomp.kernels.jit import inline, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

DECODED = 0
WINDOWS_UNEQUAL = 1  # the runs cover more or fewer windows than the chunk has
VALUE_OUTSIDE = 2  # a window has a number that the list of values does not reach
REGIONS_UNEQUAL = 3  # there are more or fewer regions than labels
CODES_CUT = 4  # the codes end before the last border that needs one
CODES_LEFT = 5  # there are more codes than such borders
NO_NEIGHBOUR = 6  # a code names a neighbour that is a border, or outside of the chunk

LITERAL = 6  # the next code is the label; what is larger is the label and 7, what is smaller names a neighbour
FIRST_LABEL = 7

U = np.uint64


def decode_labels(
    runs: NDArray[np.uint64],
    values: NDArray[np.uint64],
    ids: NDArray[Any],
    codes: NDArray[Any],
    steps: tuple[int, int, int],
    stacked: bool,
    out: NDArray[Any],
) -> tuple[int, int]:
    """Write the labels of a chunk.

    Parameters
    ----------
    runs
        Odd: twice a number of windows that have the first value. Even: twice the number of one window's value.
    values
        Bits of the voxels of a window, x fastest; a border is 1.
    ids, codes
        Labels of the regions, and codes of borders, in the unsigned type of `out`.
    steps
        Voxels of a window along z, y, x.
    stacked
        Whether regions reach from one slice to the next.
    out
        [z, y, x], C-contiguous, unsigned.

    Returns
    -------
    A number that belongs to the fault, and the fault: `DECODED`, or one of the others, when `out` may be written in
    part.
    """
    grid = tuple(-(-side // step) for side, step in zip(out.shape, steps, strict=True))
    windows = np.empty(grid, np.uint64)
    at, fault = _expand(runs, values, windows.reshape(-1))
    if fault != DECODED:
        return int(at), int(fault)
    regions = np.empty(out.shape, np.uint32)
    # A new number begins where the voxels to the left and above are borders: at most at every other voxel of a slice.
    parents = np.empty(1 + out.shape[0] * -(-(out.shape[1] * out.shape[2]) // 2), np.uint32)
    found = _connect(windows, steps, stacked, regions, parents)
    if found != len(ids):
        return int(found), REGIONS_UNEQUAL
    at, fault = _label(regions, parents, ids, codes, stacked, out)
    return int(at), int(fault)


@kernel
def _expand(runs, values, windows):
    """Write the value of each window."""
    if len(values) == 0:
        return 0, VALUE_OUTSIDE
    at = 0
    for run in runs:
        number = np.int64(run >> U(1))
        if run & U(1):
            if number > len(windows) - at:
                return at + number, WINDOWS_UNEQUAL
            windows[at : at + number] = values[0]
            at += number
        elif at == len(windows):
            return at + 1, WINDOWS_UNEQUAL
        elif number >= len(values):
            return number, VALUE_OUTSIDE
        else:
            windows[at] = values[number]
            at += 1
    return at, DECODED if at == len(windows) else WINDOWS_UNEQUAL


@kernel
def _connect(windows, steps, stacked, regions, parents):
    """Write a number for each voxel, 0 for a border, whose parent is the number of its region; return the last one."""
    given = 0
    depth, height, width = regions.shape
    for z in range(depth):
        for y in range(height):
            row = windows[z // steps[0], y // steps[1]]
            first = steps[2] * (y % steps[1] + steps[1] * (z % steps[0]))
            left = np.uint32(0)
            for x in range(width):
                if row[x // steps[2]] >> U(first + x % steps[2]) & U(1):
                    left = np.uint32(0)
                else:
                    if y > 0:
                        left = _joined(parents, left, regions[z, y - 1, x])
                    if stacked and z > 0:
                        left = _joined(parents, left, regions[z - 1, y, x])
                    if left == 0:
                        given += 1
                        parents[given] = given
                        left = np.uint32(given)
                regions[z, y, x] = left
    return _number(parents, given)


@inline
def _joined(parents, one, other):
    """Return the region that two voxels belong to from now on; 0 is none."""
    if one == 0 or other == 0 or one == other:
        return max(one, other)
    while parents[one] != one:
        one = parents[one]
    while parents[other] != other:
        parents[other] = parents[parents[other]]
        other = parents[other]
    low, high = min(one, other), max(one, other)
    parents[high] = low
    return low


@inline
def _number(parents, given):
    """Let all numbers of a region have the same parent: 1 for the region that came first, and so on."""
    count = 0
    for number in range(1, given + 1):
        if parents[number] == number:
            count += 1
            parents[number] = count
        else:
            parents[number] = parents[parents[number]]
    return count


@kernel
def _label(regions, parents, ids, codes, stacked, out):
    """Write the label of each voxel."""
    at = 0
    depth, height, width = regions.shape
    for z in range(depth):
        for y in range(height):
            for x in range(width):
                region = regions[z, y, x]
                if region == 0 and x > 0:
                    region = regions[z, y, x - 1]
                if region == 0 and y > 0:
                    region = regions[z, y - 1, x]
                if region == 0 and stacked and z > 0:
                    region = regions[z - 1, y, x]
                if region == 0:
                    code = U(codes[at]) if at < len(codes) else U(LITERAL)
                    at += 1
                    if code == LITERAL:
                        if at >= len(codes):
                            return len(codes), CODES_CUT
                        out[z, y, x] = codes[at]
                        at += 1
                        continue
                    if code >= FIRST_LABEL:
                        out[z, y, x] = code - U(FIRST_LABEL)
                        continue
                    region = _neighbour(regions, z, y, x, code)
                    if region == 0:
                        return at - 1, NO_NEIGHBOUR
                out[z, y, x] = ids[parents[region] - 1]
    return at, DECODED if at == len(codes) else CODES_LEFT


@inline
def _neighbour(regions, z, y, x, code):
    """Return the region of the neighbour that a code names, 0 where that is a border or outside."""
    depth, height, width = regions.shape
    if code == 0 and x > 0:
        return regions[z, y, x - 1]
    if code == 1 and x < width - 1:
        return regions[z, y, x + 1]
    if code == 2 and y > 0:
        return regions[z, y - 1, x]
    if code == 3 and y < height - 1:
        return regions[z, y + 1, x]
    if code == 4 and z > 0:
        return regions[z - 1, y, x]
    if code == 5 and z < depth - 1:
        return regions[z + 1, y, x]
    return np.uint32(0)
