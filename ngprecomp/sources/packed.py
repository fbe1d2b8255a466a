"""Arrays in compressed files, which can only be read from the front: unpacked once, then read as they lie there."""

from __future__ import annotations

import math
import os
import shutil
import tempfile
import threading
import weakref
import zipfile
import zlib
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, cast

from isal import igzip, isal_zlib

from ngprecomp.errors import SourceError, StorageError
from ngprecomp.sources.raw import MemoryOrder, RawArray, raw_block
from ngprecomp.sources.stored import native
from ngprecomp.sources.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Executor

    import numpy as np

    from ngprecomp.sources.axes import Region
    from ngprecomp.sources.protocol import Voxels
    from ngprecomp.sources.stored import StoredArray

GZIP = b"\x1f\x8b\x08"
PIECE = 1 << 20
DAMAGE: tuple[type[Exception], ...] = (
    OSError,
    EOFError,
    RuntimeError,  # of zipfile, for encrypted members
    zipfile.BadZipFile,
    UnicodeDecodeError,  # of zipfile, for the name of a member
    zlib.error,
    isal_zlib.error,  # type: ignore[assignment]  # its stub is no class
)


@dataclass(frozen=True, slots=True)
class Packed:
    """A gzip file, or one member of a zip archive."""

    path: str
    member: str | None = None

    def __str__(self) -> str:
        return self.path if self.member is None else f"{self.path}:{self.member}"

    def head(self, count: int) -> bytes:
        """Return the first `count` bytes, or all if there are fewer.

        Raises
        ------
        SourceError
            They do not unpack.
        """
        return b"".join(self.pieces(count))

    def pieces(self, count: int) -> Iterator[bytes]:
        """Yield the first `count` bytes piece by piece, or all if there are fewer.

        Raises
        ------
        SourceError
            They do not unpack.
        """
        left = count
        try:
            with self._opened() as file:
                while left and (piece := file.read(min(PIECE, left))):
                    left -= len(piece)
                    yield piece
        except DAMAGE as error:
            raise SourceError(f"{self} does not unpack: {error or type(error).__name__}") from error

    def _opened(self) -> IO[bytes]:
        if self.member is None:
            return cast("IO[bytes]", igzip.open(self.path, "rb"))  # type: ignore[no-untyped-call]
        with zipfile.ZipFile(self.path) as archive:
            return archive.open(self.member)


def array_in_file(
    path: str, shape: tuple[int, ...], file_dtype: np.dtype[Any], offset: int, memory_order: MemoryOrder = "C"
) -> StoredArray:
    """Return the array at `offset` of a file that may be a gzip file; the offset is that of the unpacked bytes."""
    with open(path, "rb") as file:
        packed = file.read(len(GZIP)) == GZIP
    if packed:
        return PackedArray(Packed(path), shape, file_dtype, offset, memory_order)
    return RawArray(path, shape, file_dtype, offset, memory_order)


class PackedArray:
    """An array at `offset` of what is packed, unpacked into a temporary file when its voxels are first read.

    The file lies where `tempfile` puts files (``TMPDIR``) and goes away with `close`, or with the array or the
    process that made it. A copy in another process reads the same file while it is there.
    """

    unwritten_chunks = 0

    def __init__(
        self,
        packed: Packed,
        shape: tuple[int, ...],
        file_dtype: np.dtype[Any],
        offset: int,
        memory_order: MemoryOrder = "C",
    ) -> None:
        self._packed = packed
        self._file_dtype = file_dtype
        self._offset = offset
        self._memory_order = memory_order
        self._unpacked: str | None = None
        self._remove: weakref.finalize[..., PackedArray] | None = None
        self._decoded = Tally()
        self._lock = threading.Lock()
        self.shape = shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the voxels, in native byte order."""
        return native(self._file_dtype)

    @property
    def block(self) -> tuple[int, ...]:
        """One row, once it is unpacked."""
        return raw_block(self.shape, self._file_dtype.itemsize, self._memory_order)

    @property
    def files(self) -> tuple[str, ...]:
        """The compressed file."""
        return (os.path.abspath(self._packed.path),)

    @property
    def decoded_bytes(self) -> int:
        """Bytes of the regions read so far; unpacking is not counted."""
        return self._decoded.total

    def read(self, region: Region, pool: Executor | None) -> Voxels:
        """Return a region; the first call unpacks everything.

        Raises
        ------
        SourceError
            The compressed data are damaged or end before the array does.
        StorageError
            There is no room for the unpacked file.
        """
        with self._lock:
            if self._unpacked is None or not os.path.exists(self._unpacked):
                self._unpacked = self._unpack()
        where = RawArray(self._unpacked, self.shape, self._file_dtype, 0, self._memory_order, self._decoded)
        return where.read(region, pool)

    def close(self) -> None:
        """Remove the unpacked file, if it was made here."""
        with self._lock:
            if self._remove is not None:
                self._remove()
            self._unpacked = self._remove = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_lock": None, "_remove": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.Lock())

    def _unpack(self) -> str:
        """Write the values of the array into a new file and return its path."""
        need = math.prod(self.shape) * self._file_dtype.itemsize
        folder = tempfile.gettempdir()
        free = shutil.disk_usage(folder).free
        if free < need:
            raise StorageError(
                f"{self._packed} unpacks to {need} bytes, {folder} has {free} left; TMPDIR names another folder"
            )
        handle, path = tempfile.mkstemp(prefix="ngprecomp-", suffix=".raw", dir=folder)
        self._remove = weakref.finalize(self, _remove_file, path)
        written = -self._offset
        with os.fdopen(handle, "wb") as file:
            for piece in self._packed.pieces(self._offset + need):
                file.write(piece[max(0, -written) :])
                written += len(piece)
        if written != need:
            self._remove()
            raise SourceError(f"{self._packed} is cut off: its voxels take {need} bytes, it holds {max(0, written)}")
        return path


def _remove_file(path: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(path)
