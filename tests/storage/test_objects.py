"""What every store promises about whole objects, ranges and conditions."""

from __future__ import annotations

import pickle
import threading
from urllib.parse import quote

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ngprecomp.errors import ChangedError, ExistsError, KeyNotFoundError, StorageError
from ngprecomp.storage.locate import open_store
from ngprecomp.storage.protocol import exists

same_store = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"voxels",
        bytearray(b"voxels"),
        memoryview(np.arange(24, dtype="u8").reshape(2, 3, 4)),
        bytes(3 << 20),
    ],
    ids=["empty", "bytes", "bytearray", "3-d", "large"],
)
def test_what_is_put_is_got(store, data):
    store.put("8_8_40/0-64_0-64_0-64", data)
    stored = store.get("8_8_40/0-64_0-64_0-64")
    assert stored.data == bytes(data)
    assert isinstance(stored.data, bytes)
    assert stored.content_encoding is None
    assert store.stat("8_8_40/0-64_0-64_0-64").size == len(bytes(data))


def test_put_replaces_and_keeps_its_own_copy(store):
    data = bytearray(b"first")
    store.put("info", data)
    data[:] = b"other"
    assert store.get("info").data == b"first"
    store.put("info", b"2")
    assert store.get("info").data == b"2"


def test_absent_is_a_key_error(store):
    store.put("scale/chunk", b"x")
    below = () if store.url.startswith("file:") else ("scale/chunk/below/a/file",)  # see test_file_in_the_way
    for key in ("info", "scale/chunk2", "no/folder/at/all", *below):
        for read in (store.get, store.stat, lambda key: store.get_ranges(key, [0], [1])):
            with pytest.raises(KeyNotFoundError, match="does not exist"):
                read(key)
        assert not exists(store, key)
    assert exists(store, "scale/chunk")


def test_every_write_of_other_bytes_changes_the_version(store):
    versions = set()
    for number in range(200):  # fast and of one length: neither a clock's tick nor the size tells these apart
        store.put("info", b"%011d" % number)
        assert store.get("info").version == store.stat("info").version
        versions.add(store.stat("info").version)
    with store.writer("info") as writer:
        writer.append(b"same length")
    versions.add(store.stat("info").version)
    assert len(versions) == 201


@same_store
@given(
    data=st.binary(max_size=300),
    cuts=st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), max_size=12),
)
def test_ranges_are_slices(store, data, cuts):
    store.put("0.shard", data)
    ranges = [(min(cut), max(cut)) for cut in cuts if max(cut) <= len(data)]
    starts = np.array([start for start, _ in ranges], "u8")
    lengths = np.array([end - start for start, end in ranges], "u8")
    assert store.get_ranges("0.shard", starts, lengths) == [data[start:end] for start, end in ranges]


@pytest.mark.parametrize(("start", "length"), [(0, 11), (10, 1), (11, 0), (-1, 2), (3, -1), (2**63, 1), (0, 2**62)])
def test_ranges_outside_the_object_are_refused(store, start, length):
    store.put("0.shard", bytes(10))
    with pytest.raises(StorageError, match="10 bytes"):
        store.get_ranges("0.shard", [0, start], [10, length])


def test_ranges_of_another_version_are_refused(store):
    store.put("0.shard", b"abc")
    version = store.stat("0.shard").version
    assert store.get_ranges("0.shard", [1], [2], if_version=version) == [b"bc"]
    store.put("0.shard", b"ABC")
    with pytest.raises(ChangedError, match=r"0\.shard was written in between"):
        store.get_ranges("0.shard", [1], [2], if_version=version)


def test_put_if_absent_leaves_what_is_there(store):
    store.put("info", b"1", if_absent=True)
    with pytest.raises(ExistsError, match="info exists already"):
        store.put("info", b"2", if_absent=True)
    assert store.get("info").data == b"1"
    assert list(store.list()) == ["info"]


def test_put_if_version_replaces_only_that_version(store):
    store.put("info", b"1")
    version = store.get("info").version
    store.put("info", b"2", if_version=version)
    with pytest.raises(ChangedError, match="info was written in between"):
        store.put("info", b"3", if_version=version)
    assert store.get("info").data == b"2"
    store.delete(["info"])
    with pytest.raises(ChangedError, match="info was removed in between"):
        store.put("info", b"3", if_version=version)
    assert not exists(store, "info")


def test_conditional_puts_by_threads_lose_nothing(store):
    store.put("counter", b"0")

    def count():
        for _ in range(20):
            while True:
                seen = store.get("counter")
                try:
                    store.put("counter", str(int(seen.data) + 1).encode(), if_version=seen.version)
                    break
                except ChangedError:
                    pass

    run_in_threads(count, 4)
    assert store.get("counter").data == b"80"
    assert list(store.list()) == ["counter"]


def test_delete_passes_over_what_is_absent(store):
    store.put("a/b/c", b"1")
    store.put("a/d", b"2")
    store.delete(["a/b/c", "a/b/c", "x", "x/y", "a/d/below"])
    assert list(store.list()) == ["a/d"]
    store.put("a/b/c", b"3")
    assert store.get("a/b/c").data == b"3"


def test_list_can_feed_delete(store):
    for number in range(300):
        store.put(f"8_8_40/{number}", b"")
    store.delete(store.list("8_8_40/"))
    assert list(store.list()) == []


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("", {"info", "8_8_40/0-64", "8_8_40/64-128", "8_8_40/deep/x", "8_8_401/0-64", "16_16_40/0-64"}),
        ("8_8_40/", {"8_8_40/0-64", "8_8_40/64-128", "8_8_40/deep/x"}),
        ("8_8_40", {"8_8_40/0-64", "8_8_40/64-128", "8_8_40/deep/x", "8_8_401/0-64"}),
        ("8_8_40/0-", {"8_8_40/0-64"}),
        ("8_8_40/de", {"8_8_40/deep/x"}),
        ("i", {"info"}),
        ("info", {"info"}),
        ("info/", set()),
        ("absent/", set()),
        ("absent", set()),
        ("../other/", {"../other/4_4_40/0-64"}),
    ],
)
def test_list_yields_the_keys_with_a_prefix(store, prefix, expected):
    for key in ("info", "8_8_40/0-64", "8_8_40/64-128", "8_8_40/deep/x", "8_8_401/0-64", "16_16_40/0-64"):
        store.put(key, b"")
    open_store(store.url.removesuffix("v") + "other").put("4_4_40/0-64", b"")
    listed = list(store.list(prefix))
    assert set(listed) == expected
    assert len(listed) == len(expected)


@pytest.mark.parametrize("key", ["", "/", "/info", "a//b", "a/", "./a", "a/.", "a/../b", "..", "../", "../..", "a\0b"])
def test_odd_keys_are_refused(store, key):
    for use in (store.get, lambda key: store.put(key, b""), store.writer, lambda key: store.delete([key])):
        with pytest.raises(StorageError, match="is not valid"):
            use(key)


def test_keys_beside_the_folder_are_read_but_never_changed(store):
    other = open_store(store.url.removesuffix("v") + "other")
    other.put("8_8_40/chunk", b"beside")
    key = "../other/8_8_40/chunk"
    assert store.get(key).data == b"beside"
    assert store.stat(key) == other.stat("8_8_40/chunk")
    assert store.get_ranges(key, [2], [4]) == [b"side"]
    changes = [
        lambda: store.put(key, b""),
        lambda: store.writer(key),
        lambda: store.delete([key]),
        lambda: store.lock(key).__enter__(),
    ]
    for change in changes:
        with pytest.raises(StorageError, match="leads out of"):
            change()
    assert other.get("8_8_40/chunk").data == b"beside"


def test_dots_inside_a_name_are_part_of_it(store):
    for key in ("..a/b", "a/...", ".hidden", "a..b"):
        store.put(key, key.encode())
        assert store.get(key).data == key.encode()
    assert set(store.list()) == {"..a/b", "a/...", ".hidden", "a..b"}


@pytest.mark.parametrize("name", ["plain", "with space", "%41", "a?b#c", "ü/ö", "a+b&c=d"])
def test_a_store_pickles_and_opens_again_by_its_url(store, name):
    named = open_store(store.url.removesuffix("v") + "parent/" + quote(name))
    named.put("info", b"{}")
    for again in (pickle.loads(pickle.dumps(named)), open_store(named.url)):
        assert again == named
        assert again.get("info").data == b"{}"


def run_in_threads(work, count):
    """Run `work` in threads and raise what one of them raised."""
    errors = []

    def guarded():
        try:
            work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def test_what_is_too_large_is_not_read(store):
    store.put("chunk", bytes(100))
    assert store.get("chunk", limit=100).data == bytes(100)
    with pytest.raises(StorageError, match=r"chunk has 100 bytes, expected at most 99"):
        store.get("chunk", limit=99)
