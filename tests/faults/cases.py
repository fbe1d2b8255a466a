"""Damaged and hostile volumes: for each the good volume it begins with, what is done to it, what must come of it.

The letters are those of the kinds of fault: c chunk files, f files that are no files, g compressed_segmentation,
i ``info``, j images, s shards.
"""

from __future__ import annotations

import gzip
import json
import lzma
import os
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path  # noqa: TC003  the aliases of types are evaluated
from typing import Any, Literal

import imagecodecs
import numpy as np

import ngprecomp as ng
from ngprecomp.chunks.merging import merge_shard
from ngprecomp.chunks.sharded import open_shard
from ngprecomp.codecs.compression import compress, decompress
from tests.faults.volumes import KINDS

Outcome = Literal["exact", "error", "policy", "unseen"]
Change = Callable[[bytes], bytes]

CHUNKS = ("chunk -5:3,0:8,3:11 of scale 's' in file://", "s/-5-3_0-8_3-11")
"""What an error about the first chunk names: the chunk, or its file."""
FRONT = 32
MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class Case:
    """One fault.

    `outcome` is ``"exact"``, ``"error"`` (one of our own or of the system's, which names one of `names` and says
    `words`), ``"policy"`` (`absent` chunks are counted, read as zeros, and are an error on request) or ``"unseen"`` (a
    changed voxel in bytes without checksum). Of a volume that promises more voxels than there are, `box` is read.
    """

    name: str
    kind: str
    damage: Callable[[Path], object]
    outcome: Outcome
    words: str = ""
    names: tuple[str, ...] = CHUNKS
    absent: int = 1
    box: tuple[tuple[int, int], ...] | None = None


CASES: list[Case] = []


def add(name: str, kind: str, damage: Callable[[Path], object], outcome: Outcome = "error", **more: Any) -> None:
    """Enter a case."""
    CASES.append(Case(f"{name}, {kind}", kind, damage, outcome, **more))


def on_chunk(name: str, kind: str, change: Change, outcome: Outcome = "error", **more: Any) -> None:
    """Enter a case of a changed chunk file."""
    add(name, kind, lambda folder: edit(first(folder), change), outcome, **more)


def in_place(name: str, kind: str, put: Callable[[Path], object], outcome: Outcome = "error", **more: Any) -> None:
    """Enter a case of something else in place of the chunk file."""

    def damage(folder: Path) -> None:
        path = first(folder)
        path.unlink()
        put(path)

    add(name, kind, damage, outcome, **more)


def first(folder: Path) -> Path:
    """Return the file of the first chunk, or the first shard."""
    return min((folder / "s").iterdir(), key=lambda path: (not path.name.startswith("-5-3_0-8_3-11"), path.name))


def edit(path: Path, change: Change) -> None:
    """Replace the bytes of a file."""
    path.write_bytes(change(path.read_bytes()))


def flip(at: int) -> Change:
    """Return a change of one bit in the byte `at`."""
    return lambda data: bytes([*data[:at], data[at] ^ 16, *data[at + 1 :]])


def enlarge(path: Path) -> None:
    """Make a file 10 GiB long; the new part takes no place on the disk."""
    os.truncate(path, 10 << 30)


# Chunk files.

FILES = [name for name, kind in KINDS.items() if "sharding" not in kind.options]
SHARDS = [name for name in KINDS if name.startswith("shards") and name != "shards hashed"]
COMPRESSED = {".gz": "gzip", ".br": "br", ".zstd": "zstd", ".xz": "xz"}
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


# Files that are no files.


def _linked_outside(path: Path) -> None:
    target = path.parent.parent / "elsewhere"
    target.write_bytes(bytes(8**3))
    path.symlink_to(target)


in_place("f02 link outside", "raw uint8", _linked_outside, "unseen")
for kind in ("raw uint8", "labels uint64, 2 channels", "raw .gz", "jpeg", "shards gzip, gzip"):
    in_place("f03 link loop", kind, lambda path: path.symlink_to(path.name), names=("/s/",))
    in_place("f05 fifo", kind, os.mkfifo, words="FIFO", names=("/s/",))
    in_place("f06 device", kind, lambda path: path.symlink_to("/dev/zero"), words="device", names=("/s/",))
    in_place("f06 empty device", kind, lambda path: path.symlink_to("/dev/null"), words="device", names=("/s/",))
    add("f07 lock of another program", kind, lambda folder: _beside(folder, ".__lock"), "exact")
    add("f08 stray files", kind, lambda folder: _beside(folder, "#1"), "exact")
if os.geteuid():  # root reads everything
    in_place("f09 no permission", "raw uint8", lambda path: path.touch(mode=0), words="Permission")
add("f10 folder of the scale is a link to nothing", "raw uint8", lambda folder: _scale_folder(folder), names=("/s",))


def _beside(folder: Path, suffix: str) -> None:
    path = first(folder)
    path.with_name(path.name + suffix).write_bytes(b"1")
    (folder / "s" / "notes.txt").write_text("mine")


def _scale_folder(folder: Path) -> None:
    (folder / "s").rename(folder / "t")
    (folder / "s").symlink_to("nowhere")


# compressed_segmentation: first the words at which the channels start, then 2 words for each block.


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


# The info document.

INFO = ("info of file://",)


def info(
    name: str, change: Callable[[dict[str, Any]], object], words: str = "", kind: str = "raw uint8", **more: Any
) -> None:
    """Enter a case of a changed ``info``; `change` changes the document."""

    def damage(folder: Path) -> None:
        document = json.loads((folder / "info").read_text())
        change(document)
        (folder / "info").write_text(json.dumps(document))

    add(name, kind, damage, more.pop("outcome", "error"), words=words, **{"names": INFO, **more})


def scale(**members: Any) -> Callable[[dict[str, Any]], object]:
    """Return a change of the members of the first scale."""
    return lambda document: document["scales"][0].update(members)


def sharding(**members: Any) -> Callable[[dict[str, Any]], object]:
    """Return a change of the members of the sharding of the first scale."""
    return lambda document: document["scales"][0]["sharding"].update(members)


def text(name: str, data: bytes, words: str = "", **more: Any) -> None:
    """Enter a case of an ``info`` of other bytes."""
    add(name, "raw uint8", lambda folder: (folder / "info").write_bytes(data), words=words, **{"names": INFO, **more})


NEAR = ((-5, 11), (0, 8), (3, 12))
info("i01 size 2**60", scale(size=[2**60, 8, 9]), outcome="exact", box=NEAR)
info("i01 size 2**60, read whole", scale(size=[2**60, 8, 9]), "read it box by box", names=("file://",))
info("i01 size 2**60", scale(size=[2**60, 8, 9]), kind="shards gzip, gzip", outcome="exact", box=NEAR)
info("i02 chunk of 2**31", scale(chunk_sizes=[[2**11, 2**10, 2**10]], size=[2**12] * 3), "above the limit")
info("i02 chunk of 2**93", scale(chunk_sizes=[[2**31] * 3], size=[2**40] * 3), "above the limit")
info("i03 chunk of zero", scale(chunk_sizes=[[8, 0, 8]]), "at least 1")
info("i04 size negative", scale(size=[-1, 8, 9]), "at least 0")
info("i05 key leads out", scale(key="../other"), outcome="policy", absent=6)
info("i05 key leads out of the root", scale(key="../" * 40 + "etc"), outcome="policy", absent=6)
info("i06 key absolute", scale(key="/etc"), "absolute", names=("file://",))
info("i07 minishard bits 60", sharding(minishard_bits=60), "0 to 32", "shards raw, raw")
for kind in SHARDS:
    info("i08 minishard bits 32", sharding(minishard_bits=32), "68719476736", kind, names=CHUNKS)
    info("i09 preshift 64", sharding(preshift_bits=64), "", kind, outcome="policy", absent=4)
    info("i09 preshift 65", sharding(preshift_bits=65), "0 to 64", kind)
    info("i10 bits above 64", sharding(minishard_bits=32, shard_bits=33), "0 to 32", kind)
    info("i11 bits negative", sharding(preshift_bits=-1), "0 to 64", kind)
    info("i26 hash unknown", sharding(hash="md5"), "one of identity", kind)
    info("i37 index encoding unknown", sharding(minishard_index_encoding="zip"), "one of raw", kind)
info("i12 dtype unknown", lambda info: info.update(data_type="float128"), "one of uint8")
info("i13 channels 2**40", lambda info: info.update(num_channels=2**40), "1 to 2147483647")
info("i13 channels 2**31", lambda info: info.update(num_channels=2**31 - 1), "above the limit")
for kind in ("labels uint32", "shards of labels"):
    info("i14 block of zero", scale(compressed_segmentation_block_size=[0, 8, 8]), "1 to 65536", kind)
    info("i15 block huge", scale(compressed_segmentation_block_size=[2**40, 8, 8]), "1 to 65536", kind)
    info("i15 blocks padded to 2**51", scale(compressed_segmentation_block_size=[2**16] * 3), "above the limit", kind)
text("i16 json cut", b'{"type": "image", "data', "not JSON")
text("i17 json deep", b"[" * 400_000, "nested deeper")
text("i17 json deep in an object", b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "nested deeper")
text("i18 json no object", b"[1, 2]", "expected an object")
info("i19 no scales", lambda info: info.update(scales=[]), names=("file://",))
info("i19 scales missing", lambda info: info.pop("scales"), "missing")
info("i20 same key twice", lambda info: info["scales"].append({**info["scales"][0]}), outcome="exact")
text("i21 resolution nan", b'{"scales": [{"resolution": [NaN, 8, 8]}]}', "NaN")
text("i21 number of 400 digits", b'{"num_channels": 1e400}', "too large")
text("i21 integer of 5000 digits", b'{"num_channels": ' + b"9" * 5000 + b"}", "not JSON")
info("i22 resolution zero", scale(resolution=[0, 0, 0]), outcome="exact")  # check complains
info("i23 offset 2**63", scale(voxel_offset=[2**63 - 1, 0, 0]), "2**62")
info("i23 offset -2**64", scale(voxel_offset=[-(2**64), 0, 0]), "64 bits")
info("i24 offset float", scale(voxel_offset=[0, 0, 0.5]), "integer")
info("i25 encoding unknown", scale(encoding="zip"), "expected one of")
info("i25 encoding of another program", scale(encoding="fpzip"), "only CloudVolume")
info("i25 jpeg of uint16", scale(encoding="jpeg"), "jpeg takes uint8", "raw uint16, 3 channels")
info("i27 key with percent codes", scale(key="%2e%2e/s"), outcome="policy", absent=6)
info("i27 key with a zero byte", scale(key="s\0"), "zero byte")
info("i27 key of 300 letters", scale(key="k" * 300), "File name too long", names=("k" * 300,))
info("i28 key empty", scale(key=""), "empty", names=("file://",))
info("i29 whole floats", scale(size=[21.0, 8.0, 9.0], chunk_sizes=[[8.0] * 3]), outcome="exact")
info("i30 size in strings", scale(size=["21", "8", "9"]), "integer")
info("i33 another type", lambda info: info.update(data_type="uint16"), names=CHUNKS)
info("i33 another number of channels", lambda info: info.update(num_channels=2), names=CHUNKS)
info("i34 another chunk size", scale(chunk_sizes=[[4, 4, 4]]), outcome="policy", absent=36)
info("i35 many scales", lambda info: info["scales"].extend([{}] * 5000), outcome="exact")
add("i36 a member twice", "raw uint8", lambda folder: edit(folder / "info", _scales_twice), "exact")
add(
    "i31 byte order mark",
    "raw uint8",
    lambda folder: edit(folder / "info", lambda data: b"\xef\xbb\xbf" + data),
    "exact",
)
text("i32 info empty", b"", "empty")
text("i32 info of zeros", bytes(1000), "not JSON")
text("i32 info in latin-1", b'{"type": "im\xe4ge"}', "UTF-8")
text("i38 info of 3 MiB", b'{"scales": [' + b"{}," * MEBIBYTE + b"{}]}", "bytes, expected at most", names=("/info",))
add("i38 info of 10 GiB", "raw uint8", lambda folder: enlarge(folder / "info"), words="at most", names=("/info",))
add(
    "i39 info is a folder", "raw uint8", lambda folder: _instead(folder, "mkdir"), words="is a folder", names=("/info",)
)
add("i39 info is a fifo", "raw uint8", lambda folder: _instead(folder, "fifo"), words="FIFO", names=("/info",))
add("i40 no info", "raw uint8", lambda folder: (folder / "info").unlink(), words="no volume", names=("file://",))


def _scales_twice(data: bytes) -> bytes:
    return data.replace(b'"scales":', b'"scales": [], "scales":')


def _instead(folder: Path, what: str) -> None:
    (folder / "info").unlink()
    (folder / "info").mkdir() if what == "mkdir" else os.mkfifo(folder / "info")


# Images.


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
on_chunk("j02 other channels", "jpeg", lambda _: _colour_image(), words="3 x 8 bits")
on_chunk("j03 bomb", "jxl", lambda data: data[:2] + b"\xff" * 10 + data[12:], words="pixels, found")
on_chunk("j04 not a jxl", "jxl", lambda _: b"\xff\xd8" + bytes(300), words="starts with ff 0a")


def _colour_image() -> bytes:
    return bytes(imagecodecs.jpeg8_encode(np.zeros((64, 8, 3), np.uint8)))


# Shards: two of them, each with two minishards; the first chunk lies in shard 0, minishard 0.


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
