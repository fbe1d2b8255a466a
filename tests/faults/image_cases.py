"""Damaged JPEG, PNG and JPEG XL chunks."""

from __future__ import annotations

import struct

import imagecodecs
import numpy as np

from tests.faults.case import Change, flip, on_chunk


def enlarged(marker: bytes, at: int, size: bytes) -> Change:
    """Return a change of the size that the header of an image says, `at` bytes behind a marker."""

    def change(data: bytes) -> bytes:
        place = data.index(marker) + at
        return data[:place] + size + data[place + len(size) :]

    return change


for kind in ("jpeg", "jpeg, 3 channels"):
    on_chunk("j01 cut in the scan", kind, lambda data: data[:-40], words="cut off")
    on_chunk("j02 wrong width", kind, enlarged(b"\xff\xc0", 7, b"\0\7"), words="found 7 x")
    on_chunk("j03 bomb", kind, enlarged(b"\xff\xc0", 5, b"\xff\xff\xff\xff"), words="65535 x 65535")
    on_chunk("j04 not a jpeg", kind, lambda _: b"\x89PNG" + bytes(300), words="starts with ff d8")
    on_chunk("j05 no header", kind, lambda _: b"\xff\xd8\xff\xd9" * 50, words="no readable header")
for kind in ("png uint8", "png uint16, 2 channels"):
    on_chunk("j02 wrong width", kind, enlarged(b"IHDR", 4, struct.pack(">I", 7)), words="found 7 x")
    on_chunk("j03 bomb", kind, enlarged(b"IHDR", 4, struct.pack(">II", 10**6, 10**6)), words="1000000 x 1000000")
    on_chunk("j04 not a png", kind, lambda _: b"\xff\xd8" + bytes(300), words="PNG signature")
    on_chunk("j06 bit flip", kind, lambda data: flip(len(data) // 2)(data))
    on_chunk("j07 other bits", kind, enlarged(b"IHDR", 12, b"\4"), words="4 bits")
on_chunk("j08 a thousand scans", "jpeg", lambda data: _with_scans(data, 10**3), words="at most 100 scans")
on_chunk("j02 other channels", "jpeg", lambda _: _colour_image(), words="3 x 8 bits")
on_chunk("j03 bomb", "jxl", lambda data: data[:2] + b"\xff" * 10 + data[12:], words="pixels, found")
on_chunk("j04 not a jxl", "jxl", lambda _: b"\xff\xd8" + bytes(300), words="starts with ff 0a")


def _with_scans(data: bytes, count: int) -> bytes:
    """Return a JPEG with empty scans at its end, which decoders of progressive images would all follow."""
    return data[:-2] + b"\xff\xda\0\x08\x01\1\0\1\x3f\0" * count + data[-2:]


def _colour_image() -> bytes:
    return bytes(imagecodecs.jpeg8_encode(np.zeros((64, 8, 3), np.uint8)))
