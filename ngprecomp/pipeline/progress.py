"""How far a job is."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

Progress = Callable[[int, int], None]


def ignore_progress(done: int, total: int) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """What a job says before it begins: remarks, one line on the plan, and the bytes of a voxel with its channels."""

    remarks: tuple[str, ...]
    plan: str
    voxel_bytes: int


def announce(progress: Progress, announcement: Announcement) -> None:
    """Tell a progress that listens to announcements, as `ProgressBar` does, what is about to begin."""
    listen = getattr(progress, "announce", None)
    if listen is not None:
        listen(announcement)


class ProgressBar:
    """A line on a terminal with the part that is done, the rate and the time left; call it with done and total.

    What was done when it is called first counts as done before: it is no part of the rate. An announcement is printed
    before; without a `bar` nothing else is.
    """

    WIDTH = 30
    INTERVAL = 0.2

    def __init__(self, stream: TextIO = sys.stderr, *, bar: bool = True) -> None:
        self._stream = stream
        self._bar = bar
        self._announcement: Announcement | None = None
        self._first: tuple[float, int] | None = None
        self._shown = 0.0
        self._unfinished = False

    def announce(self, announcement: Announcement) -> None:
        """Print remarks and plan."""
        self._announcement = announcement
        self._stream.write("\n".join([*announcement.remarks, announcement.plan, ""]))
        self._stream.flush()

    def __call__(self, done: int, total: int) -> None:
        """Show the state, at most five times a second, and end the line when all is done."""
        now = time.monotonic()
        if self._first is None:
            self._first = now, done
        if not self._bar or (done < total and now - self._shown < self.INTERVAL):
            return
        self._shown = now
        self._unfinished = done < total
        began, before = self._first
        rate = (done - before) / max(now - began, 1e-9)
        left = f", {_time(round((total - done) / rate))} left" if rate else ""
        share = done / total if total else 1.0
        marks = "#" * round(share * self.WIDTH)
        line = f"\r[{marks:<{self.WIDTH}}] {share:4.0%} {self._rate(rate)}{left}   "
        self._stream.write(line + ("" if self._unfinished else "\n"))
        self._stream.flush()

    def close(self) -> None:
        """End the line of a job that did not."""
        if self._unfinished:
            self._unfinished = False
            self._stream.write("\n")
            self._stream.flush()

    def _rate(self, voxels: float) -> str:
        if self._announcement is None:
            return f"{voxels / 1e6:.0f} Mvoxels/s"
        return f"{voxels * self._announcement.voxel_bytes / 1e6:.0f} MB/s"


def _time(seconds: int) -> str:
    """Return a time for people.

    Examples
    --------
    >>> _time(42), _time(125), _time(7500)
    ('42 s', '2 min 5 s', '2 h 5 min')
    """
    minutes, hours = seconds // 60, seconds // 3600
    if hours:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min {seconds % 60} s" if minutes else f"{seconds} s"
