"""The mode of windows, corrected so that thin objects stay: an axon one voxel wide is the mode of no window.

Windows are dealt out like seats of a parliament, district by district. A district is a *tile* of 16 x 16 x 16 windows,
aligned to absolute voxel 0 of the coarse volume. A label's *fair share* of a tile is its part of the tile's voxels
times the tile's windows. The windows go to their modes first. Labels that hold less than half of their share then are
*starved*: one after the other, the largest first, they receive the windows in which they are most frequent, until they
hold their share rounded down (the lower quota of Balinski and Young, Fair Representation, 1982), at least one window.
Nobody becomes starved by giving a window away; the background, label 0, gives only while the windows of all other
labels stay within their own share rounded up, or within 1 of 256, so the foreground does not grow to be seen.

On a dense segmentation of 1083 objects three halvings of all axes leave 766 by the mode and 1078 by this rule, which
changes 1 % of the voxels (``python -m benchmarks.thin_objects``). Tiles of 8 windows keep fewer objects and change more
voxels there; tiles of 32 keep no more and reach farther beyond chunks that are not aligned to them. Of 20 axons one
voxel wide in a cube of 256 voxels the mode leaves none; 20, 20, 20, 16 and 2 stay in the next five scales, and without
the 1 of 256 it were 20, 20, 11, 2 and 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ngprecomp.kernels.jit import inline, kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

U = np.uint64
TILE = 16  # windows along each axis
SPARE = 256  # of so many windows one may be foreground, however little of that there is
FREE = -1


class Ledger(NamedTuple):
    """The labels of one tile by number, in the order in which they are met; scratch that all tiles share.

    `slots` is an open-addressing hash table of numbers. Each number has its `slot`, `label`, voxels `counted`, windows
    `held` and, if it is starved, the `end` of its part of `listed`, which holds the window of each of its voxels.
    `holder` is the number that has each window.
    """

    slots: NDArray[np.int32]
    slot: NDArray[np.int64]
    label: NDArray[Any]
    counted: NDArray[np.int64]
    held: NDArray[np.int64]
    end: NDArray[np.int64]
    listed: NDArray[np.int32]
    holder: NDArray[np.int32]


def blank_ledger(voxels: int, dtype: np.dtype[Any]) -> Ledger:
    """Return a ledger for tiles of at most so many voxels."""
    slots = np.full(1 << (2 * voxels).bit_length(), FREE, np.int32)
    slot, counted, held, end = (np.empty(voxels, np.int64) for _ in range(4))
    listed, holder = np.empty(voxels, np.int32), np.empty(TILE**3, np.int32)
    return Ledger(slots, slot, np.empty(voxels, dtype), counted, held, end, listed, holder)


@inline
def _slot_of(ledger, label):  # type: ignore[no-untyped-def]
    """Return the slot that holds the number of a label, or the free one where it belongs."""
    # A product of two numbers of 32 bits cannot overflow; its middle bits depend on all of them.
    folded = (U(label) ^ U(label) >> U(32)) & U(0xFFFFFFFF)
    slot = np.int64(folded * U(0x9E3779B1) >> U(16)) & (ledger.slots.size - 1)
    while ledger.slots[slot] != FREE and ledger.label[ledger.slots[slot]] != label:
        slot = (slot + 1) & (ledger.slots.size - 1)
    return slot


@inline
def _count_voxels(voxels, lo, hi, ledger):  # type: ignore[no-untyped-def]
    """Give numbers to the labels of a box and count their voxels; return how many labels there are."""
    labels, number = 0, np.int64(FREE)
    for z in range(lo[0], hi[0]):
        for y in range(lo[1], hi[1]):
            for x in range(lo[2], hi[2]):
                label = voxels[z, y, x]
                if number == FREE or ledger.label[number] != label:
                    slot = _slot_of(ledger, label)
                    if ledger.slots[slot] == FREE:
                        ledger.slots[slot] = labels
                        ledger.slot[labels], ledger.label[labels] = slot, label
                        ledger.counted[labels] = ledger.held[labels] = 0
                        labels += 1
                    number = np.int64(ledger.slots[slot])
                ledger.counted[number] += 1
    return labels


@inline
def _count_windows(out, start, stop, ledger):  # type: ignore[no-untyped-def]
    """Note who holds each window; return how many are foreground."""
    window = foreground = 0
    for z in range(start[0], stop[0]):
        for y in range(start[1], stop[1]):
            for x in range(start[2], stop[2]):
                number = ledger.slots[_slot_of(ledger, out[z, y, x])]
                ledger.holder[window] = number
                ledger.held[number] += 1
                foreground += out[z, y, x] != 0
                window += 1
    return foreground


@inline
def _starved(ledger, labels, voxels, windows):  # type: ignore[no-untyped-def]
    """Return the numbers of the starved labels, most voxels first, of equals the smallest label first."""
    found, length, listed = np.empty(labels, np.int64), 0, 0
    for number in range(labels):
        ledger.end[number] = FREE
        if ledger.label[number] != 0 and 2 * ledger.held[number] * voxels < ledger.counted[number] * windows:
            ledger.end[number] = listed
            listed += ledger.counted[number]
            found[length] = number
            length += 1
    found = found[:length]
    found = found[np.argsort(ledger.label[found])]
    return found[np.argsort(-ledger.counted[found], kind="mergesort")]


@inline
def _list_windows(voxels, lo, hi, start, stop, shift, factor, ledger):  # type: ignore[no-untyped-def]
    """List the window of each voxel of a starved label, in the order of the windows."""
    window, number = 0, np.int64(ledger.slots[_slot_of(ledger, voxels[lo[0], lo[1], lo[2]])])
    for k in range(start[0], stop[0]):
        for j in range(start[1], stop[1]):
            for i in range(start[2], stop[2]):
                first_z, first_y, first_x = k * factor[0] + shift[0], j * factor[1] + shift[1], i * factor[2] + shift[2]
                for z in range(max(lo[0], first_z), min(hi[0], first_z + factor[0])):
                    for y in range(max(lo[1], first_y), min(hi[1], first_y + factor[1])):
                        for x in range(max(lo[2], first_x), min(hi[2], first_x + factor[2])):
                            if ledger.label[number] != voxels[z, y, x]:
                                number = np.int64(ledger.slots[_slot_of(ledger, voxels[z, y, x])])
                            if ledger.end[number] != FREE:
                                ledger.listed[ledger.end[number]] = window
                                ledger.end[number] += 1
                window += 1


@inline
def _run_end(listed, begin, end):  # type: ignore[no-untyped-def]
    """Return where the entries that equal the one at `begin` end."""
    at = begin + 1
    while at < end and listed[at] == listed[begin]:
        at += 1
    return at


@inline
def _serve(number, ledger, voxels, windows, foreground, most):  # type: ignore[no-untyped-def]
    """Give windows to a starved label, those with most of its voxels first; return how many are foreground then."""
    owed = max(1, ledger.counted[number] * windows // voxels) - ledger.held[number]
    end = ledger.end[number]
    begin, frequency = end - ledger.counted[number], ledger.counted[number] + 1
    while owed > 0:
        below, frequency = frequency, 0
        at = begin
        while at < end:
            after = _run_end(ledger.listed, at, end)
            if frequency < after - at < below:
                frequency = after - at
            at = after
        if frequency == 0:
            break
        at = begin
        while at < end and owed > 0:
            after = _run_end(ledger.listed, at, end)
            window = ledger.listed[at]
            holder = ledger.holder[window]
            if after - at == frequency and holder != number:
                if ledger.label[holder] == 0:
                    may_give = foreground < most
                    foreground += may_give
                else:
                    may_give = 2 * (ledger.held[holder] - 1) * voxels >= ledger.counted[holder] * windows
                if may_give:
                    ledger.holder[window] = number
                    ledger.held[holder] -= 1
                    ledger.held[number] += 1
                    owed -= 1
            at = after
    return foreground


@inline
def _write_windows(out, start, stop, ledger):  # type: ignore[no-untyped-def]
    window = 0
    for z in range(start[0], stop[0]):
        for y in range(start[1], stop[1]):
            for x in range(start[2], stop[2]):
                out[z, y, x] = ledger.label[ledger.holder[window]]
                window += 1


@inline
def _share_out(voxels, lo, hi, out, start, stop, shift, factor, ledger, labels):  # type: ignore[no-untyped-def]
    """Correct the windows of one tile, from `start` to `stop`, whose voxels lie from `lo` to `hi`."""
    volume = (hi[0] - lo[0]) * (hi[1] - lo[1]) * (hi[2] - lo[2])
    windows = (stop[0] - start[0]) * (stop[1] - start[1]) * (stop[2] - start[2])
    foreground, filled = _count_windows(out, start, stop, ledger), volume
    for number in range(labels):
        if ledger.label[number] == 0:
            filled -= ledger.counted[number]
    most = max(foreground, -(-filled * windows // volume), windows // SPARE)
    starved = _starved(ledger, labels, volume, windows)
    if starved.size:
        _list_windows(voxels, lo, hi, start, stop, shift, factor, ledger)
        for number in starved:
            foreground = _serve(number, ledger, volume, windows, foreground, most)
        _write_windows(out, start, stop, ledger)


@kernel
def keep_thin_labels(voxels, out, out_lo, at, size, shift, factor, ledger):  # type: ignore[no-untyped-def]
    """Correct the modes in a box of `out`, which begins at `at` and ends with whole tiles or with the volume.

    `out_lo` are the absolute coordinates of the first voxel of `out`; the window of its voxel i begins with the voxel
    ``i * factor + shift`` of `voxels`. Unsigned labels only.
    """
    end = (at[0] + size[0], at[1] + size[1], at[2] + size[2])
    for z in range(at[0] - (out_lo[0] + at[0]) % TILE, end[0], TILE):
        for y in range(at[1] - (out_lo[1] + at[1]) % TILE, end[1], TILE):
            for x in range(at[2] - (out_lo[2] + at[2]) % TILE, end[2], TILE):
                start = (max(z, at[0]), max(y, at[1]), max(x, at[2]))
                stop = (min(z + TILE, end[0]), min(y + TILE, end[1]), min(x + TILE, end[2]))
                lo = (
                    max(0, start[0] * factor[0] + shift[0]),
                    max(0, start[1] * factor[1] + shift[1]),
                    max(0, start[2] * factor[2] + shift[2]),
                )
                hi = (
                    min(voxels.shape[0], stop[0] * factor[0] + shift[0]),
                    min(voxels.shape[1], stop[1] * factor[1] + shift[1]),
                    min(voxels.shape[2], stop[2] * factor[2] + shift[2]),
                )
                labels = _count_voxels(voxels, lo, hi, ledger)
                if labels > 1:
                    _share_out(voxels, lo, hi, out, start, stop, shift, factor, ledger, labels)
                for number in range(labels):
                    ledger.slots[ledger.slot[number]] = FREE
