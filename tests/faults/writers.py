"""What writing processes do that collide or die; each runs in a process of its own."""

from __future__ import annotations

import errno
import itertools
import os
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import ngprecomp as ng

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def write_half(folder: str, half: int) -> None:
    """Write one half of all chunks along x: chunk by chunk, so that every chunk is read, changed and written."""
    vol = ng.open(folder)
    for box in vol.write_boxes():
        x = box[0]
        middle = (x.start + x.stop) // 2
        part = slice(x.start, middle) if half == 0 else slice(middle, x.stop)
        vol[part, box[1], box[2]] = 1 + half


def write_every_other_chunk(folder: str, which: int) -> None:
    """Write every other chunk of a volume, whatever shard it lies in."""
    vol = ng.open(folder)
    step = vol.scale.chunk_size[2]
    for number, z in enumerate(range(0, vol.shape[2], step)):
        if number % 2 == which:
            vol[:, :, z : z + step] = 1 + which


def add_ten_scales(folder: str, which: int) -> None:
    """Add ten scales to an ``info``."""
    for number in range(10):
        edge = 2 + which + 2 * number
        ng.create(folder, shape=(1, 1, 1), dtype="uint8", resolution=(edge, edge, edge), exist="add")


CHANGING = ("pwrite", "replace", "link", "unlink", "rmdir", "mkdir", "open", "fsync")
"""The calls of `os` by which files change."""


@contextmanager
def before_changes(before: Callable[[int, str, tuple[Any, ...]], None]) -> Iterator[None]:
    """Let `before` be called with number, name and arguments of each call that changes files, while this runs."""
    numbers = itertools.count(1)
    originals = {name: getattr(os, name) for name in CHANGING}

    def counted(name: str) -> Callable[..., Any]:
        def call(*arguments: Any, **keywords: Any) -> Any:
            if name != "open" or arguments[1] & os.O_CREAT:
                before(next(numbers), name, arguments)
            return originals[name](*arguments, **keywords)

        return call

    try:
        for name in CHANGING:
            setattr(os, name, counted(name))
        yield
    finally:
        for name, original in originals.items():
            setattr(os, name, original)


def count(job: Callable[[], object]) -> int:
    """Return how many calls of a job change files."""
    calls: list[str] = []
    with before_changes(lambda number, name, arguments: calls.append(name)):
        job()
    return len(calls)


def die(job: Callable[[], object], at: int) -> None:
    """Do a job and die by SIGKILL before its call number `at` that changes files, or with half of it written."""
    pwrite = os.pwrite

    def before(number: int, name: str, arguments: tuple[Any, ...]) -> None:
        if number == at:
            if name == "pwrite":
                descriptor, data, offset = arguments
                pwrite(descriptor, data[: len(data) // 2], offset)
            os.kill(os.getpid(), signal.SIGKILL)

    with before_changes(before):
        job()


@contextmanager
def full_disk(at: int) -> Iterator[None]:
    """Let every call that takes space fail from number `at` on, as on a disk that is full."""

    def before(number: int, name: str, arguments: tuple[Any, ...]) -> None:
        if number >= at and name in ("pwrite", "mkdir", "open"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), arguments[0] if name != "pwrite" else None)

    with before_changes(before):
        yield
