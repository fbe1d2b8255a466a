"""What every store promises about objects that are written piece by piece."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ngprecomp.errors import KeyNotFoundError, StorageError
from ngprecomp.storage.protocol import exists

SIZES = st.sampled_from([0, 1, 7, 1000, 100_000, (1 << 18) - 1, 1 << 18, (1 << 18) + 1])


def test_a_shard_is_patched_and_appears_whole(store):
    with store.writer("8_8_40/0.shard") as writer:
        assert writer.append(bytes(16)) == 0
        assert writer.append(b"first") == 16
        assert writer.append(memoryview(np.arange(3, dtype="u8"))) == 21
        writer.patch(0, b"index")
        writer.patch(18, bytearray(b"XY"))
        assert writer.read(14, 7) == b"\0\0fiXYt"
        assert not exists(store, "8_8_40/0.shard")
        assert list(store.list()) == []
    expected = b"index" + bytes(11) + b"fiXYt" + np.arange(3, dtype="u8").tobytes()
    assert store.get("8_8_40/0.shard").data == expected
    assert list(store.list()) == ["8_8_40/0.shard"]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=st.lists(SIZES, max_size=6), seed=st.integers(0, 2**32 - 1))
def test_any_order_of_appends_patches_and_reads(store, sizes, seed):
    random = np.random.default_rng(seed)
    expected = bytearray()
    with store.writer("0.shard") as writer:
        for size in sizes:
            data = random.bytes(size)
            assert writer.append(data) == len(expected)
            expected += data
            start, end = sorted(random.integers(0, len(expected) + 1, 2).tolist())
            patch = random.bytes(end - start)
            if random.integers(2):
                writer.patch(start, patch)
                expected[start:end] = patch
            if random.integers(2):
                assert writer.read(start, end - start) == expected[start:end]
    assert store.get("0.shard").data == expected


def test_an_error_leaves_the_old_object(store):
    store.put("0.shard", b"old")
    before = store.stat("0.shard")

    def fail():
        with store.writer("0.shard") as writer:
            writer.append(bytes(1 << 20))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert store.get("0.shard").data == b"old"
    assert store.stat("0.shard") == before
    assert list(store.list()) == ["0.shard"]


def test_discarding_leaves_nothing(store):
    with store.writer("0.shard") as writer:
        writer.append(b"new")
        writer.discard()
    assert not exists(store, "0.shard")
    with pytest.raises(KeyNotFoundError):
        store.get("0.shard")


def test_a_published_writer_is_finished(store):
    with store.writer("0.shard") as writer:
        writer.append(b"new")
        writer.publish()
        assert store.get("0.shard").data == b"new"
    writer.discard()
    assert store.get("0.shard").data == b"new"
    uses = [
        writer.publish,
        lambda: writer.append(b"x"),
        lambda: writer.patch(0, b"x"),
        lambda: writer.read(0, 1),
    ]
    for use in uses:
        with pytest.raises(StorageError, match="published or discarded already"):
            use()


@pytest.mark.parametrize(("offset", "length"), [(0, 4), (3, 1), (-1, 1), (4, 0)])
def test_only_appended_bytes_can_be_patched_or_read(store, offset, length):
    with store.writer("0.shard") as writer:
        writer.append(b"abc")
        with pytest.raises(StorageError, match="3 bytes"):
            writer.patch(offset, bytes(length))
        with pytest.raises(StorageError, match="3 bytes"):
            writer.read(offset, length)
    assert store.get("0.shard").data == b"abc"


def test_two_writers_of_one_key_do_not_mix(store):
    with store.writer("0.shard") as first, store.writer("0.shard") as second:
        for _ in range(3):
            first.append(b"a" * 300_000)
            second.append(b"b" * 300_000)
    assert store.get("0.shard").data == b"a" * 900_000  # the outer block ends last


def test_durable_writes_are_written(store):
    store.put("info", b"1", durable=True)
    store.put("claim", b"2", durable=True, if_absent=True)
    with store.writer("0.shard", durable=True) as writer:
        writer.append(b"3")
    assert [store.get(key).data for key in ("info", "claim", "0.shard")] == [b"1", b"2", b"3"]
