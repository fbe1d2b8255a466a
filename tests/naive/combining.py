"""New voxels over stored ones, voxel by voxel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def added(old: Any, new: Any, dtype: np.dtype[Any]) -> Any:
    if dtype.kind == "f":
        return dtype.type(old) + dtype.type(new)
    bits = 8 * dtype.itemsize
    total = (int(old) + int(new)) % 2**bits
    return total - 2**bits if dtype.kind == "i" and total >= 2 ** (bits - 1) else total


def larger(old: Any, new: Any, dtype: np.dtype[Any]) -> Any:
    del dtype
    if old != old or new != new:
        return new if old != old else old
    return max(old, new)


def nonzero(old: Any, new: Any, dtype: np.dtype[Any]) -> Any:
    del dtype
    return new if new != 0 else old


MODES = {"add": added, "max": larger, "nonzero": nonzero}


def combined(stored: NDArray[Any], new: NDArray[Any], mode: str) -> tuple[NDArray[Any], int]:
    """Return what `ngprecomp.kernels.combining.combine` makes of `stored`, and the voxels where two labels met."""
    result = stored.copy()
    conflicts = 0
    for at in np.ndindex(stored.shape):
        old, more = stored[at].item(), new[at].item()
        result[at] = MODES[mode](old, more, stored.dtype)
        conflicts += old != 0 and more != 0 and old != more
    return result, conflicts
