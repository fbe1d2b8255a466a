"""The ends of a range of indices: known, guessed or infinite."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, NamedTuple

from ngprecomp.errors import OptionError
from ngprecomp.format.members import MAX_INT64, found

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

INFINITE = 2**62 - 1
"""A first index of -INFINITE and a last index of INFINITE are no bounds; TensorStore's numbers."""
MAX_RANK = 32


class Bound(NamedTuple):
    """The first index of a range, or the one after its last; one that is implicit is only a guess."""

    at: int
    implicit: bool = False

    @property
    def unbounded(self) -> bool:
        """Whether the range has no end here."""
        return not -INFINITE < self.at <= INFINITE

    def merged(self, other: Bound) -> Bound | None:
        """Return the bound on which both agree, or None; an unknown one agrees with every other."""
        if self.implicit and self.unbounded:
            return other
        if other.implicit and other.unbounded:
            return self
        return Bound(self.at, self.implicit and other.implicit) if self.at == other.at else None

    def to_json(self) -> Any:
        """Return the bound as TensorStore writes it."""
        value = ("-inf" if self.at < 0 else "+inf") if self.unbounded else self.at
        return [value] if self.implicit else value

    def __str__(self) -> str:
        return f"{self[0] if not self.unbounded else '-inf' if self.at < 0 else '+inf'}{'*' if self.implicit else ''}"


NO_LOWER = Bound(-INFINITE, implicit=True)
NO_UPPER = Bound(INFINITE + 1, implicit=True)


def plain_bounds(name: str, values: Iterable[int]) -> list[Bound]:
    """Return explicit bounds."""
    try:
        return [Bound(operator.index(value)) for value in values]
    except TypeError:
        raise OptionError(f"{name} has one integer for each dimension, found {values!r}") from None


def flagged(bounds: list[Bound], implicit: Iterable[bool] | None) -> list[Bound]:
    """Return bounds of which it is said whether they are implicit."""
    if implicit is None:
        return bounds
    flags = list(map(bool, implicit))
    if len(flags) != len(bounds):
        raise OptionError(f"expected {len(bounds)} flags for implicit bounds, found {len(flags)}")
    return [Bound(bound.at, flag) for bound, flag in zip(bounds, flags, strict=True)]


def bounds_reader(infinity: str, limit: int) -> Callable[[Any], list[Bound]]:
    """Return a function that reads a JSON list of bounds; `infinity` is written for the bound at `limit`."""

    def read(value: Any) -> list[Bound]:
        if not isinstance(value, (list, tuple)):
            raise OptionError(f"expected a list of bounds, found {found(value)}")
        return [_bound(item, infinity, limit) for item in value]

    return read


def _bound(value: Any, infinity: str, limit: int) -> Bound:
    """Read a bound; as in TensorStore digits in a string are a number, too."""
    implicit = isinstance(value, (list, tuple)) and len(value) == 1
    bound = value[0] if implicit else value
    if bound == infinity:
        return Bound(limit, implicit)
    try:
        number = int(bound)
        if isinstance(bound, bool) or (not isinstance(bound, str) and bound != number) or abs(number) > MAX_INT64:
            raise ValueError
        return Bound(number, implicit)
    except (TypeError, ValueError, OverflowError):
        raise OptionError(f'expected an integer or "{infinity}", found {found(value)}') from None
