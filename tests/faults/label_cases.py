"""Damaged compressed_segmentation: first the words at which the channels start, then two words for each block."""

from __future__ import annotations

import gzip
import struct
from typing import TYPE_CHECKING

import ngprecomp as ng
from ngprecomp.chunks.merging import merge_shard
from ngprecomp.chunks.sharded import open_shard
from ngprecomp.codecs.compression import compress, decompress
from tests.faults.case import MEBIBYTE, Change, add, on_chunk

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def word(at: int, value: int) -> Change:
    """Return a change of the 32-bit word number `at`."""
    return lambda data: data[: 4 * at] + struct.pack("<I", value % 2**32) + data[4 * at + 4 :]


def of_end(at: int, value: Callable[[int], int]) -> Change:
    """Return a change of a word to what depends on the number of words of the first channel."""

    def change(data: bytes) -> bytes:
        start = struct.unpack_from("<I", data)[0]
        return word(at, value(len(data) // 4 - start))(data)

    return change


LABEL_FAULTS: list[tuple[str, Callable[[int], Change]]] = [
    ("g01 cut", lambda head: lambda data: data[:40]),
    ("g01 cut by a word", lambda head: lambda data: data[:-4]),
    ("g03 empty", lambda head: lambda _: b""),
    ("g02 no whole words", lambda head: lambda data: data[:-1]),
    ("g04 channel offset", lambda head: word(0, 2**30)),
    ("g04 channel offset in the offsets", lambda head: word(0, 0)),
    ("g05 table past the end", lambda head: word(head, (2 << 24) | 0xFFFFFF)),
    ("g06 7 bits", lambda head: word(head, (7 << 24) | 16)),
    ("g06 3 bits", lambda head: word(head, (3 << 24) | 16)),
    ("g07 64 bits", lambda head: word(head, (64 << 24) | 16)),
    ("g07 255 bits", lambda head: word(head, 0xFF000010)),
    ("g08 values past the end", lambda head: word(head + 1, 2**31)),
    ("g08 values near 2**32", lambda head: word(head + 1, 2**32 - 1)),
    ("g09 8 bits past the table", lambda head: of_end(head, lambda end: (8 << 24) | (end - 2))),
    ("g09 16 bits past the table", lambda head: of_end(head, lambda end: (16 << 24) | (end - 2))),
    ("g10 32 bits past the table", lambda head: of_end(head, lambda end: (32 << 24) | (end - 2))),
    (
        "g11 table in the headers",
        lambda head: lambda data: word(head, struct.unpack_from("<I", data, 4 * head)[0] & 0xFF000000)(data),
    ),
    ("g12 values in the headers", lambda head: word(head + 1, 0)),
]
LABELS = {"labels uint32": 1, "labels uint64, 2 channels": 2, "labels, odd blocks": 1}
for kind, channels in LABELS.items():
    for name, fault in LABEL_FAULTS:
        on_chunk(name, kind, fault(channels))
for name, fault in LABEL_FAULTS:
    on_chunk(name, "labels .gz", lambda data, fault=fault: gzip.compress(fault(1)(gzip.decompress(data))))
    add(name, "shards of labels", lambda folder, fault=fault: _in_shard(folder, fault(1)))


def _in_shard(folder: Path, change: Change) -> None:
    """Change the encoded first chunk of the first shard."""
    place = ng.open(folder).place
    shard = open_shard(place, 0)
    assert shard is not None
    ids, starts, sizes = shard.chunks()
    encoded = decompress(shard.ranges([int(starts[0])], [int(sizes[0])])[0], place.sharding.data_encoding, MEBIBYTE)
    merge_shard(place, 0, [(int(ids[0]), compress(change(encoded), place.sharding.data_encoding))])
