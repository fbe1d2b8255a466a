"""`Volume.to_dask`: the same voxels from 0 on, in blocks of whole chunks, by small tasks."""

from __future__ import annotations

import pickle
import sys

import dask
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ngprecomp as ng
from ngprecomp.errors import MissingChunkError, OptionError

SHAPE = (100, 70, 50)
OFFSET = (-7, 3, 1)


@pytest.fixture(scope="module")
def voxels():
    return np.random.default_rng(0).integers(2**63, 2**64, (*SHAPE, 1), "u8")


@pytest.fixture(scope="module")
def volume(tmp_path_factory, voxels):
    where = tmp_path_factory.mktemp("dask") / "v"
    vol = ng.create(
        where, shape=SHAPE, dtype="uint64", voxel_offset=OFFSET, chunk_size=(16, 16, 16), shard_size=(32, 32, 32)
    )
    vol[...] = voxels
    return vol


def test_voxels_and_blocks(volume, voxels):
    array = volume.to_dask((32, 48, 16))
    assert array.shape == volume.shape
    assert array.dtype == volume.dtype
    assert array.chunks == ((32, 32, 32, 4), (48, 22), (16, 16, 16, 2), (1,))
    computed = array.compute(scheduler="threads")
    assert np.array_equal(computed, voxels)
    assert np.array_equal(array.blocks[1, 0, 2].compute(), volume[25:57, 3:51, 33:49])


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_slices_count_from_zero(volume, voxels, data):
    array = volume.to_dask(32)
    index = tuple(data.draw(st.slices(length) | st.integers(-length, length - 1)) for length in volume.shape)
    assert np.array_equal(array[index].compute(scheduler="sync"), voxels[index])


def test_lists_are_taken_by_dask(volume, voxels):
    assert np.array_equal(volume.to_dask(32)[[5, 3, 99], :, ::-1].compute(), voxels[[5, 3, 99], :, ::-1])


@pytest.mark.parametrize(
    ("storage", "shape", "blocks"),
    [
        ({}, (2048, 2048, 2048), (512, 512, 512)),
        ({"shard_size": (256, 256, 256)}, (2048, 2048, 2048), (512, 512, 512)),
        ({"shard_size": (1024, 1024, 1024)}, (2048, 2048, 2048), (512, 512, 512)),
        ({}, (100, 9, 0), (100, 9, 0)),
        ({}, (20, 2048, 4096), (20, 2048, 2048)),
    ],
)
def test_by_default_whole_shards_or_chunks_of_at_most_128_mib(storage, shape, blocks):
    where = "memory://test/dask/defaults"
    vol = ng.create(where, shape=shape, dtype="uint8", chunk_size=(64, 64, 64), exist="replace", **storage)
    array = vol.to_dask()
    assert array.chunksize[:3] == blocks
    assert array.numblocks[3] == 1


def test_blocks_of_so_many_bytes(volume):
    assert volume.to_dask("300kB").chunksize == (32, 32, 32, 1)
    assert volume.to_dask("100kB").chunksize == (32, 16, 16, 1)
    assert volume.to_dask((-1, 16, 64)).chunksize == (100, 16, 50, 1)
    with pytest.raises(OptionError, match="need 32768 bytes, more than 1000"):
        volume.to_dask("1kB")


@pytest.mark.parametrize("chunks", [(16, 16, 8), (16, 16, 20), (0, 16, 16), (-2, 16, 16)])
def test_other_blocks_are_refused(volume, chunks):
    with pytest.raises(OptionError, match=r"multiples of the volume's chunks of \(16, 16, 16\) voxels, found"):
        volume.to_dask(chunks)


@pytest.mark.parametrize("chunks", [(16, 16), (16, 16, 16, 1), (1.5, 16, 16)])
def test_what_is_no_shape_is_refused(volume, chunks):
    with pytest.raises(OptionError, match="three integers, x, y, z, or bytes"):
        volume.to_dask(chunks)


def test_names_tell_volume_and_blocks(volume):
    array = volume.to_dask(32)
    again = pickle.loads(pickle.dumps(volume)).to_dask(32)
    assert array.name == again.name
    assert array.name.startswith("ngprecomp-")
    others = [volume.to_dask(48), ng.open(volume.url, missing="error").to_dask(32)]
    assert len({array.name, *(other.name for other in others)}) == 3


def test_tasks_are_small_and_hold_no_threads(volume):
    assert np.asarray(volume[0:20]).any()  # threads and a cache are there now
    graph = volume.to_dask(16).__dask_graph__()
    tasks = [pickle.dumps(task) for task in dict(graph).values()]
    assert len(tasks) >= 7 * 5 * 4
    assert max(map(len, tasks)) < 4096


def test_processes(volume, voxels):
    with dask.config.set({"multiprocessing.context": "forkserver"}):
        found = volume.to_dask(48).compute(scheduler="processes", num_workers=1)
    assert np.array_equal(found, voxels)


def test_memory_is_seen_by_its_process_only():
    vol = ng.create("memory://test/dask/processes", shape=(20, 10, 5), dtype="uint8", exist="replace")
    vol[...] = 1
    assert vol.to_dask().compute(scheduler="threads").all()
    with (
        dask.config.set({"multiprocessing.context": "forkserver"}),
        pytest.raises(OptionError, match="another process"),
    ):
        vol.to_dask().compute(scheduler="processes", num_workers=1)


def test_several_channels_and_an_empty_volume():
    vol = ng.create("memory://test/dask/rgb", shape=(20, 10, 5), dtype="uint8", num_channels=3, exist="replace")
    vol[...] = np.arange(20 * 10 * 5 * 3, dtype="u2").reshape(20, 10, 5, 3).astype("u1")
    assert np.array_equal(vol.to_dask().compute(), vol[...])
    empty = ng.create("memory://test/dask/empty", shape=(0, 10, 5), dtype="uint8", exist="replace")
    assert empty.to_dask().compute().shape == (0, 10, 5, 1)


def test_absent_chunks_are_what_the_handle_says():
    where = "memory://test/dask/absent"
    ng.create(where, shape=(64, 64, 64), dtype="uint8", chunk_size=(32, 32, 32), exist="replace")
    assert not ng.open(where).to_dask().compute().any()
    with pytest.raises(MissingChunkError, match="is absent"):
        ng.open(where, missing="error").to_dask().compute()


def test_without_dask(volume, monkeypatch):
    monkeypatch.setitem(sys.modules, "dask", None)
    monkeypatch.setitem(sys.modules, "dask.array", None)
    with pytest.raises(OptionError, match=r"dask arrays need dask: python -m pip install 'ngprecomp\[dask\]'"):
        volume.to_dask()
