"""A lock on an object: whoever creates it holds it, and renews it until it is released.

Its bytes say who holds it and until when. The lock of a holder that is dead, on this machine, or has not renewed it in
time, is taken over by a put on the condition that nobody else has done so.
"""

from __future__ import annotations

import json
import os
import threading
import time
import uuid
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from ngprecomp.errors import ChangedError, ExistsError, KeyNotFoundError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ngprecomp.storage.object_client import ObjectClient
    from ngprecomp.storage.protocol import Stored

LIFETIME = 60.0
"""Seconds after which a lock that was not renewed is free; clocks of machines must agree much better than that."""
RENEWALS = 4  # in a lifetime
_FIRST_PAUSE = 0.02
_LONGEST_PAUSE = 1.0


@contextmanager
def cloud_lock(
    client: ObjectClient, path: str, what: str, timeout: float, stop: threading.Event | None = None
) -> Iterator[None]:
    """Hold the object at `path` alone; `what` names in messages the thing that it stands for.

    Raises
    ------
    StorageError
        After `timeout` seconds of waiting, or when `stop` is set; or at the end, if the lock was lost on the way.
    """
    lease = _Lease(client, path, what)
    lease.acquire(timeout, stop or threading.Event())
    released = threading.Event()
    renewing = threading.Thread(target=lease.renew_until, args=(released,), daemon=True, name="ngprecomp-lock")
    renewing.start()
    try:
        yield
    finally:
        released.set()
        renewing.join()
        lost = not lease.release()
    if lost:
        raise StorageError(f"the lock of {what} was lost: it was not renewed for {LIFETIME:g} s, and another took it")


@dataclass(slots=True)
class _Lease:
    client: ObjectClient
    path: str
    what: str
    version: str | None = None

    def acquire(self, timeout: float, stop: threading.Event) -> None:
        """Wait for the lock."""
        deadline = time.monotonic() + timeout
        pause = _FIRST_PAUSE
        while not self._take():
            if time.monotonic() >= deadline:
                raise StorageError(
                    f"{self.what} is locked by another thread or process{self._holder()}; "
                    f"gave up after {timeout:g} s of waiting"
                )
            if stop.wait(pause):
                raise StorageError(f"{self.what} is locked by another thread or process; it is not waited for any more")
            pause = min(2 * pause, _LONGEST_PAUSE)

    def renew_until(self, stop: threading.Event) -> None:
        """Put the time on again and again; a lock that somebody else has taken is left to them."""
        while not stop.wait(LIFETIME / RENEWALS):
            try:
                self.version = self.client.put(self.path, _claim(), if_version=self.version)
            except ChangedError:
                return
            except StorageError:  # the next renewal may get through
                continue

    def release(self) -> bool:
        """Remove the lock and return whether it was still ours."""
        with suppress(KeyNotFoundError):
            if self.client.stat(self.path).version == self.version:
                self.client.delete([self.path])
                return True
        return False

    def _take(self) -> bool:
        """Return whether the lock is ours now."""
        with suppress(ExistsError):
            self.version = self.client.put(self.path, _claim(), if_absent=True)
            return True
        with suppress(KeyNotFoundError, ChangedError):  # it is released, or somebody else was faster
            found = self.client.get(self.path, None)
            if _parse(found).free:
                self.version = self.client.put(self.path, _claim(), if_version=found.version)
                return True
        return False

    def _holder(self) -> str:
        """Return who holds the lock, for the message."""
        with suppress(KeyNotFoundError):
            claim = _parse(self.client.get(self.path, None))
            return f" (process {claim.pid} on {claim.host})"
        return ""


@dataclass(frozen=True, slots=True)
class _Claim:
    """What a lock says: its holder and until when it is held; the token tells its renewals apart."""

    host: str
    pid: int
    until: float
    token: str

    @property
    def free(self) -> bool:
        """Whether the holder is silent, or dead if it was on this machine."""
        if self.until < time.time():
            return True
        if self.host != os.uname().nodename:
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except (OverflowError, PermissionError):
            return False
        return False


def _claim() -> bytes:
    """Return the bytes of a lock of this process."""
    return json.dumps(
        asdict(_Claim(os.uname().nodename, os.getpid(), time.time() + LIFETIME, uuid.uuid4().hex))
    ).encode()


def _parse(found: Stored) -> _Claim:
    """Return what a lock says; one that says nothing is nobody's."""
    try:
        claim = json.loads(found.data)
        return _Claim(str(claim["host"]), int(claim["pid"]), float(claim["until"]), str(claim["token"]))
    except (ValueError, TypeError, KeyError):
        return _Claim("", 0, 0.0, "")
