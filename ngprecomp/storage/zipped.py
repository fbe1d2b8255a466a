"""The store of a folder in a zip file: entries are stored as they are, so ranges of them can be read."""

from __future__ import annotations

import os
import time
import zipfile
import zlib
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import chain
from typing import IO, TYPE_CHECKING, TypeVar
from urllib.parse import quote

from ngprecomp.errors import ChangedError, ExistsError, KeyNotFoundError, StorageError
from ngprecomp.storage.address import ZIP
from ngprecomp.storage.files import create, naming, sync_folder, write_at
from ngprecomp.storage.keys import folder_to_list, path_to_read, path_to_write
from ngprecomp.storage.local import LocalStore
from ngprecomp.storage.protocol import Stat, Stored
from ngprecomp.storage.ranges import require_inside, require_size
from ngprecomp.storage.spooled_writer import SpooledWriter
from ngprecomp.storage.zip_index import ZipCache, ZipIndex, read_index, recovered_index
from ngprecomp.storage.zip_records import (
    DEFLATED,
    LOCAL_BYTES,
    METHOD_OFFSET,
    REMOVED,
    STORED,
    Entry,
    central_record,
    data_offset,
    directory_end,
    local_header,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from threading import Event

    from ngprecomp.storage.protocol import Buffer, Parts, Store

T = TypeVar("T")
_PIECE = 16 << 20
_ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class ZipStore:
    """Entries below `folder` of the zip file that `store` holds under `key`; the first put makes the file.

    It can be written on a disk only. A put appends an entry and writes the directory of the file anew, 80 bytes for
    each entry, so volumes in zip files are better sharded. The bytes of what is replaced or removed stay in the file
    until it is copied. If a process dies while it writes, the entries before are found without the directory.
    """

    store: Store
    key: str
    folder: str = ""
    _cache: ZipCache = field(default_factory=ZipCache, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", self.folder.strip("/"))

    @property
    def url(self) -> str:
        """The zip file as a URL, and the folder in it."""
        start, mark, settings = self.store.url.partition("?")
        return f"{start}/{_quoted(self.key)}{mark}{settings}{ZIP}{_quoted(self.folder)}"

    @property
    def remote(self) -> bool:
        """As it is for the file."""
        return self.store.remote

    @property
    def keeps_encodings(self) -> bool:
        """Entries have no such attribute."""
        return False

    def get(self, key: str, *, limit: int | None = None) -> Stored:
        """Return the bytes of an entry, unless they are more than `limit`."""

        def read(index: ZipIndex, entry: Entry) -> Stored:
            require_size(entry.size, limit, self._where(entry.name))
            return Stored(self._whole(index, entry), version=entry.version)

        return self._looking(key, read)

    def stat(self, key: str) -> Stat:
        """Return the size and the version of an entry."""
        return self._looking(key, lambda _, entry: Stat(entry.size, entry.version))

    def get_ranges(
        self, key: str, starts: Sequence[int], lengths: Sequence[int], *, if_version: str | None = None
    ) -> Parts:
        """Return several byte ranges of one entry."""

        def read(index: ZipIndex, entry: Entry) -> Parts:
            self._require_version(entry.name, entry, if_version)
            require_inside(entry.size, starts, lengths, self._where(entry.name))
            if entry.method != STORED:
                data = self._whole(index, entry)
                ranges = zip(starts, lengths, strict=True)
                return [data[int(start) : int(start) + int(length)] for start, length in ranges]
            begin = self._data_offset(index, entry)
            return self._read(index, [begin + int(start) for start in starts], [int(length) for length in lengths])

        return self._looking(key, read)

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
        """Append an entry."""
        name = self._name_to_write(key)
        view = memoryview(data)
        body = view.cast("B") if view.nbytes else memoryview(b"")
        with self._alone() as index:
            present = index.entries.get(name)
            if if_absent and present is not None:
                raise ExistsError(f"{self._where(name)} exists already")
            self._require_version(name, present, if_version)
            entry = Entry(name, index.end, len(body), len(body), zlib.crc32(body))
            self._rewrite(index, added=entry, pieces=[body], durable=durable)

    def writer(self, key: str, *, durable: bool = False, spool_dir: str | None = None) -> SpooledWriter:
        """Begin an entry that is collected in a temporary file and then appended."""
        name = self._name_to_write(key)

        def append(file: IO[bytes], size: int) -> None:
            checksum = 0
            for piece in _pieces(file):
                checksum = zlib.crc32(piece, checksum)
            with self._alone() as index:
                entry = Entry(name, index.end, size, size, checksum)
                self._rewrite(index, added=entry, pieces=_pieces(file), durable=durable)

        return SpooledWriter(self._where(name), append, spool_dir)

    def lock(self, key: str, *, timeout: float = 60.0, stop: Event | None = None) -> AbstractContextManager[None]:
        """Hold a key alone, by a lock beside the zip file."""
        return self._disk().lock(f"{self.key}{ZIP}{self._name_to_write(key)}", timeout=timeout, stop=stop)

    def list(self, prefix: str = "") -> Iterator[str]:
        """Yield the keys that start with `prefix` at the time of the call."""
        folder, above, start = folder_to_list(self._root, prefix)
        inside = f"{folder.strip('/')}/".lstrip("/")
        names = [name for name in list(self._index().entries) if name.startswith(inside + start)]
        return (above + name[len(inside) :] for name in names)

    def sweep(self, folder: str) -> None:
        """Do nothing: what a dead process has begun is not in the directory, and the next put writes over it."""

    def delete(self, keys: Iterable[str]) -> None:
        """Remove entries from the directory; a file without entries goes away."""
        names = {self._name_to_write(key) for key in keys}
        if names.isdisjoint(self._index().entries):
            return
        with self._alone() as index:
            self._rewrite(index, removed=[index.entries[name] for name in names if name in index.entries])

    def _looking(self, key: str, look: Callable[[ZipIndex, Entry], T]) -> T:
        """Return what `look` finds in an entry; it looks again if the file was changed meanwhile."""
        name = path_to_read(self._root, key)[1:]
        for _ in range(_ATTEMPTS):
            index = self._index()
            entry = index.entries.get(name)
            if entry is None:
                raise KeyNotFoundError(f"{self._where(name)} does not exist")
            with suppress(_StaleError):
                return look(index, entry)
            self._cache.index = None
        raise ChangedError(f"{self.url} was changed each of {_ATTEMPTS} times that it was read")

    def _index(self, *, alone: bool = False) -> ZipIndex:
        """Return the index of the file; that of a remote one stays until a range of another version is asked for.

        Where there is none somebody is writing it at this moment, or has died: once we are `alone` we know.
        """
        index = self._cache.index
        if index is not None and (self.remote or index.version == self._version()):
            return index
        try:
            index = read_index(self.store, self.key)
        except (zipfile.BadZipFile, NotImplementedError, StorageError):
            if not alone and not self.remote:
                with self._disk().lock(self.key):
                    return self._index(alone=True)
            index = recovered_index(self.store, self.key)
        self._cache.index = index
        return index

    def _version(self) -> str | None:
        with suppress(KeyNotFoundError):
            return self.store.stat(self.key).version
        return None

    def _read(self, index: ZipIndex, starts: Sequence[int], lengths: Sequence[int]) -> Parts:
        try:
            return self.store.get_ranges(self.key, starts, lengths, if_version=index.version)
        except (ChangedError, KeyNotFoundError) as error:
            raise _StaleError from error

    def _data_offset(self, index: ZipIndex, entry: Entry) -> int:
        if entry.version not in index.data_offsets:
            index.data_offsets[entry.version] = data_offset(entry, self._read(index, [entry.offset], [LOCAL_BYTES])[0])
        return index.data_offsets[entry.version]

    def _whole(self, index: ZipIndex, entry: Entry) -> bytes:
        (stored,) = self._read(index, [self._data_offset(index, entry)], [entry.stored_size])
        where = self._where(entry.name)
        if entry.method == DEFLATED:
            try:
                stored = zlib.decompressobj(-zlib.MAX_WBITS).decompress(stored, entry.size + 1)
            except zlib.error as error:
                raise StorageError(f"{where} is damaged: {error}") from error
        elif entry.method != STORED:
            raise StorageError(
                f"{where} is encrypted, or compressed by method {entry.method}: expected stored or deflated"
            )
        if len(stored) != entry.size or zlib.crc32(stored) != entry.checksum:
            raise StorageError(f"{where} is damaged: its bytes do not match its size and checksum")
        return stored

    @contextmanager
    def _alone(self) -> Iterator[ZipIndex]:
        """Give the index to change, while nobody else changes the file."""
        with self._disk().lock(self.key):
            index = self._index(alone=True)
            if len(index.records) < len(index.entries):
                index.records = {name: central_record(entry) for name, entry in index.entries.items()}
            yield index

    def _rewrite(
        self,
        index: ZipIndex,
        *,
        added: Entry | None = None,
        pieces: Iterable[Buffer] = (),
        removed: Sequence[Entry] = (),
        durable: bool = False,
    ) -> None:
        """Write entries and a new directory over the old one."""
        self._cache.index = None  # until all is written
        for entry in removed:
            del index.entries[entry.name], index.records[entry.name]
        path = os.path.join(self._disk().root, self.key)
        if added is None and not index.entries:
            os.unlink(path)
            return
        descriptor = create(path, os.O_RDWR)
        try:
            with naming(path):
                for entry in removed:
                    write_at(descriptor, entry.offset + METHOD_OFFSET, REMOVED.to_bytes(2, "little"))
                try:
                    # Cut first: whoever reads on without a directory finds the entries, and none by half.
                    os.ftruncate(descriptor, index.end)
                    if added is not None:
                        self._append(descriptor, index, added, pieces)
                finally:  # on a disk that is full, the directory of what was there before
                    self._write_directory(descriptor, index)
                if durable:
                    os.fsync(descriptor)
                    sync_folder(os.path.dirname(path))
        finally:
            os.close(descriptor)
        index.version = self._version()
        self._cache.index = index

    def _write_directory(self, descriptor: int, index: ZipIndex) -> None:
        directory = b"".join(index.records.values())
        os.ftruncate(descriptor, index.end)
        write_at(descriptor, index.end, directory + directory_end(len(index.records), index.end, len(directory)))
        now = time.time_ns()  # the kernel's clock stands still for milliseconds
        os.utime(descriptor, ns=(now, now))

    def _append(self, descriptor: int, index: ZipIndex, entry: Entry, pieces: Iterable[Buffer]) -> None:
        at = index.end
        for piece in chain([local_header(entry)], pieces):
            write_at(descriptor, at, piece)
            at += len(piece)
        index.end = at
        index.entries[entry.name] = entry
        index.records[entry.name] = central_record(entry)

    def _require_version(self, name: str, present: Entry | None, version: str | None) -> None:
        if version is not None and present is None:
            raise ChangedError(f"{self._where(name)} was removed in between")
        if present is not None and version not in (None, present.version):
            raise ChangedError(
                f"{self._where(name)} was written in between: expected version {version}, found {present.version}"
            )

    def _disk(self) -> LocalStore:
        if not isinstance(self.store, LocalStore):
            raise StorageError(f"{self.url} is read-only: zip files are written on a disk, and copied from there")
        return self.store

    def _name_to_write(self, key: str) -> str:
        return path_to_write(self._root, key)[1:]

    def _where(self, name: str) -> str:
        return f"{self.store.url}/{self.key}{ZIP}{name}"

    @property
    def _root(self) -> str:
        return f"/{self.folder}"


class _StaleError(Exception):
    """The zip file is no longer the version that was looked up."""


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    """Yield the bytes of a file from its beginning on."""
    file.seek(0)
    while piece := file.read(_PIECE):
        yield piece


def _quoted(path: str) -> str:
    return quote(os.fsencode(path), safe="/:@!$&'()*+,;=")
