"""What every store promises about locks among threads."""

from __future__ import annotations

import threading
import time

import pytest

from ngprecomp.errors import StorageError

from .test_objects import run_in_threads


def test_threads_hold_a_key_one_at_a_time(store):
    store.put("counter", b"0")

    def count():
        for _ in range(25):
            with store.lock("counter"):
                store.put("counter", str(int(store.get("counter").data) + 1).encode())

    run_in_threads(count, 4)
    assert store.get("counter").data == b"100"
    assert list(store.list()) == ["counter"]


def test_waiting_ends_with_a_sentence(store):
    with store.lock("8_8_40/0.shard"):
        begin = time.monotonic()
        with (
            pytest.raises(StorageError, match=r"8_8_40/0\.shard is locked by another .*0\.05 s"),
            store.lock("8_8_40/0.shard", timeout=0.05),
        ):
            pass
        assert time.monotonic() - begin < 5
        with store.lock("8_8_40/1.shard", timeout=0):
            pass
    with store.lock("8_8_40/0.shard", timeout=0):
        pass


def test_an_error_inside_releases_the_lock(store):
    with pytest.raises(ZeroDivisionError), store.lock("info"):
        raise ZeroDivisionError
    with store.lock("info", timeout=0):
        pass


def test_who_waits_gets_the_lock_when_it_is_released(store):
    held, got = threading.Event(), threading.Event()

    def wait():
        held.wait()
        with store.lock("info"):
            got.set()

    waiter = threading.Thread(target=wait)
    waiter.start()
    with store.lock("info"):
        held.set()
        time.sleep(0.02)
        assert not got.is_set()
    assert got.wait(5)
    waiter.join()


def test_a_holder_may_put_conditionally(store):
    store.put("info", b"1")
    with store.lock("info"):
        store.put("info", b"2", if_version=store.get("info").version)
    assert store.get("info").data == b"2"


def test_a_lock_makes_no_key(store):
    with store.lock("info"):
        assert list(store.list()) == []
    assert list(store.list()) == []
