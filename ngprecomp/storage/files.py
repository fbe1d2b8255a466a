"""Regular files by descriptor: opened without waiting, read and written in full, errors with the path."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ngprecomp.errors import KeyNotFoundError, StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ngprecomp.storage.protocol import Buffer

# One call moves at most 2**31 - 1 bytes: Linux cuts longer ones, macOS refuses them.
_LARGEST_CALL = 1 << 30
# Who deletes the last object of a folder removes the folder too, maybe just after it was made for a new one.
_ATTEMPTS = 100


@contextmanager
def opened(path: str, root: str = "") -> Iterator[tuple[int, os.stat_result]]:
    """Open a regular file for reading and give its descriptor and status.

    Raises
    ------
    KeyNotFoundError
        Nothing is there.
    StorageError
        What is there is not a regular file, a link on the way leads nowhere, or below `root` a file is in the way.
    """
    try:
        # Without O_NONBLOCK a FIFO that nobody writes to would block for ever.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise nothing_at(path, root) from error
    try:
        with naming(path):
            status = os.fstat(descriptor)
            require_regular(path, status)
            yield descriptor, status
    finally:
        os.close(descriptor)


def status_of(path: str, root: str = "") -> os.stat_result:
    """Return the status of a regular file without opening it; raises as `opened`."""
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise nothing_at(path, root) from error
    require_regular(path, status)
    return status


def require_regular(path: str, status: os.stat_result) -> None:
    """Refuse folders, FIFOs, devices and sockets."""
    if not stat.S_ISREG(status.st_mode):
        kind = "a folder" if stat.S_ISDIR(status.st_mode) else "a FIFO, device or socket"
        raise StorageError(f"{path} is {kind}, not a regular file")


def nothing_at(path: str, root: str = "") -> KeyNotFoundError | StorageError:
    """Return the error for a path that does not open: absent, unless a link on the way leads nowhere.

    A file in the place of a folder is another error, but only below `root`: that there is no volume in a file is known.
    """
    reached = path
    while not os.path.exists(reached):
        if os.path.islink(reached):
            return StorageError(f"{reached} is a symbolic link to {os.readlink(reached)}, which does not exist")
        reached = os.path.dirname(reached)
    if root and reached.startswith(f"{root}/") and not os.path.isdir(reached):
        return StorageError(f"{reached} is a file, not a folder")
    return KeyNotFoundError(f"{path} does not exist")


def read_at(descriptor: int, offset: int, length: int, path: str) -> bytes:
    """Return exactly `length` bytes from `offset`, or raise `StorageError`."""
    parts: list[bytes] = []
    missing = length
    while missing:
        part = os.pread(descriptor, min(missing, _LARGEST_CALL), offset + length - missing)
        if not part:
            raise StorageError(f"{path} ends at byte {offset + length - missing}, expected {offset + length}")
        parts.append(part)
        missing -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def write_at(descriptor: int, offset: int, data: Buffer) -> None:
    """Write all bytes of `data` from `offset` on."""
    view = memoryview(data)
    rest = view.cast("B") if view.nbytes else memoryview(b"")
    while rest:
        written = os.pwrite(descriptor, rest[:_LARGEST_CALL], offset)
        offset += written
        rest = rest[written:]


def create(path: str, flags: int) -> int:
    """Open a file, made if it is absent, with the folders above it; return its descriptor."""
    for _ in range(_ATTEMPTS):
        try:
            return os.open(path, flags | os.O_CREAT, 0o666)
        except FileNotFoundError:
            _make_folder(os.path.dirname(path))
        except NotADirectoryError as error:
            raise StorageError(f"the folder {os.path.dirname(path)} cannot be made: a part of it is a file") from error
    raise StorageError(f"no folder can be made at {os.path.dirname(path)}: it vanished each of {_ATTEMPTS} times")


def _make_folder(path: str) -> None:
    """Make a folder and those above it; if one is removed meanwhile, the caller tries again."""
    try:
        os.makedirs(path, exist_ok=True)
    except FileNotFoundError:
        pass
    except FileExistsError as error:  # also when a folder was there a moment ago
        if not (os.path.islink(error.filename) or os.path.isfile(error.filename)):
            return
        raise StorageError(f"the folder {path} cannot be made: {error.filename} is a file or a link to none") from error


def sync_folder(path: str) -> None:
    """Make the names in a folder survive a loss of power, where the file system can do that."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # SMB and some FUSE mounts sync files only
            raise
    finally:
        os.close(descriptor)


@contextmanager
def naming(path: str) -> Iterator[None]:
    """Let errors of the system name `path`: calls by descriptor know none, others only the temporary's."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, path) from error
