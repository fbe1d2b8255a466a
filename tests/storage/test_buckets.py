"""What is particular to buckets: leases of locks, parts, processes, and who asks."""

from __future__ import annotations

import builtins
import json
import multiprocessing
import os
import pickle
import subprocess
import sys
import threading
import time

import pytest

from ngprecomp.errors import ExistsError, KeyNotFoundError, OptionError, StorageError
from ngprecomp.storage import cloud_lock, spooled_writer
from ngprecomp.storage.local import LOCK_FOLDER
from ngprecomp.storage.locate import open_store

from .servers import BUCKET


def lock_objects(store):
    return list(store._client.list(f"{store.address.prefix}/{LOCK_FOLDER}", ""))


def test_large_objects_go_up_in_parts(s3, tmp_path):
    with s3.writer("k/0.shard", spool_dir=str(tmp_path)) as writer:
        for number in range(5):
            writer.append(bytes([number]) * (5 << 20))
        writer.patch(0, b"index")
        assert writer.read(3, 4) == b"ex\0\0"
        assert list(s3.list()) == []
        assert os.listdir(tmp_path) == []  # the file has no name: nothing stays behind a process that dies
    assert s3.stat("k/0.shard").size == 25 << 20
    assert s3.stat("k/0.shard").version.endswith('-2"')
    assert s3.get_ranges("k/0.shard", [0, (10 << 20) - 1], [6, 2]) == [b"index\0", b"\1\2"]


def test_a_folder_for_spools_that_does_not_exist(s3, tmp_path):
    writer = s3.writer("0.shard", spool_dir=str(tmp_path / "none"))
    with pytest.raises(FileNotFoundError, match="none"):
        writer.append(bytes(spooled_writer.IN_MEMORY + 1))
    writer.discard()


def test_a_bucket_that_does_not_exist(moto):
    store = open_store(f"s3+{moto}/no-such-bucket/v")
    for use in (lambda: store.get("info"), lambda: list(store.list()), lambda: store.put("info", b"")):
        with pytest.raises(StorageError, match="no such bucket"):
            use()


def test_keys_that_no_bucket_takes(s3):
    with pytest.raises(StorageError, match="Could not parse path"):
        s3.get("a\nb")


def test_a_lock_is_renewed(s3, monkeypatch):
    monkeypatch.setattr(cloud_lock, "LIFETIME", 0.4)
    with s3.lock("info"):
        first = s3._client.get(lock_objects(s3)[0], None).data
        time.sleep(0.8)
        assert s3._client.get(lock_objects(s3)[0], None).data != first
        with pytest.raises(StorageError, match=rf"info is locked by another .* \(process {os.getpid()} on "):
            s3.lock("info", timeout=0).__enter__()
    assert lock_objects(s3) == []


@pytest.mark.parametrize(
    "claim",
    [
        {"host": "elsewhere", "pid": 1, "until": 0, "token": ""},
        {"host": os.uname().nodename, "pid": 4194305, "until": 1e12, "token": ""},
        "nothing of ours",
    ],
    ids=["silent", "dead", "foreign"],
)
def test_a_lock_that_was_left_is_taken_over(s3, claim):
    with s3.lock("info"):
        (path,) = lock_objects(s3)
    s3._client.put(path, json.dumps(claim).encode())
    with s3.lock("info", timeout=0):
        assert json.loads(s3._client.get(path, None).data)["pid"] == os.getpid()
    assert lock_objects(s3) == []


def test_a_lock_of_another_machine_stays(s3):
    with s3.lock("info"):
        (path,) = lock_objects(s3)
    claim = {"host": "elsewhere", "pid": 1, "until": time.time() + 30, "token": ""}
    s3._client.put(path, json.dumps(claim).encode())
    with pytest.raises(StorageError, match=r"locked by another .* \(process 1 on elsewhere\)"):
        s3.lock("info", timeout=0).__enter__()


def test_who_lost_a_lock_is_told(s3):
    def lose():
        with s3.lock("info"):
            s3._client.put(lock_objects(s3)[0], b"taken")

    with pytest.raises(StorageError, match=r"the lock of .*info was lost"):
        lose()
    assert len(lock_objects(s3)) == 1  # it is the other's now


def test_of_many_threads_one_puts_if_absent(s3):
    won = []

    def claim(number):
        try:
            s3.put("claim", str(number).encode(), if_absent=True)
            won.append(number)
        except ExistsError:
            pass

    threads = [threading.Thread(target=claim, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [str(number).encode() for number in won] == [s3.get("claim").data]


def _read_in_child(store, queue):
    try:
        queue.put(store.get("info").data)
    except Exception as error:
        queue.put(f"{type(error).__name__}: {error}")


@pytest.mark.parametrize(("method", "expected"), [("spawn", b"{}"), ("fork", "forked from process")])
def test_other_processes(s3, method, expected):
    s3.put("info", b"{}")
    context = multiprocessing.get_context(method)
    queue = context.SimpleQueue()
    process = context.Process(target=_read_in_child, args=(s3, queue))
    process.start()
    found = queue.get()
    process.join(30)
    assert process.exitcode == 0
    assert expected in found


FORK_BEFORE_USE = """
import os, sys
from ngprecomp.storage.locate import open_store
store = open_store(sys.argv[1])
if os.fork():
    sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
assert store.get("info").data == b"{}"
os._exit(0)
"""


def test_a_fork_before_the_first_request(s3):
    s3.put("info", b"{}")
    subprocess.run([sys.executable, "-c", FORK_BEFORE_USE, s3.url], check=True, timeout=60)


def test_opening_asks_nothing_and_imports_nothing():
    code = (
        "import sys; from ngprecomp.storage.locate import open_store; import pickle\n"
        "pickle.loads(pickle.dumps(open_store('s3://bucket/v')))\n"
        "open_store('https://host/v'), open_store('fsspec+sftp://host/v')\n"
        "assert {'obstore', 'fsspec', 'urllib.request'}.isdisjoint(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_the_extra(monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **keywords):
        if name.partition(".")[0] == "obstore" or name == "ngprecomp.storage.object_client":
            raise ImportError(name)
        return real(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", without)
    for url in ("s3://bucket/v", "https://host/v"):
        with pytest.raises(OptionError, match=r"needs obstore: python -m pip install 'ngprecomp\[cloud\]'"):
            open_store(url).get("info")


def test_pickles_hold_no_secrets(s3):
    s3.put("info", b"{}")
    assert b"secret" not in pickle.dumps(s3)


def test_s3_without_the_right_to_list(server, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "tester")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    server.always = 403
    bucket = f"s3+{server.url}/{BUCKET}/v"
    with pytest.raises(StorageError, match="refuses access"):
        open_store(bucket).get("chunk")
    with pytest.raises(KeyNotFoundError, match="does not exist, or may not be read"):
        open_store(f"{bucket}?forbidden=missing").get("chunk")
