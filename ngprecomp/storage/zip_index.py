"""What a zip file holds, looked up once for each version of the file."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

from ngprecomp.errors import KeyNotFoundError, StorageError
from ngprecomp.storage.zip_records import Entry, read_directory, scan

if TYPE_CHECKING:
    from collections.abc import Callable

    from ngprecomp.storage.protocol import Buffer, Store

_BLOCK = 1 << 16


@dataclass(slots=True)
class ZipIndex:
    """The entries of one version of a zip file, and where the next one is written; no file is an empty one.

    Filled while the file is used: where the bytes of entries begin, by version, and the records of the directory.
    """

    version: str | None = None
    entries: dict[str, Entry] = field(default_factory=dict)
    end: int = 0
    data_offsets: dict[str, int] = field(default_factory=dict)
    records: dict[str, bytes] = field(default_factory=dict)


class ZipCache:
    """The index that a handle has seen last; it is not pickled."""

    def __init__(self, index: ZipIndex | None = None) -> None:
        self.index = index

    def __reduce__(self) -> tuple[type[ZipCache], tuple[()]]:
        return ZipCache, ()


def read_index(store: Store, key: str) -> ZipIndex:
    """Return the index of a zip file by the directory at its end.

    Raises
    ------
    zipfile.BadZipFile
        It has none, or a damaged one.
    StorageError
        It is changed while it is read.
    """
    return _read(store, key, read_directory)


def recovered_index(store: Store, key: str) -> ZipIndex:
    """Return the index of a zip file that has lost its directory, by what stands before each entry.

    Raises
    ------
    StorageError
        It is no zip file.
    """
    index = _read(store, key, scan)
    if index.version is not None and not index.entries:
        raise StorageError(f"{store.url}/{key} is no zip file: it has no directory and begins with no entry")
    return index


def _read(store: Store, key: str, read: Callable[[IO[bytes]], tuple[dict[str, Entry], int]]) -> ZipIndex:
    try:
        stat = store.stat(key)
    except KeyNotFoundError:
        return ZipIndex()
    with io.BufferedReader(StoredFile(store, key, stat.size, stat.version), _BLOCK) as file:
        return ZipIndex(stat.version, *read(file))


class StoredFile(io.RawIOBase):
    """One version of an object as a file to read."""

    def __init__(self, store: Store, key: str, size: int, version: str | None) -> None:
        self._store = store
        self._key = key
        self._size = size
        self._version = version
        self._at = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a position, and return it."""
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if self._at < 0:
            raise OSError("before the beginning of the file")  # which is how `zipfile` finds that a file is too short
        return self._at

    def readinto(self, buffer: Buffer) -> int:  # type: ignore[override]
        """Read from the position on, and return how many bytes there were."""
        view = memoryview(buffer).cast("B")
        length = max(0, min(len(view), self._size - self._at))
        if length:
            (data,) = self._store.get_ranges(self._key, [self._at], [length], if_version=self._version)
            view[:length] = data
            self._at += length
        return length
