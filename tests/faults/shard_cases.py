"""Damaged shards: two of them, each with two minishards; the first chunk lies in shard 0, minishard 0."""

from __future__ import annotations

import gzip
import json
import struct
from typing import TYPE_CHECKING, Any

from ngprecomp.codecs.compression import compress, decompress
from tests.faults.case import MEBIBYTE, SHARDS, Change, Outcome, add, edit, enlarge, flip, in_place
from tests.faults.chunk_cases import BOMBS
from tests.faults.info_cases import NEAR, scale
from tests.faults.volumes import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FRONT = 32


def first_index(data: bytes, encoding: str) -> list[int]:
    """Return the numbers of the index of the first minishard: ids, offsets, sizes."""
    start, end = struct.unpack_from("<QQ", data)
    plain = decompress(data[FRONT + start : FRONT + end], encoding, MEBIBYTE)
    return list(struct.unpack(f"<{len(plain) // 8}Q", plain))


def with_index(data: bytes, stored: bytes) -> bytes:
    """Return a shard whose first minishard has another index, at the end of the file."""
    start = len(data) - FRONT
    return struct.pack("<QQ", start, start + len(stored)) + data[16:] + stored


def on_shard(name: str, kind: str, change: Change, outcome: Outcome = "error", **more: Any) -> None:
    """Enter a case of a changed first shard."""
    add(name, kind, lambda folder: edit(folder / "s" / "0.shard", change), outcome, **more)


def entry(start: int | None, end: int) -> Change:
    """Return a change of where the shard index says that the first minishard index lies."""

    def change(data: bytes) -> bytes:
        begin = struct.unpack_from("<Q", data)[0] if start is None else start
        return struct.pack("<QQ", begin % 2**64, end % 2**64) + data[16:]

    return change


def on_index(
    name: str, kind: str, change: Callable[[list[int]], list[int]], outcome: Outcome = "error", **more: Any
) -> None:
    """Enter a case of a changed index of the first minishard, stored as the sharding says."""
    encoding = KINDS[kind].options["sharding"]["minishard_index_encoding"]

    def damage(data: bytes) -> bytes:
        numbers = [number % 2**64 for number in change(first_index(data, encoding))]
        return with_index(data, compress(struct.pack(f"<{len(numbers)}Q", *numbers), encoding))

    on_shard(name, kind, damage, outcome, **more)


def at(row: int, value: int) -> Callable[[list[int]], list[int]]:
    """Return a change of the first number of a row: 0 ids, 1 offsets, 2 sizes."""

    def change(numbers: list[int]) -> list[int]:
        place = row * len(numbers) // 3
        return [*numbers[:place], value, *numbers[place + 1 :]]

    return change


def _descending(numbers: list[int]) -> list[int]:
    """Return an index of two chunks with the second one first."""
    (a, b), (at_a, at_b), (size_a, size_b) = numbers[:2], numbers[2:4], numbers[4:]
    second = at_a + size_a + at_b
    return [a + b, -b, second, at_a - second - size_b, size_b, size_a]


for kind in SHARDS:
    gzipped = KINDS[kind].options["sharding"]["minishard_index_encoding"] == "gzip"
    zipped_data = KINDS[kind].options["sharding"]["data_encoding"] == "gzip"
    on_shard("s01 cut", kind, lambda data: data[: len(data) // 2])
    on_shard("s02 cut in the shard index", kind, lambda data: data[:20], words="found a file of 20 bytes")
    on_shard("s03 empty", kind, lambda _: b"", words="found a file of 0 bytes")
    on_shard("s04 end before start", kind, entry(80, 40), words="cannot lie")
    on_shard("s05 past the end", kind, entry(None, 10**6), words="cannot lie")
    on_shard("s06 wraps below zero", kind, entry(-64, 40), words="cannot lie")
    on_shard("s07 huge index", kind, entry(None, 2**62), words="cannot lie")
    on_shard("s09 index no multiple of 24", kind, lambda data, zip=gzipped: with_index(data, _packed(bytes(25), zip)))
    on_index("s10 offset huge", kind, at(1, 2**50), words="is listed with")
    on_index("s10 offset past the end", kind, at(1, 5000), words="is listed with")
    on_index("s11 offset negative", kind, at(1, -40), words="is listed with")
    on_index("s12 size huge", kind, at(2, 2**45), words="is listed with")
    on_index("s12 size near 2**64", kind, at(2, 2**64 - 8), words="is listed with")
    on_index("s13 size zero", kind, at(2, 0), words="0 bytes")
    on_index("s14 id twice", kind, lambda numbers: [*numbers[:1], 0, *numbers[2:]], words="listed twice")
    on_index("s15 ids descend", kind, _descending, "exact")
    on_index("s20 size short", kind, lambda numbers: [*numbers[:4], numbers[4] - 9, *numbers[5:]])
    on_index("s24 too many entries", kind, lambda _: [1] * 30_000)
    on_index("s25 id of no chunk", kind, at(0, 2**40), "policy", absent=2)
    on_shard("s21 minishards swapped", kind, lambda data: data[16:32] + data[:16] + data[32:], "policy", absent=4)
    on_shard("s26 a minishard is empty", kind, entry(7, 7), "policy", absent=2)
    add("s22 shard missing", kind, lambda folder: (folder / "s" / "0.shard").unlink(), "policy", absent=4)
    add("s23 other number", kind, lambda folder: _other_number(folder), "policy", absent=6)
    add("s27 10 GiB behind the end", kind, lambda folder: enlarge(folder / "s" / "0.shard"), "exact")
    add("s27 index of 10 GiB", kind, lambda folder: _huge(folder, index=True), words="at most")
    add("s27 chunk of 10 GiB", kind, lambda folder: _huge(folder, index=False), words="at most")
    in_place("s28 folder", kind, lambda path: path.mkdir(), words="is a folder", names=("/s/0.shard",))
    in_place("s28 link to nothing", kind, lambda path: path.symlink_to("x"), words="not exist", names=("/s/0.shard",))
    if gzipped:
        on_shard("s08 index bit flip", kind, lambda data: flip(FRONT + struct.unpack_from("<Q", data)[0] + 15)(data))
        on_shard("s16 index bomb", kind, lambda data: with_index(data, compress(bytes(24 * 10**6), "gzip")))
        add("s16 index bomb in a huge grid", kind, lambda folder: _bomb_in_huge_grid(folder), box=NEAR, words="at most")
    if zipped_data:
        on_shard("s17 chunk bomb", kind, lambda data, kind=kind: _chunk_bomb(data, kind), words="at most")
        on_shard("s18 chunk bit flip", kind, flip(FRONT + 14))
on_shard("s19 raw chunk bit flip", "shards raw, raw", flip(FRONT + 14), "unseen")
for box, outcome in ((None, "error"), (((-5, 3), (0, 8), (3, 11)), "exact")):
    on_shard(
        f"s01 cut behind the first chunk, read {'whole' if box is None else 'before'}",
        "shards raw, raw",
        lambda data: _index_first(data)[: FRONT + 48 + 8**3],
        outcome,
        names=("chunk 3:11,0:8,3:11 of scale 's'",),
        box=box,
    )
on_shard("s03 empty", "shards hashed", lambda _: b"", words="found a file of 0 bytes", names=("scale 's' in file://",))


def _packed(data: bytes, zipped: bool) -> bytes:
    return gzip.compress(data) if zipped else data


def _other_number(folder: Path) -> None:
    one, other = (folder / "s" / f"{number}.shard" for number in (0, 1))
    held = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(held)


def _huge(folder: Path, *, index: bool) -> None:
    """Let the index of the first minishard, or its first chunk, take 8 GiB of a file of 10 GiB."""
    path = folder / "s" / "0.shard"
    encoding = json.loads((folder / "info").read_text())["scales"][0]["sharding"]["minishard_index_encoding"]
    if index:
        edit(path, entry(None, 8 << 30))
    else:
        numbers = at(2, 8 << 30)(first_index(path.read_bytes(), encoding))
        edit(path, lambda data: with_index(data, compress(struct.pack(f"<{len(numbers)}Q", *numbers), encoding)))
    enlarge(path)


def _bomb_in_huge_grid(folder: Path) -> None:
    """Put a bomb where the grid alone would allow for 2**57 chunks in a minishard."""
    document = json.loads((folder / "info").read_text())
    scale(size=[2**60, 8, 9])(document)
    (folder / "info").write_text(json.dumps(document))
    edit(folder / "s" / "0.shard", lambda data: with_index(data, compress(bytes(24 * 10**7), "gzip")))


def _chunk_bomb(data: bytes, kind: str) -> bytes:
    encoding = KINDS[kind].options["sharding"]["minishard_index_encoding"]
    numbers = first_index(data, encoding)
    numbers[2:] = [len(data) - FRONT, 0, len(BOMBS["raw .gz"]), 1]
    return with_index(data + BOMBS["raw .gz"], compress(struct.pack("<6Q", *numbers), encoding))


def _index_first(data: bytes) -> bytes:
    """Return a shard of raw indices and chunks with its first index before its chunks."""
    numbers = first_index(data, "raw")
    stored = [data[FRONT : FRONT + 8**3], data[FRONT + 8**3 : FRONT + 2 * 8**3]]
    numbers[2:] = [48, 0, len(stored[0]), len(stored[1])]
    return struct.pack("<QQ", 0, 48) + bytes(16) + struct.pack("<6Q", *numbers) + b"".join(stored)
