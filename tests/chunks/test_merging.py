import pytest

from ngprecomp.chunks import merging
from ngprecomp.chunks.merging import merge_shard
from ngprecomp.chunks.sharded import open_shard
from ngprecomp.errors import KeyNotFoundError
from ngprecomp.format.sharding import sharding_to_json
from tests.chunks.places import place, sharding
from tests.naive.sharding import chunks_of

SPEC = sharding(preshift=1, minishard=1, shard=2)
OLD = {0: b"zero", 1: b"one", 3: b"three", 16: b"sixteen"}


@pytest.fixture
def where(store):
    return place(store, sharding=SPEC)


def stored_in(where, number=0):
    data = where.store.get(where.shard_key(number)).data
    return {at: stored for at, (_, stored) in chunks_of(data, sharding_to_json(SPEC)).items()}


def fill(where, number=0):
    merge_shard(where, number, OLD.items())


def test_a_first_merge_makes_the_shard(where):
    fill(where)
    assert where.shard_key(0) == "s/0.shard"
    assert stored_in(where) == OLD


@pytest.mark.parametrize("copy_bytes", [1, 8, 8 << 20])
def test_chunks_are_replaced_added_and_removed(where, monkeypatch, copy_bytes):
    monkeypatch.setattr(merging, "COPY_BYTES", copy_bytes)
    fill(where)
    merge_shard(where, 0, [(0, b"new"), (1, None), (2, b"two"), (17, None), (19, b"last")])
    assert stored_in(where) == {0: b"new", 2: b"two", 3: b"three", 16: b"sixteen", 19: b"last"}


def test_kept_chunks_are_read_in_pieces(where, monkeypatch):
    monkeypatch.setattr(merging, "COPY_BYTES", 8)
    fill(where)
    shard = open_shard(where, 0)
    pieces = []
    ranges = type(shard).ranges

    def noted(self, starts, lengths):
        pieces.append(sum(lengths))
        return ranges(self, starts, lengths)

    monkeypatch.setattr(type(shard), "ranges", noted)
    assert dict(merging._kept(shard)) == OLD
    assert pieces[2:] == [len("zero" + "one"), len("three"), len("sixteen")]


def test_a_shard_whose_chunks_are_all_removed_goes_away(where):
    fill(where)
    merge_shard(where, 0, [(chunk_id, None) for chunk_id in OLD])
    with pytest.raises(KeyNotFoundError):
        where.store.get(where.shard_key(0))


def test_no_changes_give_the_same_bytes(where):
    fill(where)
    before = where.store.get(where.shard_key(0)).data
    merge_shard(where, 0, [])
    assert where.store.get(where.shard_key(0)).data == before


def test_removing_from_an_absent_shard_makes_none(where):
    merge_shard(where, 0, [(0, None)])
    assert list(where.store.list()) == []


def test_a_change_that_fails_leaves_the_shard(where):
    fill(where)

    def changes():
        yield 0, b"new"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        merge_shard(where, 0, changes())
    assert stored_in(where) == OLD
    assert list(where.store.list()) == ["s/0.shard"]
