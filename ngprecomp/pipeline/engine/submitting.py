"""Give tasks to an executor, a bounded number of them at a time, and outlive what goes wrong with some.

A task that raises is tried again where that may help. A task that kills its worker takes others along: a pool of
processes breaks as a whole, dask blames whatever ran beside it. So after a break everything that was in flight is done
alone, one task at a time; what kills its worker even then is given up, named at the end, and the rest is done.
"""

from __future__ import annotations

import pickle
from collections import deque
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, wait
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from ngprecomp.errors import FailedTasksError, NgprecompError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Executor, Future

T = TypeVar("T")
R = TypeVar("R")

RETRIES = 2
MOST_FAILED = 16  # then something is wrong with all of them
LISTED = 5  # of them in the message
KILLED = "KilledWorker"  # dask's name for a task whose workers died again and again


class Pool(Protocol):
    """Where tasks are done."""

    @property
    def executor(self) -> Executor:
        """What takes tasks now."""

    @property
    def window(self) -> int:
        """How many tasks may be in flight."""

    def renew(self, broken: Executor) -> None:
        """Put another executor in the place of one that broke, unless that has happened already.

        Raises
        ------
        StorageError
            It belongs to the caller.
        """

    def stop(self) -> None:
        """Let nothing begin any more, and end what runs as far as that can be done."""


def run_tasks(
    function: Callable[[T], R], tasks: Iterable[T], pool: Pool, *, retries: int = RETRIES
) -> Iterator[tuple[T, R]]:
    """Yield each task with its result, in the order in which they are finished.

    `tasks` is read as far as `pool.window` allows. When the caller stops, or is interrupted, what has not begun is
    cancelled. Function and tasks must pickle where the pool is one of processes; tasks print as what messages call
    them.

    Raises
    ------
    FailedTasksError
        Some tasks failed; all others were finished and yielded before, but for those after `MOST_FAILED`.
    """
    yield from _Submission(function, iter(tasks), pool, retries).results()


@dataclass(slots=True)
class _Trial(Generic[T]):
    """A task, how often it has failed by itself, and which executor has it."""

    task: T
    failures: int = 0
    alone: bool = False
    executor: Executor | None = None


@dataclass(slots=True)
class _Submission(Generic[T, R]):
    """Tasks on their way: not yet read, to be tried again, to be done alone, in flight, given up."""

    function: Callable[[T], R]
    tasks: Iterator[T]
    pool: Pool
    retries: int
    again: deque[_Trial[T]] = field(default_factory=deque)
    suspects: deque[_Trial[T]] = field(default_factory=deque)
    in_flight: dict[Future[R], _Trial[T]] = field(default_factory=dict)
    failed: list[tuple[T, BaseException]] = field(default_factory=list)

    def results(self) -> Iterator[tuple[T, R]]:
        try:
            while self._fill():
                done, _ = wait(self.in_flight, return_when=FIRST_COMPLETED)
                for future in done:
                    trial = self.in_flight.pop(future)
                    error = CancelledError() if future.cancelled() else future.exception()
                    if error is None:
                        yield trial.task, future.result()
                    else:
                        self._failed(trial, error)
        finally:
            if self.in_flight:
                self._abandon()
        if self.failed:
            raise self._summary() from self.failed[0][1]

    def _fill(self) -> bool:
        """Submit what may be in flight now; False if nothing is left."""
        if self.suspects:
            if not self.in_flight:
                trial = self.suspects.popleft()
                trial.alone = True
                self._submit(trial)
            return True
        while self.again:
            self._submit(self.again.popleft())
        if len(self.failed) < MOST_FAILED:
            for task in islice(self.tasks, max(0, self.pool.window - len(self.in_flight))):
                self._submit(_Trial(task))
        return bool(self.in_flight)

    def _submit(self, trial: _Trial[T]) -> None:
        try:
            future = self._given_to(self.pool.executor, trial)
        except BrokenExecutor:
            assert trial.executor is not None
            self.pool.renew(trial.executor)
            future = self._given_to(self.pool.executor, trial)
        self.in_flight[future] = trial

    def _given_to(self, executor: Executor, trial: _Trial[T]) -> Future[R]:
        trial.executor = executor
        # dask answers a call that it has seen with what it knows of it, failures too: so each trial is another call
        return executor.submit(_call, self.function, trial.task, trial.failures + trial.alone)

    def _failed(self, trial: _Trial[T], error: BaseException) -> None:
        """Decide what becomes of a task."""
        if isinstance(error, BrokenExecutor):
            assert trial.executor is not None
            self.pool.renew(trial.executor)
        if not isinstance(error, Exception):  # an interrupt
            raise error
        if _was_killed(error) and not trial.alone:
            self.suspects.append(trial)
            return
        trial.failures += 1
        # what we refuse stays refused; what a store could not do it may do later
        lasting = _was_killed(error) or (isinstance(error, NgprecompError) and not isinstance(error, OSError))
        if lasting or trial.failures > self.retries:
            self.failed.append((trial.task, error))
        else:
            self.again.append(trial)

    def _abandon(self) -> None:
        waited_for = [future for future in self.in_flight if not future.cancel()]
        self.pool.stop()
        wait(waited_for)

    def _summary(self) -> FailedTasksError:
        listed = [f"{task}: {_told(error)}" for task, error in self.failed[:LISTED]]
        if len(self.failed) > LISTED:
            listed.append(f"and {len(self.failed) - LISTED} more")
        count = len(self.failed)
        rest = "all others are done" if count < MOST_FAILED else "no further ones were begun"
        return FailedTasksError(f"{count} {'task' if count == 1 else 'tasks'} failed, {rest}: {'; '.join(listed)}")


def _call(function: Callable[[T], R], task: T, trial: int) -> R:
    """Do a task where the executor wants it done."""
    del trial
    try:
        return function(task)
    except Exception as error:
        if _is_portable(error):
            raise
        kind = StorageError if isinstance(error, OSError) else RuntimeError
        raise kind(f"{type(error).__name__}: {error}") from None


def _is_portable(error: Exception) -> bool:
    """Whether an error arrives in another process as what it is; there one that does not would break the pool."""
    try:
        return str(pickle.loads(pickle.dumps(error))) == str(error)
    except Exception:
        return False


def _was_killed(error: BaseException) -> bool:
    return isinstance(error, BrokenExecutor) or type(error).__name__ == KILLED


def _told(error: BaseException) -> str:
    if _was_killed(error):
        return "its process died while it was the only task, killed by the system when memory ran out, or by a crash"
    return str(error) if isinstance(error, NgprecompError) else f"{type(error).__name__}: {error}"
