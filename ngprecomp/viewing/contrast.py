"""Which values a viewer shows as black and as white, in the form of its controls."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ngprecomp.volume.colours import shown_range

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ngprecomp.volume.colours import Range

Number = int | float | str


def range_control(values: NDArray[Any]) -> dict[str, Any]:
    """Return the setting of a control of the type ``invlerp``: the range that is shown, and that of the slider.

    Parameters
    ----------
    values
        Voxels of one channel, in any shape, of the type of the volume.

    Examples
    --------
    >>> range_control(np.array([0, 90, 100, 110, 255], "uint16"))
    {'range': [90, 255], 'window': [0, 255]}
    """
    low, high = shown_range(values)
    finite = values[np.isfinite(values)]
    least, most = (float(finite.min()), float(finite.max())) if finite.size else (low, high)
    window = (min(least, low), max(most, high))
    return {"range": _written((low, high), values.dtype), "window": _written(window, values.dtype)}


def _written(ends: Range, dtype: np.dtype[Any]) -> list[Number]:
    """Return a range as JSON: whole numbers of the type for integers, those of uint64 as text."""
    if dtype.kind == "f":
        return [float(f"{end:.7g}") for end in ends]
    limits = np.iinfo(dtype)
    whole = [min(max(number, int(limits.min)), int(limits.max)) for number in (math.floor(ends[0]), math.ceil(ends[1]))]
    return [str(number) for number in whole] if dtype == np.uint64 else [*whole]
