"""Damaged files are errors that name the chunk, never zeros (FAULTS.md)."""

import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ngprecomp as ng
from ngprecomp.errors import DecodeError, NgprecompError
from ngprecomp.storage.memory import MemoryStore

KINDS = {
    "raw": {"dtype": "uint16"},
    "compressed_segmentation": {"dtype": "uint64", "encoding": "compressed_segmentation"},
    "png": {"dtype": "uint8", "encoding": "png"},
    "jpeg": {"dtype": "uint8", "encoding": "jpeg"},
    "raw shard": {"dtype": "uint16", "shard_size": (16, 16, 16)},
    "labels shard": {"dtype": "uint32", "encoding": "compressed_segmentation", "shard_size": (16, 16, 16)},
}


def filled(url, kind):
    """Return a volume of one stored object, its key and the voxels."""
    vol = ng.create(url, shape=(8, 8, 6), chunk_size=(8, 8, 6), key="s", exist="replace", **KINDS[kind])
    vol[...] = np.random.default_rng(3).integers(1, 200, vol.shape).astype(vol.dtype)
    (key,) = vol.place.store.list("s/")
    return ng.open(url), key, vol[...]


@given(st.sampled_from(list(KINDS)), st.data())
def test_a_file_that_is_cut_off_is_an_error(kind, data):
    vol, key, voxels = filled("memory://damage-cut", kind)
    store = MemoryStore("damage-cut")
    whole = store.get(key).data
    cut = whole[: data.draw(st.integers(0, len(whole) - 1))]
    store.put(key, cut)
    if kind == "png" and len(cut) >= len(whole) - 12:  # all but the mark of the end
        assert np.array_equal(vol[...], voxels)
        return
    with pytest.raises(DecodeError, match=r"^chunk 0:8,0:8,0:6 of scale 's' in memory://damage-cut: "):
        vol[...]
    with pytest.raises(DecodeError):
        vol[1:3] = 1


@given(st.sampled_from([kind for kind in KINDS if kind != "raw"]), st.data())
def test_any_damage_is_an_error_of_ours_or_gives_voxels(kind, data):
    vol, key, voxels = filled("memory://damage-any", kind)
    store = MemoryStore("damage-any")
    damaged = bytearray(store.get(key).data)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    store.put(key, damaged)
    try:
        assert vol[...].shape == voxels.shape
    except NgprecompError as error:
        message = str(error)
    else:
        return
    assert message.startswith("chunk 0:8,0:8,0:6 of scale 's' in memory://damage-any: ")


def test_a_file_that_is_too_long_is_an_error(memory):
    vol, key, _ = filled(memory, "raw")
    vol.place.store.put(key, vol.place.store.get(key).data + b"x")
    with pytest.raises(DecodeError, match="has 768 bytes, found 769"):
        vol[...]


def test_links_that_lead_nowhere_and_folders_are_errors(tmp_path):
    vol, key, _ = filled(tmp_path / "v", "raw")
    path = tmp_path / "v" / key
    path.unlink()
    path.symlink_to("nowhere")
    with pytest.raises(OSError, match="does not exist"):
        vol[...]
    path.unlink()
    path.mkdir()
    with pytest.raises(OSError, match="is a folder"):
        vol[...]
    path.rmdir()
    os.mkfifo(path)
    with pytest.raises(OSError, match="FIFO"):
        vol[...]


@pytest.mark.parametrize("kind", ["raw shard", "labels shard"])
def test_a_damaged_shard_is_not_rewritten(memory, kind):
    vol, key, _ = filled(memory, kind)
    store = vol.place.store
    damaged = store.get(key).data[:-1]
    store.put(key, damaged)
    for value in (1, 0):
        with pytest.raises(DecodeError):
            vol[...] = value
        assert store.get(key).data == damaged


def test_a_chunk_that_is_written_whole_heals(memory):
    vol, key, voxels = filled(memory, "raw")
    vol.place.store.put(key, b"")
    vol[...] = voxels
    assert np.array_equal(vol[...], voxels)
