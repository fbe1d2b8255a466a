"""What only files can do wrong: links, FIFOs, full disks, processes that die."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import signal
import socket
import stat
import subprocess
import sys

import pytest

from ngprecomp.errors import ExistsError, KeyNotFoundError, StorageError
from ngprecomp.storage import files, local_writer
from ngprecomp.storage.local import LOCK_FOLDER, LocalStore
from ngprecomp.storage.protocol import exists

spawn = multiprocessing.get_context("spawn")


def everything_below(root):
    """Return all names below a folder, temporaries and locks included."""
    return {os.path.join(folder, name) for folder, _, names in os.walk(root) for name in names}


def reads(store):
    return (store.get, store.stat, lambda key: store.get_ranges(key, [0], [1]))


# --- what lies under a name but is no file


def put_folder(path):
    os.mkdir(path)


def put_fifo(path):
    os.mkfifo(path)


def put_device(path):
    os.symlink("/dev/zero", path)


def put_dangling_link(path):
    os.symlink("/absent/target", path)


def put_linked_folder(path):
    os.symlink("/tmp", path)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (put_folder, "is a folder, not a regular file"),
        (put_linked_folder, "is a folder, not a regular file"),
        (put_fifo, "is a FIFO, device or socket, not a regular file"),
        (put_device, "is a FIFO, device or socket, not a regular file"),
        (put_dangling_link, "is a symbolic link to /absent/target, which does not exist"),
    ],
)
def test_what_is_no_file_is_an_error_never_absent(local, make, reason):
    local.put("scale/info", b"")
    path = os.path.join(local.root, "scale", "chunk")
    make(path)
    for read in reads(local):
        with pytest.raises(StorageError, match=f"{path} {reason}"):
            read("scale/chunk")


def test_a_socket_is_an_error(local):
    local.put("info", b"")
    with socket.socket(socket.AF_UNIX) as listener:
        here = os.open(".", os.O_RDONLY)
        os.chdir(local.root)  # the path itself may be longer than sockets allow
        listener.bind("chunk")
        os.fchdir(here)
        os.close(here)
    for read in reads(local):
        with pytest.raises(OSError, match="chunk"):
            read("chunk")


def test_a_link_loop_is_the_systems_own_error(local):
    local.put("info", b"")
    os.symlink("chunk", os.path.join(local.root, "chunk"))
    for read in reads(local):
        with pytest.raises(OSError, match="chunk") as caught:
            read("chunk")
        assert caught.value.errno == errno.ELOOP


def test_a_scale_on_an_absent_disk_is_an_error(local):
    local.put("info", b"")
    os.symlink("/absent/disk", os.path.join(local.root, "scale"))
    for use in (*reads(local), lambda key: list(local.list("scale/")), lambda key: local.put(key, b"")):
        with pytest.raises(StorageError, match="scale"):
            use("scale/deep/chunk")
    assert set(local.list()) == {"info", "scale"}


def test_links_are_followed(local, tmp_path):
    elsewhere = LocalStore(str(tmp_path / "elsewhere"))
    elsewhere.put("chunk", b"linked")
    local.put("info", b"")
    os.symlink(elsewhere.root, os.path.join(local.root, "scale"))
    assert local.get("scale/chunk").data == b"linked"
    assert set(local.list("scale/")) == {"scale/chunk"}


def test_listing_survives_links_to_folders_above(local):
    local.put("a/b/chunk", b"")
    os.symlink(local.root, os.path.join(local.root, "a", "b", "up"))
    os.symlink(".", os.path.join(local.root, "a", "here"))
    assert set(local.list()) == {"a/b/chunk"}


def test_permission_errors_pass_as_they_are(local, monkeypatch):
    def refuse(path, *_, **__):
        raise PermissionError(errno.EACCES, "Permission denied", path)

    local.put("info", b"")
    monkeypatch.setattr(os, "open", refuse)
    for use in (local.get, lambda key: local.get_ranges(key, [0], [0]), lambda key: local.put(key, b"")):
        with pytest.raises(PermissionError, match="info"):
            use("info")


def test_a_file_that_shrinks_while_it_is_read_is_an_error(local, monkeypatch):
    local.put("chunk", b"0123456789")
    monkeypatch.setattr(os, "pread", lambda *_: b"")
    with pytest.raises(StorageError, match="chunk ends at byte 0, expected 10"):
        local.get("chunk")


def test_a_call_that_moves_only_a_part_is_continued(local, monkeypatch):
    monkeypatch.setattr(files, "_LARGEST_CALL", 7)
    data = bytes(range(100))
    local.put("chunk", data)
    assert local.get("chunk").data == data
    assert local.get_ranges("chunk", [3, 90], [50, 10]) == [data[3:53], data[90:]]


# --- disks that are full, and other errors on the way


@pytest.mark.parametrize("failing", ["pwrite", "fsync", "close", "replace"])
def test_a_failed_put_leaves_nothing(local, monkeypatch, failing):
    local.put("chunk", b"old")
    before = everything_below(local.root)
    fail_once(monkeypatch, failing)
    with pytest.raises(OSError, match=f"No space left.*{local.root}/chunk") as caught:
        local.put("chunk", bytes(1 << 20), durable=True)
    assert caught.value.errno == errno.ENOSPC
    monkeypatch.undo()
    assert local.get("chunk").data == b"old"
    assert everything_below(local.root) == before


@pytest.mark.parametrize("failing", ["pwrite", "fsync", "close", "replace"])
@pytest.mark.parametrize("nbytes", [10, 1 << 20])
def test_a_failed_writer_leaves_nothing(local, monkeypatch, failing, nbytes):
    local.put("0.shard", b"old")
    before = everything_below(local.root)
    fail_once(monkeypatch, failing)
    with (
        pytest.raises(OSError, match=f"No space left.*{local.root}/0.shard"),
        local.writer("0.shard", durable=True) as writer,
    ):
        writer.append(bytes(nbytes))
    monkeypatch.undo()
    assert local.get("0.shard").data == b"old"
    assert everything_below(local.root) == before


def fail_once(monkeypatch, name):
    """Let a function of `os` do its work for a part, then report a full disk."""
    real = getattr(os, name)

    def full(*arguments):
        monkeypatch.setattr(os, name, real)
        if name in ("pwrite", "close"):
            real(*arguments)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, name, full)


def test_a_folder_under_the_key_is_not_replaced(local):
    local.put("scale/chunk", b"1")
    with pytest.raises(OSError, match="scale"):
        local.put("scale", b"2")
    with pytest.raises(OSError, match="scale"):
        local.delete(["scale"])
    assert everything_below(local.root) == {os.path.join(local.root, "scale", "chunk")}


def test_a_file_in_place_of_a_folder_is_an_error(local):
    local.put("scale", b"1")
    with pytest.raises(OSError, match="scale cannot be made: a part of it is a file"):
        local.put("scale/chunk", b"2")
    assert set(local.list()) == {"scale"}


def test_durable_means_that_file_and_folder_are_synced(local, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(stat.S_IFMT(os.fstat(descriptor).st_mode)))
    local.put("chunk", b"1")
    assert synced == []
    local.put("chunk", b"1", durable=True)
    with local.writer("0.shard", durable=True) as writer:
        writer.append(b"1")
    assert synced == [stat.S_IFREG, stat.S_IFDIR] * 2


def test_folders_that_cannot_be_synced_are_left(local, monkeypatch):
    def only_files(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "fsync", only_files)
    local.put("chunk", b"1", durable=True)
    assert exists(local, "chunk")


@pytest.mark.parametrize("durable", [False, True])
def test_disks_without_hard_links_still_put_if_absent(local, monkeypatch, durable):
    def refuse(*_):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    local.put("info", b"1", if_absent=True, durable=durable)
    with pytest.raises(ExistsError):
        local.put("info", b"2", if_absent=True, durable=durable)
    assert local.get("info").data == b"1"
    assert everything_below(local.root) == {os.path.join(local.root, "info")}


def test_mounts_that_refuse_to_set_times_still_store(local, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "utime", refuse)
    local.put("info", b"1")
    assert local.get("info").data == b"1"


# --- temporaries


def test_a_temporary_is_named_after_its_object(local):
    with local.writer("8_8_40/0.shard"):
        (name,) = os.listdir(os.path.join(local.root, "8_8_40"))
        assert name == f".0.shard.{os.uname().nodename[:60]}.{os.getpid()}.0.tmp"


@pytest.mark.parametrize("name", ["n" * 255, "ü" * 127])
def test_the_longest_names_can_be_stored(local, name):
    local.put(name, b"1")
    with local.writer(name) as writer:
        writer.append(b"2")
        assert list(local.list()) == [name]
    assert local.get(name).data == b"2"
    with pytest.raises(OSError, match="name too long"):
        local.put(name + "nn", b"1")
    assert list(local.list()) == [name]


def test_leftovers_of_the_same_name_are_no_obstacle(local):
    left = local.writer("chunk")
    local.put("chunk", b"1")
    local.put("chunk", b"2", if_absent=False)
    assert list(local.list()) == ["chunk"]
    assert len(everything_below(local.root)) == 2
    left.discard()
    assert everything_below(local.root) == {os.path.join(local.root, "chunk")}


def test_foreign_files_are_listed_and_harm_nothing(local):
    for name in ("chunk.__lock", "chunk#1", "NOTES.txt", "chunk.tmp", ".DS_Store"):
        local.put(name, b"foreign")
    local.put("chunk", b"1")
    assert local.get("chunk").data == b"1"
    assert set(local.list()) == {"chunk", "chunk.__lock", "chunk#1", "NOTES.txt", "chunk.tmp", ".DS_Store"}


def test_small_appends_are_collected(local, monkeypatch):
    calls = []
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda *arguments: calls.append(len(arguments[1])) or real(*arguments))
    with local.writer("0.shard") as writer:
        for _ in range(1000):
            writer.append(bytes(100))
        assert calls == []
        writer.append(bytes(local_writer._BUFFERED + 1))
        assert calls == [100_000, local_writer._BUFFERED + 1]
    assert local.stat("0.shard").size == 100_000 + local_writer._BUFFERED + 1


# --- folders


def test_deleting_removes_the_folders_that_became_empty(local):
    local.put("a/b/c/chunk", b"")
    local.put("a/other", b"")
    os.mkdir(os.path.join(local.root, "was empty before"))
    local.delete(["a/b/c/chunk"])
    assert set(os.listdir(local.root)) == {"a", "was empty before"}
    assert os.listdir(os.path.join(local.root, "a")) == ["other"]
    os.rmdir(os.path.join(local.root, "was empty before"))
    local.delete(local.list())
    assert not os.path.exists(local.root)
    assert os.path.isdir(os.path.dirname(local.root))


def test_deleting_what_is_absent_removes_no_folder(local):
    os.makedirs(os.path.join(local.root, "empty"))
    local.delete(["empty/chunk", "chunk"])
    assert os.listdir(local.root) == ["empty"]


def test_listing_reads_only_the_folder_of_the_prefix(local, monkeypatch):
    for key in ("8_8_40/a", "8_8_40/deep/b", "16_16_40/a", "info"):
        local.put(key, b"")
    read = []
    real = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: read.append(path) or real(path))
    assert set(local.list("8_8_40/a")) == {"8_8_40/a"}
    assert read == [os.path.join(local.root, "8_8_40")]


def test_a_root_with_parents_is_where_the_system_says(tmp_path, monkeypatch):
    (tmp_path / "disk" / "data").mkdir(parents=True)
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "link").symlink_to(tmp_path / "disk" / "data")
    assert LocalStore(f"{tmp_path}/home/link/../v").root == f"{tmp_path}/disk/v"
    monkeypatch.chdir(tmp_path / "home")
    assert LocalStore("v/").root == f"{tmp_path}/home/v"


# --- processes


def count_under_lock(root, times):
    store = LocalStore(root)
    for _ in range(times):
        with store.lock("info"):
            info = json.loads(store.get("info").data)
            info["count"] += 1
            store.put("info", json.dumps(info).encode())


def test_processes_under_a_lock_lose_nothing(local):
    local.put("info", b'{"count": 0}')
    run_processes(count_under_lock, (local.root, 200), (local.root, 200))
    assert json.loads(local.get("info").data) == {"count": 400}
    assert everything_below(local.root) == {os.path.join(local.root, "info")}
    assert not os.path.exists(os.path.join(local.root, LOCK_FOLDER))


def claim(root, who, names):
    store = LocalStore(root)
    for name in names:
        try:
            store.put(f"claims/{name}", who.encode(), if_absent=True)
        except ExistsError:
            continue
        store.put(f"won/{who}/{name}", b"")


def test_of_two_processes_one_puts_if_absent(local):
    names = [str(number) for number in range(200)]
    run_processes(claim, (local.root, "a", names), (local.root, "b", names))
    won = {who: {key.rsplit("/", 1)[1] for key in local.list(f"won/{who}/")} for who in "ab"}
    assert won["a"] | won["b"] == set(names)
    assert not won["a"] & won["b"]
    assert all(local.get(f"claims/{name}").data == who.encode() for who in "ab" for name in won[who])


def run_processes(work, *arguments):
    processes = [spawn.Process(target=work, args=own) for own in arguments]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * len(processes)


def run_script(script, *arguments):
    return subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, timeout=60)


DIE_WHILE_WRITING = """
import os, signal, sys
from ngprecomp.storage.local import LocalStore
real = os.pwrite
def die(descriptor, data, offset):
    real(descriptor, data[: len(data) // 2], offset)
    os.kill(os.getpid(), signal.SIGKILL)
os.pwrite = die
LocalStore(sys.argv[1]).put("chunk", b"new" * 1000)
"""


def test_a_process_killed_while_writing_leaves_the_old_object(local):
    local.put("chunk", b"old")
    assert run_script(DIE_WHILE_WRITING, local.root).returncode == -signal.SIGKILL
    assert local.get("chunk").data == b"old"
    assert list(local.list()) == ["chunk"]
    assert len(everything_below(local.root)) == 2


DIE_WITH_A_LOCK = """
import os, signal, sys
from ngprecomp.storage.local import LocalStore
with LocalStore(sys.argv[1]).lock("info"):
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_killed_with_a_lock_does_not_keep_it(local):
    local.put("info", b"")
    assert run_script(DIE_WITH_A_LOCK, local.root).returncode == -signal.SIGKILL
    assert len(everything_below(local.root)) == 2
    with local.lock("info", timeout=0):
        assert list(local.list()) == ["info"]
    assert everything_below(local.root) == {os.path.join(local.root, "info")}


FORK = """
import os, sys, threading, warnings
warnings.simplefilter("ignore")
from ngprecomp.storage.locate import open_store
store = open_store(sys.argv[1])
store.put("info", b"1")
held, release = threading.Event(), threading.Event()
def hold():
    with store.lock("info"):
        held.set()
        release.wait()
holder = threading.Thread(target=hold)
holder.start()
held.wait()
child = os.fork()
if child == 0:
    assert store.get("info").data == b"1"
    store.put("chunk", b"2", if_absent=True)
    with store.lock("other", timeout=5):
        os._exit(0)
release.set()
holder.join()
with store.lock("info", timeout=5):
    assert os.waitpid(child, 0)[1] == 0
print(sorted(store.list()))
"""


def test_a_fork_works_on_while_a_thread_holds_a_lock(local):
    done = run_script(FORK, local.url)
    assert done.stderr == ""
    assert done.stdout == "['chunk', 'info']\n"


def test_a_fork_has_its_own_memory_store():
    done = run_script(FORK, "memory://v")
    assert done.stderr == ""
    assert done.stdout == "['info']\n"


def test_locks_are_refused_where_the_file_system_has_none(local, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOTSUP, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", refuse)
    with (
        pytest.raises(StorageError, match=f"cannot lock {local.root}/info: Operation not supported"),
        local.lock("info"),
    ):
        pass


def test_a_key_that_is_absent_names_its_path(local):
    with pytest.raises(KeyNotFoundError) as caught:
        local.get("8_8_40/0-64_0-64_0-64")
    assert str(caught.value) == f"{local.root}/8_8_40/0-64_0-64_0-64 does not exist"


def test_no_folder_has_a_zero_byte_in_its_name():
    with pytest.raises(StorageError, match="zero byte"):
        LocalStore("/data/a\0b")
