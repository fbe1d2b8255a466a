"""The requests that a plan tells are those that a conversion into a bucket makes."""

from __future__ import annotations

import uuid
from collections import Counter

import numpy as np
import pytest

import ngprecomp as ng
from ngprecomp.storage.cloud import LARGEST_PUT
from ngprecomp.storage.object_client import ObjectClient
from ngprecomp.storage.ranges import join_ranges

from .servers import BUCKET

# Of every job: info, provenance, journal, their locks and looks at what is there; two for each scale.
FEW = 40


@pytest.fixture
def made(monkeypatch):
    """Count the requests for objects of any bucket."""
    counted = Counter()

    def count(method, kind, number):
        original = getattr(ObjectClient, method)

        def counting(self, *arguments, **keywords):
            counted[kind] += number(*arguments)
            return original(self, *arguments, **keywords)

        monkeypatch.setattr(ObjectClient, method, counting)

    def runs(path, starts, lengths, *_):
        return sum(1 for _ in join_ranges(starts, lengths, gap=1 << 20, limit=16 << 20))

    for method, kind in (("put", "put"), ("get", "get"), ("stat", "head"), ("delete", "delete"), ("list", "list")):
        count(method, kind, lambda *_: 1)
    count("get_ranges", "get", runs)
    return counted


@pytest.mark.parametrize(
    ("shape", "layout"),
    [
        ((64, 96, 128), {"shard_size": None}),
        ((128, 128, 1024), {"shard_size": (64, 64, 64), "checksums": True}),
        ((64, 96, 128), {"shard_size": None, "exact": True, "levels": 1}),
    ],
    ids=["chunks", "shards", "exact"],
)
def test_as_told(moto, tmp_path, made, shape, layout):
    np.save(tmp_path / "image.npy", np.random.default_rng(0).integers(0, 256, shape, "u1"))
    how = {"resolution": (8, 8, 8), "chunk_size": (16, 16, 16), "type": "image", "memory": "40MB", "workers": 2}
    where = f"s3+{moto}/{BUCKET}/{uuid.uuid4().hex}"
    told = ng.plan(tmp_path / "image.npy", where, **how, **layout).requests
    assert not made
    ng.convert(tmp_path / "image.npy", where, **how, **layout)
    assert told.put <= made["put"] <= told.put + FEW
    assert told.delete <= made["delete"] <= told.delete + FEW
    assert told.list <= made["list"] <= told.list + FEW
    assert told.get * 0.75 <= made["get"] <= told.get * 1.25 + FEW
    assert told.head * 0.75 <= made["head"] <= told.head * 1.25 + FEW


def test_large_shards_go_up_in_parts():
    whole, parts = (
        ng.plan(shape=(size, 256, 256), dtype="uint8", shard_size=(256, 256, 256), levels=0).requests.put
        for size in (128, 512)
    )
    assert LARGEST_PUT == 256**3
    assert whole == 1 + 1
    assert parts == 2 * (2 + 2) + 1  # each shard is a little larger than its voxels
