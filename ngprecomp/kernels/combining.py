"""New voxels over stored ones: added, the greater of both, or only where they are not zero."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ngprecomp.kernels.jit import inline, kernel

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

Voxels = Any


def combine(stored: NDArray[Any], new: NDArray[Any], mode: str) -> int:
    """Put the combination of both into `stored`; return where two different values met that are not zero.

    Parameters
    ----------
    stored, new
        Two arrays of the same shape and type, both Fortran-contiguous.
    mode
        ``"add"`` (integers wrap around), ``"max"`` (NaN is passed over), or ``"nonzero"``: new voxels replace stored
        ones unless they are zero.

    Examples
    --------
    >>> stored = np.array([0, 5, 5, 5], np.uint32)
    >>> combine(stored, np.array([7, 7, 5, 0], np.uint32), "nonzero"), stored
    (1, array([7, 7, 5, 5], dtype=uint32))
    """
    assert stored.shape == new.shape, f"{stored.shape} is not {new.shape}"
    more = _row(new)
    more.flags.writeable = False  # always, so that the kernels see one type of array
    with np.errstate(
        over="ignore", invalid="ignore"
    ):  # for the sake of the interpreted kernels: wrapping around is what add does
        return int(KERNELS[mode](_row(stored), more))


def _row(voxels: NDArray[Any]) -> NDArray[Any]:
    """Return Fortran-contiguous voxels as a row that shares their memory."""
    assert voxels.flags.f_contiguous, f"the strides are {voxels.strides}"
    return voxels.reshape(-1, order="F").view()


@inline
def _differ(old, more):  # type: ignore[no-untyped-def]
    """Return whether two labels meet: neither is zero, and they are not the same."""
    return (old != 0) & (more != 0) & (old != more)


@kernel
def _add(stored: Voxels, new: Voxels) -> int:
    conflicts = 0
    for at in range(stored.size):
        old, more = stored[at], new[at]
        conflicts += _differ(old, more)
        stored[at] = old + more
    return conflicts


@kernel
def _larger(stored: Voxels, new: Voxels) -> int:
    conflicts = 0
    for at in range(stored.size):
        old, more = stored[at], new[at]
        conflicts += _differ(old, more)
        stored[at] = old if old >= more or more != more else more
    return conflicts


@kernel
def _nonzero(stored: Voxels, new: Voxels) -> int:
    conflicts = 0
    for at in range(stored.size):
        old, more = stored[at], new[at]
        conflicts += _differ(old, more)
        stored[at] = more if more != 0 else old
    return conflicts


KERNELS: dict[str, Callable[[Voxels, Voxels], int]] = {"add": _add, "max": _larger, "nonzero": _nonzero}
