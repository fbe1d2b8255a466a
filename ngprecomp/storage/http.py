"""The store of a folder on an HTTP server: it is read, never written."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import quote, unquote

from ngprecomp.errors import OptionError, StorageError, UnlistableError
from ngprecomp.storage.connection import Connection
from ngprecomp.storage.keys import path_to_read

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from threading import Event

    from ngprecomp.storage.object_client import ObjectClient
    from ngprecomp.storage.protocol import Buffer, Parts, Stat, Stored, Writer


@dataclass(frozen=True, slots=True)
class HttpStore:
    """What a server (``https://host:port``) holds below a path, which is percent-decoded and begins with a slash.

    Examples
    --------
    >>> parse_http("https://host/my%20volume/")
    HttpStore(server='https://host', root='/my volume')
    """

    server: str
    root: str = "/"
    _connection: Connection = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", "/" + self.root.strip("/"))
        object.__setattr__(self, "_connection", Connection(self.url, partial(_connect, self.server)))

    @property
    def url(self) -> str:
        """The folder as a URL."""
        return (self.server + quote(self.root, safe="/:@!$&'()*+,;=")).removesuffix("/")

    @property
    def remote(self) -> bool:
        """A request takes as long as many bytes."""
        return True

    @property
    def keeps_encodings(self) -> bool:
        """Nothing is stored."""
        return False

    def get(self, key: str, *, limit: int | None = None) -> Stored:
        """Return the whole object, unless it has more than `limit` bytes."""
        return self._client.get(self._path(key), limit)

    def stat(self, key: str) -> Stat:
        """Return the size and the version of the object."""
        return self._client.stat(self._path(key))

    def get_ranges(
        self, key: str, starts: Sequence[int], lengths: Sequence[int], *, if_version: str | None = None
    ) -> Parts:
        """Return several byte ranges of one object; neighbours come by one request."""
        return self._client.get_ranges(self._path(key), starts, lengths, if_version)

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
        """Refuse to write."""
        self._refuse()

    def writer(self, key: str, *, durable: bool = False, spool_dir: str | None = None) -> Writer:
        """Refuse to write."""
        self._refuse()

    def lock(self, key: str, *, timeout: float = 60.0, stop: Event | None = None) -> AbstractContextManager[None]:
        """Refuse to write."""
        self._refuse()

    def list(self, prefix: str = "") -> Iterator[str]:
        """Refuse: there is no common way to ask a server for what it holds."""
        raise UnlistableError(f"{self.url} cannot be listed: HTTP servers do not tell what they hold")

    def sweep(self, folder: str) -> None:
        """Refuse to write."""
        self._refuse()

    def delete(self, keys: Iterable[str]) -> None:
        """Refuse to write."""
        self._refuse()

    @property
    def _client(self) -> ObjectClient:
        return self._connection.client

    def _path(self, key: str) -> str:
        return path_to_read(self.root, key)[1:]

    def _refuse(self) -> NoReturn:
        raise StorageError(f"{self.url} is read-only: nothing is written over HTTP")


def parse_http(url: str) -> HttpStore:
    """Return the store of an ``http://`` or ``https://`` URL.

    Raises
    ------
    OptionError
        It names no server, or has a query or a fragment.
    """
    scheme, _, rest = url.partition("://")
    host, _, path = rest.partition("/")
    if not host or "?" in rest or "#" in rest:
        raise OptionError(f"{url} is not {scheme}://HOST/PATH without query and fragment")
    return HttpStore(f"{scheme.lower()}://{host}", unquote(path))


def _connect(server: str) -> ObjectClient:
    from ngprecomp.storage.bucket_client import http_client

    return http_client(server)
