"""What the names of slices say: which files are slices, their order, and which numbers are missing."""

from __future__ import annotations

import itertools
import os
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ngprecomp.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

SUFFIXES = (".tif", ".tiff")
MOST_NAMED = 10


def natural_key(path: str) -> tuple[tuple[str | int, ...], str]:
    """Return a key that sorts im2 before im10; equal numbers are told apart by their spelling.

    Examples
    --------
    >>> sorted(["im10.tif", "im2.tif", "IM1.tif"], key=natural_key)
    ['IM1.tif', 'im2.tif', 'im10.tif']
    """
    parts = re.split(r"(\d+)", path)
    return tuple(int(part) if at % 2 else part.lower() for at, part in enumerate(parts)), path


def choose_slices(paths: Iterable[str], name: str) -> tuple[list[str], tuple[str, ...]]:
    """Return the TIFF files among `paths` in natural order, and a note on what was passed over.

    Hidden files, folders and other kinds of files are passed over.

    Raises
    ------
    SourceError
        There is no TIFF file.
    """
    listed = list(paths)
    chosen = sorted((path for path in listed if _is_slice(path)), key=natural_key)
    if not chosen:
        raise SourceError(f"{name} holds no TIFF files ({', '.join(SUFFIXES)})")
    passed_over = sorted(set(listed) - set(chosen))
    if not passed_over:
        return chosen, ()
    return chosen, (f"{len(passed_over)} other entries passed over: {_named(passed_over)}",)


@dataclass(frozen=True, slots=True)
class Numbering:
    """The numbers in the names of slices, ascending; None with the reason where the names tell none."""

    numbers: tuple[int, ...] | None
    reason: str = ""

    @property
    def missing(self) -> int:
        """How many numbers between the first and the last have no slice."""
        if self.numbers is None:
            return 0
        return self.numbers[-1] - self.numbers[0] + 1 - len(self.numbers)

    def named_missing(self) -> str:
        """Return the first missing numbers as text."""
        pairs = itertools.pairwise(self.numbers or ())
        gaps = itertools.chain.from_iterable(range(lo + 1, hi) for lo, hi in pairs)
        more = ", ..." if self.missing > MOST_NAMED else ""
        return ", ".join(map(str, itertools.islice(gaps, MOST_NAMED))) + more


def number_slices(paths: Sequence[str], name: str) -> Numbering:
    """Return the number of each of the slices, which are in natural order.

    All names must be alike but for their digits. Where several numbers differ from slice to slice, the one
    without gaps counts the slices.

    Raises
    ------
    SourceError
        Two slices bear the same numbers, or most names are alike and some are not: something else lies
        among the slices.
    """
    stems = [os.path.splitext(path)[0].lower() for path in paths]
    patterns = [re.sub(r"\d+", "#", stem) for stem in stems]
    usual, count = Counter(patterns).most_common(1)[0]
    if count < len(paths):
        if count * 2 > len(paths) and "#" in usual:
            odd = [path for path, pattern in zip(paths, patterns, strict=True) if pattern != usual]
            raise SourceError(
                f"{name} holds {count} files named like {os.path.basename(paths[patterns.index(usual)])} and "
                f"{len(odd)} with other names ({_named(odd)}); name the slices by a glob"
            )
        return Numbering(None, "the names follow no common pattern, so gaps cannot be seen")
    numbers = [tuple(map(int, re.findall(r"\d+", stem))) for stem in stems]
    for (one, other), (path, next_path) in zip(itertools.pairwise(numbers), itertools.pairwise(paths), strict=True):
        if one == other:
            raise SourceError(f"{name} holds two slices of the same number: {_named([path, next_path])}")
    columns = zip(*numbers, strict=True)
    ascending = [Numbering(column) for column in columns if all(a < b for a, b in itertools.pairwise(column))]
    if not ascending:
        return Numbering(None, "no number in the names grows from slice to slice, so gaps cannot be seen")
    best = min(ascending, key=lambda numbering: numbering.missing)
    if best.missing and len(ascending) > 1:
        return Numbering(None, "several numbers in the names grow, so gaps cannot be seen")
    return best


def _is_slice(path: str) -> bool:
    base = os.path.basename(path)
    return base.lower().endswith(SUFFIXES) and not base.startswith(".") and os.path.isfile(path)


def _named(paths: Sequence[str]) -> str:
    names = map(os.path.basename, paths[:MOST_NAMED])
    return ", ".join(names) + (", ..." if len(paths) > MOST_NAMED else "")
