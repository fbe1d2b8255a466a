"""Ctrl-C in the middle of threads, and forks while threads work."""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

import ngprecomp as ng
from ngprecomp.chunks.unsharded import chunk_key
from ngprecomp.format.grid import positions_in
from ngprecomp.storage.temporary import is_temporary
from tests.faults.interrupted import JOBS, SIZE

ROOT = Path(__file__).parents[2]
TIMES = 3


@pytest.fixture(scope="module")
def worker():
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.interrupted"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    with process:
        yield process


@pytest.mark.parametrize("job", JOBS)
def test_ctrl_c_ends_threads_and_leaves_no_half_file(worker, job, tmp_path):
    for number in range(TIMES):
        folder = tmp_path / str(number) / "v"
        folder.parent.mkdir()
        worker.stdin.write(f"{job} {folder}\n")
        worker.stdin.flush()
        assert worker.stdout.readline() == "ready\n"
        time.sleep(0.05 + 0.03 * number)
        sent = time.time()
        worker.send_signal(signal.SIGINT)
        raised, ended, alive = map(float, worker.stdout.readline().split())
        assert raised - sent < 1
        assert ended - raised < 1
        assert alive == 0
        assert not [path for path in folder.rglob("*") if is_temporary(path.name)]
        for info in folder.rglob("info"):
            assert ng.open(info.parent)[...].size == math.prod(SIZE)


@pytest.mark.parametrize("job", ["write", "shards"])
def test_ctrl_c_ends_threads_that_wait_for_the_locks_of_others(worker, job, tmp_path):
    folder = tmp_path / "v"
    worker.stdin.write(f"{job} {folder}\n")
    worker.stdin.flush()
    assert worker.stdout.readline() == "ready\n"
    place = ng.open(folder).place
    keys = [chunk_key(place, position) for position in positions_in(place.grid.positions)]
    if job == "shards":
        keys = [place.shard_key(number) for number in range(4)]
    with ExitStack() as held:
        for key in keys:
            held.enter_context(place.store.lock(key))
        time.sleep(0.2)
        sent = time.time()
        worker.send_signal(signal.SIGINT)
        raised, ended, alive = map(float, worker.stdout.readline().split())
    assert raised - sent < 1
    assert ended - raised < 1
    assert alive == 0


def look(folder, vol, answers):
    """Read in a child that has inherited an open volume, and write to it."""
    before = vol[...]
    vol[0] = before[0]
    answers.put(bool((before[1:] == before[1, 0, 0]).all()))


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_forks_while_threads_read_and_write(tmp_path):
    """A forked child has none of the threads that may hold a lock at that moment."""
    vol = ng.create(tmp_path / "v", shape=(16, 16, 16), dtype="uint8", chunk_size=(16, 16, 16), shard_size=(16, 16, 16))
    vol[...] = 1
    stop = threading.Event()

    def work(write):
        while not stop.is_set():
            if write:
                vol[1:] = 1
            else:
                vol[...]

    threads = [threading.Thread(target=work, args=(number == 0,)) for number in range(3)]
    for thread in threads:
        thread.start()
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    try:
        for _ in range(5):
            child = context.Process(target=look, args=(tmp_path, vol, answers))
            child.start()
            child.join(30)
            alive = child.is_alive()
            if alive:
                os.kill(child.pid, signal.SIGKILL)
                child.join()
            assert not alive, "the child hangs"
            assert child.exitcode == 0
            assert answers.get()
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert np.array_equal(vol[...], np.ones(vol.shape))
