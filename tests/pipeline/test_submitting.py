"""Tasks on executors: bounded, retried, and isolated where they kill whoever does them."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import Executor, Future
from itertools import count
from pathlib import Path

import pytest

from ngprecomp.errors import FailedTasksError, SourceError, StorageError
from ngprecomp.pipeline.engine.processes import OwnProcesses
from ngprecomp.pipeline.engine.submitting import MOST_FAILED, run_tasks
from tests.pipeline.tasks_in_processes import kill_for, raise_for, raise_local, square, touch_slowly


def finish(future, function, args):
    if future.set_running_or_notify_cancel():
        future.set_result(function(*args))


class FakePool:
    """Futures that finish when the test says so, last first."""

    def __init__(self, window=4, delay=0.002):
        self.window = window
        self.delay = delay
        self.executor = self
        self.begun = []
        self.stopped = False

    def submit(self, function, *args):
        future = Future()
        self.begun.append(args[1])
        if len(self.begun) % self.window == 0:
            future.set_result(function(*args))
        else:
            threading.Timer(self.delay, finish, [future, function, args]).start()
        return future

    def renew(self, broken):
        raise StorageError("mine")

    def stop(self):
        self.stopped = True


@pytest.fixture(scope="module")
def processes():
    pool = OwnProcesses(2)
    yield pool
    pool.close()


def test_tasks_are_read_as_far_as_the_window_allows():
    pool = FakePool()
    read = []

    def numbers():
        for number in range(20):
            read.append(number)
            yield number

    found = {}
    for number, result in run_tasks(square, numbers(), pool):
        found[number] = result
        assert len(read) <= len(found) + pool.window
    assert found == {number: number**2 for number in range(20)}
    assert sorted(pool.begun) == list(range(20))
    assert not pool.stopped


def test_results_come_as_they_are_finished():
    results = run_tasks(square, range(4), FakePool(delay=0.5))
    assert next(results) == (3, 9)
    assert sorted(results) == [(0, 0), (1, 1), (2, 4)]


def test_a_caller_that_stops_leaves_nothing_running():
    pool = FakePool()
    results = run_tasks(square, count(), pool)
    next(results)
    results.close()
    assert pool.stopped
    assert len(pool.begun) == pool.window


class Failing(Executor):
    """Raises `errors` of a task one after the other before it does it."""

    def __init__(self, errors):
        self.errors = {number: list(listed) for number, listed in errors.items()}
        self.executor = self
        self.window = 3
        self.tried = []

    def submit(self, function, *args):
        future = Future()
        _, number, _ = args
        self.tried.append(number)
        if self.errors.get(number):
            future.set_exception(self.errors[number].pop(0))
        else:
            future.set_result(function(*args))
        return future

    def stop(self):
        pass


def test_what_may_pass_is_tried_again():
    pool = Failing({3: [OSError("net"), StorageError("slow down")], 5: [MemoryError()]})
    assert dict(run_tasks(square, range(8), pool)) == {number: number**2 for number in range(8)}
    assert pool.tried.count(3) == 3
    assert pool.tried.count(5) == 2


def test_what_fails_again_and_again_is_named_and_the_others_are_done():
    pool = Failing({3: [OSError("net")] * 9, 5: [SourceError("values do not fit")]})
    done = []
    with pytest.raises(FailedTasksError) as failed:
        done.extend(number for number, _ in run_tasks(square, range(8), pool))
    assert str(failed.value).startswith("2 tasks failed, all others are done: ")
    assert "5: values do not fit" in str(failed.value)
    assert "3: OSError: net" in str(failed.value)
    assert sorted(done) == [0, 1, 2, 4, 6, 7]
    assert pool.tried.count(3) == 3
    assert pool.tried.count(5) == 1


def test_where_everything_fails_no_more_is_begun():
    pool = Failing({number: [SourceError("no")] for number in range(1000)})
    with pytest.raises(FailedTasksError, match=r"no further ones were begun: \d+: no.*and \d+ more"):
        list(run_tasks(square, range(1000), pool))
    assert len(pool.tried) <= MOST_FAILED + pool.window


def test_an_interrupt_of_a_task_ends_all():
    pool = Failing({2: [KeyboardInterrupt()]})
    with pytest.raises(KeyboardInterrupt):
        list(run_tasks(square, range(1000), pool))
    assert len(pool.tried) < 10


class KilledWorker(Exception):  # noqa: N818 - as dask calls it
    """What dask raises for tasks that ran beside one that killed its workers, too."""


def test_innocent_tasks_that_dask_blames_are_done_alone():
    pool = Failing({1: [KilledWorker()] * 2, 2: [KilledWorker()]})
    done = []
    with pytest.raises(FailedTasksError, match="1 task failed, all others are done: 1: its process died"):
        done.extend(number for number, _ in run_tasks(square, range(8), pool))
    assert sorted(done) == [0, 2, 3, 4, 5, 6, 7]


def test_processes(processes):
    assert dict(run_tasks(square, range(30), processes)) == {number: number**2 for number in range(30)}


def test_a_task_that_kills_its_process_is_isolated(processes):
    tasks = ((number, (7,), None) for number in range(30))
    done = []
    with pytest.raises(FailedTasksError, match=r"^1 task failed, all others are done: \(7, .* its process died"):
        done.extend(result for _, result in run_tasks(kill_for, tasks, processes))
    assert sorted(done) == [number for number in range(30) if number != 7]


def test_processes_that_are_killed_from_outside_are_replaced(processes, tmp_path):
    tasks = ((number, (3, 9), str(tmp_path / "once")) for number in range(30))
    assert sorted(result for _, result in run_tasks(kill_for, tasks, processes)) == list(range(30))


def test_errors_of_processes_arrive(processes):
    with pytest.raises(FailedTasksError, match="LocalError: 0 and 0") as failed:
        list(run_tasks(raise_local, range(2), processes))
    assert isinstance(failed.value.__cause__, RuntimeError)
    kinds = {1: SourceError("labels above 2**32")}
    with pytest.raises(FailedTasksError, match=r"labels above 2\*\*32") as failed:
        list(run_tasks(raise_for, ((number, kinds) for number in range(3)), processes))
    assert isinstance(failed.value.__cause__, SourceError)


def test_tasks_of_processes_are_interrupted_and_tidy_up(tmp_path):
    pool = OwnProcesses(2)
    results = run_tasks(touch_slowly, [(tmp_path, 0), (tmp_path, 100), (tmp_path, 100), (tmp_path, 100)], pool)
    pid = next(results)[1]
    wait_for(lambda: len(list(tmp_path.iterdir())) == 2)
    began = time.monotonic()
    results.close()
    assert time.monotonic() - began < 10
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert next(run_tasks(square, [4], pool)) == (4, 16)  # and others can begin
    pool.close()


def keep_busy(folder):
    list(run_tasks(touch_slowly, ((folder, 0.2) for _ in range(500)), OwnProcesses(2)))


def test_processes_do_not_outlive_us(tmp_path):
    import multiprocessing

    process = multiprocessing.get_context("forkserver").Process(target=keep_busy, args=(tmp_path,))
    process.start()
    wait_for(lambda: len(list(tmp_path.iterdir())) == 2)
    pids = [int(path.name) for path in tmp_path.iterdir()]
    process.kill()
    process.join()
    wait_for(lambda: not any(map(is_alive, pids)))


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def wait_for(what):
    deadline = time.monotonic() + 20
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.01)
