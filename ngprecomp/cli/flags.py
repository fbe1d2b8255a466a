"""Command lines in the style of gflags: ``-x 5`` or ``--x=5``; ``-gzip``, ``-nogzip`` or ``-gzip=false``."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ngprecomp.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Value = str | int | bool

TRUE = ("true", "t", "yes", "y", "1")
FALSE = ("false", "f", "no", "n", "0")


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag: the type of its value, the values it may have (all where there are none), and what it means."""

    kind: type[str] | type[int] | type[bool]
    meaning: str
    choices: tuple[str, ...] = ()


def parse_flags(argv: Sequence[str], flags: Mapping[str, Flag]) -> dict[str, Value]:
    """Return the flags that were given, by name; of one that is given twice the last counts.

    Raises
    ------
    OptionError
        A flag does not exist (the nearest is named), or its value is missing or wrong.

    Examples
    --------
    >>> known = {"x": Flag(int, "size"), "gzip": Flag(bool, "compress")}
    >>> parse_flags(["-x", "-5", "--nogzip"], known), parse_flags(["--x=5", "-gzip=true"], known)
    ({'x': -5, 'gzip': False}, {'x': 5, 'gzip': True})
    """
    given: dict[str, Value] = {}
    words = iter(argv)
    for word in words:
        text = word.removeprefix("-").removeprefix("-")
        if text in ("", word):
            raise OptionError(f"expected a flag such as -input, found {word!r}")
        name, equals, value = text.partition("=")
        if not equals and name not in flags and _is_switch(name.removeprefix("no"), flags):
            name, equals, value = name.removeprefix("no"), "=", "false"
        if name not in flags:
            raise OptionError(f"there is no flag -{name}{_nearest(name, flags) or ' (-help lists them)'}")
        if not equals:
            value = "true" if _is_switch(name, flags) else next(words, "")
        given[name] = _parsed(name, value, flags[name])
    return given


def _is_switch(name: str, flags: Mapping[str, Flag]) -> bool:
    return name in flags and flags[name].kind is bool


def _nearest(name: str, flags: Mapping[str, Flag]) -> str:
    near = difflib.get_close_matches(name.lower(), {known.lower(): known for known in flags}, n=1)
    close = [known for known in flags if near and known.lower() == near[0]]
    return f"; did you mean -{close[0]}?" if close else ""


def _parsed(name: str, text: str, flag: Flag) -> Value:
    """Return the value of a flag from its text."""
    if not text:
        raise OptionError(f"-{name} needs a value: {flag.meaning}")
    if flag.kind is bool:
        if text.lower() not in (*TRUE, *FALSE):
            raise OptionError(f"-{name} is true or false, found {text!r}")
        return text.lower() in TRUE
    if flag.kind is int:
        try:
            return int(text)
        except ValueError:
            raise OptionError(f"-{name} is an integer, found {text!r}") from None
    if flag.choices and text not in flag.choices:
        raise OptionError(f"-{name} is one of {', '.join(flag.choices)}, found {text!r}")
    return text
