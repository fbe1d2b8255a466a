"""A bar of a round length with that length below it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ngprecomp.viewing.lettering import lettered

if TYPE_CHECKING:
    from numpy.typing import NDArray

UNITS = (("mm", 1e6), ("µm", 1e3), ("nm", 1))


def scale_bar(nm_per_pixel: float, longest: int, magnify: int) -> NDArray[np.bool_]:
    """Return bar and text as a mask [row, column]; the bar has at most `longest` pixels.

    `magnify` is the side of a pixel of the text.
    """
    length = round_length(longest * nm_per_pixel)
    text = lettered(length_text(length), magnify)
    bar = np.ones((2 * magnify, max(1, round(length / nm_per_pixel))), bool)
    width = max(text.shape[1], bar.shape[1])
    gap = np.zeros((2 * magnify, width), bool)
    return np.concatenate([_centred(bar, width), gap, _centred(text, width)])


def round_length(longest: float) -> float:
    """Return the longest of 1, 2, 5, 10, 20, 50 ... that is not longer.

    Examples
    --------
    >>> round_length(1999), round_length(2000), round_length(0.7)
    (1000.0, 2000.0, 0.5)
    """
    ten = 10.0 ** math.floor(math.log10(longest))
    return max(step * ten for step in (1, 2, 5) if step * ten <= longest or step == 1)


def length_text(nm: float) -> str:
    """Return a length with the largest unit of which it has at least one.

    Examples
    --------
    >>> length_text(500), length_text(20_000), length_text(0.5), length_text(5e6)
    ('500 nm', '20 µm', '0.5 nm', '5 mm')
    """
    unit, size = next(((unit, size) for unit, size in UNITS if nm >= size), UNITS[-1])
    return f"{nm / size:g} {unit}"


def _centred(mask: NDArray[np.bool_], width: int) -> NDArray[np.bool_]:
    left = (width - mask.shape[1]) // 2
    return np.pad(mask, ((0, 0), (left, width - mask.shape[1] - left)))
