"""Zip files: other programs read ours, we read theirs, and what a dying process leaves is still found."""

from __future__ import annotations

import io
import os
import threading
import zipfile

import numpy as np
import pytest

import ngprecomp as ng
from ngprecomp.errors import ChangedError, KeyNotFoundError, StorageError
from ngprecomp.storage import zipped
from ngprecomp.storage.local import LocalStore
from ngprecomp.storage.locate import open_store
from ngprecomp.storage.zip_records import (
    Entry,
    central_record,
    data_offset,
    directory_end,
    local_header,
    read_directory,
)
from ngprecomp.storage.zipped import ZipStore

from .test_objects import run_in_threads


@pytest.fixture
def store(tmp_path):
    return ZipStore(LocalStore(str(tmp_path)), "em.zip", "v")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "em.zip"


def test_other_programs_read_it(store, path):
    store.put("info", b"old")
    store.put("info", b"{}")
    store.put("k/ü", bytes(range(256)))
    with store.writer("k/0.shard") as writer:
        writer.append(bytes(20 << 20))
        writer.patch(0, b"index")
    store.put("k/gone", b"x")
    store.delete(["k/gone"])
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert {info.filename: info.file_size for info in archive.infolist()} == {
            "v/info": 2,
            "v/k/ü": 256,
            "v/k/0.shard": 20 << 20,
        }
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        assert archive.read("v/info") == b"{}"


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_those_of_other_programs_are_read_and_go_on(store, path, method):
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.mkdir("v/k")
        archive.writestr("v/k/0.shard", bytes(range(256)) * 100)
        archive.writestr("foreign", b"stays")
    assert list(store.list()) == ["k/0.shard"]
    assert store.get("k/0.shard").data == bytes(range(256)) * 100
    assert store.get_ranges("k/0.shard", [255, 3], [3, 2]) == [b"\xff\0\1", b"\3\4"]
    store.put("info", b"{}")
    store.delete(["k/0.shard"])
    with zipfile.ZipFile(path) as archive:
        assert sorted(archive.namelist()) == ["foreign", "v/info"]
        assert archive.read("foreign") == b"stays"


def test_a_method_that_nobody_asked_for(store, path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("v/info", b"{}" * 100)
    with pytest.raises(StorageError, match="method 12: expected stored or deflated"):
        store.get("info")


def test_damage_is_found(store, path):
    store.put("info", b"precious")
    data = path.read_bytes()
    path.write_bytes(data.replace(b"precious", b"previous"))
    with pytest.raises(StorageError, match="do not match"):
        store.get("info")
    path.write_bytes(b"no zip file at all")
    with pytest.raises(StorageError, match="is no zip file"):
        store.get("info")


@pytest.mark.parametrize("cut", [1, 20, 60, 200])
def test_a_process_that_dies_while_it_writes(store, path, cut):
    store.put("a", b"first")
    store.put("gone", b"second")
    store.delete(["gone"])
    store.put("a", b"newer")
    store.put("b", bytes(100))
    path.write_bytes(path.read_bytes()[:-cut])
    again = ZipStore(store.store, "em.zip", "v")
    assert again.get("a").data == b"newer"
    assert "gone" not in set(again.list())
    again.put("c", b"third")
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert {"v/a", "v/c"} <= set(archive.namelist()) <= {"v/a", "v/b", "v/c"}


def test_a_disk_that_is_full(store, path, monkeypatch):
    store.put("a", b"first")
    before = path.read_bytes()
    write = zipped.write_at

    def write_some(descriptor, offset, data):
        if len(data) == 1000:
            write(descriptor, offset, data[:500])
            raise OSError(28, "No space left on device")
        write(descriptor, offset, data)

    monkeypatch.setattr(zipped, "write_at", write_some)
    with pytest.raises(OSError, match=r"No space left on device.*em\.zip"):
        store.put("b", bytes(1000))
    assert path.read_bytes() == before
    assert store.get("a").data == b"first"


def test_a_lost_directory_that_cannot_be_made_up_for(store, path):
    with zipfile.ZipFile(path, "w") as archive, archive.open("v/info", "w") as streamed:
        streamed.write(b"{}")
    store.put("more", b"1")
    data = bytearray(path.read_bytes())
    data[6] |= 8  # as programs write it that do not know the size before
    path.write_bytes(data[:-30])
    with pytest.raises(StorageError, match="v/info has its size behind its bytes"):
        store.put("again", b"2")


def test_handles_see_what_others_write(store):
    other = ZipStore(store.store, "em.zip", "v")
    assert list(other.list()) == []
    store.put("a", b"1")
    assert other.get("a").data == b"1"
    other.put("b", b"2")
    other.delete(["a"])
    assert store.get("b").data == b"2"
    with pytest.raises(KeyNotFoundError):
        store.get("a")


def test_threads_write_while_others_read(store):
    store.put("info", b"x" * 1000)
    done = threading.Event()

    def read():
        while not done.is_set():
            assert store.get("info").data == b"x" * 1000

    reader = threading.Thread(target=read)
    reader.start()
    try:
        run_in_threads(lambda: [store.put(f"{threading.get_ident()}/{n}", bytes(n)) for n in range(30)], 4)
    finally:
        done.set()
        reader.join()
    assert len(set(store.list())) == 121


def test_an_empty_file_goes_away(store, path):
    store.put("a", b"1")
    store.delete(["a"])
    assert not path.exists()
    assert os.listdir(path.parent) == []


def test_records_of_large_files():
    large = Entry("v/0.shard", 5 << 32, 6 << 32, 6 << 32, 123)
    header = local_header(large)
    assert data_offset(large, header[:30]) == large.offset + len(header)
    record = central_record(large)

    class Hole(io.BytesIO):
        """A file of which only the end is kept."""

        begin = 20 << 32

        def seek(self, offset, whence=0):
            return super().seek(offset - self.begin if whence == 0 else offset, whence) + self.begin

        def tell(self):
            return super().tell() + self.begin

    end = record + directory_end(1, Hole.begin, len(record))
    assert read_directory(Hole(end)) == ({"v/0.shard": large}, Hole.begin)


def test_a_volume_in_a_zip_file_on_a_server(server, tmp_path):
    labels = np.random.default_rng(1).integers(0, 2**63, (50, 60, 70)).astype("u8")
    where = f"{tmp_path}/em.zip|zip:labels/|neuroglancer-precomputed:"
    ng.convert(labels, where, axes="xyz", resolution=(8, 8, 40), chunk_size=(16, 16, 16), shard_size=(32, 32, 32))
    assert np.array_equal(np.asarray(ng.open(where))[..., 0], labels)
    assert ng.check(where).ok
    server.objects["/em.zip"] = (tmp_path / "em.zip").read_bytes()
    remote = f"{server.url}/em.zip|zip:labels"
    assert np.array_equal(np.asarray(ng.open(remote))[..., 0], labels)
    with pytest.raises(StorageError, match="zip files are written on a disk"):
        ng.open(remote)[:2, :2, :2] = 1
    server.objects["/em.zip"] = server.objects["/em.zip"][:-1] + b"\0"
    store = open_store(remote)
    store.get("info")
    server.objects["/em.zip"] += b"\0"
    assert store.get("info").data.startswith(b"{")
    ng.copy(remote, tmp_path / "copy")
    assert np.array_equal(np.asarray(ng.open(tmp_path / "copy"))[..., 0], labels)


def test_tensorstore_reads_it(tmp_path):
    tensorstore = pytest.importorskip("tensorstore")
    voxels = np.random.default_rng(1).integers(0, 256, (50, 60, 70)).astype("u1")
    where = f"{tmp_path}/em.zip|zip:"
    ng.convert(voxels, where, axes="xyz", resolution=(8, 8, 40), chunk_size=(32, 32, 32))
    spec = {"driver": "neuroglancer_precomputed", "kvstore": ng.open(where).spec()["kvstore"]}
    assert np.array_equal(tensorstore.open(spec).result().read().result()[..., 0], voxels)


def test_an_entry_of_another_version(store):
    store.put("a", b"1")
    version = store.stat("a").version
    store.put("a", b"2")
    with pytest.raises(ChangedError, match="written in between"):
        store.get_ranges("a", [0], [1], if_version=version)
