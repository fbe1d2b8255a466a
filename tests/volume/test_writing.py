import json
import uuid

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ngprecomp as ng
from tests.volume.shadows import creations, indices, select, write_randomly


@given(creations(), st.data())
def test_random_writes_equal_those_into_an_array(creation, data):
    vol = ng.create(f"memory://{uuid.uuid4().hex}", **creation)
    shadow = np.zeros(vol.shape, vol.dtype)
    write_randomly(data, vol, shadow)
    for read in (vol[...], ng.open(vol.url, threads=1)[...], np.asarray(vol)):
        assert np.array_equal(read, shadow)
        assert read.dtype == vol.dtype
        assert read.flags.f_contiguous
    index = data.draw(indices(vol))
    at, kept = select(vol, index)
    part = vol[index]
    assert np.array_equal(part, shadow[at].reshape(kept))
    vol.place.store.delete(vol.place.store.list())


@given(creations(), st.data())
def test_only_chunks_that_are_not_zero_are_stored(creation, data):
    creation["sharding"] = None
    vol = ng.create(f"memory://{uuid.uuid4().hex}", **creation)
    shadow = np.zeros(vol.shape, vol.dtype)
    write_randomly(data, vol, shadow)
    grid = vol.place.grid
    stored = set(vol.place.store.list("s/"))
    touched = set()
    for position in np.ndindex(*grid.shape):
        cell = grid.cell(position)
        if shadow[cell.relative_to(vol.voxel_offset).slices].any():
            touched.add("s/" + "_".join(f"{lo}-{hi}" for lo, hi in zip(cell.lo, cell.hi, strict=True)))
    assert stored == touched
    vol.place.store.delete(vol.place.store.list())


def test_all_stored_copies_are_written(where):
    """A scale may be stored with several chunk sizes; a reader takes any of them."""
    vol = ng.create(where, shape=(9, 8, 7), dtype="uint8", chunk_size=(4, 4, 4), voxel_offset=(-2, 0, 1), key="s")
    info = vol.info
    sizes = [[4, 4, 4], [3, 5, 2], [9, 8, 1]]
    info["scales"][0]["chunk_sizes"] = sizes
    vol.place.store.put("info", json.dumps(info).encode())
    vol = ng.open(where)
    shadow = np.zeros(vol.shape, np.uint8)
    for value, first in enumerate((-2, 0, 1), start=1):
        vol[first:5, 1:6] = value
        shadow[first + 2 : 7, 1:6] = value
    vol[-2:2, 0:4, 1:5] = 0
    shadow[:4, :4, :4] = 0
    for copy in vol.place.copies:
        info["scales"][0]["chunk_sizes"] = [list(copy.scale.chunk_size)]
        vol.place.store.put("info", json.dumps(info).encode())
        assert np.array_equal(ng.open(where)[...], shadow)


@pytest.mark.parametrize("index", [np.s_[::-1], np.s_[:, ::-1, ::-1], np.s_[..., ::-1], np.s_[::-1, ..., ::-1]])
def test_whole_chunks_written_backwards(memory, index):
    vol = ng.create(memory, shape=(8, 4, 4), num_channels=2, dtype="uint8", chunk_size=(4, 4, 4), key="s")
    voxels = np.arange(256, dtype=np.uint8).reshape(vol.shape)
    vol[index] = voxels
    assert np.array_equal(vol[...], voxels[index])
    assert np.array_equal(vol[index], voxels)


def test_chunk_files_stay_compressed_like_the_rest(tmp_path):
    voxels = np.arange(32**3, dtype="uint32").reshape(32, 32, 32)
    ng.convert(voxels.T, tmp_path / "v", axes="zyx", type="image", chunk_size=(16, 16, 16), levels=0, compress="gzip")
    volume = ng.open(tmp_path / "v")
    volume[3:20, 3:20, 3:20] = 7
    assert {path.suffix for path in (tmp_path / "v" / volume.key).iterdir()} == {".gz"}
    voxels[3:20, 3:20, 3:20] = 7
    np.testing.assert_array_equal(volume[..., 0], voxels)
