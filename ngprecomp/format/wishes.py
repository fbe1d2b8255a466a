"""The members of a JSON object that says what somebody wants: every one of them may be absent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from ngprecomp.errors import MetadataError, OptionError, Problem
from ngprecomp.format.members import Members, found

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")


class Wishes(Members):
    """Reads members that may be absent, and are then None; null is a value, and mostly a wrong one.

    Examples
    --------
    >>> wishes = Wishes({"open": True, "encoding": "RAW"}, "spec", "spec")
    >>> wishes.flag("open"), wishes.flag("create"), wishes.word("encoding", ("raw", "png"))
    (True, None, None)
    >>> wishes.close()
    Traceback (most recent call last):
    ngprecomp.errors.MetadataError: invalid spec: spec.encoding: expected one of raw, png, found "RAW"
    """

    def given(self, name: str, read: Callable[..., T], *bounds: Any) -> T | None:
        """Read a member by one of the methods of `Members`."""
        return read(name, *bounds) if name in self else None

    def flag(self, name: str) -> bool | None:
        """Read true or false."""
        return self.one(name, _boolean)

    def word(self, name: str, words: Iterable[str]) -> str | None:
        """Read one of `words`, exactly as it is written."""
        choices = tuple(words)

        def read(value: object) -> str:
            if isinstance(value, str) and value in choices:
                return value
            raise OptionError(f"expected one of {', '.join(choices)}, found {found(value)}")

        return self.one(name, read)

    def one(self, name: str, read: Callable[[Any], T]) -> T | None:
        """Read a member by a function that raises `OptionError` for a wrong value."""
        if name not in self:
            return None
        try:
            return read(self.value(name))
        except OptionError as error:
            self.note(name, str(error))
            return None

    def part(self, name: str, parse: Callable[[Any, str], T]) -> T | None:
        """Read a member that is a document of its own, by its value and its path."""
        if name not in self:
            return None
        try:
            return parse(self.value(name), self.path(name))
        except MetadataError as error:
            self.extend(name, error.problems)
            return None

    def close(self) -> None:
        """Raise `MetadataError` with all problems; a member that nobody has read is one."""
        for name in self.unread():
            self.problems.append(Problem(self.path(name), f"is not a member of {self.where or f'the {self.what}'}"))
        super().close()


def as_options(parse: Callable[[Any, str], T], document: object) -> T:
    """Return what `parse` makes of a document that a caller gave.

    Raises
    ------
    OptionError
        Something is wrong with it.
    """
    try:
        return parse(document, "")
    except MetadataError as error:
        raise OptionError(str(error)) from None


def document_of(name: str, value: object) -> Mapping[str, Any]:
    """Return the one JSON object that was given in place of keywords; values that know theirs are welcome.

    Raises
    ------
    OptionError
        It is no object.
    """
    if hasattr(value, "to_json"):  # TensorStore's own values
        value = value.to_json()
    if isinstance(value, Mapping):
        return value
    raise OptionError(f"{name} is made of keywords or of one JSON object, not of {found(value)}")


def _boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise OptionError(f"expected true or false, found {found(value)}")
