"""A pool of processes of our own: they never begin as forks, die with us, and end politely when they are told to."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from concurrent.futures import BrokenExecutor, ProcessPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from ngprecomp.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor, Future

R = TypeVar("R")

GRACE = 60.0  # seconds for a task to remove what it has not finished
AHEAD = 2  # tasks for each process: so that none waits; more would only be more suspects when one dies


class OwnProcesses:
    """`count` processes on this machine, made when they are first needed and again when one of them has died."""

    in_process = False
    on_machine = True

    def __init__(self, count: int) -> None:
        self.count = count
        self._executor: _Processes | None = None

    @property
    def window(self) -> int:
        """So many tasks that no process waits for one."""
        return AHEAD * self.count

    @property
    def executor(self) -> ProcessPoolExecutor:
        """The processes.

        Raises
        ------
        StorageError
            They do not start.
        """
        if self._executor is None:
            # A fork inherits locks that threads of ours hold, and obstore hangs in it.
            context = multiprocessing.get_context("forkserver")
            self._executor = _Processes(self.count, context, _begin)
            try:
                self._executor.submit(os.getpid).result()
            except BrokenExecutor as error:
                raise StorageError(
                    "processes do not start here: a script that is run must call us below `if __name__ == "
                    "'__main__':`, because each process imports it"
                ) from error
        return self._executor

    def renew(self, broken: Executor) -> None:
        """Let the processes go that are left of a broken pool; others are made when they are needed."""
        if broken is self._executor:
            self._executor.shutdown()
            self._executor = None

    def stop(self) -> None:
        """Interrupt all processes; their tasks remove what they have not finished."""
        executor, self._executor = self._executor, None
        if executor is None:
            return
        # Python 3.14 has a method for this.
        processes = list((executor._processes or {}).values())
        executor.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.terminate()
        for process in processes:
            process.join(GRACE)
            process.kill()

    def close(self) -> None:
        """Let the processes end."""
        executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(cancel_futures=True)


def _begin() -> None:
    """Prepare a new process: what interrupts us is no concern of a process that waits, and it shall not outlive us."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


class _Processes(ProcessPoolExecutor):
    """Processes whose tasks can be interrupted."""

    def submit(self, function: Callable[..., R], /, *args: Any, **keywords: Any) -> Future[R]:
        return super().submit(_interruptible, function, *args, **keywords)


def _interruptible(function: Callable[..., R], *args: Any, **keywords: Any) -> R:
    """Do a task; when it is interrupted it tidies up, and its process ends."""
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        return function(*args, **keywords)
    except KeyboardInterrupt:
        os._exit(1)  # tasks that wait in the queue of this process shall not begin
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
