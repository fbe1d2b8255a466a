"""The store of a folder in a bucket: S3, Google Cloud Storage and Azure, through obstore."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import partial
from typing import IO, TYPE_CHECKING

from ngprecomp.storage.cloud_lock import cloud_lock
from ngprecomp.storage.connection import Connection
from ngprecomp.storage.keys import folder_to_list, path_to_read, path_to_write
from ngprecomp.storage.local import LOCK_FOLDER
from ngprecomp.storage.spooled_writer import SpooledWriter

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from threading import Event

    from ngprecomp.storage.address import Address
    from ngprecomp.storage.object_client import ObjectClient
    from ngprecomp.storage.protocol import Buffer, Parts, Stat, Stored

LARGEST_PUT = 16 << 20  # what is larger goes up in parts
PART_BYTES = 16 << 20  # obstore's 5 MiB times the 10 000 parts of S3 would end at 52 GB
PAGE = 1000  # keys that one request lists or deletes


@dataclass(frozen=True, slots=True)
class CloudStore:
    """Objects of a bucket below the prefix of `address`; it is reached when the first of them is asked for.

    Every object appears whole and is durable when its put returns.

    Examples
    --------
    >>> from ngprecomp.storage.address import parse_address
    >>> CloudStore(parse_address("s3://bucket/my%20volume/")).url
    's3://bucket/my%20volume'
    """

    address: Address
    _connection: Connection = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_connection", Connection(self.url, partial(_connect, self.address)))

    @property
    def url(self) -> str:
        """The folder as a URL."""
        return self.address.url

    @property
    def remote(self) -> bool:
        """A request takes as long as many bytes."""
        return True

    @property
    def keeps_encodings(self) -> bool:
        """Objects have attributes."""
        return True

    def get(self, key: str, *, limit: int | None = None) -> Stored:
        """Return the whole object, unless it has more than `limit` bytes."""
        return self._client.get(self._path_to_read(key), limit)

    def stat(self, key: str) -> Stat:
        """Return the size and the version of the object."""
        return self._client.stat(self._path_to_read(key))

    def get_ranges(
        self, key: str, starts: Sequence[int], lengths: Sequence[int], *, if_version: str | None = None
    ) -> Parts:
        """Return several byte ranges of one object; neighbours come by one request."""
        return self._client.get_ranges(self._path_to_read(key), starts, lengths, if_version)

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
        """Store an object whole; it is durable in any case."""
        path = self._path_to_write(key)
        self._client.put(path, data, if_absent=if_absent, if_version=if_version, content_encoding=content_encoding)

    def writer(self, key: str, *, durable: bool = False, spool_dir: str | None = None) -> SpooledWriter:
        """Begin an object that is collected in a temporary file and then sent."""
        path = self._path_to_write(key)

        def upload(file: IO[bytes], size: int) -> None:
            if size <= LARGEST_PUT:
                self._client.put(path, file.read())
            else:
                self._client.put_file(path, file)

        return SpooledWriter(f"{self.address.kind}://{self.address.bucket}/{path}", upload, spool_dir)

    def lock(self, key: str, *, timeout: float = 60.0, stop: Event | None = None) -> AbstractContextManager[None]:
        """Hold a key alone, by an object in a folder of locks below the prefix."""
        path = self._path_to_write(key)
        name = hashlib.blake2b(key.encode(), digest_size=16).hexdigest()
        client = self._client
        return cloud_lock(client, self._path_to_write(f"{LOCK_FOLDER}/{name}"), client.name(path), timeout, stop)

    def list(self, prefix: str = "") -> Iterator[str]:
        """Yield the keys of all objects that start with `prefix`."""
        folder, above, start = folder_to_list(self._root, prefix)
        inside = folder.strip("/")
        for path in self._client.list(inside, start):
            name = path[len(inside) :].lstrip("/") if inside else path
            if LOCK_FOLDER not in name.split("/")[:-1]:
                yield above + name

    def sweep(self, folder: str) -> None:
        """Do nothing: an upload that was never finished is no object; a rule of the bucket removes its parts."""

    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects."""
        self._client.delete([self._path_to_write(key) for key in keys])

    @property
    def _client(self) -> ObjectClient:
        return self._connection.client

    @property
    def _root(self) -> str:
        return f"/{self.address.prefix}"

    def _path_to_read(self, key: str) -> str:
        return path_to_read(self._root, key)[1:]

    def _path_to_write(self, key: str) -> str:
        return path_to_write(self._root, key)[1:]


def _connect(address: Address) -> ObjectClient:
    from ngprecomp.storage.bucket_client import bucket_client

    return bucket_client(address)
