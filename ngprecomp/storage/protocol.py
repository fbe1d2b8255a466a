"""What every store can do: bytes under keys. Keys are ``/``-separated, relative, without ``.`` and ``..``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, Self

Buffer = bytes | bytearray | memoryview


@dataclass(frozen=True, slots=True)
class Stored:
    """What lies under a key: its bytes, the content encoding the store names (None on disks), a version."""

    data: bytes
    content_encoding: str | None = None
    version: str | None = None


class Writer(Protocol):
    """One object being written: a temporary that can be patched and appears whole when it is published.

    As a context manager it publishes on success and discards when the block raises.
    """

    def append(self, data: Buffer) -> int:
        """Add bytes at the end and return the offset at which they start."""

    def patch(self, offset: int, data: Buffer) -> None:
        """Replace bytes that were appended before."""

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes that were appended before."""

    def publish(self) -> None:
        """Make the object visible under its key, replacing what was there."""

    def discard(self) -> None:
        """Leave what was there before; the temporary goes away."""

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None: ...


class Store(Protocol):
    """Bytes under keys. A key that holds nothing raises `KeyNotFoundError`; other failures `StorageError`."""

    @property
    def url(self) -> str:
        """Where the store is, for messages and for opening it again."""

    def get(self, key: str) -> Stored:
        """Return the whole object."""

    def size(self, key: str) -> int:
        """Return the number of bytes of the object."""

    def get_ranges(self, key: str, starts: Sequence[int], lengths: Sequence[int]) -> list[bytes]:
        """Return several byte ranges of one object; each has exactly its length or the call raises."""

    def put(
        self, key: str, data: Buffer, *, if_absent: bool = False, if_version: str | None = None, durable: bool = False
    ) -> None:
        """Store an object whole; with a condition that does not hold, raise `ExistsError` or `StorageError`."""

    def writer(self, key: str, *, durable: bool = False) -> Writer:
        """Begin an object that is written piece by piece."""

    def lock(self, key: str, *, timeout: float = 60.0) -> AbstractContextManager[None]:
        """Hold a key alone, among all threads and processes that use this store through ngprecomp."""

    def list(self, prefix: str = "") -> Iterator[str]:
        """Yield every key that starts with `prefix`, in no particular order; temporaries are not listed."""

    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects; keys that hold nothing are passed over."""
