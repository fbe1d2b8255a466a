"""Boxes as people give them: in voxels of the scale that is read, in voxels of another size, or in lengths."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ngprecomp.errors import OptionError, OutOfBoundsError
from ngprecomp.format.box import Box, triple
from ngprecomp.format.info import find_scale
from ngprecomp.format.lengths import MULTIPLE, nanometres
from ngprecomp.volume.creating import parse_resolution
from ngprecomp.volume.opening import read_scale

if TYPE_CHECKING:
    from ngprecomp.format.members import Resolution
    from ngprecomp.volume.handle import Volume
    from ngprecomp.volume.opening import ScaleLike

Range = slice | Sequence[float | None]
BoxLike = Box | Sequence[Range]
Bounds = tuple[float | None, float | None]


def voxel_box(
    box: BoxLike | None, volume: Volume, *, at: ScaleLike | None = None, units: str | None = None
) -> tuple[Box, tuple[str, ...]]:
    """Return a box in voxels of the opened scale, and a sentence if its bounds had to be rounded.

    Position 0 is the same for all scales and units: voxel `n` of a scale begins at `n` times its voxel size. A box
    whose bounds lie between voxels is rounded outward: it holds every voxel that the given one touches.

    Parameters
    ----------
    box
        ``((x0, x1), (y0, y1), (z0, z1))`` or three slices; a bound that is None is that of the volume, a box that is
        None is the whole volume.
    at
        The voxel size in which the box counts: three lengths in nm, or the key or the index of a scale; that of the
        opened scale where not given.
    units
        A unit of length such as ``"nm"``: the box counts in it instead of in voxels.

    Raises
    ------
    OptionError
        The box is none, holds no voxel, or `at` and `units` are both given.
    OutOfBoundsError
        The box leaves the domain of the volume, which is printed.
    """
    step, told = _step(volume, at, units)
    ranges = [(None, None)] * 3 if box is None else _ranges(box)
    factors = [length / size for length, size in zip(step, volume.resolution, strict=True)]
    exact = [
        (first if lo is None else lo * factor, end if hi is None else hi * factor)
        for (lo, hi), factor, first, end in zip(ranges, factors, volume.box.lo, volume.box.hi, strict=True)
    ]
    found = Box(triple(_floor(lo) for lo, _ in exact), triple(-_floor(-hi) for _, hi in exact))
    if any(lo >= hi for lo, hi in zip(found.lo, found.hi, strict=True)):
        raise OptionError(f"a box begins before it ends along x, y and z; {_text(ranges)} holds no voxel")
    if not volume.box.contains(found):
        raise OutOfBoundsError(_outside(found, volume, factors, told))
    return found, _rounding(ranges, told, exact, found)


def _step(volume: Volume, at: ScaleLike | None, units: str | None) -> tuple[Resolution, str]:
    """Return the lengths in nm by which a box counts, and their name."""
    if units is not None and units != "voxels":
        length = nanometres(units)
        if length is None:
            raise OptionError(f'units is "voxels" or a unit of length such as "nm" or "um", found {units!r}')
        if at is not None:
            raise OptionError(f"the box is in {units}: it counts in no voxels, of which at={at!r} gives the size")
        return (length, length, length), units
    if at is None:
        size = volume.resolution
    elif isinstance(at, str | int):
        info = volume.parsed_info
        size = read_scale(volume.place.store, info, find_scale(info, at)).resolution
    else:
        size = parse_resolution(at)
    return size, f"voxels of {' x '.join(f'{step:g}' for step in size)} nm"


def _ranges(box: BoxLike) -> list[Bounds]:
    """Return three pairs of bounds."""
    parts: Sequence[Any] = list(zip(box.lo, box.hi, strict=True)) if isinstance(box, Box) else box
    try:
        pairs = [(part.start, part.stop, part.step) if isinstance(part, slice) else (*part, None) for part in parts]
        x, y, z = [(_bound(lo), _bound(hi)) for lo, hi, step in pairs if step in (None, 1)]
    except (TypeError, ValueError):
        raise OptionError(
            f"a box is ((x0, x1), (y0, y1), (z0, z1)) or three slices without steps, found {box!r}"
        ) from None
    return [x, y, z]


def _bound(value: Any) -> float | None:
    if value is None:
        return None
    if not math.isfinite(value):
        raise ValueError(value)
    return value if isinstance(value, int) else float(value)


def _floor(value: float) -> int:
    """Return the whole number at or below a value, or the next one above if only rounding keeps it from that."""
    nearest = round(value)
    return nearest if abs(value - nearest) <= MULTIPLE else math.floor(value)


def _rounding(ranges: Sequence[Bounds], told: str, exact: Sequence[tuple[float, float]], found: Box) -> tuple[str, ...]:
    moved = [
        abs(bound - whole)
        for bounds, wholes in zip(exact, zip(found.lo, found.hi, strict=True), strict=True)
        for bound, whole in zip(bounds, wholes, strict=True)
    ]
    if max(moved) <= MULTIPLE:
        return ()
    return (f"box {_text(ranges)} in {told} begins or ends between voxels: rounded outward to {found}",)


def _outside(found: Box, volume: Volume, factors: Sequence[float], told: str) -> str:
    where = f"box {found} leaves the domain {volume.box} of scale {volume.key!r} in {volume.url}"
    if set(factors) == {1.0}:
        return where
    domain = [(lo / factor, hi / factor) for lo, hi, factor in zip(volume.box.lo, volume.box.hi, factors, strict=True)]
    return f"{where}, which is {_text(domain)} in {told}"


def _text(ranges: Sequence[Bounds]) -> str:
    return ",".join(":".join("" if bound is None else f"{bound:.12g}" for bound in bounds) for bounds in ranges)
