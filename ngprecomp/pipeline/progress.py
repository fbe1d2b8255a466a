"""How far a job is."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO

Progress = Callable[[int, int], None]


def ignore_progress(done: int, total: int) -> None:
    """Tell nobody."""


class ProgressBar:
    """A line on a terminal with the part that is done, the rate and the time left; call it with done and total."""

    WIDTH = 30
    INTERVAL = 0.2

    def __init__(self, unit: str = "voxels", stream: TextIO = sys.stderr) -> None:
        self._unit = unit
        self._stream = stream
        self._began = time.monotonic()
        self._shown = 0.0

    def __call__(self, done: int, total: int) -> None:
        """Show the state, at most five times a second, and end the line when all is done."""
        now = time.monotonic()
        if done < total and now - self._shown < self.INTERVAL:
            return
        self._shown = now
        share = done / total if total else 1.0
        rate = done / max(now - self._began, 1e-9)
        left = f", {(total - done) / rate:.0f} s left" if done else ""
        bar = "#" * round(share * self.WIDTH)
        line = f"\r[{bar:<{self.WIDTH}}] {share:4.0%} {rate / 1e6:.0f} M{self._unit}/s{left}   "
        self._stream.write(line + ("\n" if done >= total else ""))
        self._stream.flush()
