"""compresso, decoded voxel by voxel with a flood fill; for streams that are right."""

from __future__ import annotations

import itertools
import struct

import numpy as np


def decode(data: bytes, shape: tuple[int, int, int], dtype: np.dtype) -> np.ndarray:
    """Return the labels [x, y, z] of a stream."""
    _, version, width, _, _, _, *steps, ids, values, codes, connectivity = struct.unpack_from("<4sBB3H3BQIQB", data)
    bits = next(bits for bits in (8, 16, 32, 64) if steps[0] * steps[1] * steps[2] <= bits)
    tail = 0
    if version:
        tail = 2 * shape[2] * next(size for size in (1, 2, 4, 8) if 2 * shape[0] * shape[1] < 256**size)
    rest = data[36 : len(data) - tail]
    labels, rest = np.frombuffer(rest, f"<u{width}", ids).tolist(), rest[ids * width :]
    patterns, rest = np.frombuffer(rest, f"<u{bits // 8}", values).tolist(), rest[values * bits // 8 :]
    sources, rest = np.frombuffer(rest, f"<u{width}", codes).tolist(), rest[codes * width :]
    windows = []
    for run in np.frombuffer(rest, f"<u{bits // 8}").tolist():
        windows += [patterns[0]] * (run >> 1) if run & 1 else [patterns[run >> 1]]
    borders = _borders(windows, shape, steps)
    regions = _regions(borders, connectivity == 6)
    out = np.zeros(shape, dtype)
    at = 0
    for z, y, x in itertools.product(*map(range, reversed(shape))):
        here = [(x, y, z), (x - 1, y, z), (x, y - 1, z), (x, y, z - 1)][: 4 if connectivity == 6 else 3]
        known = [place for place in here if min(place) >= 0 and not borders[place]]
        if known:
            out[x, y, z] = labels[regions[known[0]]]
            continue
        code = sources[at]
        at += 1
        if code < 6:
            axis, way = divmod(code, 2)
            place = [x, y, z]
            place[axis] += 2 * way - 1
            out[x, y, z] = labels[regions[tuple(place)]]
        elif code == 6:
            out[x, y, z] = sources[at]
            at += 1
        else:
            out[x, y, z] = code - 7
    return out


def _borders(windows: list[int], shape: tuple[int, int, int], steps: list[int]) -> np.ndarray:
    across, down = -(-shape[0] // steps[0]), -(-shape[1] // steps[1])
    borders = np.zeros(shape, bool)
    for x, y, z in np.ndindex(shape):
        window = windows[x // steps[0] + across * (y // steps[1] + down * (z // steps[2]))]
        bit = x % steps[0] + steps[0] * (y % steps[1] + steps[1] * (z % steps[2]))
        borders[x, y, z] = window >> bit & 1
    return borders


def _regions(borders: np.ndarray, stacked: bool) -> np.ndarray:
    """Number the regions between borders in the order in which a scan meets them."""
    regions = np.full(borders.shape, -1)
    count = 0
    for z, y, x in itertools.product(*map(range, reversed(borders.shape))):
        if borders[x, y, z] or regions[x, y, z] >= 0:
            continue
        reached = [(x, y, z)]
        while reached:
            place = reached.pop()
            if regions[place] >= 0:
                continue
            regions[place] = count
            for axis in range(3 if stacked else 2):
                for way in (-1, 1):
                    other = list(place)
                    other[axis] += way
                    if 0 <= other[axis] < borders.shape[axis] and not borders[tuple(other)]:
                        reached.append(tuple(other))
        count += 1
    return regions
