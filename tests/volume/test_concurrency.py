"""Threads and processes that read and write at the same time lose nothing."""

import itertools
import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest

import ngprecomp as ng

LAYOUTS = {"unsharded": {}, "sharded": {"shard_size": (8, 8, 8)}}


@pytest.fixture(params=LAYOUTS)
def layout(request):
    return {"chunk_size": (4, 4, 4), "key": "s", **LAYOUTS[request.param]}


def write_voxels(url, first, step, rounds):
    """Write every `step`-th plane of voxels, so that all chunks and shards are shared with the other writers."""
    vol = ng.open(url)
    for number in range(rounds):
        for x in range(first, vol.shape[0], step):
            vol[x, number % 2 :: 2] = x + 1
    return first


def written(shape):
    return np.broadcast_to(np.arange(1, shape[0] + 1, dtype=np.uint16)[:, None, None, None], shape)


def test_threads_that_write_the_same_chunks(where, layout):
    vol = ng.create(where, shape=(8, 8, 8), dtype="uint16", **layout)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(write_voxels, [vol.url] * 4, range(4), [4] * 4, [2] * 4)) == [0, 1, 2, 3]
    assert np.array_equal(vol[...], written(vol.shape))


def test_one_handle_for_many_threads(where, layout):
    vol = ng.create(where, shape=(8, 8, 8), dtype="uint16", **layout)

    def write(x):
        vol[x] = x + 1
        return vol[x]

    with ThreadPoolExecutor(4) as pool:
        for x, plane in enumerate(pool.map(write, range(8))):
            assert (plane == x + 1).all()
    assert np.array_equal(vol[...], written(vol.shape))


def test_readers_see_whole_chunks_while_they_are_rewritten(where, layout):
    """A chunk is written in one piece: its voxels are all of one write."""
    vol = ng.create(where, shape=(8, 8, 8), dtype="uint16", **layout)
    vol[...] = 1
    stop = threading.Event()

    def rewrite():
        for value in itertools.count(2):
            vol[...] = value % 50 + 1
            if stop.is_set():
                return

    writer = threading.Thread(target=rewrite)
    writer.start()
    try:
        for _ in range(60):
            voxels = ng.open(vol.url)[...]
            for chunk in itertools.product((slice(0, 4), slice(4, 8)), repeat=3):
                assert len(np.unique(voxels[chunk])) == 1
                assert voxels[chunk].all()
    finally:
        stop.set()
        writer.join()


@pytest.fixture(scope="module")
def processes():
    context = multiprocessing.get_context("forkserver")
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        yield pool


def test_processes_that_write_the_same_chunks(processes, tmp_path, layout):
    vol = ng.create(tmp_path / "v", shape=(16, 8, 8), dtype="uint16", **layout)
    list(processes.map(write_voxels, [vol.url] * 2, range(2), [2] * 2, [4] * 2))
    assert np.array_equal(vol[...], written(vol.shape))
    assert not (tmp_path / "v/.ngprecomp-locks").exists()


def add_scales(where, first):
    for number in range(first, 20, 2):
        ng.create(where, shape=(1, 1, 1), dtype="uint8", resolution=(number + 1, 1, 1), key=f"{number:02}", exist="add")


def test_processes_that_add_scales(processes, tmp_path):
    """Also the volume itself is made by whoever comes first."""
    list(processes.map(add_scales, [str(tmp_path / "v")] * 2, range(2)))
    keys = [scale["key"] for scale in ng.open(tmp_path / "v").scales]
    assert sorted(keys) == [f"{number:02}" for number in range(20)]


def test_threads_that_add_scales(memory):
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(add_scales, [memory] * 2, range(2)))
    assert len(ng.open(memory).scales) == 20


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_has_its_own_threads(where, layout):
    vol = ng.create(where, shape=(8, 8, 8), dtype="uint16", **layout)
    vol[...] = 3
    assert vol[...].all()  # the pool of the parent exists now
    child = os.fork()
    if child == 0:
        status = 1
        try:
            before = vol[...]
            vol[1:7, 1:7, 1:7] = 4
            status = 0 if (before == 3).all() and vol[...].sum() == 3 * 8**3 + 6**3 else 1
        finally:
            os._exit(status)
    deadline = time.monotonic() + 30
    done, status = os.waitpid(child, os.WNOHANG)
    while not done and time.monotonic() < deadline:
        time.sleep(0.01)
        done, status = os.waitpid(child, os.WNOHANG)
    if not done:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert (done, status) == (child, 0)
    assert vol[...].sum() == 3 * 8**3 + (6**3 if where.startswith("/") else 0)  # memory belongs to one process


def test_handles_go_to_processes(processes, tmp_path, layout):
    vol = ng.create(tmp_path / "v", shape=(8, 8, 8), dtype="uint16", **layout)
    vol[...] = 3
    assert vol[...].all()
    assert processes.submit(np.sum, vol).result() == 3 * 8**3
