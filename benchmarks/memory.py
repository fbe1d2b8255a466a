"""Whole jobs in processes of their own: seconds, CPU seconds and peak resident memory above the imports.

A maker is a function of a module which imports all that its job needs, opens or loads its inputs, and returns the job.
What the process holds then does not count; machine code of kernels that is loaded later does.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.measure import Cost, timed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).parents[1]
STATUS = Path("/proc/self/status")
TICK = 0.1  # seconds between two points of the memory curve


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a job took; memory is None where the system does not state it."""

    cost: Cost
    peak: int | None
    curve: tuple[tuple[float, int], ...] = ()


def in_child(maker: Callable[..., Callable[[], object]], *arguments: Any) -> Outcome:
    """Run the job of a maker in a fresh process, and return what it took.

    Raises
    ------
    RuntimeError
        The job failed.
    """
    order = json.dumps([maker.__module__, maker.__name__, arguments])
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.memory", order], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{maker.__name__}{arguments} failed: {done.stderr.strip().splitlines()[-1]}")
    found = json.loads(done.stdout.splitlines()[-1])
    return Outcome(Cost(*found["cost"]), found["peak"], tuple(map(tuple, found["curve"])))


def main() -> None:
    module, name, arguments = json.loads(sys.argv[1])
    job = getattr(importlib.import_module(module), name)(*arguments)
    if not STATUS.exists():  # only Linux tells
        print(json.dumps({"cost": _pair(timed(job)), "peak": None, "curve": []}))
        return
    before = _resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    with _watched(before) as curve:
        cost = timed(job)
    print(json.dumps({"cost": _pair(cost), "peak": _resident("VmHWM") - before, "curve": curve}))


@contextlib.contextmanager
def _watched(before: int) -> Iterator[list[tuple[float, int]]]:
    """Collect (seconds, bytes above `before`) while the body runs."""
    curve: list[tuple[float, int]] = []
    began, over = time.monotonic(), threading.Event()

    def watch() -> None:
        while not over.wait(TICK):
            curve.append((round(time.monotonic() - began, 2), _resident("VmRSS") - before))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield curve
    finally:
        over.set()
        thread.join()


def _resident(line: str) -> int:
    """Return the bytes that Linux states for this process under ``VmRSS`` or ``VmHWM``."""
    return next(int(row.split()[1]) << 10 for row in STATUS.read_text().splitlines() if row.startswith(line))


def _pair(cost: Cost) -> tuple[float, float]:
    return cost.wall, cost.cpu


if __name__ == "__main__":
    main()
