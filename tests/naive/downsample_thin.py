"""The mode with thin objects kept, tile by tile with counters: the slow obvious twin."""

from __future__ import annotations

from collections import Counter
from itertools import product
from typing import TYPE_CHECKING, Any

from tests.naive.downsample import downsample

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Position = tuple[int, int, int]

TILE = 16


def downsample_thin(
    voxels: NDArray[Any], factor: tuple[int, int, int], origin: tuple[int, int, int] = (0, 0, 0)
) -> NDArray[Any]:
    """Return what `ngprecomp.downsample` must with the method thin, for unsigned [x, y, z]."""
    coarse = downsample(voxels, factor, "mode", origin)
    if factor == (1, 1, 1):
        return coarse
    windows: dict[Position, list[Position]] = {}
    for voxel in product(*map(range, voxels.shape)):
        at = tuple((o + v) // f - o // f for o, v, f in zip(origin, voxel, factor, strict=True))
        windows.setdefault(at, []).append(voxel)
    tiles: dict[Position, list[Position]] = {}
    for at in sorted(windows, key=lambda at: at[::-1]):
        tile = tuple((o // f + a) // TILE for o, a, f in zip(origin, at, factor, strict=True))
        tiles.setdefault(tile, []).append(at)
    for tile in tiles.values():
        counts = {at: Counter(voxels[voxel].item() for voxel in windows[at]) for at in tile}
        holders = share_out({at: coarse[at].item() for at in tile}, counts)
        for at, label in holders.items():
            coarse[at] = label
    return coarse


def share_out(holders: dict[Position, int], counts: dict[Position, Counter[int]]) -> dict[Position, int]:
    """Return who holds each window of a tile; windows come in the order of their positions."""
    voxels = sum(counts.values(), Counter())
    volume, size = sum(voxels.values()), len(holders)
    held = Counter(holders.values())
    most = max(size - held[0], -(-(volume - voxels[0]) * size // volume), size // 256)

    def starved(label: int, windows: int) -> bool:
        return 2 * windows * volume < voxels[label] * size

    for label in sorted((x for x in voxels if x and starved(x, held[x])), key=lambda x: (-voxels[x], x)):
        owed = max(1, voxels[label] * size // volume)
        for at in sorted((at for at in holders if counts[at][label]), key=lambda at: -counts[at][label]):
            holder = holders[at]
            if held[label] >= owed or holder == label:
                continue
            if size - held[0] < most if holder == 0 else not starved(holder, held[holder] - 1):
                holders[at] = label
                held[holder] -= 1
                held[label] += 1
    return holders
