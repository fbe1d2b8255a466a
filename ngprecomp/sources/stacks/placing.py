"""What all stacks of slice files have in common, whatever their kind: places along z, gaps, one header for all."""

from __future__ import annotations

import os
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Literal, TypeVar

from ngprecomp.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ngprecomp.sources.stacks.slice_names import Numbering

Gaps = Literal["error", "close", "blank"]
Header = TypeVar("Header")
MOST_NAMED = 5
HEADER_THREADS = 8  # for files that are waited for: from the network, or a disk
BATCH = 16
QUICK = 1e-3  # seconds for a file: threads take three times as long as one for headers that are in memory


def place_slices(files: list[str], numbering: Numbering, name: str, gaps: Gaps) -> tuple[int, dict[int, str]]:
    """Return the number of slices and the file of each.

    Raises
    ------
    SourceError
        Numbers are missing or mean something else than slices, and `gaps` is "error".
    """
    if numbering.doubt and gaps == "error":
        raise SourceError(
            f"{name}: {_span(files)}, but {numbering.doubt}; name one set of slices by a glob, or take all of them "
            "as neighbours in their natural order with gaps close"
        )
    if numbering.missing and gaps == "error":
        count = "1 number is" if numbering.missing == 1 else f"{numbering.missing} numbers are"
        raise SourceError(
            f"{name}: {_span(files)}, but {count} missing: {numbering.named_missing()}; "
            "gaps close takes the slices as neighbours, gaps blank puts black ones there"
        )
    if numbering.numbers is None or gaps != "blank":
        return len(files), dict(enumerate(files))
    first, last = numbering.numbers[0], numbering.numbers[-1]
    return last - first + 1, {number - first: file for number, file in zip(numbering.numbers, files, strict=True)}


def stack_note(files: list[str], numbering: Numbering, gaps: Gaps) -> str:
    """Return the sentence that names the first and the last slice, their number and what is missing."""
    span = f"{_span(files)} in natural order"
    if numbering.numbers is None:
        return f"{span}; {numbering.reason}"
    if not numbering.missing:
        return f"{span}, none missing"
    done = "left out" if gaps == "close" else "blank"
    count = "1 missing number is" if numbering.missing == 1 else f"{numbering.missing} missing numbers are"
    return f"{span}; {count} {done}: {numbering.named_missing()}"


def common_header(files: list[str], name: str, read: Callable[[str], Header]) -> Header:
    """Return the header that all files share; `read` checks one file and returns its header.

    Raises
    ------
    SourceError
        Files differ from most; up to five are named.
    """
    headers = _headers(files, read)
    usual, count = Counter(headers).most_common(1)[0]
    odd = [f"{path} {header}" for path, header in zip(files, headers, strict=True) if header != usual]
    if odd:
        more = f" and {len(odd) - MOST_NAMED} more" if len(odd) > MOST_NAMED else ""
        raise SourceError(
            f"{name} holds {count} slices of {usual} and {len(odd)} that differ: {'; '.join(odd[:MOST_NAMED])}{more}"
        )
    return usual


def _headers(files: list[str], read: Callable[[str], Header]) -> list[Header]:
    """Read the headers of all files in this thread, in several from where on they are waited for."""
    headers = [read(files[0])]  # loads what reads headers
    while len(headers) < len(files):
        began, done = time.perf_counter(), len(headers)
        headers += map(read, files[done : done + BATCH])
        if time.perf_counter() - began > QUICK * BATCH:
            with ThreadPoolExecutor(HEADER_THREADS) as pool:
                headers += pool.map(read, files[len(headers) :])
    return headers


def _span(files: list[str]) -> str:
    return f"{len(files)} slices, {os.path.basename(files[0])} ... {os.path.basename(files[-1])}"
