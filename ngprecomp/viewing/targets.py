"""Which names a request asks for: its path taken apart, and refused where it could mean something else."""

from __future__ import annotations

import os
import re
from urllib.parse import unquote_to_bytes

Names = tuple[str, ...]

_ABSOLUTE = re.compile(r"https?://[^/?#]*", re.IGNORECASE)


def parse_target(target: str) -> Names | None:
    """Return the names on the path of a request's target, percent-decoded; None if no file is called so.

    A slash, a backslash, a control character or nothing inside a name, ``.`` and ``..`` are refused however they are
    encoded. An empty last name stands for a folder.

    Examples
    --------
    >>> parse_target("/em/8_8_40/0-64_0-64_0-64?x=1"), parse_target("/a%20b/")
    (('em', '8_8_40', '0-64_0-64_0-64'), ('a b', ''))
    >>> [parse_target(target) for target in ("/../a", "/%2e%2E/a", "/a%2fb", "/a%5cb", "//a", "a", "/a%00")]
    [None, None, None, None, None, None, None]
    """
    path = _ABSOLUTE.sub("", target, count=1).partition("?")[0].partition("#")[0]
    if not path.startswith("/"):
        return None
    names = tuple(os.fsdecode(unquote_to_bytes(part)) for part in path[1:].split("/"))
    sound = all(map(_is_name, names[:-1])) and (names[-1] == "" or _is_name(names[-1]))
    return names if sound else None


def _is_name(name: str) -> bool:
    return name not in ("", ".", "..") and not re.search(r"[/\\\x00-\x1f\x7f]", name)
