"""Whole volumes in a bucket: every job that works on a disk, other programs reading and writing there, and resuming."""

from __future__ import annotations

import uuid

import numpy as np
import pytest
import tensorstore

import ngprecomp as ng
from ngprecomp.errors import ChangedError, ExistsError
from ngprecomp.storage.cloud import CloudStore
from ngprecomp.storage.locate import open_store
from ngprecomp.storage.object_client import ObjectClient
from ngprecomp.volume.documents import change_info

from .servers import BUCKET

SHAPE = (40, 30, 20)


@pytest.fixture
def bucket(moto):
    return f"s3+{moto}/{BUCKET}/{uuid.uuid4().hex}"


@pytest.fixture
def labels():
    return np.random.default_rng(1).integers(0, 2**64, (4, 3, 2), "u8").repeat(10, 0).repeat(10, 1).repeat(10, 2)


def peer(where, **members):
    """Open the volume with TensorStore."""
    kvstore = {**ng.open(where).spec()["kvstore"], "aws_region": "us-east-1"} if isinstance(where, str) else where
    return tensorstore.open({"driver": "neuroglancer_precomputed", "kvstore": kvstore, **members}).result()


@pytest.mark.parametrize("layout", [{}, {"shard_size": (32, 32, 32)}], ids=["chunks", "shards"])
def test_every_job(bucket, labels, tmp_path, layout):
    convert = {"axes": "xyz", "resolution": (8, 8, 8), "chunk_size": (16, 16, 16), **layout}
    ng.convert(labels, f"{bucket}/v", levels=1, **convert)
    ng.build_pyramid(f"{bucket}/v", levels=2)
    ng.convert(labels, tmp_path / "v", levels=2, **convert)
    for store in (open_store(f"{bucket}/v"), open_store(tmp_path / "v")):
        keys = sorted(key for key in store.list() if key not in ("info", "provenance"))
        assert keys == sorted(key for key in open_store(tmp_path / "v").list() if key not in ("info", "provenance"))
        assert all(store.get(key).data == open_store(tmp_path / "v").get(key).data for key in keys)
    assert ng.check(f"{bucket}/v", against=f"{tmp_path}/v").ok
    for source, target in (
        (f"{bucket}/v", f"{bucket}/w"),
        (f"{bucket}/w", tmp_path / "w"),
        (tmp_path / "w", f"{bucket}/x"),
    ):
        ng.copy(source, target)
    vol = ng.open(f"{bucket}/x", 0)
    assert np.array_equal(vol[...][..., 0], labels)
    assert np.array_equal(peer(f"{bucket}/x").read().result()[..., 0], labels)
    vol[3:20, 5:25, 7:19] = 2**64 - 1
    labels[3:20, 5:25, 7:19] = 2**64 - 1
    assert np.array_equal(peer(f"{bucket}/x").read().result()[..., 0], labels)
    ng.remove(f"{bucket}/x")
    assert list(open_store(f"{bucket}/x").list()) == []


@pytest.mark.parametrize("sharded", [False, True])
def test_what_tensorstore_writes_there(bucket, moto, labels, sharded):
    kvstore = {
        "driver": "s3",
        "endpoint": moto,
        "aws_region": "us-east-1",
        "bucket": BUCKET,
        "path": bucket.rsplit("/", 1)[1] + "/theirs/",
    }
    sharding = {"@type": "neuroglancer_uint64_sharded_v1", "preshift_bits": 1, "minishard_bits": 2, "shard_bits": 1}
    hashed = {"hash": "murmurhash3_x86_128", "minishard_index_encoding": "gzip", "data_encoding": "gzip"}
    scale = {"size": SHAPE, "resolution": [8, 8, 8], "chunk_size": [16, 16, 16], "encoding": "raw"}
    scale["sharding"] = sharding | hashed if sharded else None
    multiscale = {"data_type": "uint64", "num_channels": 1, "type": "segmentation"}
    theirs = peer(kvstore, create=True, scale_metadata=scale, multiscale_metadata=multiscale)
    theirs[..., 0].write(labels).result()
    ours = ng.open({"driver": "neuroglancer_precomputed", "kvstore": kvstore})
    assert np.array_equal(ours[...][..., 0], labels)
    ours[30:, 20:, 10:] = 5
    labels[30:, 20:, 10:] = 5
    assert np.array_equal(peer(kvstore).read().result()[..., 0], labels)


@pytest.mark.parametrize("layout", [{}, {"shard_size": (16, 16, 16)}], ids=["chunks", "shards"])
def test_a_conversion_goes_on(bucket, labels, tmp_path, monkeypatch, layout):
    np.save(tmp_path / "labels.npy", labels)
    options = {"axes": "xyz", "resolution": (8, 8, 8), "chunk_size": (16, 16, 16), "levels": 2, **layout}
    options |= {"memory": "30MB", "workers": 1}
    ng.convert(tmp_path / "labels.npy", tmp_path / "v", **options)
    put, written = ObjectClient.put, []

    def put_some(self, path, *arguments, **keywords):
        written.append("/8_8_8/" in path)
        if sum(written) == 6:
            raise OSError(5, "the network is gone")
        return put(self, path, *arguments, **keywords)

    with monkeypatch.context() as patch:
        patch.setattr(ObjectClient, "put", put_some)
        with pytest.raises(OSError, match="the network is gone"):
            ng.convert(tmp_path / "labels.npy", f"{bucket}/v", **options)
    with pytest.raises(ExistsError, match="unfinished volume of another command"):
        ng.convert(tmp_path / "labels.npy", f"{bucket}/v", **{**options, "levels": 1})
    ng.convert(tmp_path / "labels.npy", f"{bucket}/v", **options)
    disk, cloud = open_store(tmp_path / "v"), open_store(f"{bucket}/v")
    assert sorted(cloud.list()) == sorted(disk.list())
    assert all(cloud.get(key).data == disk.get(key).data for key in disk.list() if key != "provenance")


def test_shards_are_spooled_where_the_job_says(bucket, labels, tmp_path, monkeypatch):
    folders, writer = [], CloudStore.writer

    def noted(self, key, **keywords):
        folders.append(keywords["spool_dir"])
        return writer(self, key, **keywords)

    monkeypatch.setattr(CloudStore, "writer", noted)
    shards = {"axes": "xyz", "chunk_size": (16, 16, 16), "shard_size": (32, 32, 32), "levels": 1}
    ng.convert(labels, f"{bucket}/v", spool_dir=tmp_path, **shards)
    assert folders
    assert all(folder.startswith(str(tmp_path)) for folder in folders)


def test_info_is_changed_by_compare_and_swap(bucket):
    ng.create(f"{bucket}/v", shape=SHAPE, dtype="uint8", chunk_size=(16, 16, 16))
    store = open_store(f"{bucket}/v")
    seen = []

    def change(info):
        seen.append(info)
        if len(seen) < 3:  # a program that does not lock
            store.put("info", store.get("info").data + b" ")
        return info

    change_info(store, change)
    assert len(seen) == 3

    def never(info):
        store.put("info", store.get("info").data + b" ")
        return info

    with pytest.raises(ChangedError, match="written in between"):
        change_info(store, never)


def test_a_url_as_a_source(bucket, labels, tmp_path):
    ng.convert(labels, f"{bucket}/v", axes="xyz", chunk_size=(16, 16, 16), levels=0)
    ng.convert(f"{bucket}/v", f"{tmp_path}/em.zip|zip:", chunk_size=(32, 32, 32), levels=0)
    assert np.array_equal(np.asarray(ng.open(f"{tmp_path}/em.zip|zip:"))[..., 0], labels)
