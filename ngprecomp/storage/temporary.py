"""Temporary files: an object is written beside its final name and takes that name when it is whole."""

from __future__ import annotations

import hashlib
import os
import re
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from ngprecomp.errors import StorageError
from ngprecomp.storage.files import create, naming, read_at, sync_folder, write_at

if TYPE_CHECKING:
    from ngprecomp.storage.protocol import Buffer

_PATTERN = re.compile(r"\.(.+)\.(\d+)\.\d+\.tmp", re.DOTALL)
_LONGEST_NAME = 150  # with the rest of the temporary's name below the 255 bytes that file systems allow
_LONGEST_HOST = 60
_ATTEMPTS = 10_000


def is_temporary(name: str) -> bool:
    """Return whether a file name is that of a temporary.

    Examples
    --------
    >>> is_temporary(".0.shard.host.4711.0.tmp"), is_temporary("0.shard")
    (True, False)
    """
    return name.startswith(".") and _PATTERN.fullmatch(name) is not None


def is_abandoned(name: str) -> bool:
    """Return whether a file name is that of a temporary whose process on this machine is dead."""
    found = _PATTERN.fullmatch(name)
    if found is None or not found[1].endswith(f".{_host()}"):
        return False
    try:
        os.kill(int(found[2]), 0)
    except ProcessLookupError:
        return True
    except (OverflowError, PermissionError):  # no process identifier, or a process of somebody else
        return False
    return False


def temporary_name(name: str, number: int) -> str:
    """Return ``.NAME.HOST.PID.NUMBER.tmp``, with a digest in place of a name that would be too long."""
    if len(os.fsencode(name)) > _LONGEST_NAME:
        name = hashlib.blake2b(os.fsencode(name), digest_size=16).hexdigest()
    return f".{name}.{_host()}.{os.getpid()}.{number}.tmp"


def _host() -> str:
    return os.uname().nodename[:_LONGEST_HOST]


class Temporary:
    """A new file in the folder of `target`; as a context manager it vanishes unless it was published."""

    def __init__(self, target: str) -> None:
        self.target = target
        self._path, self._descriptor = _create_beside(target)

    @property
    def path(self) -> str:
        """Where the file lies until it is published."""
        return self._path

    def write(self, offset: int, data: Buffer) -> None:
        """Write bytes at an offset."""
        with naming(self.target):
            write_at(self._descriptor, offset, data)

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes that were written."""
        with naming(self.target):
            return read_at(self._descriptor, offset, length, self.target)

    def publish(self, *, durable: bool, replace: bool = True) -> None:
        """Take the final name; without `replace`, raise FileExistsError if it is taken."""
        with naming(self.target):
            self._finish(durable)
            if replace:
                os.replace(self._path, self.target)
                self._path = ""
            else:
                os.link(self._path, self.target)
                self.discard()
            if durable:
                sync_folder(os.path.dirname(self.target))

    def discard(self) -> None:
        """Remove the file unless it was published."""
        with suppress(OSError):  # the error that led here matters more
            self._close()
        if self._path:
            with suppress(FileNotFoundError):
                os.unlink(self._path)
            self._path = ""

    def _finish(self, durable: bool) -> None:
        """Close the file with all its bytes; a second attempt to publish finds it closed."""
        if self._descriptor < 0:
            return
        # The kernel's times stand still for milliseconds and inodes are used again: versions would repeat.
        # Mounts whose files belong to another user refuse, which leaves the kernel's time.
        now = time.time_ns()
        with suppress(PermissionError):
            os.utime(self._descriptor, ns=(now, now))
        if durable:
            os.fsync(self._descriptor)
        self._close()

    def _close(self) -> None:
        """Close the descriptor once; network file systems report a full disk here."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()


def _create_beside(target: str) -> tuple[str, int]:
    """Return the path and the descriptor of a new temporary for `target`."""
    folder, name = os.path.split(target)
    for number in range(_ATTEMPTS):
        path = os.path.join(folder, temporary_name(name, number))
        with suppress(FileExistsError):  # another thread's, or left behind by a process that died
            return path, create(path, os.O_RDWR | os.O_EXCL)
    raise StorageError(f"{folder} holds {_ATTEMPTS} temporaries of {name}: remove those of dead processes")
