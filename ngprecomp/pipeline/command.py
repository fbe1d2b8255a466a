"""What makes two jobs the same: what they read and every choice that shows in what they write."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ngprecomp.pipeline.conversion.volume_source import VolumeSource
from ngprecomp.volume.places import INFO_KEY

if TYPE_CHECKING:
    from ngprecomp.sources.protocol import Source


@dataclass(frozen=True, slots=True)
class Command:
    """A job in JSON values: its name, its source, what tells a changed source, options, metadata, our version.

    `fingerprint` is None where nothing tells whether the source is still the same: an array of the caller. `options`
    holds what the caller gave; `info` is the document that the job ends with.
    """

    job: str
    source: str
    fingerprint: Mapping[str, Any] | None
    options: Mapping[str, Any]
    info: Mapping[str, Any]
    version: str

    def __str__(self) -> str:
        return " ".join([self.job, self.source, *(f"{name}={_text(value)}" for name, value in self.options.items())])


def command_to_json(command: Command) -> dict[str, Any]:
    """Return the command as a document."""
    return asdict(command)


def parse_command(document: Mapping[str, Any]) -> Command:
    """Return the command that a document describes; members that it lacks are empty."""
    return Command(
        document.get("job", ""),
        document.get("source", ""),
        document.get("fingerprint"),
        document.get("options", {}),
        document.get("info", {}),
        document.get("version", ""),
    )


def differences(one: Command, other: Command) -> list[str]:
    """Return the names of what differs between two commands."""
    names = [name for name in ("job", "source", "version") if getattr(one, name) != getattr(other, name)]
    if one.source == other.source and one.fingerprint != other.fingerprint:
        names.append("the source, which was written since")
    options = dict.fromkeys([*one.options, *other.options])
    # Null is what an option may be given as, and not the same as nothing.
    names += [name for name in options if one.options.get(name, ...) != other.options.get(name, ...)]
    if not names and one.info != other.info:
        names.append("the info that they lead to")
    return names


def given_options(keywords: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that are not the defaults, as JSON.

    Examples
    --------
    >>> given_options({"levels": 2, "box": (slice(0, 5), None), "type": None}, {"levels": None, "type": None})
    {'levels': 2, 'box': [[0, 5, None], None]}
    """
    plain = {name: _plain(value) for name, value in keywords.items()}
    return {name: value for name, value in plain.items() if name not in defaults or value != _plain(defaults[name])}


def _plain(value: Any) -> Any:
    """Return a value of an option as what JSON would make of it."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, slice):
        return [_plain(bound) for bound in (value.start, value.stop, value.step)]
    if isinstance(value, Mapping):
        return {str(name): _plain(member) for name, member in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(member) for member in value]
    if isinstance(value, type | np.dtype):
        return np.dtype(value).name
    return value if value is None or isinstance(value, str | bool | int | float) else str(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def fingerprint(source: Source) -> dict[str, Any] | None:
    """Return what tells whether a source is still the same; None where nothing does.

    Files are known by their names, sizes and times of writing, a volume by its ``info``.
    """
    if isinstance(source, VolumeSource):
        return {"info": _digest(source.volume.place.store.get(INFO_KEY).data)}
    if not source.files:
        return None
    known = [(name, (status := os.stat(name)).st_size, status.st_mtime_ns) for name in sorted(source.files)]
    return {
        "files": len(known),
        "bytes": sum(size for _, size, _ in known),
        "newest": max(time for _, _, time in known),
        "hash": _digest(json.dumps(known).encode()),
    }


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()
