"""Conversions on executors and in parts: the same volume, byte for byte, whoever makes it."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor

import h5py
import numpy as np
import pytest

import ngprecomp as ng
from ngprecomp.errors import FailedTasksError, OptionError, SourceError
from ngprecomp.pipeline.engine import units
from ngprecomp.storage.temporary import is_temporary
from tests.pipeline.killed import SMALL_UNITS, half_noise
from tests.pipeline.killing import assert_same

SMALL = {"chunk_size": 8, "memory": "8MB"}
LAYOUTS = {
    "plain": {**SMALL, "shard_size": None, "compress": "gzip"},
    "sharded": {**SMALL, "shard_size": 16},
    "exact": {**SMALL, "shard_size": 16, "exact": True},
    "lossy": {**SMALL, "shard_size": 16, "encoding": "jpeg", "type": "image"},
}


@pytest.fixture(autouse=True)
def _small_units(monkeypatch):
    """Let small volumes have many footprints."""
    for name, value in SMALL_UNITS.items():
        monkeypatch.setattr(units, name, value)


class Cluster:
    """Processes that may be on any machine, as far as anybody knows."""

    def __init__(self, executor):
        self._executor = executor
        self.submitted = 0

    def submit(self, function, *args):
        self.submitted += 1
        return self._executor.submit(function, *args)


@pytest.fixture(scope="module")
def processes():
    """Return processes that are started once for all tests."""
    with ProcessPoolExecutor(2, multiprocessing.get_context("forkserver")) as pool:
        yield pool


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return half_noise(tmp_path_factory.mktemp("source"))


@pytest.fixture(scope="module")
def whole(source, tmp_path_factory):
    """Return, for a layout, the folder and the report of a conversion by threads."""
    made = {}

    def get(layout):
        if layout not in made:
            folder = tmp_path_factory.mktemp("whole") / "out"
            made[layout] = folder, ng.convert(source, folder, **LAYOUTS[layout])
        return made[layout]

    return get


@pytest.mark.parametrize(
    ("kind", "layout"),
    [("threads", "sharded"), ("processes", "lossy"), *(("cluster", layout) for layout in LAYOUTS)],
)
def test_the_volume_is_the_same(kind, layout, source, whole, processes, tmp_path):
    expected, by_threads = whole(layout)
    out, told = tmp_path / "out", []
    executor = {"threads": ThreadPoolExecutor(3), "processes": processes, "cluster": Cluster(processes)}[kind]
    options = {**LAYOUTS[layout], "workers": 1, "progress": lambda done, total: told.append((done, total))}
    report = ng.convert(source, out, **options, executor=executor)
    assert_same(out, expected)
    assert report.scales == by_threads.scales
    assert report.files == by_threads.files
    assert report.decoded_bytes >= report.source_bytes > 0
    assert told[-1][0] == told[-1][1]
    if kind == "cluster":
        assert executor.submitted > 4
    assert not [path for path in tmp_path.rglob("*") if is_temporary(path.name)]


def test_processes_of_our_own(source, whole, tmp_path):
    before = multiprocessing.active_children()
    report = ng.convert(source, tmp_path / "out", **LAYOUTS["sharded"], workers=2, executor="processes")
    assert_same(tmp_path / "out", whole("sharded")[0])
    assert "continued" not in str(report)
    assert set(multiprocessing.active_children()) <= set(before)


class FailsSome(Cluster):
    """An executor on which some tasks fail, or kill the process that does them."""

    def __init__(self, executor, fails):
        super().__init__(executor)
        self._fails = fails

    def submit(self, function, *args):
        if self._fails(self.submitted):
            self.submitted += 1
            future = Future()
            future.set_exception(SourceError("block 7 is damaged"))
            return future
        return super().submit(function, *args)


def test_it_goes_on_where_tasks_failed_by_whatever_does_it_then(source, whole, processes, tmp_path):
    out, options = tmp_path / "out", {**LAYOUTS["lossy"], "workers": 1}
    with pytest.raises(FailedTasksError, match=r"^1 task failed, .* voxels .* of scale 1_1_1: block 7 is") as failed:
        ng.convert(source, out, **options, executor=FailsSome(processes, lambda number: number == 2))
    assert failed.value.__notes__ == [f"what is finished stays in file://{out}: the same command continues"]
    assert not (out / "info").exists()
    report = ng.convert(source, out, **options, executor=Cluster(processes))
    assert report.resumed > 0
    assert_same(out, whole("lossy")[0])


@pytest.mark.parametrize(("first", "then"), [("threads", "cluster"), ("cluster", "threads")])
def test_threads_and_clusters_continue_each_other(first, then, source, whole, processes, tmp_path):
    out, options = tmp_path / "out", {**LAYOUTS["sharded"], "workers": 1}
    executors = {"threads": None, "cluster": Cluster(processes)}
    left = iter(range(12 if first == "threads" else 4))  # cells are told of, or footprints

    def stop_soon(done, total):
        if next(left, None) is None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ng.convert(source, out, **options, progress=stop_soon, executor=executors[first])
    assert ng.convert(source, out, **options, executor=executors[then]).resumed > 0
    assert_same(out, whole("sharded")[0])


def test_what_other_processes_do_not_see_is_refused(source, processes, tmp_path):
    voxels = np.zeros((40, 40, 40), np.uint8)
    with pytest.raises(OptionError, match=r"numpy array lies in the memory of this process: save it as a \.npy"):
        ng.convert(voxels, tmp_path / "out", axes="zyx", executor=processes)
    with pytest.raises(OptionError, match="memory://out lies in the memory of this process"):
        ng.convert(source, "memory://out", executor="processes")
    with ThreadPoolExecutor(2) as threads:
        ng.convert(voxels, "memory://in-threads", axes="zyx", executor=threads)
    assert not (tmp_path / "out").exists()


def test_dask_arrays_go_anywhere(processes, tmp_path):
    array = pytest.importorskip("dask.array")
    voxels = np.arange(40**3, dtype=np.uint16).reshape(40, 40, 40)
    options = {**SMALL, "shard_size": 16, "type": "image", "axes": "zyx"}
    ng.convert(array.from_array(voxels, chunks=20), tmp_path / "out", **options, executor=processes)
    np.testing.assert_array_equal(ng.open(tmp_path / "out")[..., 0].T, voxels)


def test_no_executor_and_forks_are_refused(source, tmp_path):
    with pytest.raises(OptionError, match='executor is "threads", "processes" or has a method submit, found 7'):
        ng.convert(source, tmp_path / "out", executor=7)
    forks = ProcessPoolExecutor(1, multiprocessing.get_context("fork"))
    with pytest.raises(OptionError, match="begin as forks"):
        ng.convert(source, tmp_path / "out", executor=forks)


def test_a_source_that_needs_a_temporary_copy_stays_here(processes, tmp_path):
    path = tmp_path / "pages.h5"
    with h5py.File(path, "w") as file:
        shape = (128, 512, 512)
        file.create_dataset("raw", shape, np.uint8, chunks=(1, 512, 512), compression="gzip", fillvalue=3)
        file["raw"][::16] = 7
    options = {"memory": "6MB", "workers": 1, "chunk_size": 64, "levels": 0, "shard_size": None}
    with pytest.raises(OptionError, match=r"temporary copy on this machine.* other machines .* do not see; give"):
        ng.convert(f"{path}:raw", tmp_path / "out", **options, executor=Cluster(processes))
    ng.convert(f"{path}:raw", tmp_path / "out", **options, executor=processes)  # on this machine they see it
    assert (np.asarray(ng.open(tmp_path / "out"))[..., ::16, 0] == 7).all()
