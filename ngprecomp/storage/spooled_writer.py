"""An object of a store that takes it in one piece, such as a shard in a bucket: collected in a temporary file."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Self

from ngprecomp.errors import StorageError
from ngprecomp.storage.ranges import require_inside

if TYPE_CHECKING:
    from ngprecomp.storage.protocol import Buffer

# A job may hold hundreds of shards open: what is larger goes to a file.
IN_MEMORY = 1 << 18

Upload = Callable[[IO[bytes], int], None]


class SpooledWriter:
    """Collects bytes in memory, then in a file without a name below `spool_dir` that vanishes with the process.

    `upload` is given the file, at its beginning, and its size.
    """

    def __init__(self, where: str, upload: Upload, spool_dir: str | None = None) -> None:
        self._where = where
        self._upload = upload
        self._file = tempfile.SpooledTemporaryFile(IN_MEMORY, dir=spool_dir)  # noqa: SIM115  closed when it is done
        self._size = 0

    def append(self, data: Buffer) -> int:
        """Add bytes at the end and return the offset at which they start."""
        self._require_open()
        offset = self._size
        self._write(offset, data)
        self._size += memoryview(data).nbytes
        return offset

    def patch(self, offset: int, data: Buffer) -> None:
        """Replace bytes that were appended before."""
        self._require_appended(offset, memoryview(data).nbytes)
        self._write(offset, data)

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes that were appended before."""
        self._require_appended(offset, length)
        self._file.seek(offset)
        return self._file.read(length)

    def publish(self) -> None:
        """Make the object visible under its key, replacing what was there; a failure discards and raises."""
        self._require_open()
        with self._file:
            self._file.seek(0)
            self._upload(self._file, self._size)

    def discard(self) -> None:
        """Leave what was there before."""
        self._file.close()

    def _write(self, offset: int, data: Buffer) -> None:
        self._file.seek(offset)
        self._file.write(memoryview(data).cast("B") if memoryview(data).nbytes else b"")

    def _require_appended(self, offset: int, length: int) -> None:
        self._require_open()
        require_inside(self._size, [offset], [length], self._where)

    def _require_open(self) -> None:
        if self._file.closed:
            raise StorageError(f"the writer of {self._where} was published or discarded already")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None and not self._file.closed:
            self.publish()
        else:
            self.discard()
