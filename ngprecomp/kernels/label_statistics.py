"""Count the voxels of each label, add up their coordinates and find their bounding boxes, all in one pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ngprecomp.errors import OptionError
from ngprecomp.kernels.jit import inline, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

U64 = np.uint64
FIRST_SLOTS = 1 << 10
MAX_SIDE = 1 << 20  # sums of coordinates of 2**40 voxels stay below 2**60


@dataclass(frozen=True, slots=True)
class Statistics:
    """One row for each label of a block, in ascending order.

    `sums` [n, 3], `lo` and `hi` [n, 3] are x, y, z relative to the first voxel of the block; boxes are half-open.
    """

    ids: NDArray[Any]
    voxels: NDArray[np.int64]
    sums: NDArray[np.int64]
    lo: NDArray[np.int64]
    hi: NDArray[np.int64]


def label_statistics(labels: NDArray[Any]) -> Statistics:
    """Return the statistics of every label of a block, 0 included.

    Parameters
    ----------
    labels
        Integers [x, y, z], at most 2**20 along each axis.

    Raises
    ------
    OptionError
        The array has not three axes, or does not hold integers.

    Examples
    --------
    >>> import numpy as np
    >>> found = label_statistics(np.array([[[7, 7, 2**63]]], "uint64"))
    >>> found.ids.tolist(), found.voxels.tolist(), found.lo[1].tolist(), found.hi[1].tolist()
    ([7, 9223372036854775808], [2, 1], [0, 0, 2], [1, 1, 3])
    """
    if labels.ndim != 3 or labels.dtype.kind not in "iub":
        raise OptionError(f"expected integers [x, y, z], found {labels.dtype} of shape {labels.shape}")
    if max(labels.shape) > MAX_SIDE:
        raise OptionError(f"expected at most {MAX_SIDE} voxels along each axis, found shape {labels.shape}")
    # Read-only words without a sign: one type for each width reaches the kernel.
    rows = np.ascontiguousarray(labels.T).view(f"u{labels.itemsize}").view()
    rows.flags.writeable = False
    slots = FIRST_SLOTS
    keys, table = _empty(slots)
    used, row = 0, 0
    while row < rows.shape[0] * rows.shape[1]:
        if 2 * (used + rows.shape[2]) > slots:
            slots = 2 * (slots + rows.shape[2])
            slots = 1 << (slots - 1).bit_length()
            old_keys, old_table = keys, table
            keys, table = _empty(slots)
            _move(old_keys, old_table, keys, table)
        row, used = _collect(rows, row, keys, table, used)
    filled = np.flatnonzero(table[:, 0])
    ids = keys[filled].astype(rows.dtype).view(labels.dtype)
    order = np.argsort(ids, kind="stable")
    found = table[filled[order]]
    return Statistics(ids[order], found[:, 0], found[:, 1:4], found[:, 4:7], found[:, 7:10])


def _empty(slots: int) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Return an empty hash table: keys, and for each voxels, sums, lowest and highest coordinates + 1."""
    return np.zeros(slots, U64), np.zeros((slots, 10), np.int64)


@inline
def _slot(keys, table, label):  # type: ignore[no-untyped-def]
    """Return the slot that holds a label, or the empty one where it belongs."""
    mask = U64(len(keys) - 1)
    # Fibonacci hashing of both halves: labels are often consecutive numbers, or differ in their high bits only.
    slot = (((label ^ (label >> U64(32))) * U64(0x9E3779B97F4A7C15)) >> U64(32)) & mask
    while table[slot, 0] != 0 and keys[slot] != label:
        slot = (slot + U64(1)) & mask
    return slot


@kernel
def _move(old_keys, old_table, keys, table):  # type: ignore[no-untyped-def]
    for old in range(len(old_keys)):
        if old_table[old, 0] != 0:
            slot = _slot(keys, table, old_keys[old])
            keys[slot] = old_keys[old]
            table[slot] = old_table[old]


@kernel
def _collect(labels, first_row, keys, table, used):  # type: ignore[no-untyped-def]
    """Enter the rows along x from `first_row` on, until one might fill the table above a half.

    A run of equal labels costs one look-up.
    """
    depth, height, width = labels.shape
    for row in range(first_row, depth * height):
        if 2 * (used + width) > len(keys):
            return row, used
        z, y = row // height, row % height
        x = 0
        while x < width:
            label = labels[z, y, x]
            end = x + 1
            while end < width and labels[z, y, end] == label:
                end += 1
            key = U64(label)
            slot = _slot(keys, table, key)
            count = end - x
            entry = table[slot]
            if entry[0] == 0:
                used += 1
                keys[slot] = key
                entry[4], entry[5], entry[6] = x, y, z
            entry[0] += count
            entry[1] += (x + end - 1) * count // 2
            entry[2] += y * count
            entry[3] += z * count
            entry[4] = min(entry[4], x)
            entry[5] = min(entry[5], y)
            entry[7] = max(entry[7], end)
            entry[8] = max(entry[8], y + 1)
            entry[9] = z + 1
            x = end
    return depth * height, used
