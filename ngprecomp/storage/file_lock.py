"""A lock among threads and processes, held on a file that exists only while somebody wants the lock."""

from __future__ import annotations

import errno
import os
import time
from contextlib import contextmanager, suppress
from threading import Event
from typing import TYPE_CHECKING

from ngprecomp.errors import StorageError
from ngprecomp.storage.files import create

if TYPE_CHECKING:
    from collections.abc import Iterator

with suppress(ImportError):  # Windows has none; `LocalStore` says so before any lock is wanted
    import fcntl

_FIRST_PAUSE = 0.0005
_LONGEST_PAUSE = 0.05


@contextmanager
def file_lock(path: str, what: str, timeout: float, stop: Event | None = None) -> Iterator[None]:
    """Hold the file `path` alone; `what` names in messages the thing that it stands for.

    Every caller opens the file anew, so ``flock`` keeps threads of one process apart as well as processes.
    Who dies loses the lock; the file that is left behind is used again and removed by the next holder.

    Raises
    ------
    StorageError
        After `timeout` seconds of waiting, when `stop` is set, or where the file system has no locks.
    """
    held = _acquire(path, what, timeout, stop or Event())
    try:
        yield
    finally:
        # Removed while still held: who gets the lock of this file next finds its name gone and starts again.
        with suppress(FileNotFoundError):
            os.unlink(path)
        # A forked child may share the descriptor, so closing would not be enough.
        fcntl.flock(held, fcntl.LOCK_UN)
        os.close(held)
        with suppress(OSError):
            os.rmdir(os.path.dirname(path))


def is_held(path: str) -> bool:
    """Return whether somebody holds the lock on a file, or may hold it: what cannot be opened tells nothing."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    else:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        return False
    finally:
        os.close(descriptor)


def _acquire(path: str, what: str, timeout: float, stop: Event) -> int:
    """Return the descriptor of the locked file; ``flock`` cannot time out, so it is tried again and again."""
    deadline = time.monotonic() + timeout
    pause = _FIRST_PAUSE
    while True:
        descriptor = create(path, os.O_RDWR)
        held = False
        try:
            held = _try_lock(descriptor, path, what)
        finally:
            if not held:
                os.close(descriptor)
        if held:
            return descriptor
        if time.monotonic() >= deadline:
            raise StorageError(f"{what} is locked by another thread or process; gave up after {timeout:g} s of waiting")
        if stop.wait(pause):
            raise StorageError(f"{what} is locked by another thread or process; it is not waited for any more")
        pause = min(2 * pause, _LONGEST_PAUSE)


def _try_lock(descriptor: int, path: str, what: str) -> bool:
    """Return whether the lock is ours and the file still bears its name."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except (BlockingIOError, FileNotFoundError):
        return False
    except OSError as error:
        if error.errno == errno.ESTALE:  # NFS: removed by another host
            return False
        raise StorageError(f"cannot lock {what}: {error.strerror} (lock file {path})") from error
