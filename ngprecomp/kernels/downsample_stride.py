"""Every so manyth voxel along each axis."""

from __future__ import annotations

import numpy as np

from ngprecomp.kernels.jit import kernel

# Unsigned indices: Numba would test signed ones for being negative.
U = np.uintp


@kernel
def pick_voxels(voxels, start, out, at, size, window, known_width):  # type: ignore[no-untyped-def]
    """Copy the first voxel of each window of unsigned words.

    `known_width` is a tuple as long as the window is wide, or empty: the length of a tuple belongs to its type, and
    loops of known length vectorise.
    """
    width = len(known_width) or window[2]
    x, to_x = U(start[2]), U(at[2])
    for k in range(size[0]):
        for j in range(size[1]):
            z, y = U(start[0] + window[0] * k), U(start[1] + window[1] * j)
            to_z, to_y = U(at[0] + k), U(at[1] + j)
            for i in range(size[2]):
                out[to_z, to_y, to_x + U(i)] = voxels[z, y, x + U(width) * U(i)]
