import gzip
import json
import shutil
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ngprecomp.chunks.cache import LruCache
from ngprecomp.chunks.reading import read_encoded
from ngprecomp.chunks.shard_writing import ShardWriter
from ngprecomp.chunks.sharded import ATTEMPTS, ShardFile, open_shard, read_sharded
from ngprecomp.errors import ChangedError, DecodeError
from ngprecomp.format.shard_index import encode_minishard_index, encode_shard_index
from ngprecomp.format.sharding import parse_sharding
from ngprecomp.storage.local import LocalStore
from tests.chunks.places import chunk_id, place, shard_of, sharding
from tests.naive.sharding import place_of

SHARDS = Path(__file__).parents[1] / "golden/shards"
GOLDEN = json.loads((SHARDS / "index.json").read_text())
VALUES = {int(at): bytes.fromhex(value) for at, value in GOLDEN["values"].items()}
# Chunk ids of all 64 bits occur.
HUGE = {"size": (2**22, 2**21, 2**21), "chunk": (1, 1, 1)}


def golden(case, writer):
    """Return the place of golden shards, and the minishards that list an empty value, which no chunk is."""
    document = case["sharding"]
    where = place(LocalStore(str(SHARDS / case["name"])), sharding=parse_sharding(document), **HUGE)
    empty = set()
    if document["data_encoding"] == "raw":
        empty = {place_of(at, document) for at, value in VALUES.items() if not value}
    return replace(where, folder=writer), document, empty


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: case["name"])
@pytest.mark.parametrize("writer", ["tensorstore", "cloudvolume"])
def test_golden_shards_are_read(case, writer):
    where, document, empty = golden(case, writer)
    for at, value in VALUES.items():
        number, minishard = place_of(at, document)
        shard = open_shard(where, number)
        if (number, minishard) in empty:
            with pytest.raises(DecodeError, match="is listed with 0 bytes"):
                shard.minishard(minishard)
            continue
        start, size = shard.minishard(minishard).find(at)
        stored = shard.ranges([start], [size])[0]
        assert (gzip.decompress(stored) if document["data_encoding"] == "gzip" else stored) == value


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: case["name"])
def test_golden_shards_list_all_their_chunks(case):
    where, document, empty = golden(case, "tensorstore")
    for name in case["tensorstore_files"]:
        number = int(name.removesuffix(".shard"), 16)
        if number not in {shard for shard, _ in empty}:
            expected = sorted(at for at in VALUES if place_of(at, document)[0] == number)
            assert open_shard(where, number).chunks().ids.tolist() == expected


SPEC = sharding(preshift=1, minishard=1, shard=2)
POSITION = (1, 1, 0)


def stored_shard(store, spec=SPEC, size=64):
    """Return a place with one full chunk at `POSITION`, and the key of its shard."""
    where = place(store, sharding=spec)
    shard, _, at = shard_of(where, POSITION)
    key = where.key(f"{shard}.shard")
    with ShardWriter(store, key, spec) as writer:
        writer.add(at, bytes(range(size)))
    return where, key


def test_absent_chunks_minishards_and_shards(store):
    where, _ = stored_shard(store)
    assert read_sharded(where, POSITION) == bytes(range(64))
    shard, minishard, at = shard_of(where, POSITION)
    file = open_shard(where, shard)
    assert file.minishard(1 - minishard) is None
    assert file.minishard(minishard).find(at ^ 1) is None
    assert open_shard(where, shard ^ 1) is None
    assert [position for position in [(0, 0, 0), (5, 3, 2)] if read_sharded(where, position)] == []


def test_indices_are_cached_by_version(store, monkeypatch):
    where, key = stored_shard(store)
    cache = LruCache(1 << 20)
    lookups = []
    indices = ShardFile._indices
    monkeypatch.setattr(ShardFile, "_indices", lambda *args, **kw: lookups.append(args[1:]) or indices(*args, **kw))
    for _ in range(3):
        assert read_sharded(where, POSITION, cache) == bytes(range(64))
    assert len(lookups) == 1
    with ShardWriter(store, key, SPEC) as writer:
        writer.add(chunk_id(where, POSITION), bytes(64))
    assert read_sharded(where, POSITION, cache) == bytes(64)
    assert len(lookups) == 2


def test_a_shard_that_is_replaced_meanwhile_is_looked_at_again(store, monkeypatch):
    where, key = stored_shard(store)
    ranges = ShardFile.ranges
    calls = []

    def replaced(self, starts, lengths):
        calls.append(starts)
        if len(calls) in (2, 4):
            with ShardWriter(store, key, SPEC) as writer:
                writer.add(chunk_id(where, POSITION), b"\7" * 64)
        return ranges(self, starts, lengths)

    monkeypatch.setattr(ShardFile, "ranges", replaced)
    assert read_sharded(where, POSITION) == b"\7" * 64


def test_a_shard_that_is_removed_meanwhile_is_absent(store, monkeypatch):
    where, key = stored_shard(store)
    ranges = ShardFile.ranges

    def removed(self, starts, lengths):
        store.delete([key])
        return ranges(self, starts, lengths)

    monkeypatch.setattr(ShardFile, "ranges", removed)
    assert read_sharded(where, POSITION) is None


def test_a_shard_that_never_rests_is_an_error(store, monkeypatch):
    where, _ = stored_shard(store)
    calls = []

    def never(self, starts, lengths):
        calls.append(1)
        raise ChangedError("was written in between")

    monkeypatch.setattr(ShardFile, "ranges", never)
    with pytest.raises(ChangedError):
        read_sharded(where, POSITION)
    assert len(calls) == ATTEMPTS


# Damage (FAULTS s01 to s18): each an error that names chunk and shard, never zeros.


def index_of(ids, starts, sizes, front=32):
    return encode_minishard_index(ids, starts, sizes, front)


def damaged(file, minishard, at):
    """Return damaged shard files and what is said of them, by name."""
    whole = bytes(file)
    data = bytes(range(64))

    def listing(index, entry=None):
        start = 32 + len(data)
        bounds = np.zeros((2, 2), np.uint64)
        bounds[minishard] = start, start + len(index)
        front = entry if entry is not None else encode_shard_index(bounds)
        return front + data + index

    def raw_entry(start, end):
        entries = [0, 0, 0, 0]
        entries[2 * minishard : 2 * minishard + 2] = start, end
        return struct.pack("<4Q", *entries)

    good = index_of([at], [32], [64])
    return {
        "empty file": (b"", "expected a shard index of 32 bytes, found a file of 0 bytes"),
        "cut in the shard index": (whole[:20], "found a file of 20 bytes"),
        "cut in the minishard index": (whole[:-1], "a minishard index cannot lie from byte"),
        "cut in the data": (whole[:60], "a minishard index cannot lie from byte"),
        "ends before it starts": (listing(good, raw_entry(64, 40)), "cannot lie"),
        "wraps below zero": (listing(good, raw_entry(2**64 - 8, 16)), "cannot lie"),
        "huge index": (listing(good, raw_entry(0, 2**62)), "cannot lie"),
        "no multiple of 24": (listing(good + b"x"), "expected 24 bytes"),
        "chunk past the end": (listing(index_of([at], [2**40], [64])), "in a file of"),
        "huge chunk": (listing(index_of([at], [32], [2**40])), "in a file of"),
        "chunk in the shard index": (listing(index_of([at], [8], [64])), "after the 32 bytes of the shard index"),
        "chunk of 0 bytes": (listing(index_of([at], [32], [0])), "listed with 0 bytes"),
        "listed twice": (listing(struct.pack("<6Q", at, 0, 0, 0, 64, 64)), "is listed twice"),
        "too many chunks": (listing(index_of(range(500), [32] * 500, [1] * 500)), "at most"),
        "short chunk": (listing(index_of([at], [32], [63])), "has 64 bytes, found 63"),
        "long chunk": (listing(index_of([at], [32], [65])), "at most 64 bytes"),
    }


KINDS = list(damaged(b"", 0, 0))


@pytest.mark.parametrize("kind", KINDS)
def test_damage_is_an_error_that_names_chunk_and_shard(memory, kind):
    from ngprecomp.chunks.coding import decode_chunk

    where, key = stored_shard(memory)
    _, minishard, at = shard_of(where, POSITION)
    data, message = damaged(memory.get(key).data, minishard, at)[kind]
    memory.put(key, data)
    with pytest.raises(DecodeError, match=message) as caught:
        decode_chunk(where, POSITION, read_encoded(where, POSITION))
    assert str(caught.value).startswith("chunk 4:8,4:8,0:4 of scale 's' in memory://")
    if "chunk" not in kind or "past" in kind:
        assert f"shard {key} in" in str(caught.value)


@pytest.mark.parametrize("what", ["index", "data"])
@pytest.mark.parametrize("how", ["flip", "bomb", "zero bytes"])
def test_gzip_damage_is_an_error(memory, what, how):
    spec = sharding(preshift=1, minishard=1, shard=2, **{what: "gzip"})
    where = place(memory, sharding=spec)
    shard, minishard, at = shard_of(where, POSITION)
    plain = {"index": index_of([at], [32], [64]), "data": bytes(range(64))}[what]
    packed = gzip.compress(bytes(1 << 22) if how == "bomb" else plain)
    if how == "flip":
        packed = packed[:20] + bytes([packed[20] ^ 4]) + packed[21:]
    elif how == "zero bytes":
        packed = bytes(len(packed))
    chunk = packed if what == "data" else bytes(64)
    index = packed if what == "index" else index_of([at], [32], [len(chunk)])
    bounds = np.zeros((2, 2), np.uint64)
    bounds[minishard] = 32 + len(chunk), 32 + len(chunk) + len(index)
    memory.put(where.key(f"{shard}.shard"), encode_shard_index(bounds) + chunk + index)
    with pytest.raises(DecodeError, match=r"^chunk 4:8,4:8,0:4 of scale 's'"):
        read_encoded(where, POSITION)


def test_a_shard_that_is_a_folder_is_an_error(local):
    where, key = stored_shard(local)
    path = Path(local.root, key)
    path.unlink()
    path.mkdir()
    with pytest.raises(OSError, match="is a folder"):
        read_encoded(where, POSITION)
    shutil.rmtree(path)


def test_order_in_the_file_is_free(memory):
    """Ids that descend, gaps, junk, indices before the data (FORMAT 4.5)."""
    where = place(memory, sharding=SPEC)
    shard, minishard, at = shard_of(where, POSITION)
    first, second = max(at, at ^ 1), min(at, at ^ 1)
    index = struct.pack("<6Q", first, second - first + 2**64, 48 + 100, 3 - 100 - 64 + 2**64, 64, 64)
    bounds = np.zeros((2, 2), np.uint64)
    bounds[minishard] = 32, 32 + 48
    chunks = {first: b"a" * 64, second: b"b" * 64}
    body = b"???" + chunks[second] + b"?" * 33 + chunks[first]
    memory.put(where.key(f"{shard}.shard"), encode_shard_index(bounds) + index + body)
    assert read_encoded(where, POSITION) == chunks[at]
    assert open_shard(where, shard).chunks().ids.tolist() == sorted(chunks)


def test_a_chunk_in_a_minishard_of_others_is_not_merged(memory):
    """No reader finds it there; a merge would bring it to light, or keep it beside another of its name."""
    where, key = stored_shard(memory)
    _, minishard, at = shard_of(where, POSITION)
    index = index_of([at], [32], [64])
    bounds = np.zeros((2, 2), np.uint64)
    bounds[1 - minishard] = 96, 96 + len(index)
    memory.put(key, encode_shard_index(bounds) + bytes(64) + index)
    assert read_encoded(where, POSITION) is None
    with pytest.raises(
        DecodeError, match=f"chunk {at} is listed in minishard {1 - minishard}, where it does not belong"
    ):
        open_shard(where, shard_of(where, POSITION)[0]).chunks()


def test_a_chunk_is_kept_until_its_shard_changes(store):
    where, key = stored_shard(store)
    cache = LruCache(1 << 20)
    first = read_encoded(where, POSITION, cache)
    assert first == bytes(range(64))
    assert read_encoded(where, POSITION, cache) is first
    _, _, at = shard_of(where, POSITION)
    with ShardWriter(store, key, SPEC) as writer:
        writer.add(at, bytes(64))
    assert read_encoded(where, POSITION, cache) == bytes(64)
