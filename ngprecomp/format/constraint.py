"""Values that somebody wants for the dimensions of an array, each a demand or a mere preference."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ngprecomp.errors import OptionError
from ngprecomp.format.members import found

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ngprecomp.format.wishes import Wishes

SOFT = "_soft_constraint"
"""The end of the names of members that are preferences."""
WHOLE = -1
"""In a shape: the whole extent, which is always a preference."""


@dataclass(frozen=True, slots=True)
class Constraint:
    """One value for each dimension: None where nothing is wanted; hard where nothing else will do.

    What is no matter of dimensions, such as a number of elements, is one value.

    Examples
    --------
    >>> preferred = Constraint((64, None, 64), (False, False, False))
    >>> preferred.merged(Constraint((32, 32, None), (True, True, False)), "shape")
    Constraint(values=(32, 32, 64), hard=(True, True, False))
    """

    values: tuple[Any, ...] = ()
    hard: tuple[bool, ...] = ()

    @classmethod
    def of(cls, values: Iterable[Any], *, hard: bool, but: Any = None) -> Constraint:
        """Return values that are all hard, or all soft; the value `but` is always soft."""
        listed = tuple(values)
        return cls(listed, tuple(hard and value is not None and value != but for value in listed))

    @property
    def rank(self) -> int:
        """The number of dimensions."""
        return len(self.values[0] if self.values and isinstance(self.values[0], tuple) else self.values)

    def merged(self, other: Constraint, name: str) -> Constraint:
        """Return what both want; a hard value replaces a soft one, and of two soft ones the first stays.

        Raises
        ------
        OptionError
            Both have a hard value for one dimension and differ, or have different numbers of dimensions.
        """
        if not self.values or not other.values:
            return self if self.values else other
        if self.rank != other.rank:
            raise OptionError(f"{name} of {self.rank} and of {other.rank} dimensions differ")
        values, hard = list(self.values), list(self.hard)
        for axis, (value, is_hard) in enumerate(zip(other.values, other.hard, strict=True)):
            if is_hard and hard[axis] and value != values[axis]:
                raise OptionError(f"{name} of {found(values[axis])} and of {found(value)} differ (dimension {axis})")
            if values[axis] is None or (is_hard and not hard[axis]):
                values[axis], hard[axis] = value, is_hard
        return Constraint(tuple(values), tuple(hard))

    def only(self, *, hard: bool) -> tuple[Any, ...] | None:
        """Return the hard values or the soft ones; None where there are no dimensions."""
        pairs = zip(self.values, self.hard, strict=True)
        return tuple(value if is_hard == hard else None for value, is_hard in pairs) or None

    @property
    def empty(self) -> bool:
        """Whether nothing is wanted."""
        return all(value is None for value in self.values)


Constraints = Mapping[str, Constraint]
"""Constraints by the names of what they are about."""
Readers = Mapping[str, Callable[[Any], tuple[Any, ...]]]
"""How to make values of the members of a document."""


def parse_constraints(wishes: Wishes, readers: Readers) -> dict[str, Constraint]:
    """Read members, and with each its soft constraint."""
    constraints = {}
    for name, read in readers.items():
        demanded = wishes.one(name, read) or ()
        preferred = wishes.one(name + SOFT, read) or ()
        hard = Constraint.of(demanded, hard=True, but=WHOLE if name == "shape" else None)
        try:
            constraints[name] = hard.merged(Constraint.of(preferred, hard=False), wishes.path(name))
        except OptionError as error:
            wishes.note(name, str(error))
    return {name: constraint for name, constraint in constraints.items() if constraint.values}


def merged_constraints(one: Constraints, other: Constraints) -> dict[str, Constraint]:
    """Return what both want.

    Raises
    ------
    OptionError
        Two hard constraints differ.
    """
    nothing = Constraint()
    return {name: one.get(name, nothing).merged(other.get(name, nothing), name) for name in {**one, **other}}


def constraints_to_json(constraints: Constraints, single: Iterable[str] = ()) -> dict[str, Any]:
    """Return the members of a document; those in `single` have one value that is no list."""
    document = {}
    for name, constraint in constraints.items():
        for key, hard in ((name, True), (name + SOFT, False)):
            values = constraint.only(hard=hard)
            if values and any(value is not None for value in values):
                document[key] = _plain(values[0] if name in single else values)
    return document


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
