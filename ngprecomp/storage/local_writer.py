"""An object of a local store that is written piece by piece, such as a shard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from ngprecomp.errors import StorageError
from ngprecomp.storage.ranges import require_inside
from ngprecomp.storage.temporary import Temporary

if TYPE_CHECKING:
    from ngprecomp.storage.protocol import Buffer

_BUFFERED = 1 << 18


class LocalWriter:
    """Writes a temporary beside `path`; small appends are collected, larger ones go straight to the file."""

    def __init__(self, path: str, *, durable: bool) -> None:
        self._temporary = Temporary(path)
        self._durable = durable
        self._flushed = 0
        self._buffer = bytearray()
        self._open = True

    def append(self, data: Buffer) -> int:
        """Add bytes at the end and return the offset at which they start."""
        self._require_open()
        nbytes = memoryview(data).nbytes
        if len(self._buffer) + nbytes > _BUFFERED:
            self._flush()
        offset = self._flushed + len(self._buffer)
        if nbytes > _BUFFERED:
            self._temporary.write(offset, data)
            self._flushed += nbytes
        else:
            self._buffer += data
        return offset

    def patch(self, offset: int, data: Buffer) -> None:
        """Replace bytes that were appended before."""
        self._flush_for(offset, memoryview(data).nbytes)
        self._temporary.write(offset, data)

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes that were appended before."""
        self._flush_for(offset, length)
        return self._temporary.read(offset, length)

    def publish(self) -> None:
        """Make the object visible under its key, replacing what was there; a failure discards and raises."""
        self._require_open()
        self._open = False
        with self._temporary:
            self._flush()
            self._temporary.publish(durable=self._durable)

    def discard(self) -> None:
        """Leave what was there before."""
        self._open = False
        self._temporary.discard()

    def _flush_for(self, offset: int, length: int) -> None:
        """Make sure that a range was appended and has reached the file."""
        self._require_open()
        require_inside(self._flushed + len(self._buffer), [offset], [length], self._temporary.target)
        self._flush()

    def _flush(self) -> None:
        if self._buffer:
            self._temporary.write(self._flushed, self._buffer)
            self._flushed += len(self._buffer)
            self._buffer = bytearray()

    def _require_open(self) -> None:
        if not self._open:
            raise StorageError(f"the writer of {self._temporary.target} was published or discarded already")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None and self._open:
            self.publish()
        else:
            self.discard()
