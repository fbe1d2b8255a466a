"""Lengths as people write them: numbers of nanometres, or with units (``4nm``, ``0.04um``); offsets in whole voxels."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ngprecomp.errors import OptionError
from ngprecomp.format.box import Triple, three, triple

if TYPE_CHECKING:
    from ngprecomp.format.members import Resolution

Lengths = tuple[float, float, float]
LengthsLike = Sequence[float | str] | str | float

NANOMETRES = {
    "pm": 1e-3,
    "å": 0.1,
    "angstrom": 0.1,
    "nm": 1.0,
    "nanometer": 1.0,
    "nanometre": 1.0,
    "um": 1e3,
    "µm": 1e3,
    "micron": 1e3,
    "micrometer": 1e3,
    "micrometre": 1e3,
    "mm": 1e6,
    "millimeter": 1e6,
    "millimetre": 1e6,
    "cm": 1e7,
    "centimeter": 1e7,
    "centimetre": 1e7,
    "inch": 2.54e7,
    "inches": 2.54e7,
    "in": 2.54e7,
    "m": 1e9,
    "meter": 1e9,
    "metre": 1e9,
}
MULTIPLE = 1e-3  # a thousandth of a voxel is rounding of decimals, not a place between voxels

_LENGTH = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([^\d\s.,+-]*)\s*")


def nanometres(unit: str) -> float | None:
    r"""Return the nanometres in one `unit`, None if the unit is no length that we know.

    Examples
    --------
    >>> nanometres("microns"), nanometres("\u03bcm"), nanometres("pixel")
    (1000.0, 1000.0, None)
    """
    # ImageJ writes the micro sign as an escape; Unicode has it twice, as a sign and as a Greek letter.
    spelled = unit.strip().replace("\\u00B5", "µ").replace("\u03bc", "µ").lower()
    singular = spelled.removesuffix("s") if len(spelled) > 3 else spelled  # "ms" are milliseconds
    return NANOMETRES.get(spelled, NANOMETRES.get(singular))


def parse_lengths(value: LengthsLike) -> Lengths:
    """Return the lengths along x, y, z in nanometres.

    `value` is text such as ``"8nm,8nm,0.04um"``, or three numbers or texts; one alone stands for all three. Numbers
    without any unit are nanometres; a unit at the last one only is that of all three.

    Raises
    ------
    OptionError
        These are not such lengths.

    Examples
    --------
    >>> parse_lengths("4nm,4nm,0.04um"), parse_lengths((4, 4, "40 nm")), parse_lengths(8)
    ((4.0, 4.0, 40.0), (4.0, 4.0, 40.0), (8.0, 8.0, 8.0))
    """
    numbers, units = _parts(value)
    if units[2] and not (units[0] or units[1]):
        units = [units[2]] * 3
    if any(units) and not all(units):
        raise OptionError(
            f"expected a unit at each of the three lengths, at the last, or nowhere (nm), found {value!r}"
        )
    scales = [nanometres(unit or "nm") for unit in units]
    if None in scales:
        raise _no_lengths(value)
    x, y, z = (_product(number, scale) for number, scale in zip(numbers, scales, strict=True) if scale)
    return x, y, z


def have_unit(value: LengthsLike) -> bool:
    """Whether lengths carry a unit.

    Raises
    ------
    OptionError
        These are not three lengths.

    Examples
    --------
    >>> have_unit("80,80,400nm"), have_unit((20, 20, 10))
    (True, False)
    """
    return any(_parts(value)[1])


def whole_voxels(lengths: Lengths, resolution: Resolution) -> tuple[Triple, Lengths | None]:
    """Return an offset in nm as whole voxels, and by how many nm the nearest voxel is off; None where it is exact.

    Examples
    --------
    >>> whole_voxels((80, -40, 400), (4, 4, 40)), whole_voxels((81, 0, 0), (4, 4, 40))
    (((20, -10, 10), None), ((20, 0, 0), (-1, 0, 0)))
    """
    exact = [length / size for length, size in zip(lengths, resolution, strict=True)]
    voxels = triple(map(round, exact))
    x, y, z = (whole * size - length for whole, size, length in zip(voxels, resolution, lengths, strict=True))
    off = any(abs(whole - place) > MULTIPLE for whole, place in zip(voxels, exact, strict=True))
    return voxels, (x, y, z) if off else None


def _parts(value: Any) -> tuple[list[float], list[str]]:
    """Return three numbers and the units behind them, empty where there is none."""
    given = value.split(",") if isinstance(value, str) else three(value)
    if not isinstance(given, Iterable):
        raise _no_lengths(value)
    listed = list(given)
    if isinstance(value, str) and len(listed) == 1:
        listed *= 3
    parts = [part for part in map(_part, listed) if part is not None]
    if len(parts) != 3 or len(listed) != 3:
        raise _no_lengths(value)
    return [number for number, _ in parts], [unit for _, unit in parts]


def _part(value: Any) -> tuple[float, str] | None:
    """Return one number and its unit, None if it is neither a finite number nor text that begins with one."""
    unit = ""
    if isinstance(value, str):
        match = _LENGTH.fullmatch(value)
        if match is None:
            return None
        value, unit = match.groups()
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return (number, unit) if math.isfinite(number) else None


def _product(number: float, scale: float) -> float:
    """Return a number of units in nm, rounded: the binary tail of 0.04 * 1000 would end up in keys."""
    return number if scale == 1 else float(f"{number * scale:.12g}")


def _no_lengths(value: Any) -> OptionError:
    return OptionError(f"expected lengths x,y,z such as 8,8,40 or 8nm,8nm,0.04um, found {value!r}")
