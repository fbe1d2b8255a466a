"""Contrast by Python's own numbers, voxel by voxel."""

import math
from fractions import Fraction

import numpy as np


def rescaled(voxels, limits, dtype):
    """Return voxels with the range `limits` mapped onto the whole range of `dtype`; exact, halves to even."""
    low, high = (Fraction(float(limit)) for limit in limits)
    floating = np.dtype(dtype).kind == "f"
    bottom, top = (0, 1) if floating else (int(np.iinfo(dtype).min), int(np.iinfo(dtype).max))
    out = np.empty(voxels.shape, dtype)
    for at, value in np.ndenumerate(voxels):
        if math.isnan(value):
            out[at] = 0
        elif math.isinf(value):
            out[at] = top if value > 0 else bottom
        else:
            place = (Fraction(value.item()) - low) * (top - bottom) / (high - low) + bottom
            inside = min(max(place, Fraction(bottom)), Fraction(top))
            out[at] = float(inside) if floating else round(inside)
    return out
