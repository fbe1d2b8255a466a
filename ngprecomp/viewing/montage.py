"""Pictures of sections side by side: xy, to its right yz with the same y, below it xz with the same x."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ngprecomp.viewing.lettering import lettered
from ngprecomp.viewing.scale_bar import scale_bar

if TYPE_CHECKING:
    from collections.abc import Mapping

Pixels = NDArray[np.uint8]

PAPER, INK = 255, 0
GAP = 4  # in pixels of letters


def montage(pictures: Mapping[str, Pixels], nm_per_pixel: float) -> Pixels:
    """Return pictures [row, column, 3] of the sections xy, xz and yz as one, with their names and a scale bar.

    The bar stands in the empty corner where that is large enough, else below.
    """
    longest = max(max(picture.shape[:2]) for picture in pictures.values())
    magnify = 2 if longest >= 256 else 1
    gap = GAP * magnify
    first, *others = (_titled(picture, name, magnify) for name, picture in pictures.items())
    below, beside = others or (first[:0, :0], first[:0, :0])
    bar = np.pad(scale_bar(nm_per_pixel, max(longest // 4, 1), magnify), gap)
    corner = (len(below), beside.shape[1])
    strip = 0 if np.all(np.less_equal(bar.shape, corner)) else len(bar)
    width = max(first.shape[1] + beside.shape[1], bar.shape[1]) + gap
    paper = np.full((len(first) + len(below) + strip + gap, width, 3), PAPER, np.uint8)
    paper[: len(first), : first.shape[1]] = first
    paper[: len(beside), first.shape[1] :][:, : beside.shape[1]] = beside
    paper[len(first) : len(first) + len(below), : below.shape[1]] = below
    corner_of_paper = paper[len(paper) - len(bar) - gap : len(paper) - gap, width - bar.shape[1] - gap : width - gap]
    corner_of_paper[bar] = INK
    return paper


def _titled(picture: Pixels, name: str, magnify: int) -> Pixels:
    """Return a picture with its name above it and room to its left."""
    gap = GAP * magnify
    title = np.pad(lettered(name, magnify), ((gap, gap), (gap, 0)))
    width = gap + max(picture.shape[1], title.shape[1] - gap)
    paper = np.full((len(title) + len(picture), width, 3), PAPER, np.uint8)
    paper[: len(title), : title.shape[1]][title] = INK
    paper[len(title) :, gap : gap + picture.shape[1]] = picture
    return paper
