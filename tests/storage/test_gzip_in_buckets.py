"""gzip chunks in buckets: plain names with a content encoding, read and written by us and by other programs."""

from __future__ import annotations

import gzip
import uuid
from dataclasses import replace

import numpy as np
import pytest
import tensorstore

import ngprecomp as ng
from ngprecomp.pipeline.engine.footprints import stored_sizes
from ngprecomp.storage.locate import open_store

from .servers import BUCKET

CHUNK = "8_8_8/0-16_0-16_0-16"


@pytest.fixture
def bucket(moto):
    return f"s3+{moto}/{BUCKET}/{uuid.uuid4().hex}"


@pytest.fixture
def image():
    return np.random.default_rng(2).integers(0, 5, (40, 30, 20), "u1")


@pytest.fixture
def volume(bucket, image):
    ng.convert(image, bucket, axes="xyz", resolution=(8, 8, 8), chunk_size=(16, 16, 16), compress="gzip", levels=0)
    return bucket


def encodings(where):
    """Return the names of the chunk files with their content encodings; all hold gzip."""
    store = open_store(where)
    found = {key: store.get(key) for key in store.list("8_8_8/")}
    assert all(stored.data.startswith(b"\x1f\x8b") for stored in found.values())
    return {key: stored.content_encoding for key, stored in found.items()}


def test_a_put_keeps_its_encoding(bucket, local):
    store = open_store(bucket)
    store.put("chunk", gzip.compress(b"voxels"), content_encoding="gzip")
    assert store.get("chunk").content_encoding == "gzip"
    assert gzip.decompress(store.get("chunk").data) == b"voxels"
    assert store.stat("chunk").size == len(store.get("chunk").data)
    store.put("chunk", b"voxels")
    assert store.get("chunk").content_encoding is None
    assert store.keeps_encodings
    assert not local.keeps_encodings


def test_chunks_have_plain_names(volume, image):
    names = encodings(volume)
    assert len(names) == 12
    assert CHUNK in names
    assert set(names.values()) == {"gzip"}
    assert np.array_equal(np.asarray(ng.open(volume))[..., 0], image)
    assert ng.check(volume, full=True).ok


def test_writes_go_on_as_the_rest(volume, image):
    vol = ng.open(volume)
    open_store(volume).put(CHUNK + ".gz", b"a twin of another program")
    vol[3:20, :, 5:9] = image[3:20, :, 5:9] = 7
    assert set(encodings(volume).values()) == {"gzip"}
    assert CHUNK + ".gz" not in encodings(volume)
    assert np.array_equal(np.asarray(ng.open(volume))[..., 0], image)


def test_copies_are_named_as_their_store_names_them(volume, image, tmp_path):
    ng.copy(volume, tmp_path / "v")
    assert {path.suffix for path in (tmp_path / "v/8_8_8").iterdir()} == {".gz"}
    ng.copy(tmp_path / "v", volume + "2")
    assert encodings(volume + "2") == encodings(volume)
    assert np.array_equal(np.asarray(ng.open(volume + "2"))[..., 0], image)


def test_a_job_that_goes_on_finds_them(volume):
    place = replace(ng.open(volume).place, compression="gzip")
    sizes = stored_sizes(place, place.grid.positions)
    assert sorted(sizes) == sorted(len(open_store(volume).get(key).data) for key in encodings(volume))


def test_gzip_without_an_encoding_is_still_a_hint(volume, image):
    store = open_store(volume)
    for key in list(store.list("8_8_8/")):
        store.put(key, store.get(key).data)
    assert np.array_equal(np.asarray(ng.open(volume))[..., 0], image)
    assert "Content-Encoding" in str(ng.check(volume))


def test_tensorstore_reads_it(volume, image):
    kvstore = {**ng.open(volume).spec()["kvstore"], "aws_region": "us-east-1"}
    theirs = tensorstore.open({"driver": "neuroglancer_precomputed", "kvstore": kvstore}).result()
    assert np.array_equal(theirs.read().result()[..., 0], image)


@pytest.mark.filterwarnings("ignore")
def test_cloudvolume_reads_and_writes_it(volume, image, moto, monkeypatch):
    paths = pytest.importorskip("cloudfiles.paths")
    cloudvolume = pytest.importorskip("cloudvolume")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "")  # it asks for one
    paths.add_alias("moto", f"s3://{moto}/")
    where = f"precomputed://moto://{volume.split('/', 3)[3]}"
    try:
        theirs = cloudvolume.CloudVolume(where, progress=False, compress="gzip")
        assert np.array_equal(np.asarray(theirs[:, :, :])[..., 0], image)
        theirs[:16, :16, :16] = image[:16, :16, :16] = np.full((16, 16, 16), 3, "u1")
    finally:
        paths.remove_alias("moto")
    assert encodings(volume)[CHUNK] == "gzip"
    assert np.array_equal(np.asarray(ng.open(volume))[..., 0], image)
