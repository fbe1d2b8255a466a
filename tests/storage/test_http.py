"""What is read over HTTP: from good servers, and from those that fail, refuse, cut or ignore what was asked."""

from __future__ import annotations

import gzip
import pickle
from datetime import timedelta

import numpy as np
import pytest

import ngprecomp as ng
from ngprecomp.errors import ChangedError, KeyNotFoundError, StorageError
from ngprecomp.storage import object_client
from ngprecomp.storage.locate import open_store

DATA = bytes(range(256)) * 4


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    bucket_client = pytest.importorskip("ngprecomp.storage.bucket_client")
    pauses = {"init_backoff": timedelta(milliseconds=1), "max_backoff": timedelta(milliseconds=2), "base": 2}
    retries = {"max_retries": 4, "retry_timeout": timedelta(seconds=20), "backoff": pauses}
    monkeypatch.setattr(bucket_client, "RETRIES", retries)


@pytest.fixture
def store(server):
    server.objects.update({"/my volume/info": b"{}", "/my volume/k/0.shard": DATA, "/other/chunk": b"beside"})
    return open_store(f"{server.url}/my%20volume/")


def test_objects_and_ranges(store):
    assert store.get("info").data == b"{}"
    assert store.stat("k/0.shard").size == len(DATA)
    version = store.get("k/0.shard").version
    assert version == store.stat("k/0.shard").version
    starts, lengths = np.array([1000, 3, 3, 500]), np.array([24, 0, 7, 100])
    expected = [DATA[start : start + length] for start, length in zip(starts, lengths, strict=True)]
    assert store.get_ranges("k/0.shard", starts, lengths, if_version=version) == expected
    assert store.get("../other/chunk").data == b"beside"
    assert store.get_ranges("info", [0], [0]) == [b""]
    assert pickle.loads(pickle.dumps(store)).get("info").data == b"{}"


def test_names_are_encoded_once(server, store):
    for name in ("%41", "a?b#c", "ü", "a+b&c=d"):
        server.objects[f"/my volume/{name}"] = name.encode()
        assert store.get(name).data == name.encode()


def test_absent_and_refused_are_not_the_same(server, store):
    for read in (store.get, store.stat, lambda key: store.get_ranges(key, [0], [1])):
        with pytest.raises(KeyNotFoundError, match="my volume/nothing does not exist"):
            read("nothing")
        for status in (401, 403):
            server.faults = [status]
            with pytest.raises(StorageError, match="refuses access"):
                read("info")
    with pytest.raises(StorageError, match="1024 bytes, expected at most 10"):
        store.get("k/0.shard", limit=10)


@pytest.mark.parametrize("fault", [503, 429, 500, "cut"])
def test_what_fails_twice_succeeds(server, store, fault):
    server.faults = [fault, fault]
    assert store.get("k/0.shard").data == DATA
    server.faults = [fault, fault]
    assert store.get_ranges("k/0.shard", [5], [900]) == [DATA[5:905]]


@pytest.mark.parametrize("fault", [503, "cut"])
def test_what_always_fails_is_an_error(server, store, fault):
    server.always = fault
    with pytest.raises(StorageError, match=r"k/0\.shard"):
        store.get("k/0.shard")
    with pytest.raises(StorageError, match=r"k/0\.shard"):
        store.get_ranges("k/0.shard", [5], [900])


def test_a_server_without_ranges(server, store, monkeypatch):
    server.always = "ignore range"
    assert store.get_ranges("k/0.shard", [5, 1000], [10, 24]) == [DATA[5:15], DATA[1000:]]
    with pytest.raises(StorageError, match="1024 bytes: cannot take those from 1000 to 1025"):
        store.get_ranges("k/0.shard", [1000], [25])
    version = store.stat("k/0.shard").version
    server.objects["/my volume/k/0.shard"] = DATA[::-1]
    with pytest.raises(ChangedError):
        store.get_ranges("k/0.shard", [5], [10], if_version=version)
    monkeypatch.setattr(object_client, "LARGEST_WHOLE", 1000)
    with pytest.raises(StorageError, match="1024 bytes, expected at most 1000"):
        store.get_ranges("k/0.shard", [5], [10])


@pytest.mark.parametrize(("start", "length"), [(0, 1025), (1024, 1), (2000, 1), (-1, 2), (0, 2**62)])
def test_ranges_outside_the_object(store, start, length):
    with pytest.raises(StorageError, match="1024 bytes"):
        store.get_ranges("k/0.shard", [start], [length])


def test_another_version(server, store):
    version = store.stat("k/0.shard").version
    server.objects["/my volume/k/0.shard"] = DATA[::-1]
    with pytest.raises(ChangedError, match="was written in between"):
        store.get_ranges("k/0.shard", [5], [10], if_version=version)


def test_neighbours_come_by_one_request(server, store, monkeypatch):
    monkeypatch.setattr(object_client, "GAP", 100)
    server.log.clear()
    store.get_ranges("k/0.shard", [0, 200, 900], [100, 100, 100])
    assert sorted(asked for _, _, asked in server.log) == ["bytes=0-299", "bytes=900-999"]


def test_nothing_is_written_or_listed(store):
    for change in (
        lambda: store.put("info", b""),
        lambda: store.writer("info"),
        lambda: store.lock("info"),
        lambda: store.delete(["info"]),
        lambda: store.sweep(""),
    ):
        with pytest.raises(StorageError, match="read-only"):
            change()
    with pytest.raises(StorageError, match="cannot be listed"):
        store.list("")


def test_nobody_listens():
    with pytest.raises(StorageError, match=r"127\.0\.0\.1:9/info"):
        open_store("http://127.0.0.1:9").get("info")


@pytest.mark.parametrize("shard_size", [None, (64, 64, 64)])
@pytest.mark.parametrize("compressed", [False, True])
def test_a_volume_and_its_copy(server, tmp_path, shard_size, compressed):
    labels = np.random.default_rng(1).integers(0, 9, (50, 60, 70)).astype("u4")
    layout = {"shard_size": shard_size} if shard_size else {}
    ng.convert(labels, tmp_path / "v", axes="xyz", resolution=(8, 8, 40), chunk_size=(16, 16, 16), **layout)
    for path in (tmp_path / "v").rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            plain = compressed and not path.name.endswith(".shard")
            server.objects[f"/v/{path.relative_to(tmp_path / 'v')}"] = gzip.compress(data, 1) if plain else data
    if compressed and not shard_size:
        server.headers = {"Content-Encoding": "gzip"}
    elif compressed:
        server.objects["/v/info"] = (tmp_path / "v" / "info").read_bytes()
    vol = ng.open(f"precomputed://{server.url}/v/")
    assert vol.resources.threads == 64
    assert np.array_equal(vol[...][..., 0], labels)
    ng.copy(server.url + "/v", tmp_path / "copy")
    assert np.array_equal(ng.open(tmp_path / "copy")[...][..., 0], labels)
    assert np.array_equal(vol[3:40:2, 5, 0:61:7][..., 0], labels[3:40:2, 5, 0:61:7])


def test_the_chunks_of_a_shard_are_read_together(server, tmp_path):
    voxels = np.random.default_rng(1).integers(0, 256, (64, 64, 64)).astype("u1")
    ng.convert(
        voxels, tmp_path, axes="xyz", resolution=(8, 8, 8), chunk_size=(8, 8, 8), shard_size=(64, 64, 64), levels=0
    )
    for path in tmp_path.rglob("*"):
        if path.is_file():
            server.objects[f"/{path.relative_to(tmp_path)}"] = path.read_bytes()
    vol = ng.open(server.url)
    server.log.clear()
    assert np.array_equal(vol[...][..., 0], voxels)
    assert len(server.log) <= 4  # its state, its index, that of its minishards, and all 512 chunks
    server.log.clear()
    assert np.array_equal(vol[8:24, 0:8, 0:8][..., 0], voxels[8:24, :8, :8])
    assert [method for method, _, _ in server.log] == ["HEAD"]  # these chunks are kept
    vol = ng.open(server.url, cache_bytes=20_000)  # enough for the index
    vol[0:8, 0:8, 0:8]
    server.log.clear()
    assert np.array_equal(vol[8:24, 0:8, 0:8][..., 0], voxels[8:24, :8, :8])
    assert [method for method, _, _ in server.log] == ["HEAD", "GET"]
