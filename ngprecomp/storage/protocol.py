"""What every store can do: bytes under keys.

Keys are relative and ``/``-separated, without empty, ``.`` and inner ``..`` components. A key that is only
read may begin with ``..`` components, which lead lexically out of the store's folder: a volume may keep a
scale in ``../other/8_8_40``. What is written, locked or deleted lies inside; to change the other folder,
open that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, Self

from ngprecomp.errors import KeyNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from threading import Event

Buffer = bytes | bytearray | memoryview
Parts = list[bytes]


@dataclass(frozen=True, slots=True)
class Stat:
    """The bytes of an object and its version, which is only compared: every write of other bytes makes another one."""

    size: int
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """What lies under a key: its bytes, the content encoding the store names (None on disks), its version."""

    data: bytes
    content_encoding: str | None = None
    version: str | None = None


class Writer(Protocol):
    """One object being written: a temporary that can be patched and appears whole when it is published.

    As a context manager it publishes on success and discards when the block raises. It belongs to one thread.
    """

    def append(self, data: Buffer) -> int:
        """Add bytes at the end and return the offset at which they start."""

    def patch(self, offset: int, data: Buffer) -> None:
        """Replace bytes that were appended before."""

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes that were appended before."""

    def publish(self) -> None:
        """Make the object visible under its key, replacing what was there; a failure discards and raises."""

    def discard(self) -> None:
        """Leave what was there before; the temporary goes away. After `publish` nothing happens."""

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None: ...


class Store(Protocol):
    """Bytes under keys.

    A key that holds nothing raises `KeyNotFoundError`. Every other failure is a `StorageError` or the
    system's own OSError with the path: what cannot be read is never taken for absent. Stores pickle, and
    may be used by several threads. After a fork they go on, or refuse where the client's threads are gone.
    """

    @property
    def url(self) -> str:
        """Where the store is, for messages and for opening it again."""

    @property
    def remote(self) -> bool:
        """Whether a request takes as long as many bytes: then ranges are joined and many requests made at once."""

    @property
    def keeps_encodings(self) -> bool:
        """Whether objects carry a content encoding, by which readers know what to inflate; on disks names tell it."""

    def get(self, key: str, *, limit: int | None = None) -> Stored:
        """Return the whole object; one of more than `limit` bytes is not read, but raises `StorageError`."""

    def stat(self, key: str) -> Stat:
        """Return the size and the version of the object."""

    def get_ranges(
        self, key: str, starts: Sequence[int], lengths: Sequence[int], *, if_version: str | None = None
    ) -> Parts:
        """Return several byte ranges of one object, in the order asked.

        Each has exactly its length or the call raises `StorageError`. With `if_version` all are of that
        version or the call raises `ChangedError`.
        """

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
        """Store an object whole.

        Parameters
        ----------
        if_absent : store only where nothing is: of several callers one succeeds, the others get `ExistsError`
        if_version : store only over the object that `get` returned with this version, else
            `ChangedError`; holds among callers that all give a version
        durable : return when the object survives a loss of power
        content_encoding : how `data` are compressed, which `get` tells where the store `keeps_encodings`
        """

    def writer(self, key: str, *, durable: bool = False, spool_dir: str | None = None) -> Writer:
        """Begin an object that is written piece by piece.

        A store that takes objects only whole collects it in a file below `spool_dir`, by default the system's folder
        for such (``TMPDIR``).
        """

    def lock(self, key: str, *, timeout: float = 60.0, stop: Event | None = None) -> AbstractContextManager[None]:
        """Hold a key alone, among all threads and processes that use this store through ngprecomp.

        The lock is not reentrant; it stops those who also lock, not those who only read or put. After waiting
        `timeout` seconds, or when `stop` is set, it raises `StorageError`.
        """

    def list(self, prefix: str = "") -> Iterator[str]:
        """Yield every key that starts with `prefix`, in no particular order; temporaries are not listed."""

    def sweep(self, folder: str) -> None:
        """Remove what processes that died have left unfinished in a folder, and the folder if it is empty then."""

    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects; keys that hold nothing are passed over."""


def exists(store: Store, key: str) -> bool:
    """Return whether a key holds an object; what is there but cannot be read raises."""
    try:
        store.stat(key)
    except KeyNotFoundError:
        return False
    return True
