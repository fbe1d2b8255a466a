"""Physical units of dimensions (TensorStore's ``Unit``): a multiple of a base unit."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any

from ngprecomp.errors import OptionError

if TYPE_CHECKING:
    from ngprecomp.format.members import Resolution

BASE_UNIT = "nm"
"""The unit of x, y and z in the precomputed format."""

_TEXT = re.compile(r"\s*([-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)?\s*(.*?)\s*", re.DOTALL)


@dataclass(frozen=True, slots=True, init=False, repr=False)
class Unit:
    """A multiple of a base unit, from ``"4nm"``, ``(4, "nm")`` or a bare number.

    Examples
    --------
    >>> Unit("4.5 nm"), Unit([4, "nm"]), Unit("um").to_json()
    (Unit(4.5, "nm"), Unit(4, "nm"), [1.0, 'um'])
    """

    multiplier: float
    base_unit: str

    def __init__(self, multiplier: Any = 1, base_unit: str | None = None) -> None:
        number, base = _parts(multiplier if base_unit is None else (multiplier, base_unit))
        object.__setattr__(self, "multiplier", number)
        object.__setattr__(self, "base_unit", base)

    def to_json(self) -> list[Any]:
        """Return multiplier and base unit."""
        return [self.multiplier, self.base_unit]

    def __str__(self) -> str:
        if not self.base_unit:
            return f"{self.multiplier:g}"
        return self.base_unit if self.multiplier == 1 else f"{self.multiplier:g} {self.base_unit}"

    def __repr__(self) -> str:
        return f'Unit({self.multiplier:g}, "{self.base_unit}")'


Units = tuple[Unit | None, ...]


def parse_units(values: object) -> Units:
    """Return the units of some dimensions; None stands for a dimension without one.

    Raises
    ------
    OptionError
        `values` is no list, or one of them is no unit.

    Examples
    --------
    >>> parse_units(["4nm", (4, "nm"), "40 nm", None])
    (Unit(4, "nm"), Unit(4, "nm"), Unit(40, "nm"), None)
    """
    if isinstance(values, (str, Mapping)) or not isinstance(values, Iterable):
        raise OptionError(f"expected one unit for each dimension, found {values!r}")
    return tuple(None if value is None else Unit(value) for value in values)


def units_to_json(units: Units) -> list[Any]:
    """Return the units as JSON; null for a dimension without one."""
    return [None if unit is None else unit.to_json() for unit in units]


def units_text(units: Units) -> str:
    """Return units for a message."""
    return f"[{', '.join('null' if unit is None else str(unit) for unit in units)}]"


def units_of(resolution: Resolution) -> Units:
    """Return the units of x, y, z and channel of a scale."""
    return (*(Unit(size, BASE_UNIT) for size in resolution), None)


def resolution_of(units: Units) -> tuple[float | None, float | None, float | None]:
    """Return the voxel size in nm that the units of x, y, z and channel ask for; None where they say nothing.

    Raises
    ------
    OptionError
        A base unit is not nm, or the channel has a unit.
    """
    x, y, z, channel = units
    if channel is not None:
        raise OptionError(f"dimension_units of {units_text(units)}: the channel dimension takes no unit")
    if any(unit is not None and unit.base_unit != BASE_UNIT for unit in (x, y, z)):
        raise OptionError(f'dimension_units of {units_text(units)}: x, y and z take the base unit "{BASE_UNIT}" only')
    x_size, y_size, z_size = (None if unit is None else unit.multiplier for unit in (x, y, z))
    return x_size, y_size, z_size


def merged_units(one: Units | None, other: Units | None) -> Units | None:
    """Return the units on which both agree; what one leaves open is the other's.

    Raises
    ------
    OptionError
        They differ.
    """
    if not one or not other:
        return one or other
    if len(one) != len(other) or any(a and b and a != b for a, b in zip(one, other, strict=True)):
        raise OptionError(f"dimension_units of {units_text(one)} and of {units_text(other)} differ")
    return tuple(a or b for a, b in zip(one, other, strict=True))


def _parts(value: Any) -> tuple[float, str]:
    if isinstance(value, Unit):
        return value.multiplier, value.base_unit
    if isinstance(value, str):
        match = _TEXT.fullmatch(value)
        assert match is not None  # every part may be empty
        return _number(match[1] or 1, value), match[2]
    if isinstance(value, Real) and value is not True and value is not False:
        return _number(value, value), ""
    if (
        isinstance(value, (list, tuple))
        and len(value) == 2
        and isinstance(value[0], Real)
        and isinstance(value[1], str)
    ):
        return _number(value[0], value), value[1]
    raise OptionError(f'a unit is "4nm", [4, "nm"] or a number, not {value!r}')


def _number(digits: Any, value: object) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise OptionError(f"the multiplier of a unit is finite, found {value!r}")
    return number
