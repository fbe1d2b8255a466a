"""`ng.from_dask`: a dask array computed once and stored by one writer for each box, on threads and on a cluster."""

from __future__ import annotations

import json
import sys
import threading
from collections import Counter

import dask
import dask.array as da
import numpy as np
import pytest

import ngprecomp as ng
from ngprecomp.errors import OptionError
from ngprecomp.pipeline import dask_storing
from ngprecomp.storage.locate import open_store

SHAPE = (100, 70, 50)


@pytest.fixture
def voxels():
    return np.random.default_rng(0).integers(2**63, 2**64, SHAPE, "u8")


def made(where, **storage):
    storage = {"chunk_size": (16, 16, 16), "voxel_offset": (-7, 3, 1), "dtype": "uint64"} | storage
    return ng.create(where, shape=SHAPE, exist="replace", **storage)


def contents(where):
    store = open_store(where)
    return {key: store.get(key).data for key in store.list() if key != "provenance"}


@pytest.mark.parametrize("storage", [{}, {"shard_size": (32, 32, 32)}, {"shard_size": (16, 64, 64)}])
@pytest.mark.parametrize("chunks", [30, 64, (7, 70, 50)])
def test_stored_as_assigned(tmp_path, voxels, storage, chunks):
    whole = made(tmp_path / "assigned", **storage)
    whole[...] = voxels
    report = ng.from_dask(da.from_array(voxels, chunks), made(tmp_path / "v", **storage), memory="1MB")
    assert contents(tmp_path / "v") == contents(tmp_path / "assigned")
    (scale,) = report.scales
    assert (scale.chunks, scale.skipped) == (7 * 5 * 4, 0)
    assert report.voxels == voxels.size
    assert scale.nbytes > 0
    assert "tasks" in report.notes[0]
    steps = json.loads((tmp_path / "v/provenance").read_text())["processing"]
    assert steps[-1]["method"]["task"] == "from_dask"


def test_each_block_is_computed_once_and_each_box_written_once(tmp_path, voxels, monkeypatch):
    computed, written, lock = Counter(), Counter(), threading.Lock()

    def count(block, block_id):
        with lock:
            computed[block_id] += 1
        return block

    write = dask_storing.write_selection

    def counting(place, given, resources, **keywords):
        with lock:
            written[given.selection.box] += 1
        return write(place, given, resources, **keywords)

    monkeypatch.setattr(dask_storing, "write_selection", counting)
    array = da.from_array(voxels, (30, 30, 30)).map_blocks(count, dtype="u8", meta=np.empty((0, 0, 0), "u8"))
    vol = made(tmp_path / "v", shard_size=(32, 32, 32))
    ng.from_dask(array, vol, memory="300kB")
    assert set(computed.values()) == {1}
    assert len(computed) == 4 * 3 * 2
    assert set(written.values()) == {1}
    assert len(written) == 4 * 3 * 2
    assert sum(np.prod(box.size) for box in written) == voxels.size


def test_shapes_and_values_are_those_of_an_assignment(voxels):
    vol = made("memory://test/from_dask/rules", dtype="uint8")
    ng.from_dask(da.full((1, 1, 1, 1), 3, dtype="int64"), vol)
    assert (vol[...] == 3).all()
    ng.from_dask(da.zeros((*SHAPE, 1), dtype="uint8"), vol)
    assert list(open_store(vol.url).list(vol.key)) == []
    with pytest.raises(OptionError, match="expected values that fit uint8, found int64 values from 300 to 300"):
        ng.from_dask(da.full(SHAPE, 300, dtype="int64"), vol)
    with pytest.raises(OptionError, match="found the type complex128"):
        ng.from_dask(da.zeros(SHAPE, dtype="complex128"), vol)
    with pytest.raises(OptionError, match=r"shape \(70, 100, 50\) does not fit a volume of shape \(100, 70, 50, 1\)"):
        ng.from_dask(da.zeros((70, 100, 50), dtype="uint8"), vol)
    colours = made("memory://test/from_dask/colours", dtype="uint8", num_channels=3)
    with pytest.raises(OptionError, match=r"3-D shape .* the volume has 3 channels"):
        ng.from_dask(da.zeros(SHAPE, dtype="uint8"), colours)
    ng.from_dask(da.from_array(np.array([1, 2, 3], "u1"), 1), colours)
    assert colours[5, 5, 5].tolist() == [1, 2, 3]


def test_a_volume_by_its_path_and_scale(tmp_path, voxels):
    made(tmp_path / "v")
    ng.create(tmp_path / "v", shape=(50, 35, 25), dtype="uint64", resolution=(2, 2, 2), exist="add")
    report = ng.from_dask(da.from_array(voxels[::2, ::2, ::2], 25), tmp_path / "v", scale=1)
    assert report.scales[0].key == "2_2_2"
    assert np.array_equal(ng.open(tmp_path / "v", 1)[...][..., 0], voxels[::2, ::2, ::2])


def test_a_box_that_is_too_large(tmp_path):
    vol = made(tmp_path / "v", shard_size=(64, 64, 64))
    with pytest.raises(OptionError, match="stored as one object, need 1638400 bytes, more than 1000000"):
        ng.from_dask(da.zeros(SHAPE, dtype="u8"), vol, memory="1MB")


def test_from_one_volume_to_another(tmp_path, voxels):
    source = made(tmp_path / "a", shard_size=(32, 32, 32))
    source[...] = voxels
    target = made(tmp_path / "b", chunk_size=(20, 20, 20), voxel_offset=(0, 0, 0))
    ng.from_dask(source.to_dask(32) + 1, target, memory="100kB")
    assert np.array_equal(target[...][..., 0], voxels + np.uint64(1))


@pytest.mark.filterwarnings("ignore")
def test_on_a_cluster(tmp_path, voxels):
    distributed = pytest.importorskip("distributed")
    vol, whole = (made(tmp_path / name, shard_size=(32, 32, 32)) for name in ("v", "assigned"))
    whole[...] = voxels
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster),
    ):
        report = ng.from_dask(da.from_array(voxels, 30), vol, memory="300kB")
        assert np.array_equal(vol.to_dask(32).compute()[..., 0], voxels)
    assert report.scales[0].chunks == 7 * 5 * 4
    assert contents(tmp_path / "v") == contents(tmp_path / "assigned")


def test_memory_is_seen_by_its_process_only():
    vol = made("memory://test/from_dask/processes", dtype="uint8")
    with (
        dask.config.set({"multiprocessing.context": "forkserver", "scheduler": "processes", "num_workers": 1}),
        pytest.raises(OptionError, match="another process"),
    ):
        ng.from_dask(da.ones(SHAPE, dtype="uint8"), vol)


def test_without_dask(monkeypatch):
    monkeypatch.setitem(sys.modules, "dask", None)
    monkeypatch.setitem(sys.modules, "dask.array", None)
    with pytest.raises(OptionError, match=r"pip install 'ngprecomp\[dask\]'"):
        ng.from_dask(None, "nowhere")
