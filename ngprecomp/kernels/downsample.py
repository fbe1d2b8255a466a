"""Coarser volumes: each voxel of the result stands for a window of voxels that is aligned to absolute voxel 0."""

from __future__ import annotations

import operator
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from ngprecomp.errors import OptionError
from ngprecomp.kernels.aligned import aligned_empty
from ngprecomp.kernels.downsample_thin import TILE, blank_ledger, keep_thin_labels
from ngprecomp.kernels.downsample_windows import Windows, reduce_windows

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import ArrayLike, NDArray

Triple = tuple[int, int, int]
Voxels = np.ndarray[Any, Any]

METHODS = ("mean", "mode", "median", "min", "max", "stride", "thin")
DTYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64")
_DTYPES = frozenset(map(np.dtype, DTYPES))


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
    dtype = given.dtype.newbyteorder("=")
    if given.ndim not in (3, 4) or dtype not in _DTYPES:
        raise OptionError(
            f"downsample takes voxels [x, y, z] or [x, y, z, channel] of {', '.join(DTYPES)}; "
            f"these are {given.dtype.name} of shape {given.shape}"
        )
    factor, origin = _factor(factor), _triple(origin)
    if given.ndim == 3 and given.flags.c_contiguous and not given.flags.f_contiguous and method != "thin":
        # The others do not tell axes apart: turning the axes round costs less than copying into Fortran order.
        turned = downsample(given.T, factor[::-1], method, origin=origin[::-1])
        return np.asfortranarray(turned.T)
    native = given
    if given.dtype != dtype or not (given.flags.f_contiguous and given.flags.aligned):
        native = np.require(given, dtype, ["F", "A"])
    (x, y, z), end = origin, native.shape
    lo, hi = downsampled_box(origin, (x + end[0], y + end[1], z + end[2]), factor, method)
    out = aligned_empty((hi[0] - lo[0], hi[1] - lo[1], hi[2] - lo[2], *end[3:]), dtype)
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
        x, y, z = [-(-start // f) for start, f in zip(lo, factor, strict=True)]
    else:
        x, y, z = [start // f for start, f in zip(lo, factor, strict=True)]
    bounds = zip((x, y, z), lo, hi, factor, strict=True)
    end_x, end_y, end_z = [-(-stop // f) if stop > start else low for low, start, stop, f in bounds]
    return (x, y, z), (end_x, end_y, end_z)


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
    size = (out.shape[0] - at[0], out.shape[1] - at[1], out.shape[2] - at[2]) if size is None else size
    assert (voxels.dtype, voxels.shape[3]) == (out.dtype, out.shape[3]), (voxels.dtype, voxels.shape, out.shape)
    assert voxels.flags.f_contiguous & voxels.flags.aligned, voxels.strides
    assert out.flags.f_contiguous & out.flags.aligned, out.strides
    assert min(at) >= 0, at
    assert all([a + s <= n for a, s, n in zip(at, size, out.shape, strict=False)]), (at, size, out.shape)  # noqa: C419
    if method not in METHODS:
        raise OptionError(f"downsample method {method!r}: expected one of {', '.join(METHODS)}")
    if method == "thin":
        downsample_into(voxels, lo, out, out_lo, factor, "mode", at, size)
        _keep_thin(voxels, lo, out, out_lo, factor, at, size)
        return
    if 0 in size:
        return
    if factor == (1, 1, 1):
        method = "stride"
    begin = [(o + a) * f - low for o, a, f, low in zip(out_lo, at, factor, lo, strict=True)]
    for first, n, low, s, f in zip(begin, voxels.shape, lo, size, factor, strict=False):
        if first < (0 if method == "stride" else 1 - f) or first + (s - 1) * f >= n:
            raise OptionError(
                f"windows of {f} voxels that start from {low + first} to {low + first + (s - 1) * f} do not all lie in "
                f"the voxels from {low} to {low + n}"
            )
    box = Windows(_reversed(begin), _reversed(at), _reversed(size), _reversed(factor))
    for source, target in zip(voxels.T, out.T, strict=True):
        reduce_windows(source, target, box, method)


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
    out_zyx, at_zyx, size_zyx, shift_zyx, factor_zyx = map(_reversed, (out_lo, at, size, shift, factor))
    for channel in range(voxels.shape[3]):
        source = voxels.T[channel].view(unsigned)
        source.flags.writeable = False
        coarse = out.T[channel].view(unsigned)
        keep_thin_labels(source, coarse, out_zyx, at_zyx, size_zyx, shift_zyx, factor_zyx, ledger)


def _reversed(values: Sequence[int]) -> Triple:
    return values[2], values[1], values[0]


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
