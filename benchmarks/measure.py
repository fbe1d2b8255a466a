"""The sides of a comparison, run in turn in one process: medians of their wall and CPU seconds."""

from __future__ import annotations

import math
import resource
import time
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Job = Callable[[], object]

KERNEL_SECONDS = 0.01  # a sample of a kernel repeats it for so long: the clock's and the loop's own cost vanish


@dataclass(frozen=True, slots=True)
class Cost:
    """The seconds that one run of a job takes; `cpu` counts all threads and child processes."""

    wall: float
    cpu: float

    def times(self, runs: float) -> Cost:
        """Return the cost of so many runs."""
        return Cost(self.wall * runs, self.cpu * runs)


def alternate(sides: Mapping[str, Job], rounds: int, least: float = 0.0) -> dict[str, Cost]:
    """Run every side once unmeasured, then all of them in turn, and return the medians over `rounds`.

    A side is repeated within a round until that takes about `least` seconds. The order turns round each time, so that
    no side always follows the same other one.
    """
    repeats = {name: _repeats(job, least) for name, job in sides.items()}
    samples: dict[str, list[Cost]] = {name: [] for name in sides}
    for number in range(rounds):
        for name in list(sides)[:: 1 if number % 2 == 0 else -1]:
            samples[name].append(timed(sides[name], repeats[name]))
    return {
        name: Cost(median(cost.wall for cost in costs), median(cost.cpu for cost in costs))
        for name, costs in samples.items()
    }


def timed(job: Job, repeats: int = 1) -> Cost:
    """Return the cost of one run, as the mean of `repeats`."""
    cpu, wall = _cpu_seconds(), time.perf_counter()
    for _ in range(repeats):
        job()
    return Cost(time.perf_counter() - wall, _cpu_seconds() - cpu).times(1 / repeats)


def _repeats(job: Job, least: float) -> int:
    job()  # loads machine code, files and libraries
    if not least:
        return 1
    return max(1, math.ceil(least / timed(job).wall))


def _cpu_seconds() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime
