"""What giving out a task costs: threads, processes, a dask cluster on this machine; tasks do nothing.

    python benchmarks/overhead_per_task.py [TASKS]

All sides take turns; the medians of three rounds are printed, with the seconds that an executor takes to start.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from statistics import median
from typing import TYPE_CHECKING

from ngprecomp.pipeline.engine.processes import OwnProcesses
from ngprecomp.pipeline.engine.submitting import run_tasks
from ngprecomp.pipeline.engine.task_pools import GivenExecutor

if TYPE_CHECKING:
    from collections.abc import Callable

    from ngprecomp.pipeline.engine.task_pools import TaskPool

TASKS = 1000
WORKERS = 2
ROUNDS = 3


def nothing(task: int) -> int:
    """Do nothing."""
    return task


def threads(stack: ExitStack) -> TaskPool:
    return GivenExecutor(stack.enter_context(ThreadPoolExecutor(WORKERS)))


def processes(stack: ExitStack) -> TaskPool:
    own = OwnProcesses(WORKERS)
    stack.callback(own.close)
    return own


def dask(stack: ExitStack) -> TaskPool:
    from distributed import Client, LocalCluster

    cluster = stack.enter_context(
        LocalCluster(n_workers=WORKERS, threads_per_worker=1, dashboard_address=None, silence_logs=50)
    )
    return GivenExecutor(stack.enter_context(Client(cluster)).get_executor())


def seconds(pool: TaskPool, count: int) -> float:
    began = time.perf_counter()
    assert sum(result for _, result in run_tasks(nothing, range(count), pool)) == count * (count - 1) // 2
    return time.perf_counter() - began


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else TASKS
    kinds: tuple[Callable[[ExitStack], TaskPool], ...] = (threads, processes, dask)
    with ExitStack() as stack:
        pools, starts = {}, {}
        for kind in kinds:
            began = time.perf_counter()
            pools[kind] = kind(stack)
            seconds(pools[kind], 10)
            starts[kind] = time.perf_counter() - began
        taken = {kind: [] for kind in kinds}
        for _ in range(ROUNDS):
            for kind, pool in pools.items():
                taken[kind].append(seconds(pool, count))
        print(f"{count} tasks, {WORKERS} workers")
        for kind in kinds:
            each = median(taken[kind]) / count * 1e6
            print(f"{kind.__name__:10} {each:8.0f} us a task, starts in {starts[kind]:5.2f} s")


if __name__ == "__main__":
    main()
