"""The store of this process: objects live until they are deleted or the process ends."""

from __future__ import annotations

import itertools
import os
import posixpath
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

from ngprecomp.errors import ChangedError, ExistsError, KeyNotFoundError, StorageError
from ngprecomp.storage.keys import folder_to_list, path_to_read, path_to_write
from ngprecomp.storage.protocol import Stat, Stored
from ngprecomp.storage.ranges import require_inside, require_size

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from threading import Event

    from ngprecomp.storage.protocol import Buffer, Parts

# The only state of the package that outlives a call: a `memory://` name must find its objects again.
_OBJECTS: dict[str, Stored] = {}
_LOCKED: set[str] = set()
_CHANGED = threading.Condition(threading.Lock())
_VERSIONS = itertools.count(1)
_LONGEST_WAIT = 0.1  # until somebody looks whether there is still a wish for a lock


@dataclass(frozen=True, slots=True)
class MemoryStore:
    """Objects of this process below `name`; all names share one space, in which ``a/b`` lies inside ``a``.

    It pickles by name: another process finds its own objects under it. A forked child begins with a copy.

    Examples
    --------
    >>> MemoryStore("seg").url
    'memory://seg'
    """

    name: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", posixpath.normpath("/" + self.name.strip("/"))[1:])

    @property
    def url(self) -> str:
        """The name as a ``memory://`` URL."""
        return "memory://" + quote(self.name, safe="/:@!$&'()*+,;=")

    @property
    def remote(self) -> bool:
        """Requests cost nothing."""
        return False

    @property
    def keeps_encodings(self) -> bool:
        """Names tell how objects are compressed, as on a disk."""
        return False

    def get(self, key: str, *, limit: int | None = None) -> Stored:
        """Return the whole object, unless it has more than `limit` bytes."""
        path = path_to_read(self._root, key)
        try:
            stored = _OBJECTS[path]
        except KeyError:
            raise KeyNotFoundError(f"memory:/{path} does not exist") from None
        require_size(len(stored.data), limit, f"memory:/{path}")
        return stored

    def stat(self, key: str) -> Stat:
        """Return the size and the version of the object."""
        stored = self.get(key)
        return Stat(len(stored.data), stored.version)

    def get_ranges(
        self, key: str, starts: Sequence[int], lengths: Sequence[int], *, if_version: str | None = None
    ) -> Parts:
        """Return several byte ranges of one object."""
        stored = self.get(key)
        _require_version(f"{self.url}/{key}", stored, if_version)
        require_inside(len(stored.data), starts, lengths, f"{self.url}/{key}")
        ranges = zip(starts, lengths, strict=True)
        return [stored.data[int(start) : int(start) + int(length)] for start, length in ranges]

    def put(
        self,
        key: str,
        data: Buffer,
        *,
        if_absent: bool = False,
        if_version: str | None = None,
        durable: bool = False,
        content_encoding: str | None = None,
    ) -> None:
        """Store an object whole; nothing here survives a loss of power, so `durable` changes nothing."""
        path = path_to_write(self._root, key)
        stored = Stored(bytes(data), version=str(next(_VERSIONS)))
        with _CHANGED:
            present = _OBJECTS.get(path)
            if if_absent and present is not None:
                raise ExistsError(f"memory:/{path} exists already")
            _require_version(f"memory:/{path}", present, if_version)
            _OBJECTS[path] = stored

    def writer(self, key: str, *, durable: bool = False, spool_dir: str | None = None) -> MemoryWriter:
        """Begin an object that is written piece by piece."""
        path_to_write(self._root, key)
        return MemoryWriter(self, key)

    @contextmanager
    def lock(self, key: str, *, timeout: float = 60.0, stop: Event | None = None) -> Iterator[None]:
        """Hold a key alone among the threads of this process."""
        path = path_to_write(self._root, key)
        with _CHANGED:
            deadline = time.monotonic() + timeout
            while not _CHANGED.wait_for(lambda: path not in _LOCKED, min(timeout, _LONGEST_WAIT)):
                if time.monotonic() < deadline and not (stop and stop.is_set()):
                    continue
                raise StorageError(f"memory:/{path} is locked by another thread; gave up after {timeout:g} s")
            _LOCKED.add(path)
        try:
            yield
        finally:
            with _CHANGED:
                _LOCKED.discard(path)
                _CHANGED.notify_all()

    def list(self, prefix: str = "") -> Iterator[str]:
        """Yield the keys that start with `prefix` at the time of the call."""
        folder, above, start = folder_to_list(self._root, prefix)
        folder = folder.rstrip("/") + "/"
        with _CHANGED:
            paths = [path for path in _OBJECTS if path.startswith(folder + start)]
        return (above + path[len(folder) :] for path in paths)

    def sweep(self, folder: str) -> None:
        """Do nothing: what is unfinished in memory dies with its process."""

    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects."""
        for path in [path_to_write(self._root, key) for key in keys]:
            _OBJECTS.pop(path, None)

    @property
    def _root(self) -> str:
        return f"/{self.name}"


class MemoryWriter:
    """Collects bytes that are put under the key when they are published."""

    def __init__(self, store: MemoryStore, key: str) -> None:
        self._store = store
        self._key = key
        self._data = bytearray()
        self._open = True

    def append(self, data: Buffer) -> int:
        """Add bytes at the end and return the offset at which they start."""
        self._require_open()
        offset = len(self._data)
        self._data += data
        return offset

    def patch(self, offset: int, data: Buffer) -> None:
        """Replace bytes that were appended before."""
        nbytes = memoryview(data).nbytes
        self._require_appended(offset, nbytes)
        self._data[offset : offset + nbytes] = data

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes that were appended before."""
        self._require_appended(offset, length)
        return bytes(self._data[offset : offset + length])

    def publish(self) -> None:
        """Make the object visible under its key, replacing what was there."""
        self._require_open()
        self._open = False
        self._store.put(self._key, self._data)

    def discard(self) -> None:
        """Leave what was there before."""
        self._open = False

    def _require_appended(self, offset: int, length: int) -> None:
        self._require_open()
        require_inside(len(self._data), [offset], [length], f"{self._store.url}/{self._key}")

    def _require_open(self) -> None:
        if not self._open:
            raise StorageError(f"the writer of {self._store.url}/{self._key} was published or discarded already")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None and self._open:
            self.publish()
        else:
            self.discard()


def _require_version(where: str, present: Stored | None, version: str | None) -> None:
    if version is not None and present is None:
        raise ChangedError(f"{where} was removed in between")
    if present is not None and version not in (None, present.version):
        raise ChangedError(f"{where} was written in between: expected version {version}, found {present.version}")


def _begin_in_fork() -> None:
    """Forget the locks of threads that a forked child does not have."""
    _LOCKED.clear()
    _CHANGED.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_CHANGED.acquire, after_in_parent=_CHANGED.release, after_in_child=_begin_in_fork)
