"""What the names of slices say: which files are slices, their order, and which numbers are missing."""

from __future__ import annotations

import itertools
import math
import os
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ngprecomp.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

TIFF = (".tif", ".tiff")
PICTURES = (".png", ".jpg", ".jpeg")
MOST_NAMED = 10
FRACTION = re.compile(r"\d+\.\d+|\d+")
OTHER_AXIS = re.compile(r"(?:^|[^a-z])(ch|channel|chan|c|t|time|timepoint|w|wavelength)[^a-z]?$")


def natural_key(path: str) -> tuple[tuple[str | int, ...], str]:
    """Return a key that sorts im2 before im10; equal numbers are told apart by their spelling.

    Examples
    --------
    >>> sorted(["im10.tif", "im2.tif", "IM1.tif"], key=natural_key)
    ['IM1.tif', 'im2.tif', 'im10.tif']
    """
    parts = re.split(r"(\d+)", path)
    return tuple(int(part) if at % 2 else part.lower() for at, part in enumerate(parts)), path


def choose_slices(
    paths: Iterable[str], name: str, suffixes: tuple[str, ...] = TIFF
) -> tuple[list[str], tuple[str, ...]]:
    """Return the files with one of the suffixes in natural order, and a note on what was passed over.

    Hidden files, folders and other kinds of files are passed over.

    Raises
    ------
    SourceError
        There is no such file.
    """
    listed = list(paths)
    chosen = sorted((path for path in listed if _is_slice(path, suffixes)), key=natural_key)
    if not chosen:
        raise SourceError(f"{name} holds no slices ({', '.join(TIFF + PICTURES)})")
    passed_over = sorted(set(listed) - set(chosen))
    if not passed_over:
        return chosen, ()
    return chosen, (f"{len(passed_over)} other entries passed over: {_named(passed_over)}",)


def choose_kind(paths: Iterable[str], name: str) -> tuple[str, ...]:
    """Return the suffixes of the slices among some files: of TIFF unless there are pictures.

    Raises
    ------
    SourceError
        There are several of both, or one of each.
    """
    listed = list(paths)
    tiff, pictures = (sum(_is_slice(path, suffixes) for path in listed) for suffixes in (TIFF, PICTURES))
    if min(tiff, pictures) > 1 or tiff == pictures == 1:
        raise SourceError(f"{name} holds {tiff} TIFF files and {pictures} pictures (png, jpg); name one kind by a glob")
    return PICTURES if pictures > tiff else TIFF


@dataclass(frozen=True, slots=True)
class Numbering:
    """The numbers in the names of slices, ascending; None with the reason where the names tell none.

    `doubt` says why these files may be no slices along one axis.
    """

    numbers: tuple[int, ...] | None
    reason: str = ""
    doubt: str = ""

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
        kinds = Counter(patterns)
        numbered = all("#" in pattern and files > 1 for pattern, files in kinds.items())
        doubt = f"the names are of {len(kinds)} kinds, such as channels" if numbered else _doubtful_order(stems)
        return Numbering(None, "the names follow no common pattern, so gaps cannot be seen", doubt)
    numbers = [tuple(map(int, re.findall(r"\d+", stem))) for stem in stems]
    for (one, other), (path, next_path) in zip(itertools.pairwise(numbers), itertools.pairwise(paths), strict=True):
        if one == other:
            raise SourceError(f"{name} holds two slices of the same number: {_named([path, next_path])}")
    columns = list(zip(*numbers, strict=True))
    doubt = _doubt(stems[0], columns)
    ascending = [
        Numbering(column, "", doubt) for column in columns if all(a < b for a, b in itertools.pairwise(column))
    ]
    if not ascending:
        doubt = doubt or _doubtful_order(stems)
        return Numbering(None, "no number in the names grows from slice to slice, so gaps cannot be seen", doubt)
    best = min(ascending, key=lambda numbering: numbering.missing)
    if best.missing and len(ascending) > 1:
        return Numbering(None, "several numbers in the names grow, so gaps cannot be seen", doubt)
    return best


def _doubt(stem: str, columns: Sequence[Sequence[int]]) -> str:
    """Say why the numbers in names like `stem`, one column each, may count something else than slices.

    Examples
    --------
    >>> _doubt("run1_c0_z0", [(1, 1, 1, 1), (0, 0, 1, 1), (0, 1, 0, 1)])
    'two or more numbers in the names form a grid of 2 x 2 files, such as channels and slices'
    >>> _doubt("run1_ch0", [(1, 1), (0, 1)]), _doubt("run1_s0", [(1, 1), (0, 1)])
    ("the number after 'ch' in the names looks like that of a channel or a point in time", '')
    """
    words = re.split(r"\d+", stem)
    counts = [len(set(column)) for column in columns]
    varying = [at for at, count in enumerate(counts) if count > 1]
    if len(varying) > 1 and math.prod(counts) == len(columns[0]):
        grid = " x ".join(str(counts[at]) for at in varying)
        return f"two or more numbers in the names form a grid of {grid} files, such as channels and slices"
    if len(varying) == 1 and (word := OTHER_AXIS.search(words[varying[0]])):
        return f"the number after {word[1]!r} in the names looks like that of a channel or a point in time"
    return ""


def _doubtful_order(stems: Sequence[str]) -> str:
    """Say why the natural order of names that no number orders may be wrong: other ways to read them lead elsewhere.

    Examples
    --------
    >>> _doubtful_order(["0a", "0b", "08", "09"]), _doubtful_order(["z0.5", "z0.25", "z1.0"])
    ('the natural order is not the alphabetical one', 'the numbers in the names look like decimal fractions')
    >>> _doubtful_order(["left", "right"]), _doubtful_order(["w1_s8", "w1_s9", "w1_s10", "w2_s1"])
    ('', '')
    """
    if len({re.sub(r"\d+", "#", stem) for stem in stems}) > 1:
        return "" if list(stems) == sorted(stems) else "the natural order is not the alphabetical one"
    places = [tuple(map(float, FRACTION.findall(stem))) for stem in stems]
    return "" if places == sorted(places) else "the numbers in the names look like decimal fractions"


def _is_slice(path: str, suffixes: tuple[str, ...]) -> bool:
    base = os.path.basename(path)
    return base.lower().endswith(suffixes) and not base.startswith(".") and os.path.isfile(path)


def _named(paths: Sequence[str]) -> str:
    names = map(os.path.basename, paths[:MOST_NAMED])
    return ", ".join(names) + (", ..." if len(paths) > MOST_NAMED else "")
