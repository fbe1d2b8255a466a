"""An argument parser that answers a mistake with one sentence, and takes values which begin with a minus."""

from __future__ import annotations

import argparse
import difflib
import re
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

WRONG_USAGE = 2

Commands = argparse._SubParsersAction  # argparse gives this type no other name


class Parser(argparse.ArgumentParser):
    """Options must be spelled out; those that are not given are absent from the result."""

    def __init__(self, **keywords: Any) -> None:
        super().__init__(
            **keywords,
            allow_abbrev=False,
            argument_default=argparse.SUPPRESS,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    def error(self, message: str) -> NoReturn:
        """Print one sentence and leave with the status of wrong usage."""
        self.exit(WRONG_USAGE, f"ngprecomp: {message} ({self.prog} --help says more)\n")


def parse(parser: Parser, commands: Commands[Parser], argv: Sequence[str]) -> argparse.Namespace:
    """Return the arguments; leave with status 2 and the nearest name if a command or an option does not exist."""
    words = _join_command(join_negative_values(argv), commands.choices)
    command = next((word for word in words if not word.startswith("-")), None)
    if command is not None and command not in commands.choices:
        parser.error(f"there is no command {command}{_nearest(command, commands.choices)}")
    arguments, unknown = parser.parse_known_args(words)
    if unknown:
        chosen = commands.choices[arguments.command]
        option = next((word for word in unknown if word.startswith("-")), None)
        if option is None:
            chosen.error(f"unexpected {' '.join(unknown)}")
        name = option.partition("=")[0]
        chosen.error(f"there is no option {name}{_nearest(name, _options(chosen))}")
    return arguments


def join_negative_values(argv: Sequence[str]) -> list[str]:
    """Return the words with ``--option -5,0,0`` as ``--option=-5,0,0``, which argparse takes for a value.

    Examples
    --------
    >>> join_negative_values(["--offset", "-5,0,0", "--axes", "-z,y,x", "-j", "2"])
    ['--offset=-5,0,0', '--axes=-z,y,x', '-j', '2']
    """
    words: list[str] = []
    for word in argv:
        if words and re.fullmatch(r"--[a-z][a-z-]*", words[-1]) and re.match(r"-(?:[\d.:]|[xyz],)", word):
            words[-1] += f"={word}"
        else:
            words.append(word)
    return words


def _join_command(words: list[str], known: Iterable[str]) -> list[str]:
    """Return the words with a command of two words, ``info set``, as one."""
    return [" ".join(words[:2]), *words[2:]] if " ".join(words[:2]) in known else words


def _options(parser: argparse.ArgumentParser) -> list[str]:
    return re.findall(r"--[a-z][a-z-]*", parser.format_help())


def _nearest(name: str, names: Iterable[str]) -> str:
    """Return a question that names what was probably meant, or nothing."""
    known = list(names)
    longer = [other for other in known if other.startswith(name)]
    close = longer or difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f"; did you mean {close[0]}?" if close else ""
