"""The store of anything that fsspec reaches: objects are read, put whole, listed and removed, nothing else."""

from __future__ import annotations

import os
import posixpath
import shutil
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, NoReturn
from urllib.parse import quote

from ngprecomp.errors import ChangedError, KeyNotFoundError, OptionError, StorageError
from ngprecomp.storage.keys import folder_to_list, path_to_read, path_to_write
from ngprecomp.storage.protocol import Stat, Stored
from ngprecomp.storage.ranges import join_ranges, require_inside, require_size
from ngprecomp.storage.spooled_writer import SpooledWriter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from threading import Event

    from ngprecomp.storage.protocol import Buffer, Parts

_GAP = 1 << 20
_LONGEST_RUN = 16 << 20


class Filesystem:
    """A file system of fsspec, opened in each process that uses it."""

    def __init__(self, protocol: str, url: str) -> None:
        self._protocol = protocol
        self._url = url
        self._made: tuple[int, Any, str] | None = None

    def opened(self) -> tuple[Any, str]:
        """Return the file system, and the path in it that the URL means."""
        if self._made is None or self._made[0] != os.getpid():
            try:
                from fsspec.core import url_to_fs

                made = url_to_fs(self._url, skip_instance_cache=True)
            except (ImportError, ValueError) as error:
                raise OptionError(f"{self._url} needs fsspec and its support of {self._protocol}: {error}") from error
            self._made = os.getpid(), *made
        return self._made[1:]

    def __reduce__(self) -> tuple[type[Filesystem], tuple[str, str]]:
        return Filesystem, (self._protocol, self._url)


@dataclass(frozen=True, slots=True)
class FsspecStore:
    """What a file system of fsspec holds below a path such as ``host/folder``.

    There are no locks and no conditions, so volumes can be read here and objects put, but no volume created.

    Examples
    --------
    >>> FsspecStore("sftp", "host/my volume").url
    'fsspec+sftp://host/my%20volume'
    """

    protocol: str
    path: str
    _filesystem: Filesystem = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", self.path.rstrip("/"))
        filesystem = Filesystem(self.protocol, f"{self.protocol}://{self.path}")
        object.__setattr__(self, "_filesystem", filesystem)

    @property
    def url(self) -> str:
        """The folder as a URL."""
        return f"fsspec+{self.protocol}://{quote(self.path, safe='/:@')}"

    @property
    def remote(self) -> bool:
        """A request takes as long as many bytes."""
        return True

    @property
    def keeps_encodings(self) -> bool:
        """Not all file systems of fsspec have attributes."""
        return False

    def get(self, key: str, *, limit: int | None = None) -> Stored:
        """Return the whole object, unless it has more than `limit` bytes."""
        filesystem, path = self._find(key)
        found = self.stat(key)
        require_size(found.size, limit, self._where(key))
        try:
            data = bytes(filesystem.cat_file(path))
        except FileNotFoundError as error:
            raise self._absent(key) from error
        if len(data) != found.size:
            raise StorageError(f"{self._where(key)}: found {len(data)} bytes of {found.size}")
        return Stored(data, version=found.version)

    def stat(self, key: str) -> Stat:
        """Return the size and the version of the object."""
        filesystem, path = self._find(key)
        try:
            found = filesystem.info(path)
            version = str(filesystem.ukey(path))
        except (FileNotFoundError, NotADirectoryError) as error:
            raise self._absent(key) from error
        if found["type"] != "file":
            raise self._absent(key)
        if found["size"] is None:
            raise StorageError(f"{self._where(key)} has no known size, so what is read of it cannot be checked")
        return Stat(int(found["size"]), version)

    def get_ranges(
        self, key: str, starts: Sequence[int], lengths: Sequence[int], *, if_version: str | None = None
    ) -> Parts:
        """Return several byte ranges of one object; neighbours come by one request."""
        filesystem, path = self._find(key)
        require_inside(self.stat(key).size, starts, lengths, self._where(key))
        parts = [b""] * len(starts)
        for run in join_ranges(starts, lengths, gap=_GAP, limit=_LONGEST_RUN):
            data = bytes(filesystem.cat_file(path, run.start, run.end)) if run.end > run.start else b""
            if len(data) > run.end - run.start:  # the whole object, from a server that knows no ranges
                data = data[run.start : run.end]
            if len(data) != run.end - run.start:
                raise StorageError(f"{self._where(key)}: asked for {run.end - run.start} bytes, found {len(data)}")
            for member in run.members:
                start = int(starts[member]) - run.start
                parts[member] = data[start : start + int(lengths[member])]
        found = self.stat(key).version if if_version is not None else None
        if found != if_version:
            raise ChangedError(
                f"{self._where(key)} was written in between: expected version {if_version}, found {found}"
            )
        return parts

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
        """Store an object whole, without conditions."""
        filesystem, path = self._find_to_write(key)
        if if_absent or if_version is not None:
            self._refuse("conditions for a put")
        filesystem.makedirs(posixpath.dirname(path), exist_ok=True)
        filesystem.pipe_file(path, bytes(data))

    def writer(self, key: str, *, durable: bool = False, spool_dir: str | None = None) -> SpooledWriter:
        """Begin an object that is collected in a temporary file and then sent."""
        filesystem, path = self._find_to_write(key)

        def upload(file: IO[bytes], size: int) -> None:
            filesystem.makedirs(posixpath.dirname(path), exist_ok=True)
            with filesystem.open(path, "wb") as target:
                shutil.copyfileobj(file, target, _LONGEST_RUN)

        return SpooledWriter(self._where(key), upload, spool_dir)

    def lock(self, key: str, *, timeout: float = 60.0, stop: Event | None = None) -> AbstractContextManager[None]:
        """Refuse."""
        path_to_write("/", key)
        self._refuse("locks")

    def list(self, prefix: str = "") -> Iterator[str]:
        """Yield the keys of all objects that start with `prefix`."""
        filesystem, root = self._filesystem.opened()
        folder, above, start = folder_to_list("/" + root.strip("/"), prefix)
        inside = folder.strip("/")
        for path in filesystem.find(_like(root, inside)):
            name = path.strip("/")[len(inside) :].lstrip("/")
            if name and name.startswith(start):
                yield above + name

    def sweep(self, folder: str) -> None:
        """Do nothing: what others leave unfinished is not known here."""

    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects."""
        for key in list(keys):
            filesystem, path = self._find_to_write(key)
            with suppress(FileNotFoundError, NotADirectoryError):
                filesystem.rm_file(path)

    def _find(self, key: str) -> tuple[Any, str]:
        filesystem, root = self._filesystem.opened()
        return filesystem, _like(root, path_to_read("/" + root.strip("/"), key))

    def _find_to_write(self, key: str) -> tuple[Any, str]:
        path_to_write("/", key)
        return self._find(key)

    def _where(self, key: str) -> str:
        return f"{self.url}/{key}"

    def _absent(self, key: str) -> KeyNotFoundError:
        return KeyNotFoundError(f"{self._where(key)} does not exist")

    def _refuse(self, what: str) -> NoReturn:
        raise StorageError(
            f"{self.url} has no {what}, which writing a volume needs: write it to a disk or a bucket, and copy it"
        )


def _like(root: str, path: str) -> str:
    """Return a path with a slash at its beginning where the root has one: file systems differ in that."""
    return "/" + path.strip("/") if root.startswith("/") else path.strip("/")
