"""Windows of voxels to one voxel each: the kernel that fits the factor, the method and the dtype.

Windows at the border of a volume hold fewer voxels than others. Along each axis these are at most the first and the
last one, so a volume falls into at most 27 boxes within which all windows are whole and of one size. But for windows of
2 x 2 the kernels know whole windows only, and a border is a small volume with a smaller factor.
"""

from __future__ import annotations

from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ngprecomp.errors import OptionError
from ngprecomp.kernels.downsample_extremes import largest_of_windows, smallest_of_windows
from ngprecomp.kernels.downsample_mean import (
    mean_of_windows,
    mean_of_windows_64,
    mean_of_windows_128,
    mean_of_windows_float,
)
from ngprecomp.kernels.downsample_order import order_of_windows
from ngprecomp.kernels.downsample_pairs import METHODS as METHODS_OF_PAIRS
from ngprecomp.kernels.downsample_pairs import reduce_pairs
from ngprecomp.kernels.downsample_stride import pick_voxels
from ngprecomp.kernels.jit import read_only
from ngprecomp.kernels.streaming import LARGE

if TYPE_CHECKING:
    from collections.abc import Iterator

Triple = tuple[int, int, int]
Voxels = np.ndarray[Any, Any]


# A NamedTuple is made in a third of the time of a frozen dataclass, which counts for chunks of 64 x 64 x 64.
class Windows(NamedTuple):
    """A box of windows, each member z, y, x: first voxel, place in the result, number and width of windows."""

    start: Triple
    at: Triple
    size: Triple
    window: Triple


def reduce_windows(voxels: Voxels, out: Voxels, box: Windows, method: str) -> None:
    """Compute a box of windows, which are clipped to `voxels`; arrays [z, y, x].

    The voxels may be written to or not, the result is; windows for ``"stride"`` begin inside.

    Raises
    ------
    OptionError
        The mean of more than 2**30 voxels is asked for.
    """
    # One array type per dtype reaches the kernels: read-only in, writable out, both C-contiguous.
    source = read_only(voxels)
    start, at, size, window = box
    streams = prod(size) * prod(window) * out.itemsize >= LARGE
    if method == "stride":
        unsigned = f"u{out.itemsize}"
        known_width = _known_width(window[2], window[2])
        pick_voxels(source.view(unsigned), start, out.view(unsigned), at, size, window, streams, known_width)
    elif window[0] <= 2 and window[1:] == (2, 2):
        reduce_pairs(source, start, out, at, size, streams, (0,) * window[0], METHODS_OF_PAIRS[method])
    else:
        for whole in product(*map(_runs, voxels.shape, *box)):
            _reduce_whole(source, out, Windows(*zip(*whole, strict=True)), method, window[2])


def _runs(length: int, start: int, at: int, size: int, factor: int) -> Iterator[tuple[int, int, int, int]]:
    """Split `size` windows along an axis of `length` voxels into the clipped first, the whole and the last."""
    whole = 1 if start < 0 else 0
    clipped = max(whole, min(size, (length - start) // factor))
    for window in (*range(whole), *range(clipped, size)):
        first, last = max(0, start + window * factor), min(length, start + (window + 1) * factor)
        yield first, at + window, 1, last - first
    if clipped > whole:
        yield start + whole * factor, at + whole, clipped - whole, factor


def _reduce_whole(voxels: Voxels, out: Voxels, box: Windows, method: str, factor: int) -> None:
    """Compute a box of whole windows by the kernel that fits; `factor` is the width of windows that are not cut."""
    place, known_width = (voxels, box.start, out, box.at, box.size), _known_width(box.window[2], factor)
    if method == "mean":
        _fill_mean(place, box.window, known_width)
    elif method == "min":
        smallest_of_windows(*place, box.window, known_width, _limits(out.dtype)[1])
    elif method == "max":
        largest_of_windows(*place, box.window, known_width, _limits(out.dtype)[0])
    else:
        # Rows of 512 bytes amortise their loops; 64 of them stay in the first cache. Huge windows get fewer lanes.
        count = prod(box.window)
        lanes = max(1, min(512 // out.itemsize, prod(box.size), 2**22 // (count * out.itemsize)))
        table, answer = np.empty((count, lanes), out.dtype), np.empty(lanes, out.dtype)
        notes, varied = np.empty((5, lanes), np.int32), np.empty(box.size[2], np.bool_)
        order_of_windows(*place, box.window, known_width, table, answer, notes, varied, method == "mode")


def _fill_mean(
    place: tuple[Voxels, Triple, Voxels, Triple, Triple], window: Triple, known_width: tuple[int, ...]
) -> None:
    """Choose the kernel whose sums are exact for the dtype and the window."""
    _, _, out, _, size = place
    kind, nbytes, count = out.dtype.kind, out.itemsize, prod(window)
    if kind == "f":
        mean_of_windows_float(*place, window, known_width, np.empty(size[2], out.dtype))
    elif nbytes < 4 and count <= 2**15:
        mean_of_windows(*place, window, known_width, np.empty(size[2], np.int32))
    elif nbytes <= 4 and count <= 2**20:
        mean_of_windows(*place, window, known_width, np.empty(size[2], np.int64))
    elif count <= 2**16:
        mean_of_windows_64(*place, window, known_width, *np.empty((2, size[2]), f"{kind}8"))
    elif count <= 2**30:
        mean_of_windows_128(*place, window, known_width, *np.empty((2, size[2]), f"{kind}8"))
    else:
        raise OptionError(f"the mean of {count} voxels is asked for; a window holds at most {2**30}")


def _known_width(width: int, factor: int) -> tuple[int, ...]:
    """Return a tuple whose length tells the kernel's type the width of windows along x, empty for any width.

    Each length is compiled by itself. Windows wider than 8 share one kernel, also those that a border has cut, unless
    to one or two voxels.
    """
    return (0,) * width if width <= 8 and width in (1, 2, factor) else ()


def _limits(dtype: np.dtype[Any]) -> tuple[Any, Any]:
    """Return the smallest and the largest value of a dtype as its own scalars."""
    if dtype.kind == "f":
        return dtype.type(-np.inf), dtype.type(np.inf)
    return dtype.type(np.iinfo(dtype).min), dtype.type(np.iinfo(dtype).max)
