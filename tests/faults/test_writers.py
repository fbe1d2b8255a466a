"""Writers that collide, die or find a full disk lose nothing; ``REPETITIONS=20`` lets them collide more often."""

from __future__ import annotations

import multiprocessing
import os
import random
import resource
import signal
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import ngprecomp as ng
from ngprecomp.storage.temporary import is_temporary
from tests.faults.writers import add_ten_scales, count, full_disk, write_every_other_chunk, write_half

TIMES = int(os.environ.get("REPETITIONS", "2"))
LAYOUTS = {"files": {}, "shards": {"shard_size": (16, 8, 8)}}


@pytest.fixture(scope="module", params=["spawn", "forkserver"])
def two(request):
    """Return a function that lets two processes do the same, the first with 0 and the second with 1."""
    context = multiprocessing.get_context(request.param)
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        yield lambda job, folder: list(pool.map(job, [str(folder)] * 2, [0, 1]))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_w1_two_halves_of_the_same_chunks(two, layout, tmp_path):
    for number in range(TIMES):
        vol = ng.create(
            tmp_path / str(number), shape=(80, 8, 16), dtype="uint8", chunk_size=(8, 8, 4), **LAYOUTS[layout]
        )
        two(write_half, tmp_path / str(number))
        voxels = vol[...]
        assert np.array_equal(voxels, np.broadcast_to(voxels[:, :1, :1], voxels.shape))
        assert 0 not in voxels


def test_w2_different_chunks_of_the_same_shard(two, tmp_path):
    for number in range(TIMES):
        vol = ng.create(
            tmp_path / str(number), shape=(8, 8, 64), dtype="uint8", chunk_size=(8, 8, 8), shard_size=(8, 8, 64)
        )
        two(write_every_other_chunk, tmp_path / str(number))
        assert vol[0, 0, ::8, 0].tolist() == [1, 2] * 4


def test_w2b_one_chunk_of_a_shard_leaves_the_others(tmp_path):
    for number in range(TIMES):
        vol = ng.create(
            tmp_path / str(number), shape=(16,) * 3, dtype="uint8", chunk_size=(8,) * 3, shard_size=(16,) * 3
        )
        vol[...] = 7
        vol[:8, 8:, :8] = 9
        expected = np.full(vol.shape, 7)
        expected[:8, 8:, :8] = 9
        assert np.array_equal(vol[...], expected)


def test_w5_two_processes_add_ten_scales_each(two, tmp_path):
    for number in range(TIMES):
        folder = tmp_path / str(number)
        ng.create(folder, shape=(1, 1, 1), dtype="uint8")
        two(add_ten_scales, folder)
        keys = [scale["key"] for scale in ng.open(folder).scales]
        assert sorted(keys) == sorted(f"{edge}_{edge}_{edge}" for edge in range(1, 22))


def test_w6_a_chunk_has_one_file(tmp_path):
    """Whatever compression it had before and gets now."""
    for number in range(TIMES):
        vol = ng.create(tmp_path / str(number), shape=(8, 8, 8), dtype="uint8", key="s")
        vol[...] = 5
        ((stem, data),) = [(path, path.read_bytes()) for path in (tmp_path / str(number) / "s").iterdir()]
        Path(f"{stem}.gz").write_bytes(data)  # left by another program, older, and no gzip at all
        ng.open(vol.url)[...] = 6
        assert [path.name for path in (tmp_path / str(number) / "s").iterdir()] == [stem.name]
        assert (ng.open(vol.url)[...] == 6).all()


def rewrite(folder):
    vol = ng.open(folder, threads=1)
    while True:
        for value in (2, 3):
            vol[...] = value


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_w3_killed_while_writing(layout, tmp_path):
    """At any moment; every object is one that was written whole, and the next writer is not held up."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    options = {
        "files": {"chunk_size": (256, 256, 64)},
        "shards": {"chunk_size": (64,) * 3, "shard_size": (128, 256, 128)},
    }
    vol = ng.create(tmp_path / "v", shape=(256, 256, 128), dtype="uint8", key="s", **options[layout])
    vol[...] = 1
    for _ in range(TIMES):
        writer = multiprocessing.get_context("fork").Process(target=rewrite, args=(tmp_path / "v",))
        writer.start()
        writer.join(rng.uniform(0.01, 0.1))
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
        voxels = ng.open(tmp_path / "v")[...]
        objects = [np.unique(voxels[box]).tolist() for box in vol.write_boxes()]
        assert all(one in ([1], [2], [3]) for one in objects)
    vol[...] = 1
    vol.place.store.sweep("s")
    assert not [path for path in (tmp_path / "v").rglob("*") if is_temporary(path.name)]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_w4_the_disk_is_full(layout, tmp_path):
    """From any moment on: one sentence with a path, no partial file, and it goes on when there is space again."""
    new = np.random.default_rng(2).integers(1, 9, (16, 8, 16, 1)).astype(np.uint8)

    def make(name):
        vol = ng.create(
            tmp_path / name, shape=new.shape[:3], dtype="uint8", chunk_size=(8, 8, 8), key="s", **LAYOUTS[layout]
        )
        vol[...] = 9
        return ng.open(tmp_path / name, threads=1)

    def write(vol):
        vol[...] = new

    counted = make("counted")
    calls = count(partial(write, counted))
    for at in range(1, calls + 1):
        vol = make(str(at))
        with full_disk(at):
            try:
                write(vol)
            except OSError as error:
                message = str(error)
            else:
                message = f"No space left: no space was needed from here on, {tmp_path}"
        assert "No space left" in message
        assert str(tmp_path) in message
        assert not [path for path in (tmp_path / str(at)).rglob("*") if is_temporary(path.name)]
        chunks = vol[...].reshape(2, 8, 8, 2, 8)
        wanted = new.reshape(2, 8, 8, 2, 8)
        for x in range(2):
            for z in range(2):
                chunk = chunks[x, :, :, z]
                assert (chunk == 9).all() or np.array_equal(chunk, wanted[x, :, :, z])
        write(vol)
        assert np.array_equal(vol[...], new)


def test_w4_a_file_may_not_grow(tmp_path):
    """The system cuts the write that passes the limit."""
    vol = ng.create(tmp_path / "v", shape=(64, 64, 64), dtype="uint8", chunk_size=(64, 64, 64), key="s")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(OSError, match=r"File too large: '.*0-64_0-64_0-64'"):
            vol[...] = 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert not (tmp_path / "v" / "s").exists() or not list((tmp_path / "v" / "s").iterdir())
    vol[...] = 1
    assert vol[...].all()
