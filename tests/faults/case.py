"""A case of a damaged volume, and how cases are entered: which volume, what is done to it, what must come of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path  # noqa: TC003  the aliases of types are evaluated
from typing import Any, Literal

from tests.faults.volumes import KINDS

Outcome = Literal["exact", "error", "policy", "unseen"]
Change = Callable[[bytes], bytes]

CHUNKS = ("chunk -5:3,0:8,3:11 of scale 's' in file://", "s/-5-3_0-8_3-11")
"""What an error about the first chunk names: the chunk, or its file."""
MEBIBYTE = 1 << 20
FILES = [name for name, kind in KINDS.items() if "sharding" not in kind.options]
SHARDS = [name for name in KINDS if name.startswith("shards") and name != "shards hashed"]


@dataclass(frozen=True)
class Case:
    """One fault.

    `outcome` is ``"exact"``, ``"error"`` (one of our own or of the system's, which names one of `names` and says
    `words`), ``"policy"`` (`absent` chunks are counted, read as zeros, and are an error on request) or ``"unseen"`` (a
    changed voxel in bytes without checksum). Of a volume that promises more voxels than there are, `box` is read.
    """

    name: str
    kind: str
    damage: Callable[[Path], object]
    outcome: Outcome
    words: str = ""
    names: tuple[str, ...] = CHUNKS
    absent: int = 1
    box: tuple[tuple[int, int], ...] | None = None


CASES: list[Case] = []


def add(name: str, kind: str, damage: Callable[[Path], object], outcome: Outcome = "error", **more: Any) -> None:
    """Enter a case."""
    CASES.append(Case(f"{name}, {kind}", kind, damage, outcome, **more))


def on_chunk(name: str, kind: str, change: Change, outcome: Outcome = "error", **more: Any) -> None:
    """Enter a case of a changed chunk file."""
    add(name, kind, lambda folder: edit(first(folder), change), outcome, **more)


def in_place(name: str, kind: str, put: Callable[[Path], object], outcome: Outcome = "error", **more: Any) -> None:
    """Enter a case of something else in place of the chunk file."""

    def damage(folder: Path) -> None:
        path = first(folder)
        path.unlink()
        put(path)

    add(name, kind, damage, outcome, **more)


def first(folder: Path) -> Path:
    """Return the file of the first chunk, or the first shard."""
    return min((folder / "s").iterdir(), key=lambda path: (not path.name.startswith("-5-3_0-8_3-11"), path.name))


def edit(path: Path, change: Change) -> None:
    """Replace the bytes of a file."""
    path.write_bytes(change(path.read_bytes()))


def flip(at: int) -> Change:
    """Return a change of one bit in the byte `at`."""
    return lambda data: bytes([*data[:at], data[at] ^ 16, *data[at + 1 :]])


def enlarge(path: Path) -> None:
    """Make a file 10 GiB long; the new part takes no place on the disk."""
    os.truncate(path, 10 << 30)
