"""Byte ranges of one object: which are inside it, and which are read together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ngprecomp.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@dataclass(frozen=True, slots=True)
class Run:
    """Bytes ``start <= i < end`` that are read at once, and which of the asked ranges they hold."""

    start: int
    end: int
    members: tuple[int, ...]


def join_ranges(starts: Sequence[int], lengths: Sequence[int], *, gap: int, limit: int) -> Iterator[Run]:
    """Yield runs that cover all ranges, by ascending start.

    A range joins the run before it when the run holds it already, or when at most `gap` bytes lie between
    them and the run stays within `limit` bytes.

    Examples
    --------
    >>> list(join_ranges([90, 0, 10], [10, 10, 20], gap=0, limit=1000))
    [Run(start=0, end=30, members=(1, 2)), Run(start=90, end=100, members=(0,))]
    """
    members: list[int] = []
    first = last = 0
    for member in sorted(range(len(starts)), key=lambda index: int(starts[index])):
        start = int(starts[member])
        end = start + int(lengths[member])
        if not members:
            first, last = start, end
        elif end > last and (start > last + gap or end > first + limit):
            yield Run(first, last, tuple(members))
            members, first, last = [], start, end
        members.append(member)
        last = max(last, end)
    if members:
        yield Run(first, last, tuple(members))


def require_inside(size: int, starts: Sequence[int], lengths: Sequence[int], where: str) -> None:
    """Refuse ranges that leave an object of `size` bytes, before anything of their length is allocated.

    Raises
    ------
    StorageError
        A range is negative or ends after `size`.
    """
    for start, length in zip(starts, lengths, strict=True):
        end = int(start) + int(length)
        if start < 0 or length < 0 or end > size:
            raise StorageError(f"{where} has {size} bytes: cannot take those from {start} to {end}")


def require_size(size: int, limit: int | None, where: str) -> None:
    """Refuse an object that is larger than it can be, before it is read.

    Raises
    ------
    StorageError
        It has more than `limit` bytes.
    """
    if limit is not None and size > limit:
        raise StorageError(f"{where} has {size} bytes, expected at most {limit}")
