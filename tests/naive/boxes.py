"""Boxes from one array to another, voxel by voxel."""

import numpy as np


def copy_boxes(sources, los, target, at, sizes):
    """Do as `ngprecomp.kernels.boxes.copy_boxes`."""
    z0, y0, x0 = at
    for source, lo, size in zip(sources, los, sizes, strict=True):
        for channel, z, y, x in np.ndindex(len(source), *size):
            target[channel, z0 + z, y0 + y, x0 + x] = source[channel, lo[0] + z, lo[1] + y, lo[2] + x]
        x0 += size[2]
