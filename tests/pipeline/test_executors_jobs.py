"""The other whole-volume jobs on executors do what they do on threads."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pytest

import ngprecomp as ng
from ngprecomp.errors import FailedTasksError, OptionError
from ngprecomp.pipeline.engine import units
from ngprecomp.pipeline.ingestion import write_units
from tests.pipeline.killed import SMALL_UNITS, trees
from tests.pipeline.killing import assert_same

SHAPE = (40, 44, 48)


class Cluster:
    """Processes that may be on any machine, as far as anybody knows."""

    def __init__(self):
        self._pool = ProcessPoolExecutor(2, multiprocessing.get_context("forkserver"))
        self.submitted = 0

    def submit(self, function, *args):
        self.submitted += 1
        return self._pool.submit(function, *args)


@pytest.fixture(scope="module")
def processes():
    made = Cluster()
    with made._pool:
        yield made


@pytest.fixture
def cluster(processes):
    processes.submitted = 0
    return processes


@pytest.fixture(autouse=True)
def _small_units(monkeypatch):
    for name, value in SMALL_UNITS.items():
        monkeypatch.setattr(units, name, value)
    monkeypatch.setattr(write_units, "ENOUGH_BYTES", 1)


@pytest.fixture(scope="module")
def labels():
    rods = np.random.default_rng(5).integers(2**63, 2**64, (5, 11, 12), np.uint64)
    rods[1:3, 2:4] = 0
    return rods.repeat(8, 0).repeat(4, 1).repeat(4, 2)


@pytest.fixture
def volume(labels, tmp_path):
    """Return a function that makes a volume of labels, sharded or not, and its folder."""

    def make(name, shard_size, levels=0):
        folder = tmp_path / name
        options = {"chunk_size": 8, "shard_size": shard_size, "levels": levels, "axes": "xyz"}
        ng.convert(labels, folder, **options)
        return folder

    return make


@pytest.mark.parametrize(("shard_size", "exact"), [(None, False), (16, True)])
def test_pyramid(shard_size, exact, volume, cluster):
    one, other = volume("one", shard_size), volume("other", shard_size)
    report = ng.build_pyramid(one, exact=exact, executor=cluster, memory="20MB")
    assert cluster.submitted > 1
    assert ng.build_pyramid(other, exact=exact).scales == report.scales
    assert_same(one, other)


@pytest.mark.parametrize("change", [{}, {"shard_size": None}, {"encoding": "raw"}])
def test_copy(change, volume, cluster, tmp_path):
    source = volume("source", 16, levels=1)
    report = ng.copy(source, tmp_path / "one", **change, executor=cluster, memory="20MB")
    assert cluster.submitted > 2
    again = ng.copy(source, tmp_path / "other", **change)
    assert (report.scales, report.files, report.read_bytes) == (again.scales, again.files, again.read_bytes)
    assert_same(tmp_path / "one", tmp_path / "other")


@pytest.mark.parametrize("shard_size", [None, 16])
def test_ingest(shard_size, volume, cluster, tmp_path):
    path = tmp_path / "part.npy"
    np.save(path, np.random.default_rng(0).integers(0, 9, (20, 21, 22), np.uint64))
    one, other = volume("one", shard_size, 1), volume("other", shard_size, 1)
    options = {"offset": (3, 5, 7), "mode": "nonzero", "memory": "600kB", "workers": 1}
    report = ng.ingest(path, one, **options, executor=cluster)
    assert cluster.submitted > 2
    again = ng.ingest(path, other, **options)
    assert report.scales[0] == again.scales[0]
    assert (report.conflicts, report.decoded_bytes) == (again.conflicts, again.decoded_bytes)
    assert_same(one, other)
    with pytest.raises(OptionError, match="mode add is for threads"):
        ng.ingest(path, one, (0, 0, 0), mode="add", executor=cluster)


@pytest.mark.parametrize("shard_size", [None, 16])
def test_labels(shard_size, volume, cluster):
    folder = volume("one", shard_size)
    table = ng.labels(folder, executor=cluster, memory="600kB")
    assert cluster.submitted > 2
    again = ng.labels(folder)
    for column in ("ids", "voxels", "lo", "hi", "centroids"):
        np.testing.assert_array_equal(getattr(table, column), getattr(again, column))


@pytest.mark.parametrize("shard_size", [None, 16])
def test_check(shard_size, volume, cluster):
    folder = volume("one", shard_size, 2)
    assert ng.check(folder, full=True, executor=cluster).ok
    assert cluster.submitted > 2
    damaged = sorted(path for path in (folder / "1_1_1").iterdir())[2]
    damaged.write_bytes(damaged.read_bytes()[:-3] + b"abc")
    found, expected = (ng.check(folder, full=True, executor=executor) for executor in (cluster, None))
    assert [str(problem) for problem in found.problems] == [str(problem) for problem in expected.problems]
    assert not found.ok


def test_what_is_damaged_is_named_and_the_rest_is_copied(volume, cluster, tmp_path):
    source = volume("source", None)
    sorted((source / "1_1_1").iterdir())[7].write_bytes(b"damage")
    with pytest.raises(FailedTasksError, match=r"^1 task failed, all others are done: voxels .* of scale 1_1_1: chunk"):
        ng.copy(source, tmp_path / "copy", executor=cluster, memory="20MB")
    left = trees(tmp_path / "copy")[0]
    assert len([name for name in left if name.startswith("1_1_1/")]) == 5 * 6 * 6 - 1
    assert "info" not in left


def test_a_box_is_for_threads(volume, cluster):
    with pytest.raises(OptionError, match="a box is made anew by threads"):
        ng.build_pyramid(volume("one", None, 1), box=((0, 8), (0, 8), (0, 8)), executor=cluster)
