"""What may be assigned to a selection: shapes that broadcast, values that survive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ngprecomp.errors import OptionError

if TYPE_CHECKING:
    from ngprecomp.volume.indexing import Selection

Voxels = NDArray[Any]


def as_voxels(value: ArrayLike, selection: Selection, dtype: np.dtype[Any]) -> Voxels:
    """Return `value` as [x, y, z, channel] of the selection's shape and the volume's type; a view where possible.

    A scalar and whatever broadcasts to the selected axes is taken; so is, when one channel is selected, a value of
    exactly the selection's shape without its channel axis.

    Raises
    ------
    OptionError
        The shape does not fit (a 3-D value for several channels is never guessed at), or values would change.
    """
    given = converted(np.asarray(value), dtype)
    shape, kept = selection.shape, selection.kept_shape
    if given.ndim == 3 and len(kept) == 4 and shape[3] != 1:
        raise OptionError(
            f"expected a value of shape {kept} (x, y, z, channel), found the 3-D shape {given.shape}: "
            f"with {shape[3]} channels selected it must say which axis is the channel"
        )
    if not selection.dropped[3] and shape[3] == 1 and given.shape == kept[:-1]:
        given = given[..., np.newaxis]
    try:
        broadcast = np.broadcast_to(given, kept)
    except ValueError:
        raise OptionError(
            f"a value of shape {given.shape} does not broadcast to the selection of shape {kept}"
        ) from None
    return broadcast.reshape(shape)


def converted(values: Voxels, dtype: np.dtype[Any]) -> Voxels:
    """Return values in another type if all of them survive; floats may be rounded to narrower floats.

    Raises
    ------
    OptionError
        A value does not fit; the sentence gives the range that was found.
    """
    given = values.dtype
    if given == dtype or np.can_cast(given, dtype, "safe"):
        return values.astype(dtype, copy=False)
    if given.kind not in "iuf":
        raise OptionError(f"expected values that fit {dtype}, found the type {given}")
    with np.errstate(all="ignore"):
        new = values.astype(dtype)
        if values.size and not _survived(values, new):
            low, high = values.min(), values.max()
            raise OptionError(f"expected values that fit {dtype}, found {given} values from {low} to {high}")
    return new


def _survived(values: Voxels, new: Voxels) -> bool:
    """Return whether a cast kept what it must.

    A cast of what is out of range is undefined, so the ends are compared first, as Python's numbers.
    """
    if values.dtype.kind == new.dtype.kind == "f":
        return np.array_equal(np.isinf(values), np.isinf(new))
    if new.dtype.kind == "f":
        within = int(new.max()) <= np.iinfo(values.dtype).max
        return within and np.array_equal(new.astype(values.dtype), values)
    limits = np.iinfo(new.dtype)
    within = bool(limits.min <= values.min().item() and values.max().item() <= limits.max)
    return within and (values.dtype.kind != "f" or np.array_equal(new, values))
