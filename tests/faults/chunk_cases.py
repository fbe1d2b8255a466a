"""Damaged chunk files: cut, changed, empty, huge, absent, bombs."""

from __future__ import annotations

import gzip
import lzma
import struct
import zlib
from typing import TYPE_CHECKING

import imagecodecs

from ngprecomp.codecs.compression import compress
from tests.faults.case import FILES, MEBIBYTE, add, enlarge, first, flip, in_place, on_chunk
from tests.faults.volumes import KINDS

if TYPE_CHECKING:
    from pathlib import Path

ENDS_ITSELF = ("raw .br", "jpeg", "jpeg, 3 channels", "png uint8", "png uint16, 2 channels", "jxl")

for kind in FILES:
    on_chunk("c01 cut", kind, lambda data: data[:-21])
    on_chunk("c01 cut in the middle", kind, lambda data: data[: len(data) // 2])
    on_chunk("c02 bytes at the end", kind, lambda data: data + b"\1\2\3", "exact" if kind in ENDS_ITSELF else "error")
    on_chunk("c03 empty", kind, lambda _: b"", words="found a file of 0 bytes")
    add("c03 10 GiB", kind, lambda folder: enlarge(first(folder)), words="has 10737418240 bytes")
    in_place("c05 missing", kind, lambda path: None, "policy")
    on_chunk("c14 of another program", kind, lambda _: b"<html>404 Not Found</html>\n" * 9)
    in_place("f01 folder", kind, lambda path: path.mkdir(), words="is a folder")
    in_place("f04 link to nothing", kind, lambda path: path.symlink_to("nothing"), words="does not exist")

on_chunk("c04 bit flip", "raw uint8", flip(100), "unseen")
for kind in ("raw .gz", "labels .gz", "raw gzip, plain name", "raw .xz"):
    on_chunk("c07 bit flip", kind, lambda data: flip(len(data) // 2)(data))
for kind in ("raw .gz", "labels .gz", "raw gzip, plain name"):
    on_chunk("c08 cut in the checksum", kind, lambda data: data[:-5])
    on_chunk("c09 checksum", kind, lambda data: flip(len(data) - 6)(data))
    on_chunk("c09 length", kind, lambda data: flip(len(data) - 3)(data))
    on_chunk("c10 two members", kind, lambda data: _two_members(gzip.decompress(data)), "exact")
    on_chunk("c11 bomb of a million members", kind, lambda _: gzip.compress(b"") * 10**6)


def _two_members(plain: bytes) -> bytes:
    return gzip.compress(plain[:100]) + gzip.compress(plain[100:])


BOMBS = {
    "raw .gz": compress(bytes(100 * MEBIBYTE), "gzip"),
    "raw .xz": lzma.compress(bytes(100 * MEBIBYTE), preset=0),
    "raw .br": imagecodecs.brotli_encode(bytes(100 * MEBIBYTE), level=1),
    "raw .zstd": imagecodecs.zstd_encode(bytes(100 * MEBIBYTE), level=1),
}
BOMBS["labels .gz"] = BOMBS["raw gzip, plain name"] = BOMBS["raw .gz"]
for kind, bomb in BOMBS.items():
    on_chunk("c11 bomb", kind, lambda _, bomb=bomb: bomb)
# The size of the dictionary stands in the header of an xz block; its checksum is set right here.
on_chunk("c11 window of 4 GiB", "raw .xz", lambda data: _with_dictionary(data, 40))


def _with_dictionary(data: bytes, code: int) -> bytes:
    """Return an xz file with another size of the dictionary: 18 is 2 MiB, 40 is 4 GiB."""
    end = 12 + 4 * (data[12] + 1)
    header = bytearray(data[12 : end - 4])
    header[4] = code
    return data[:12] + header + struct.pack("<I", zlib.crc32(header)) + data[end:]


def _twin(folder: Path) -> None:
    path = first(folder)
    path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(bytes(path.stat().st_size)))


for kind in ("raw uint8", "labels uint32", "png uint8"):
    add("c12 gz and plain", kind, _twin, "exact")  # the plain name is read; check reports the twin
for kind in [name for name in FILES if KINDS[name].pack]:
    add("c06 compressed files", kind, lambda folder: None, "exact")
on_chunk("c13 gz in plain name", "raw uint16, 3 channels", gzip.compress, "exact")
on_chunk("c13 gz of another length in plain name", "raw uint8", lambda data: gzip.compress(data + b"1"))
