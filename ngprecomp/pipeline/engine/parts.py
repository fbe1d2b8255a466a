"""One job, several processes that know nothing of each other but its journal: each makes a part of the footprints.

A part makes its own footprints first. Then it waits for those of the others, which it needs for the next round, as long
as the journal shows that somebody is at work. Where nobody is, because parts have died or were never started, it makes
what is missing itself: so whoever is left finishes the job. Two that make the same footprint write the same bytes.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from ngprecomp.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ngprecomp.pipeline.engine.making import Running

T = TypeVar("T")

PATIENCE = 60.0  # seconds without a new entry, at least; a footprint may take so long
SLOWER = 4  # times as long as the slowest footprint here: other machines may be slower
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 10.0


@dataclass(frozen=True, slots=True)
class Part:
    """The part `number`, from 0, of `count`."""

    number: int
    count: int


def parse_part(text: str | None) -> Part | None:
    """Return a part from text such as ``3/16``, the third of sixteen.

    Raises
    ------
    OptionError
        It is no such text.

    Examples
    --------
    >>> parse_part("3/16")
    Part(number=2, count=16)
    """
    if text is None:
        return None
    match = re.fullmatch(r"\s*(\d+)\s*/\s*(\d+)\s*", text) if isinstance(text, str) else None
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise OptionError(f"part is a number and how many there are, from 1/16 to 16/16, found {text!r}")
    return Part(int(match[1]) - 1, int(match[2]))


def refuse_part(running: Running, *, overwrite: bool, resume: bool) -> None:
    """Refuse what would do harm to the other parts.

    Raises
    ------
    OptionError
        A part shall overwrite or begin anew, or be made by an executor.
    """
    if running.part is None:
        return
    if overwrite or not resume:
        raise OptionError(
            "a part cannot overwrite or begin anew what others are making: remove the volume first (ngprecomp rm)"
        )
    if running.tasks is not None:
        raise OptionError("a part is made by threads of its own process: an executor gives out the parts itself")


def make_part(
    footprints: Mapping[str, T],
    own_names: Iterable[str],
    part: Part,
    recorded: Callable[[], set[str] | None],
    make: Callable[[str, T], None],
) -> set[str]:
    """Return the names that were made here when all of `footprints`, by the names of their entries, are recorded.

    This part begins with its `own_names`, of which some may be done already. `recorded` returns the names that are
    recorded, None if the whole job is finished; `make` makes one footprint and records it.
    """
    own: set[str] = set()
    slowest = 0.0
    known, looked = recorded(), time.monotonic()
    for name in own_names:
        if time.monotonic() - looked > LONGEST_PAUSE:
            known, looked = recorded(), time.monotonic()
        if known is not None and name in footprints and name not in known:
            slowest = max(slowest, _timed(make, name, footprints[name]))
            own.add(name)
    seen: set[str] = set()
    pause, quiet_since = FIRST_PAUSE, time.monotonic()
    while (known := recorded()) is not None:
        missing = [name for name in footprints if name not in known]
        if not missing:
            break
        if known - seen - own:
            pause, quiet_since = FIRST_PAUSE, time.monotonic()
        seen = known
        if time.monotonic() - quiet_since <= max(PATIENCE, SLOWER * slowest):
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        else:
            name = missing[len(missing) * part.number // part.count]  # others that lose patience begin elsewhere
            slowest = max(slowest, _timed(make, name, footprints[name]))
            own.add(name)
    return own


def _timed(make: Callable[[str, T], None], name: str, footprint: T) -> float:
    began = time.monotonic()
    make(name, footprint)
    return time.monotonic() - began
