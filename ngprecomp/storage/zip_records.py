"""The records of a zip file: local headers, central directory, its end (APPNOTE.TXT 4.3), stored entries and zip64."""

from __future__ import annotations

import io
import struct
import zipfile
from dataclasses import dataclass
from typing import IO

from ngprecomp.errors import StorageError

STORED = 0
DEFLATED = 8
REMOVED = 0xFFFF
"""The method in the local header of an entry that was removed: nobody's, so that a scan passes over it."""

LOCAL_BYTES = 30
METHOD_OFFSET = 8
_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_END64 = struct.Struct("<4sQ2H2I4Q")
_LOCATOR64 = struct.Struct("<4sIQI")
_VERSION = 45  # zip64
_UTF8 = 0x800
_FULL = 0xFFFFFFFF
_DATE = 0x21  # 1 January 1980: files depend on what is stored, not on when


@dataclass(frozen=True, slots=True)
class Entry:
    """One file in a zip file: where its local header is, and its bytes as they are and as they are stored."""

    name: str
    offset: int
    size: int
    stored_size: int
    checksum: int
    method: int = STORED

    @property
    def version(self) -> str:
        """What tells the entry from another one under its name."""
        return f"{self.offset:x}-{self.size:x}-{self.checksum:08x}"


def local_header(entry: Entry) -> bytes:
    """Return the local header of a stored entry with its name."""
    name = entry.name.encode()
    large = entry.size >= _FULL
    extra = struct.pack("<2H2Q", 1, 16, entry.size, entry.size) if large else b""
    size = _FULL if large else entry.size
    fields = (_VERSION, _UTF8, entry.method, 0, _DATE, entry.checksum, size, size, len(name), len(extra))
    return _LOCAL.pack(b"PK\x03\x04", *fields) + name + extra


def data_offset(entry: Entry, header: bytes) -> int:
    """Return where the bytes of an entry begin, by the fixed part of its local header.

    Raises
    ------
    StorageError
        There is none.
    """
    fields = _LOCAL.unpack(header)
    if fields[0] != b"PK\x03\x04":
        raise StorageError(f"the entry {entry.name} has no local header at byte {entry.offset}")
    return entry.offset + LOCAL_BYTES + int(fields[9]) + int(fields[10])


def central_record(entry: Entry) -> bytes:
    """Return the record of an entry in the central directory."""
    name = entry.name.encode()
    large = max(entry.size, entry.stored_size, entry.offset) >= _FULL
    extra = struct.pack("<2H3Q", 1, 24, entry.size, entry.stored_size, entry.offset) if large else b""
    stored, size, offset = (_FULL,) * 3 if large else (entry.stored_size, entry.size, entry.offset)
    times = (_VERSION, _VERSION, _UTF8, entry.method, 0, _DATE)
    lengths = (len(name), len(extra), 0, 0, 0)
    return (
        _CENTRAL.pack(b"PK\x01\x02", *times, entry.checksum, stored, size, *lengths, 0o644 << 16, offset) + name + extra
    )


def directory_end(count: int, offset: int, nbytes: int) -> bytes:
    """Return what follows a central directory of `count` records and `nbytes` bytes at `offset`."""
    small = count < 0xFFFF and offset < _FULL and nbytes < _FULL
    last = _END.pack(b"PK\x05\x06", 0, 0, *(2 * (min(count, 0xFFFF),)), min(nbytes, _FULL), min(offset, _FULL), 0)
    if small:
        return last
    end = _END64.pack(b"PK\x06\x06", _END64.size - 12, _VERSION, _VERSION, 0, 0, count, count, nbytes, offset)
    return end + _LOCATOR64.pack(b"PK\x06\x07", 0, offset + nbytes, 1) + last


def read_directory(file: IO[bytes]) -> tuple[dict[str, Entry], int]:
    """Return the entries of a zip file by their names, and where its central directory begins.

    Raises
    ------
    zipfile.BadZipFile
        It has none, or a damaged one.
    """
    with zipfile.ZipFile(file) as archive:
        entries = {
            info.filename: Entry(
                info.filename,
                info.header_offset,
                info.file_size,
                info.compress_size,
                info.CRC,
                REMOVED if info.flag_bits & 1 else info.compress_type,
            )
            for info in archive.infolist()
            if not info.is_dir()
        }
        return entries, archive.start_dir


def scan(file: IO[bytes]) -> tuple[dict[str, Entry], int]:
    """Return the complete entries that stand one after the other, and where they end: a directory that was lost.

    A process that died while it added an entry leaves such a file.

    Raises
    ------
    StorageError
        An entry does not say where the next one is.
    """
    entries: dict[str, Entry] = {}
    offset = 0
    size = file.seek(0, io.SEEK_END)
    while offset + LOCAL_BYTES <= size:
        file.seek(offset)
        signature, _, flags, method, _, _, checksum, stored, length, name_bytes, extra_bytes = _LOCAL.unpack(
            file.read(LOCAL_BYTES)
        )
        if signature != b"PK\x03\x04":
            break
        name = file.read(name_bytes).decode(errors="replace")
        if flags & 8:
            raise StorageError(f"the entry {name} has its size behind its bytes: without a directory nothing is found")
        if length == _FULL:
            length, stored = struct.unpack("<2Q", file.read(extra_bytes)[4:20])
        end = offset + LOCAL_BYTES + name_bytes + extra_bytes + stored
        if end > size:
            break
        if method == REMOVED:
            entries.pop(name, None)
        else:
            entries[name] = Entry(name, offset, length, stored, checksum, method)
        offset = end
    return entries, offset
