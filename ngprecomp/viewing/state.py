"""A state of Neuroglancer that shows volumes, and its way into a link."""

from __future__ import annotations

import json
import posixpath
import re
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from ngprecomp.viewing.layers import layer
from ngprecomp.viewing.scene import scene

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ngprecomp.volume.handle import Volume


@dataclass(frozen=True, slots=True)
class Shown:
    """A volume, its name and the URL at which the viewer finds it; None for one that is not looked at."""

    name: str
    url: str
    volume: Volume | None


def state_of(shown: Sequence[Shown]) -> dict[str, Any]:
    """Return the state that shows volumes as layers over each other, all in view."""
    layers = [layer(one.name, one.url, one.volume) for one in shown]
    looked_at = [one.volume for one in shown if one.volume is not None]
    return {**scene(looked_at), "layers": layers}


def fragment(state: dict[str, Any]) -> str:
    """Return a state as the part of a link that the browser keeps for itself.

    Examples
    --------
    >>> fragment({"layout": "xy"})
    '#!%7B%22layout%22:%22xy%22%7D'
    """
    return "#!" + quote(json.dumps(state, separators=(",", ":"), ensure_ascii=False), safe="/:,")


def names_of(urls: Iterable[str]) -> list[str]:
    """Return a name for each volume: the last part of its URL, with a number where two are the same.

    Examples
    --------
    >>> names_of(["file:///data/em/", "memory://a%20b", "gs://bucket/em", "file:///"])
    ['em', 'a b', 'em-2', 'volume']
    """
    names: list[str] = []
    for url in urls:
        last = unquote(posixpath.basename(url.partition("://")[2].rstrip("/")))
        name = re.sub(r"^\.+|[/\\\x00-\x1f\x7f]", "", last) or "volume"
        numbered = (f"{name}-{number}" for number in count(2))
        names.append(name if name not in names else next(other for other in numbered if other not in names))
    return names
