"""The members of a JSON object, read one by one; all that is wrong is collected before anything is raised."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from numbers import Integral
from typing import TYPE_CHECKING, Any, TypeVar

from ngprecomp.errors import MetadataError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ngprecomp.format.box import Triple

T = TypeVar("T")
Resolution = tuple[float, float, float]

MAX_INT64 = 2**63 - 1


class Members:
    """Reads the members of one JSON object, at the path `where` in its document; `what` names it in errors.

    A reader that meets a missing or wrong value notes a `Problem` and returns a harmless stand-in, so that
    all members are looked at; `close` then raises. A member with a `default` may be absent.

    Raises
    ------
    MetadataError
        `document` is not an object.

    Examples
    --------
    >>> scale = Members({"size": [4, "4", -4]}, "scales[0]")
    >>> scale.triple("size", low=0), scale.text("key")
    ((4, 0, 0), '')
    >>> for problem in scale.problems:
    ...     print(problem)
    scales[0].size[1]: expected an integer of at least 0, found "4"
    scales[0].size[2]: expected an integer of at least 0, found -4
    scales[0].key: expected a string, but it is missing
    """

    def __init__(self, document: object, where: str = "", what: str = "info") -> None:
        if not isinstance(document, Mapping):
            raise MetadataError([Problem(where, f"expected an object, found {found(document)}")], what)
        self.document: Mapping[str, Any] = document
        self.where = where
        self.what = what
        self.problems: list[Problem] = []
        self._read: set[str] = set()
        self._wrong: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self.document

    def path(self, name: str) -> str:
        """Return the path of a member in the whole document."""
        return f"{self.where}.{name}" if self.where else name

    def note(self, name: str, message: str) -> None:
        """Add a problem of a member."""
        self._wrong.add(name)
        self.problems.append(Problem(self.path(name), message))

    def extend(self, name: str, problems: Iterable[Problem]) -> None:
        """Add problems, found elsewhere, of a member or of what is inside it."""
        for problem in problems:
            self._wrong.add(name)
            self.problems.append(problem)

    def sound(self, *names: str) -> bool:
        """Whether no problem of these members is known, so that a rule which joins them can be checked."""
        return self._wrong.isdisjoint(names)

    def unread(self) -> dict[str, Any]:
        """Return the members that nobody has read: unknown ones, to be kept as they are."""
        return {name: value for name, value in self.document.items() if name not in self._read}

    def close(self) -> None:
        """Raise `MetadataError` with all problems, if there are any."""
        if self.problems:
            raise MetadataError(self.problems, self.what)

    def value(self, name: str) -> Any:
        """Read a member as it is; None if it is absent."""
        self._read.add(name)
        return self.document.get(name)

    def text(self, name: str, default: str | None = None) -> str:
        """Read a string; the stand-in is the empty one."""
        return self._member(name, "a string", default, _text, "")

    def choice(self, name: str, choices: Iterable[str], default: str | None = None) -> str:
        """Read one of `choices`, in any case; the stand-in is the empty string."""
        names = tuple(choices)
        wanted = f"one of {', '.join(names)}"

        def read(value: object, where: str) -> str:
            if isinstance(value, str) and value.lower() in names:
                return value.lower()
            raise _unexpected(where, wanted, value)

        return self._member(name, wanted, default, read, "")

    def integer(self, name: str, low: int, high: int = MAX_INT64, default: int | None = None) -> int:
        """Read an integer from `low` to `high`; the stand-in is `low`."""
        return self._member(name, _range(low, high), default, _integers(low, high), low)

    def triple(self, name: str, low: int, high: int = MAX_INT64, default: Triple | None = None) -> Triple:
        """Read three integers from `low` to `high`; each has its own stand-in."""
        read = self._three(name, "3 integers", _integers(low, high), low)
        return self._member(name, "3 integers", default, read, (low, low, low))

    def triples(self, name: str, low: int, high: int = MAX_INT64) -> tuple[Triple, ...]:
        """Read a list of at least one triple of integers; the stand-in is one triple of `low`."""
        wanted = "a list of at least one triple of integers"
        read_one = self._three(name, "3 integers", _integers(low, high), low)

        def read(value: object, where: str) -> tuple[Triple, ...]:
            if not isinstance(value, (list, tuple)) or not value:
                raise _unexpected(where, wanted, value)
            stand_in = (low, low, low)
            return tuple(self._try(name, read_one, item, f"{where}[{i}]", stand_in) for i, item in enumerate(value))

        return self._member(name, wanted, None, read, ((low, low, low),))

    def numbers(self, name: str) -> Resolution:
        """Read three finite numbers; strings of digits count, as in TensorStore; the stand-in is 1."""
        read = self._three(name, "3 numbers", _number, 1.0)
        return self._member(name, "3 numbers", None, read, (1.0, 1.0, 1.0))

    def objects(self, name: str) -> tuple[dict[str, Any], ...]:
        """Read a list of objects as they are; the stand-in is the empty list."""
        wanted = "a list of objects"

        def read(value: object, where: str) -> tuple[dict[str, Any], ...]:
            if not isinstance(value, (list, tuple)):
                raise _unexpected(where, wanted, value)
            return tuple(self._try(name, _object, item, f"{where}[{i}]", {}) for i, item in enumerate(value))

        return self._member(name, wanted, None, read, ())

    def _member(self, name: str, wanted: str, default: T | None, read: Callable[[object, str], T], stand_in: T) -> T:
        self._read.add(name)
        if name in self.document:
            return self._try(name, read, self.document[name], self.path(name), stand_in)
        if default is None:
            self.note(name, f"expected {wanted}, but it is missing")
            return stand_in
        return default

    def _three(
        self, name: str, wanted: str, read: Callable[[object, str], T], stand_in: T
    ) -> Callable[[object, str], tuple[T, T, T]]:
        def read_three(value: object, where: str) -> tuple[T, T, T]:
            if not isinstance(value, (list, tuple)) or len(value) != 3:
                raise _unexpected(where, wanted, value)
            x, y, z = (self._try(name, read, item, f"{where}[{axis}]", stand_in) for axis, item in enumerate(value))
            return x, y, z

        return read_three

    def _try(self, name: str, read: Callable[[object, str], T], value: object, where: str, stand_in: T) -> T:
        try:
            return read(value, where)
        except MetadataError as error:
            self.extend(name, error.problems)
            return stand_in


def found(value: object) -> str:
    """Return a value as JSON, shortened, for a message."""
    text = json.dumps(value, default=repr)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _unexpected(where: str, wanted: str, value: object) -> MetadataError:
    return MetadataError([Problem(where, f"expected {wanted}, found {found(value)}")])


def _range(low: int, high: int) -> str:
    if high < MAX_INT64:
        return f"an integer from {low} to {high}"
    return f"an integer of at least {low}" if low > -MAX_INT64 else "an integer of 64 bits"


def _integers(low: int, high: int) -> Callable[[object, str], int]:
    def read(value: object, where: str) -> int:
        whole = isinstance(value, Integral) or (isinstance(value, float) and value.is_integer())
        if not whole or isinstance(value, bool) or not low <= value <= high:  # type: ignore[operator]
            raise _unexpected(where, _range(low, high), value)
        return int(value)  # type: ignore[call-overload, no-any-return]

    return read


def _number(value: object, where: str) -> float:
    try:
        number = float(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise _unexpected(where, "a finite number", value)
    return number


def _text(value: object, where: str) -> str:
    if isinstance(value, str):
        return value
    raise _unexpected(where, "a string", value)


def _object(value: object, where: str) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    raise _unexpected(where, "an object", value)
