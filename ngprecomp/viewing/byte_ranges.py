"""The ranges of bytes that a request asks for (RFC 9110, section 14)."""

from __future__ import annotations

import re

Range = tuple[int, int]

MOST_RANGES = 256
_RANGE = re.compile(r"([0-9]{0,20})-([0-9]{0,20})")


def parse_ranges(header: str, size: int) -> list[Range] | None:
    """Return ranges ``start <= byte < end`` inside an object of `size` bytes; None if the header is to be ignored.

    What is no list of byte ranges is ignored. Ranges that begin after the object are left out: if none is left, or
    there are more than `MOST_RANGES`, the list is empty and the request cannot be satisfied.

    Examples
    --------
    >>> parse_ranges("bytes=0-9, -4", 100), parse_ranges("bytes=90-200,100-", 100)
    ([(0, 10), (96, 100)], [(90, 100)])
    >>> parse_ranges("bytes=100-", 100), parse_ranges("lines=1-2", 100)
    ([], None)
    """
    unit, _, listed = header.partition("=")
    matches = [_RANGE.fullmatch(part.strip()) for part in listed.split(",") if part.strip()]
    if unit.strip().lower() != "bytes" or not matches:
        return None
    ranges = []
    for match in matches:
        if match is None or match[0] == "-" or (match[1] and match[2] and int(match[1]) > int(match[2])):
            return None
        first, last = match.groups()
        if first:
            start, end = int(first), min(int(last) + 1, size) if last else size
        else:
            start, end = max(0, size - int(last)), size
        if start < end:
            ranges.append((start, end))
    return ranges if len(ranges) <= MOST_RANGES else []
