"""Each voxel replaced by what a table holds at its value: any function of 8 and 16 bits, here that of a contrast.

NumPy turns the voxels into indices of 64 bits first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ngprecomp.kernels.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

WORDS = {1: np.uint8, 2: np.uint16, 4: np.uint32}


def look_up(table: NDArray[Any], voxels: NDArray[Any], out: NDArray[Any]) -> None:
    """Write ``table[v]`` to `out` for each voxel v; both are one-dimensional and contiguous.

    Voxels of 1 or 2 bytes count as unsigned words, so `table` has 2**8 or 2**16 entries; they are of 1, 2 or 4 bytes.

    Examples
    --------
    >>> out = np.zeros(3, "float32")
    >>> look_up(np.linspace(0, 1, 256, dtype="float32"), np.array([0, 51, -1], "int8"), out)
    >>> out
    array([0. , 0.2, 1. ], dtype=float32)
    """
    words = voxels.view(WORDS[voxels.itemsize])
    words.flags.writeable = False
    entries = table.view(WORDS[table.itemsize])
    entries.flags.writeable = False
    _look_up(entries, words, out.view(WORDS[out.itemsize]))


@kernel
def _look_up(table: NDArray[Any], voxels: NDArray[Any], out: NDArray[Any]) -> None:
    for at in range(voxels.size):
        out[at] = table[voxels[at]]
