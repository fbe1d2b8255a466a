from dataclasses import replace

import numpy as np
import pytest

from ngprecomp.chunks import shard_sets
from ngprecomp.chunks.shard_sets import OpenShards, ShardSets, SpooledShards, shard_set
from ngprecomp.errors import StorageError
from ngprecomp.storage.memory import MemoryStore
from tests.chunks.places import place, sharding


def files(store):
    return {key: store.get(key).data for key in store.list()}


def filled(shards, seed=0):
    random = np.random.default_rng(seed)
    for chunk_id in random.permutation(48).tolist():
        shards.add(chunk_id, b"chunk %d " % chunk_id * (1 + chunk_id % 3))
    return shards


@pytest.mark.parametrize("hashed", ["identity", "murmurhash3_x86_128"])
def test_spooled_and_open_shards_are_the_same_bytes(local, memory, tmp_path, hashed):
    spec = sharding(preshift=1, minishard=1, shard=3, hash=hashed, index="gzip")
    filled(OpenShards(place(local, sharding=spec)), 1).close()
    filled(SpooledShards(place(memory, sharding=spec), str(tmp_path)), 2).close()
    assert files(local) == files(memory)
    assert len(files(local)) == 8


@pytest.mark.parametrize("kind", [OpenShards, SpooledShards])
def test_discarded_shards_leave_nothing(store, kind):
    filled(kind(place(store, sharding=sharding()))).discard()
    assert files(store) == {}


@pytest.mark.parametrize("kind", [OpenShards, SpooledShards])
def test_no_chunks_make_no_shards(store, kind):
    kind(place(store, sharding=sharding())).close()
    assert files(store) == {}


@pytest.mark.parametrize("kind", [OpenShards, SpooledShards])
def test_a_chunk_written_twice_is_refused(store, kind):
    shards = kind(place(store, sharding=sharding()))
    shards.add(1, b"a")
    shards.add(1, b"b")
    with pytest.raises(StorageError, match="chunk 1 was written twice"):
        shards.close()
    assert files(store) == {}


def test_the_number_of_shards_decides(store, monkeypatch):
    where = place(store, sharding=sharding(preshift=0, minishard=0, shard=7))
    monkeypatch.setattr(shard_sets, "OPEN_SHARDS", 4)
    corner = where.grid.positions
    few = type(corner)((1, 1, 1), (3, 3, 2))
    assert isinstance(shard_set(where, few), OpenShards)
    many = shard_set(where, corner)
    assert isinstance(many, SpooledShards)
    many.discard()


def test_hashed_shards_may_lie_anywhere(store, monkeypatch):
    monkeypatch.setattr(shard_sets, "OPEN_SHARDS", 4)
    where = place(store, sharding=sharding(hash="murmurhash3_x86_128", shard=3))
    spooled = shard_set(where, type(where.grid.positions)((0, 0, 0), (1, 1, 1)))
    assert isinstance(spooled, SpooledShards)
    spooled.discard()


def test_several_scales_close_together(store):
    first = place(store, sharding=sharding())
    other = place(MemoryStore(f"{store.url}-other"), sharding=sharding())
    with ShardSets() as sets:
        for where in (first, other):
            sets.open(where, where.grid.positions).add(0, b"x")
        assert files(store) == {}
    assert files(store) == files(other.store) != {}
    other.store.delete(other.store.list())


def test_several_scales_are_discarded_together(store):
    def interrupted():
        with ShardSets() as sets:
            for key in ("a", "b"):
                where = replace(place(store, sharding=sharding()), folder=key)
                sets.open(where, where.grid.positions).add(0, b"x")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        interrupted()
    assert files(store) == {}


def test_the_spool_lies_where_it_is_told(tmp_path, memory):
    with pytest.raises(FileNotFoundError, match="absent"):
        SpooledShards(place(memory, sharding=sharding()), str(tmp_path / "absent"))
