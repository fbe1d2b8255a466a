"""What fsspec reaches is read, put whole, listed and removed."""

from __future__ import annotations

import pickle
import uuid

import numpy as np
import pytest

import ngprecomp as ng
from ngprecomp.errors import ChangedError, KeyNotFoundError, OptionError, StorageError
from ngprecomp.storage.locate import open_store

pytest.importorskip("fsspec")


@pytest.fixture(params=["file", "memory"])
def store(request, tmp_path):
    root = tmp_path if request.param == "file" else f"/{uuid.uuid4().hex}"
    return open_store(f"fsspec+{request.param}://{root}/my%20volume")


def test_objects(store):
    store.put("k/chunk", memoryview(np.arange(3, dtype="u8")))
    assert store.get("k/chunk").data == np.arange(3, dtype="u8").tobytes()
    assert store.stat("k/chunk").size == 24
    with store.writer("k/0.shard") as writer:
        writer.append(bytes(range(256)))
        writer.patch(0, b"index")
    assert store.get_ranges("k/0.shard", [250, 0, 7], [6, 5, 0]) == [bytes(range(250, 256)), b"index", b""]
    assert set(store.list()) == {"k/chunk", "k/0.shard"}
    assert list(store.list("k/c")) == ["k/chunk"]
    again = pickle.loads(pickle.dumps(store))
    assert again == open_store(store.url) == store
    assert again.get("../my volume/k/chunk").data == store.get("k/chunk").data
    store.delete(["k/chunk", "k/chunk", "none"])
    assert list(store.list()) == ["k/0.shard"]


def test_what_is_not_there_or_does_not_fit(store):
    store.put("k/0.shard", b"0123456789")
    for read in (store.get, store.stat, lambda key: store.get_ranges(key, [0], [1])):
        for key in ("info", "k"):
            with pytest.raises(KeyNotFoundError, match="does not exist"):
                read(key)
    with pytest.raises(StorageError, match="10 bytes: cannot take those from 5 to 11"):
        store.get_ranges("k/0.shard", [5], [6])
    with pytest.raises(StorageError, match="10 bytes, expected at most 5"):
        store.get("k/0.shard", limit=5)
    version = store.stat("k/0.shard").version
    assert store.get_ranges("k/0.shard", [1], [2], if_version=version) == [b"12"]
    store.put("k/0.shard", b"01234567890")
    with pytest.raises(ChangedError, match="written in between"):
        store.get_ranges("k/0.shard", [1], [2], if_version=version)


def test_neither_conditions_nor_locks(store):
    for change in (
        lambda: store.put("info", b"", if_absent=True),
        lambda: store.put("info", b"", if_version="1"),
        lambda: store.lock("info"),
    ):
        with pytest.raises(StorageError, match="write it to a disk or a bucket, and copy it"):
            change()


def test_protocols_that_are_not_there():
    with pytest.raises(OptionError, match=r"nowhere://host/v needs fsspec and its support of nowhere"):
        open_store("fsspec+nowhere://host/v").get("info")


def test_a_volume(tmp_path):
    voxels = np.random.default_rng(1).integers(0, 256, (50, 60, 70)).astype("u1")
    ng.convert(voxels, tmp_path / "v", axes="xyz", chunk_size=(16, 16, 16), shard_size=(32, 32, 32), levels=0)
    assert np.array_equal(ng.open(f"fsspec+file://{tmp_path}/v")[...][..., 0], voxels)
