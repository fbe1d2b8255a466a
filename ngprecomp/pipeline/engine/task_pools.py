"""Where the tasks of a job are done, as ``executor=`` says it: processes of our own, or what the caller gives."""

from __future__ import annotations

import time
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, Protocol

from ngprecomp.errors import OptionError, StorageError
from ngprecomp.pipeline.engine.processes import OwnProcesses
from ngprecomp.pipeline.engine.submitting import Pool
from ngprecomp.volume.budget import REMOTE_WORKERS, parse_memory, worker_count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ngprecomp.storage.protocol import Store

ExecutorLike = Executor | Literal["threads", "processes"] | None

AHEAD = 4  # tasks in flight for each worker of a cluster, so that none waits for the way to us and back
LEAST_WINDOW = 64  # for executors that do not tell how many workers they have, or have none yet
ASKED_AGAIN = 10.0  # seconds: workers come and go
TASK_MEMORY = 2 << 30  # of a task on a machine that we do not know


class TaskPool(Pool, Protocol):
    """Where tasks are done, and what is seen from there."""

    @property
    def in_process(self) -> bool:
        """Whether tasks see the memory of this process."""

    @property
    def on_machine(self) -> bool:
        """Whether tasks see all files of this machine."""


class GivenExecutor:
    """An executor of the caller's, who keeps it."""

    def __init__(self, executor: Executor) -> None:
        self.executor = executor
        self.in_process = isinstance(executor, ThreadPoolExecutor)
        package = type(executor).__module__.partition(".")[0]
        self.on_machine = isinstance(executor, ThreadPoolExecutor | ProcessPoolExecutor) or package == "loky"
        self._workers = (0.0, 0)

    @property
    def window(self) -> int:
        """Four tasks for each worker, as far as the executor tells how many it has."""
        asked, workers = self._workers
        if asked == 0 or time.monotonic() - asked > ASKED_AGAIN:
            workers = _workers(self.executor)
            self._workers = time.monotonic(), workers
        return max(AHEAD * workers, LEAST_WINDOW)

    def renew(self, broken: Executor) -> None:
        """Refuse: we do not know how it was made."""
        raise StorageError(
            f"the {type(broken).__name__} broke, because one of its processes died, and takes no tasks any more; with "
            'executor="processes" others would be made'
        )

    def stop(self) -> None:
        """Do nothing: what is running there cannot be stopped, and leaves whole objects."""


def _workers(executor: Any) -> int:
    """Return how many tasks an executor does at a time, 0 where it does not tell; dask knows its threads."""
    client = getattr(executor, "_client", None)
    if client is not None:
        return sum(client.nthreads().values())
    return int(getattr(executor, "_max_workers", None) or 0)


@contextmanager
def task_pool(executor: ExecutorLike, processes: int) -> Iterator[TaskPool | None]:
    """Yield where tasks are done; None for threads of this process, which need no tasks.

    Raises
    ------
    OptionError
        It is no executor, or one whose processes begin as forks.
    """
    if executor is None or executor == "threads":
        yield None
    elif executor == "processes":
        own = OwnProcesses(processes)
        try:
            yield own
        except BaseException:
            own.stop()
            raise
        finally:
            own.close()
    else:
        yield GivenExecutor(_checked(executor))


def _checked(executor: Any) -> Executor:
    if not hasattr(executor, "submit"):
        raise OptionError(f'executor is "threads", "processes" or has a method submit, found {executor!r}')
    context = getattr(executor, "_mp_context", None)
    if context is not None and context.get_start_method() == "fork":
        raise OptionError(
            "processes that begin as forks hang where other threads hold locks: give the ProcessPoolExecutor "
            'mp_context=multiprocessing.get_context("forkserver"), or executor="processes"'
        )
    taken: Executor = executor
    return taken


def share(
    executor: ExecutorLike, memory: int | str | None, workers: int | None, *, remote: bool
) -> tuple[int, int, int]:
    """Return processes of our own, and the bytes and threads of each task.

    With threads there is one task with all of `memory` and `workers`. `workers` processes share the memory; each has
    one thread, or a few where stores are remote. On other machines both are meant for one task.
    """
    if executor is None or executor == "threads":
        return 0, parse_memory(memory), worker_count(workers, remote=remote)
    if executor == "processes":
        processes = worker_count(workers)
        threads = -(-REMOTE_WORKERS // processes) if remote else 1
        return processes, parse_memory(memory) // processes, threads
    least = min(TASK_MEMORY, parse_memory(None))
    threads = worker_count(workers) if workers else REMOTE_WORKERS if remote else 1
    return 0, least if memory is None else parse_memory(memory), threads


def refuse_unseen(pool: TaskPool | None, *stores: Store) -> None:
    """Refuse stores that tasks cannot see.

    Raises
    ------
    OptionError
        One lies in the memory of this process.
    """
    if pool is None or pool.in_process:
        return
    for store in stores:
        if store.url.startswith("memory://"):
            raise OptionError(f"{store.url} lies in the memory of this process, where other processes do not see it")
