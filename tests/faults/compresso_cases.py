"""Damaged compresso: a header of 36 bytes, then labels, values of windows, codes, and the windows."""

from __future__ import annotations

import gzip
import struct

from tests.faults.case import Change, on_chunk


def member(at: int, form: str, value: int) -> Change:
    """Return a change of a member of the header."""
    return lambda data: data[:at] + struct.pack(form, value) + data[at + struct.calcsize(form) :]


def shifted(lists: int, value: int) -> Change:
    """Return a change of the first word of the list of values (1), codes (2) or windows (3)."""

    def change(data: bytes) -> bytes:
        ids, values, codes = struct.unpack_from("<QIQ", data, 15)
        ends = [36 + data[5] * ids, 36 + data[5] * ids + 2 * values, 36 + data[5] * (ids + codes) + 2 * values]
        return member(ends[lists - 1], "<H", value)(data)

    return change


FAULTS: list[tuple[str, Change, str]] = [
    ("k01 not compresso", lambda _: b"\xff\xd8" * 40, "starts with cpso"),
    ("k02 version", member(4, "<B", 7), "version 7"),
    ("k03 width", member(5, "<B", 3), "of 3 bytes"),
    ("k04 size", member(6, "<H", 65535), "found 65535 x"),
    ("k05 steps of zero", member(12, "<B", 0), "1 to 64 voxels"),
    ("k05 steps of 255", member(12, "<B", 255), "1 to 64 voxels"),
    ("k06 labels", member(15, "<Q", 2**63), "bytes, found"),
    ("k06 a label less", member(15, "<Q", 1), ""),
    ("k07 values", member(23, "<I", 2**32 - 1), "bytes, found"),
    ("k07 no values", member(23, "<I", 0), ""),
    ("k08 codes", member(27, "<Q", 2**64 - 1), "bytes, found"),
    ("k09 connectivity", member(35, "<B", 5), "connectivity 5"),
    ("k10 all are borders", shifted(1, 0xFFFF), ""),
    ("k11 run past the end", shifted(3, 0xFFFF), "windows, found"),
    ("k12 window without a value", shifted(3, 0xFFFE), "value number 32767"),
    ("k13 no windows", lambda data: data[:-150], ""),
]
for name, change, words in FAULTS:
    on_chunk(name, "compresso", change, words=words)
    on_chunk(name, "compresso .gz", lambda data, change=change: gzip.compress(change(gzip.decompress(data))))
