import itertools
import struct
import tracemalloc
import uuid

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngprecomp.chunks import shard_writing
from ngprecomp.chunks.shard_writing import ShardWriter
from ngprecomp.errors import KeyNotFoundError, StorageError
from ngprecomp.format.sharding import sharding_to_json
from ngprecomp.storage.memory import MemoryStore
from tests.chunks.places import sharding
from tests.naive.sharding import chunks_of, place_of
from tests.strategies import shardings

KEY = "s/0.shard"
CHUNKS = {7: b"seven", 0: b"none", 2**63 + 9: b"far away", 5: b"5" * 300}


def written(store, spec, chunks):
    with ShardWriter(store, KEY, spec) as writer:
        for chunk_id, data in chunks:
            writer.add(chunk_id, data)
    return store.get(KEY).data


@given(
    spec=shardings(max_bits=5),
    chunks=st.dictionaries(st.integers(0, 2**64 - 1), st.binary(min_size=1, max_size=40), min_size=1),
    data=st.data(),
)
def test_the_bytes_depend_on_the_chunks_not_on_their_order(spec, chunks, data):
    store = MemoryStore(uuid.uuid4().hex)
    ascending = written(store, spec, sorted(chunks.items()))
    shuffled = written(store, spec, data.draw(st.permutations(list(chunks.items()))))
    store.delete([KEY])
    assert shuffled == ascending
    document = sharding_to_json(spec)
    expected = {at: (place_of(at, document)[1], stored) for at, stored in chunks.items()}
    assert chunks_of(ascending, document) == expected


def test_chunks_lie_in_ascending_order_behind_the_shard_index(store):
    data = written(store, sharding(minishard=2), CHUNKS.items())
    assert data[64:].startswith(b"none" + CHUNKS[5] + b"seven" + b"far away")


def test_local_and_memory_files_are_the_same(local, memory):
    spec = sharding(index="gzip", minishard=3)
    assert written(local, spec, CHUNKS.items()) == written(memory, spec, CHUNKS.items())


def test_an_empty_shard_leaves_no_file(store):
    written(store, sharding(), CHUNKS.items())
    with ShardWriter(store, KEY, sharding()):
        pass
    with pytest.raises(KeyNotFoundError):
        store.get(KEY)
    assert list(store.list()) == []


@pytest.mark.parametrize("ids", list(itertools.permutations([3, 8, 3])))
def test_a_chunk_written_twice_is_refused_and_the_old_shard_stays(store, ids):
    old = written(store, sharding(), CHUNKS.items())
    with pytest.raises(StorageError, match=r"chunk 3 was written twice to shard s/0.shard in"):
        written(store, sharding(), [(chunk_id, b"new") for chunk_id in ids])
    assert store.get(KEY).data == old
    assert list(store.list()) == [KEY]


def test_an_error_while_chunks_are_added_leaves_the_old_shard(store):
    old = written(store, sharding(), CHUNKS.items())

    def interrupted():
        with ShardWriter(store, KEY, sharding()) as writer:
            writer.add(1, b"new")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        interrupted()
    assert store.get(KEY).data == old
    assert list(store.list()) == [KEY]


def test_an_error_while_indices_are_written_leaves_the_old_shard(store, monkeypatch):
    old = written(store, sharding(), CHUNKS.items())

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shard_writing, "deflate_index", full)
    with pytest.raises(OSError, match="No space left"):
        written(store, sharding(), [(1, b"new")])
    assert store.get(KEY).data == old
    assert list(store.list()) == [KEY]


def test_many_minishards(store):
    spec = sharding(preshift=0, minishard=11, shard=0, index="gzip")
    chunks = {int(at): b"%d" % at for at in np.random.default_rng(1).permutation(3000)}
    data = written(store, spec, chunks.items())
    found = chunks_of(data, sharding_to_json(spec))
    assert {at: stored for at, (_, stored) in found.items()} == chunks


def test_empty_minishards_are_zeros_in_the_index(store):
    data = written(store, sharding(preshift=0, minishard=2), [(2, b"x")])
    assert struct.unpack("<8Q", data[:64]) == (0, 0, 0, 0, 1, 25, 0, 0)


def test_len_counts_the_chunks(store):
    with ShardWriter(store, KEY, sharding()) as writer:
        assert len(writer) == 0
        writer.add(4, b"x")
        assert len(writer) == 1


def test_memory_is_24_bytes_for_each_chunk(local):
    count = 50_000
    writer = ShardWriter(local, KEY, sharding(minishard=4, index="gzip"))
    stored = b"c" * 20
    tracemalloc.start()
    for chunk_id in range(count):
        writer.add(chunk_id, stored)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    writer.discard()
    # A growing array takes an eighth more than it holds, the writer collects 256 KiB.
    assert held < count * 24 * 9 / 8 + 2 * (1 << 18)
