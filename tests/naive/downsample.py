"""Downsampling voxel by voxel in Python's exact numbers."""

from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Number = Any


def mean(window: list[Number]) -> Number:
    if isinstance(window[0], int):
        return round(Fraction(sum(window), len(window)))
    return math.fsum(window) / len(window) if all(map(math.isfinite, window)) else sum(window) / len(window)


def nan_last(value: Number) -> tuple[bool, Number]:
    return (value != value, value)


def mode(window: list[Number]) -> Number:
    counts = Counter(window)  # each NaN of a list is a key of its own
    most = max(counts.values())
    return min((value for value, count in counts.items() if count == most), key=nan_last)


def median(window: list[Number]) -> Number:
    return sorted(window, key=nan_last)[(len(window) - 1) // 2]


def smallest(window: list[Number]) -> Number:
    return min((value for value in window if value == value), default=math.inf)


def largest(window: list[Number]) -> Number:
    return max((value for value in window if value == value), default=-math.inf)


METHODS = {"mean": mean, "mode": mode, "median": median, "min": smallest, "max": largest}


def starts(lo: int, hi: int, factor: int, method: str) -> list[int]:
    """Return the first voxels of the windows over lo <= voxel < hi, before clipping."""
    if method == "stride":
        return [voxel for voxel in range(lo, hi) if voxel % factor == 0]
    return sorted({voxel // factor * factor for voxel in range(lo, hi)})


def downsample(
    voxels: NDArray[Any], factor: tuple[int, int, int], method: str, origin: tuple[int, int, int] = (0, 0, 0)
) -> NDArray[Any]:
    """Return what `ngprecomp.downsample` must, for [x, y, z] and [x, y, z, channel]."""
    if voxels.ndim == 4:
        channels = [downsample(voxels[..., c], factor, method, origin) for c in range(voxels.shape[3])]
        return np.stack(channels, axis=-1)
    axes = list(zip(origin, voxels.shape, factor, strict=True))
    xs, ys, zs = ([s - lo for s in starts(lo, lo + n, f, method)] for lo, n, f in axes)
    out = np.empty((len(xs), len(ys), len(zs)), voxels.dtype)
    for i, x in enumerate(xs):
        for j, y in enumerate(ys):
            for k, z in enumerate(zs):
                if method == "stride":
                    out[i, j, k] = voxels[x, y, z]
                    continue
                box = tuple(slice(max(0, s), s + f) for s, f in zip((x, y, z), factor, strict=True))
                window = voxels[box].ravel(order="F").tolist()
                if factor == (1, 1, 1):  # nothing is compared: NaN stays NaN, even in a minimum
                    out[i, j, k] = window[0]
                else:
                    out[i, j, k] = METHODS[method](window)
    return out
