"""Coarser volumes: each voxel of the result stands for a window of voxels that is aligned to absolute voxel 0.

Windows at the border of a volume hold fewer voxels than others. Along each axis these are at most the first and the
last one, so a volume falls into at most 27 boxes within which all windows are whole and of one size: the kernels know
whole windows only, and a border is a small volume with a smaller factor.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from ngprecomp.errors import OptionError
from ngprecomp.kernels.downsample_extremes import largest_of_windows, smallest_of_windows
from ngprecomp.kernels.downsample_mean import (
    mean_of_pairs,
    mean_of_pairs_64,
    mean_of_pairs_float,
    mean_of_windows,
    mean_of_windows_128,
    mean_of_windows_float,
)
from ngprecomp.kernels.downsample_mode import mode_of_pairs
from ngprecomp.kernels.downsample_order import order_of_windows
from ngprecomp.kernels.downsample_thin import TILE, blank_ledger, keep_thin_labels

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import ArrayLike, NDArray

Triple = tuple[int, int, int]
Voxels = np.ndarray[Any, Any]

METHODS = ("mean", "mode", "median", "min", "max", "stride", "thin")
DTYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64")


def downsample(
    voxels: ArrayLike, factor: Iterable[int], method: str = "mode", *, origin: Iterable[int] = (0, 0, 0)
) -> NDArray[Any]:
    """Return a volume with one voxel for every window of `factor` voxels; windows are clipped to the volume.

    Parameters
    ----------
    voxels
        [x, y, z] or [x, y, z, channel], integers of 8 to 64 bits, float32 or float64, in any memory and byte order.
    factor
        Voxels of a window along x, y and z, each at least 1.
    method
        ``"mode"``: the most frequent value, of several the smallest. ``"mean"``: of integers the exact mean rounded
        to the nearest, ties to even. ``"median"``: the lower one. ``"min"``, ``"max"``. ``"stride"``: the voxel at
        each multiple of the factor. ``"thin"``: the mode, but labels that win less than half of their share of
        16 x 16 x 16 windows get some from others, so that thin objects stay and the foreground hardly grows; integers
        only. NaN counts for nothing in a minimum or maximum (a window of NaN alone gives plus
        or minus infinity), comes last for a median, equals nothing in a mode, and spreads in a mean.
    origin
        Absolute coordinate of the first voxel; windows start at multiples of the factor, counted from absolute 0.

    Returns
    -------
    array
        Fortran-ordered, dtype and axes as `voxels`; `downsampled_box` tells where it lies.

    Raises
    ------
    OptionError
        The axes, the dtype, the factor or the method are none of these, or ``"thin"`` is asked for floats.

    Examples
    --------
    >>> labels = np.array([5, 5, 7, 7, 7, 9], np.uint64).reshape(6, 1, 1)
    >>> downsample(labels, (2, 1, 1)).ravel()
    array([5, 7, 7], dtype=uint64)
    >>> downsample(labels, (2, 1, 1), "mean", origin=(1, 0, 0)).ravel()
    array([5, 6, 7, 9], dtype=uint64)
    """
    given = np.asarray(voxels)
    if given.ndim not in (3, 4) or given.dtype.name not in DTYPES:
        raise OptionError(
            f"downsample takes voxels [x, y, z] or [x, y, z, channel] of {', '.join(DTYPES)}; "
            f"these are {given.dtype.name} of shape {given.shape}"
        )
    factor, origin = _factor(factor), _triple(origin)
    if given.ndim == 3 and given.flags.c_contiguous and not given.flags.f_contiguous and method != "thin":
        # The others do not tell axes apart: turning the axes round costs less than copying into Fortran order.
        turned = downsample(given.T, factor[::-1], method, origin=origin[::-1])
        return np.asfortranarray(turned.T)
    native = np.require(given, given.dtype.newbyteorder("="), ["F", "A"])
    shape = native.shape[:3]
    lo, hi = downsampled_box(origin, _triple(map(operator.add, origin, shape)), factor, method)
    out = np.empty((*map(operator.sub, hi, lo), *native.shape[3:]), native.dtype, order="F")
    as_four = slice(None) if native.ndim == 4 else (..., np.newaxis)
    downsample_into(native[as_four], origin, out[as_four], lo, factor, method)
    return out


def downsampled_box(lo: Triple, hi: Triple, factor: Triple, method: str) -> tuple[Triple, Triple]:
    """Return where the downsampled voxels of the box from `lo` to `hi` lie (half-open, absolute, x, y, z).

    Every window that holds a voxel counts; for ``"stride"`` every multiple of the factor that is a voxel.

    Examples
    --------
    >>> downsampled_box((1, 0, -3), (8, 5, 3), (2, 2, 1), "mean")
    ((0, 0, -3), (4, 3, 3))
    >>> downsampled_box((1, 0, -3), (8, 5, 3), (2, 2, 1), "stride")
    ((1, 0, -3), (4, 3, 3))
    """
    if method == "stride":
        first = _triple(-(-start // f) for start, f in zip(lo, factor, strict=True))
    else:
        first = _triple(start // f for start, f in zip(lo, factor, strict=True))
    bounds = zip(first, lo, hi, factor, strict=True)
    return first, _triple(-(-stop // f) if stop > start else low for low, start, stop, f in bounds)


def downsample_into(
    voxels: Voxels,
    lo: Triple,
    out: Voxels,
    out_lo: Triple,
    factor: Triple,
    method: str,
    at: Triple = (0, 0, 0),
    size: Triple | None = None,
) -> None:
    """Fill `out`, or a box of it, with downsampled voxels; the kernels run without the interpreter's lock.

    Parameters
    ----------
    voxels
        [x, y, z, channel], Fortran-ordered, native and aligned; windows are clipped to its extent.
    lo, out_lo
        Absolute coordinates of the first voxel of `voxels` (in its grid) and of `out` (in the downsampled grid).
    out
        [x, y, z, channel], Fortran-ordered, of the same dtype and channels.
    at, size
        The part of `out` to fill, counted from its first voxel; all of it by default. For ``"thin"`` it holds whole
        tiles (`whole_tiles`), cut only where the downsampled volume ends.

    Raises
    ------
    OptionError
        A window lies wholly outside `voxels`, the method is none of `METHODS`, or ``"thin"`` is asked for floats.
    """
    size = _triple(map(operator.sub, out.shape[:3], at)) if size is None else size
    assert (voxels.dtype, voxels.shape[3]) == (out.dtype, out.shape[3]), (voxels.dtype, voxels.shape, out.shape)
    assert all(array.flags.f_contiguous and array.flags.aligned for array in (voxels, out))
    assert all(a >= 0 and a + s <= n for a, s, n in zip(at, size, out.shape[:3], strict=True)), (at, size, out.shape)
    if method not in METHODS:
        raise OptionError(f"downsample method {method!r}: expected one of {', '.join(METHODS)}")
    if method == "thin":
        downsample_into(voxels, lo, out, out_lo, factor, "mode", at, size)
        _keep_thin(voxels, lo, out, out_lo, factor, at, size)
        return
    if factor == (1, 1, 1):
        method = "stride"
    split = _stride_run if method == "stride" else _runs
    per_axis = [
        list(split(n, low, o + a, a, s, f))
        for n, low, o, a, s, f in zip(voxels.shape[:3], lo, out_lo, at, size, factor, strict=True)
    ]
    for x, y, z in product(*per_axis):
        box = _Windows(
            (z.start, y.start, x.start), (z.at, y.at, x.at), (z.size, y.size, x.size), (z.window, y.window, x.window)
        )
        for channel in range(voxels.shape[3]):
            # One array type per dtype reaches the kernels: read-only in, writable out, both C-contiguous [z, y, x].
            source = voxels.T[channel]
            source.flags.writeable = False
            _fill(source, out.T[channel], box, method, _known_width(box.window[2], factor[0]))


def whole_tiles(lo: Triple, hi: Triple) -> tuple[Triple, Triple]:
    """Return the least box of whole tiles of ``"thin"`` that holds a box of downsampled voxels.

    Examples
    --------
    >>> whole_tiles((-1, 0, 15), (1, 16, 17))
    ((-16, 0, 0), (16, 16, 32))
    """
    return _triple(start - start % TILE for start in lo), _triple(stop + -stop % TILE for stop in hi)


def _keep_thin(
    voxels: Voxels, lo: Triple, out: Voxels, out_lo: Triple, factor: Triple, at: Triple, size: Triple
) -> None:
    """Correct the modes in a box of `out`, which holds whole tiles."""
    if out.dtype.kind == "f":
        raise OptionError(f'downsample method "thin" keeps labels, which are integers; these voxels are {out.dtype}')
    if factor == (1, 1, 1) or 0 in size:
        return
    unsigned = f"u{out.itemsize}"
    tile = [min(TILE * f, n) for f, n in zip(factor, voxels.shape[:3], strict=True)]
    ledger = blank_ledger(prod(tile), np.dtype(unsigned))
    shift = _triple(o * f - start for o, f, start in zip(out_lo, factor, lo, strict=True))
    out_zyx, at_zyx, size_zyx, shift_zyx, factor_zyx = (values[::-1] for values in (out_lo, at, size, shift, factor))
    for channel in range(voxels.shape[3]):
        source = voxels.T[channel].view(unsigned)
        source.flags.writeable = False
        coarse = out.T[channel].view(unsigned)
        keep_thin_labels(source, coarse, out_zyx, at_zyx, size_zyx, shift_zyx, factor_zyx, ledger)


@dataclass(frozen=True, slots=True)
class _Run:
    """Consecutive windows along one axis: their first voxel, their place in the result, their number and width."""

    start: int
    at: int
    size: int
    window: int


@dataclass(frozen=True, slots=True)
class _Windows:
    """A box of whole windows, each member z, y, x: first voxel, place in the result, number and width of windows."""

    start: Triple
    at: Triple
    size: Triple
    window: Triple


def _runs(length: int, lo: int, out_lo: int, at: int, size: int, factor: int) -> Iterator[_Run]:
    """Split `size` windows, from `out_lo` on, over `length` voxels into the clipped first, the whole and the last."""
    begin = out_lo * factor - lo
    whole = min(max(0, -(begin // factor)), size)
    clipped = max(whole, min(size, (length - begin) // factor))
    for window in (*range(whole), *range(clipped, size)):
        first, last = max(0, begin + window * factor), min(length, begin + (window + 1) * factor)
        if last <= first:
            raise OptionError(
                f"window {out_lo + window} of {factor} voxels lies outside the voxels from {lo} to {lo + length}"
            )
        yield _Run(first, at + window, 1, last - first)
    if clipped > whole:
        yield _Run(begin + whole * factor, at + whole, clipped - whole, factor)


def _stride_run(length: int, lo: int, out_lo: int, at: int, size: int, factor: int) -> Iterator[_Run]:
    """Return the voxels at `size` multiples of `factor` from ``out_lo * factor`` on as one run."""
    first, last = out_lo * factor - lo, (out_lo + size - 1) * factor - lo
    if size > 0:
        if first < 0 or last >= length:
            raise OptionError(
                f"stride positions {first + lo} to {last + lo} leave the voxels from {lo} to {lo + length}"
            )
        yield _Run(first, at, size, factor)


def _fill(voxels: Voxels, out: Voxels, box: _Windows, method: str, known_width: tuple[int, ...]) -> None:
    """Compute a box of whole windows by the kernel that fits; arrays [z, y, x]."""
    place = (voxels, box.start, out, box.at, box.size)
    if method == "stride":
        picked = (slice(start, start + n * f, f) for start, n, f in zip(box.start, box.size, box.window, strict=True))
        out[tuple(slice(a, a + n) for a, n in zip(box.at, box.size, strict=True))] = voxels[tuple(picked)]
    elif method == "mean":
        _fill_mean(place, box.window, known_width)
    elif method == "min":
        smallest_of_windows(*place, box.window, known_width, _limits(out.dtype)[1])
    elif method == "max":
        largest_of_windows(*place, box.window, known_width, _limits(out.dtype)[0])
    elif method == "mode" and _in_pairs(box.window) and out.dtype.kind != "f":
        mode_of_pairs(*place, box.window[0])
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
    if _in_pairs(window):
        if kind == "f":
            mean_of_pairs_float(*place, window[0])
        elif nbytes == 8:
            mean_of_pairs_64(*place, window[0])
        else:
            mean_of_pairs(*place, window[0], np.empty(0, f"{kind}{2 * nbytes}"))
    elif kind == "f":
        mean_of_windows_float(*place, window, known_width, np.empty(size[2], out.dtype))
    elif nbytes < 4 and count <= 2**15:
        mean_of_windows(*place, window, known_width, np.empty(size[2], np.int32))
    elif nbytes <= 4 and count <= 2**20:
        mean_of_windows(*place, window, known_width, np.empty(size[2], np.int64))
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


def _in_pairs(window: Triple) -> bool:
    return window[0] <= 2 and window[1:] == (2, 2)


def _limits(dtype: np.dtype[Any]) -> tuple[Any, Any]:
    """Return the smallest and the largest value of a dtype as its own scalars."""
    if dtype.kind == "f":
        return dtype.type(-np.inf), dtype.type(np.inf)
    return dtype.type(np.iinfo(dtype).min), dtype.type(np.iinfo(dtype).max)


def _triple(values: Iterable[Any]) -> Triple:
    x, y, z = map(operator.index, values)
    return x, y, z


def _factor(values: Iterable[Any]) -> Triple:
    try:
        factor = _triple(values)
    except (TypeError, ValueError):
        factor = (0, 0, 0)
    if min(factor) < 1:
        raise OptionError(f"factor {values!r}: expected three integers of at least 1 along x, y, z")
    return factor
