"""Volumes that are damaged on purpose: one maker for each case that a check must find.

A case says which sound volume it begins with, what is done to the files of a copy, and what the report must say: the
severity, a part of the sentence, and a part of the place.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

import ngprecomp as ng
from ngprecomp.format.names import shard_name

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SIZE = (40, 24, 16)
CHUNK = (16, 16, 16)
FIRST = "0-16_0-16_0-16"
SECOND = "16-32_0-16_0-16"
SHARD_SIZE = (32, 32, 32)
SHARD_CHUNK = (8, 8, 8)
SHARDING = {
    "@type": "neuroglancer_uint64_sharded_v1",
    "hash": "identity",
    "preshift_bits": 2,
    "minishard_bits": 2,
    "shard_bits": 2,
    "minishard_index_encoding": "raw",
    "data_encoding": "raw",
}
FRONT = 16 << SHARDING["minishard_bits"]


@dataclass(frozen=True)
class Case:
    """One damage: the sound volume it begins with, what is done to its folder, and what a check must find."""

    base: str
    damage: Callable[[Path], Any]
    severity: str
    what: str
    where: str


CASES: dict[str, Case] = {}


def case(name: str, base: str, severity: str, what: str, where: str) -> Callable[[Any], Any]:
    """Enter a maker under a name."""

    def enter(damage: Callable[[Path], Any]) -> Callable[[Path], Any]:
        CASES[name] = Case(base, damage, severity, what, where)
        return damage

    return enter


def voxels(size: tuple[int, int, int] = SIZE, channels: int = 1) -> np.ndarray[Any, Any]:
    """Return noise without zeros, [x, y, z, channel]."""
    return np.random.default_rng(7).integers(1, 200, (*size, channels)).astype(np.uint8)


def labels(size: tuple[int, int, int] = SIZE) -> np.ndarray[Any, Any]:
    """Return labels in blocks, some of them above 2**63."""
    few = np.array([1, 2, 3, 2**63 + 5, 2**64 - 1], np.uint64)
    blocks = np.random.default_rng(3).choice(few, tuple(-(-side // 4) for side in size))
    return np.kron(blocks, np.ones((4, 4, 4), np.uint64))[: size[0], : size[1], : size[2]].astype(np.uint64)


def make_base(name: str, folder: Path) -> None:
    """Write one of the sound volumes."""
    if name in ("raw", "gz"):
        ng.create(folder, shape=SIZE, dtype="uint8", resolution=(8, 8, 8), chunk_size=CHUNK)[...] = voxels()
        if name == "gz":
            for path in (folder / "8_8_8").iterdir():
                path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))
                path.unlink()
    elif name == "cseg":
        vol = ng.create(
            folder,
            shape=SIZE,
            dtype="uint64",
            chunk_size=CHUNK,
            resolution=(8, 8, 8),
            encoding="compressed_segmentation",
        )
        vol[...] = labels()
    elif name == "jpeg":
        ng.create(folder, shape=SIZE, dtype="uint8", chunk_size=CHUNK, resolution=(8, 8, 8), encoding="jpeg")[...] = (
            voxels()
        )
    elif name in ("sharded", "sharded gzip"):
        gzipped = {"minishard_index_encoding": "gzip", "data_encoding": "gzip"} if "gzip" in name else {}
        vol = ng.create(
            folder,
            shape=SHARD_SIZE,
            dtype="uint8",
            resolution=(8, 8, 8),
            chunk_size=SHARD_CHUNK,
            sharding={**SHARDING, **gzipped},
        )
        vol[...] = voxels(SHARD_SIZE)
    else:
        vol = ng.create(folder, shape=(64, 64, 32), dtype="uint64", chunk_size=CHUNK, resolution=(8, 8, 8))
        vol[...] = labels((64, 64, 32))
        ng.build_pyramid(vol, levels=2)


BASES = ("raw", "gz", "cseg", "jpeg", "sharded", "sharded gzip", "pyramid")


def info_changed(name: str, what: str, where: str, change: Callable[[Any], Any], base: str = "raw") -> None:
    """Enter a case of a changed ``info`` document."""

    def damage(folder: Path) -> None:
        document = json.loads((folder / "info").read_text())
        (folder / "info").write_text(json.dumps(change(document)))

    CASES[name] = Case(base, damage, "error", what, where)


def info_text(name: str, what: str, text: bytes, severity: str = "error") -> None:
    """Enter a case of an ``info`` with another text."""
    CASES[name] = Case("raw", lambda folder: (folder / "info").write_bytes(text), severity, what, "info")


def scale_with(**members: Any) -> Callable[[Any], Any]:
    """Return a change of the first scale."""
    return lambda document: {**document, "scales": [{**document["scales"][0], **members}]}


def sharding_with(**members: Any) -> Callable[[Any], Any]:
    """Return a change of the sharding of the first scale."""
    return lambda document: scale_with(sharding={**document["scales"][0]["sharding"], **members})(document)


def first(folder: Path, suffix: str = "") -> Path:
    """Return the file of the first chunk."""
    return folder / "8_8_8" / f"{FIRST}{suffix}"


def edit(path: Path, change: Callable[[bytes], bytes]) -> None:
    """Replace the bytes of a file."""
    path.write_bytes(change(path.read_bytes()))


def put_word(data: bytes, word: int, value: int) -> bytes:
    """Return bytes with another little-endian 32-bit word."""
    return data[: 4 * word] + struct.pack("<I", value) + data[4 * word + 4 :]


def put_long(data: bytes, offset: int, value: int) -> bytes:
    """Return bytes with another little-endian 64-bit number at an offset."""
    return data[:offset] + struct.pack("<Q", value % 2**64) + data[offset + 8 :]


# Chunk files.


@case("c01 raw truncated", "raw", "error", "4096", FIRST)
def _(folder):
    edit(first(folder), lambda data: data[:-7])


@case("c02 raw trailing bytes", "raw", "error", "4096", FIRST)
def _(folder):
    edit(first(folder), lambda data: data + b"\0")


@case("c03 raw empty file", "raw", "error", "found a file of 0 bytes", FIRST)
def _(folder):
    first(folder).write_bytes(b"")


@case("c05 missing chunk", "raw", "hint", "1 of 6 chunks are absent, the first 0:16,0:16,0:16", "scale 8_8_8")
def _(folder):
    first(folder).unlink()


@case("c06 gz files", "gz", "hint", "6 chunk files with .gz names", "8_8_8")
def _(folder):
    pass


@case("c07 gz bit flip", "gz", "error", "gzip", FIRST)
def _(folder):
    edit(first(folder, ".gz"), lambda data: data[:1000] + bytes([data[1000] ^ 8]) + data[1001:])


@case("c08 gz truncated", "gz", "error", "gzip", FIRST)
def _(folder):
    edit(first(folder, ".gz"), lambda data: data[:-20])


@case("c09 gz checksum", "gz", "error", "gzip", FIRST)
def _(folder):
    edit(first(folder, ".gz"), lambda data: data[:-8] + bytes([data[-8] ^ 1]) + data[-7:])


@case("c11 gz bomb", "gz", "error", "at most 4096 bytes", FIRST)
def _(folder):
    first(folder, ".gz").write_bytes(gzip.compress(bytes(50_000_000)))


@case("c12 gz and plain", "raw", "error", f"{FIRST}.gz holds another chunk", FIRST)
def _(folder):
    first(folder, ".gz").write_bytes(gzip.compress(bytes(4096)))


@case("c12 gz and plain alike", "raw", "warning", f"{FIRST}.gz holds the same chunk", FIRST)
def _(folder):
    first(folder, ".gz").write_bytes(gzip.compress(first(folder).read_bytes()))


@case("c13 gz in plain name", "raw", "hint", "gzip under plain names", "8_8_8")
def _(folder):
    for path in (folder / "8_8_8").iterdir():
        edit(path, gzip.compress)


# Files that are no files.


@case("f01 chunk is folder", "raw", "error", "is a folder", FIRST)
def _(folder):
    first(folder).unlink()
    first(folder).mkdir()


@case("f02 link outside", "raw", "warning", "outside of the volume", FIRST)
def _(folder):
    elsewhere = folder.parent / f"{folder.name} elsewhere"
    first(folder).rename(elsewhere)
    first(folder).symlink_to(elsewhere)


@case("f03 link loop", "raw", "error", "symbolic link", FIRST)
def _(folder):
    first(folder).unlink()
    first(folder).symlink_to(first(folder))


@case("f04 link to nothing", "raw", "error", "which does not exist", FIRST)
def _(folder):
    first(folder).unlink()
    first(folder).symlink_to(folder / "nothing")


@case("f05 fifo", "raw", "error", "FIFO", FIRST)
def _(folder):
    first(folder).unlink()
    os.mkfifo(first(folder))


@case("f06 device", "raw", "error", "device", FIRST)
def _(folder):
    first(folder).unlink()
    first(folder).symlink_to("/dev/zero")


@case("f07 lock of tensorstore", "raw", "hint", "lock or temporary file of another program", f"{FIRST}.__lock")
def _(folder):
    first(folder, ".__lock").write_bytes(b"")


@case("f07 begun by obstore", "raw", "hint", "lock or temporary file of another program", f"{FIRST}#1")
def _(folder):
    first(folder, "#1").write_bytes(b"12")


@case("f08 stray file", "raw", "hint", "does not belong to the volume", "8_8_8/notes.txt")
def _(folder):
    (folder / "8_8_8" / "notes.txt").write_text("mine")


@case("f08 stray folder", "raw", "hint", "does not belong to the volume", "8_8_8/old")
def _(folder):
    (folder / "8_8_8" / "old").mkdir()


@case("f08 chunk of another grid", "raw", "warning", "is no chunk of the grid", "8_8_8/0-64_0-64_0-64")
def _(folder):
    (folder / "8_8_8" / "0-64_0-64_0-64").write_bytes(b"1")


@case("f08 shard beside chunks", "raw", "warning", "the scale is not sharded", "8_8_8/0.shard")
def _(folder):
    (folder / "8_8_8" / "0.shard").write_bytes(b"1")


@case("f08 chunk beside shards", "sharded", "warning", "the scale is sharded", f"8_8_8/{FIRST}")
def _(folder):
    first(folder).write_bytes(b"1")


@case("f08 temporary of a dead process", "raw", "warning", "left unfinished by a process that died", "8_8_8/.")
def _(folder):
    host = os.uname().nodename[:60]
    (folder / "8_8_8" / f".{FIRST}.{host}.{2**22 + 1}.0.tmp").write_bytes(b"half")


@case("f08 temporary of another machine", "raw", "hint", "being written", "8_8_8/.")
def _(folder):
    (folder / "8_8_8" / f".{FIRST}.another-machine.1.0.tmp").write_bytes(b"half")


@case("f08 unfinished job", "raw", "warning", "has not finished", "ngprecomp-journal.json")
def _(folder):
    (folder / "ngprecomp-journal.json").write_text("{}")


@case("f10 folder of the scale is a file", "raw", "error", "cannot be listed", "8_8_8")
def _(folder):
    shutil.rmtree(folder / "8_8_8")
    (folder / "8_8_8").write_bytes(b"")


@case("f11 no chunk at all", "raw", "warning", "no scale that was looked at holds any chunk", "volume")
def _(folder):
    shutil.rmtree(folder / "8_8_8")


# compressed_segmentation: word 0 is the channel table, then 8 headers of 2 words for blocks of 8 x 8 x 8.


def cseg_case(name: str, change: Callable[[bytes], bytes]) -> None:
    """Enter a case of a changed compressed_segmentation chunk."""
    CASES[name] = Case("cseg", lambda folder: edit(first(folder), change), "error", "", FIRST)


cseg_case("g01 cseg truncated", lambda data: data[:40])
cseg_case("g02 cseg no whole words", lambda data: data[:-1])
cseg_case("g03 cseg empty", lambda _: b"")
cseg_case("g04 cseg channel offset", lambda data: put_word(data, 0, 2**30))
cseg_case("g05 cseg table past the end", lambda data: put_word(data, 1, (2 << 24) | 0xFFFFFF))
cseg_case("g06 cseg 7 bits", lambda data: put_word(data, 1, (7 << 24) | 16))
cseg_case("g07 cseg 64 bits", lambda data: put_word(data, 1, (64 << 24) | 16))
cseg_case("g08 cseg values past the end", lambda data: put_word(data, 2, 2**31))
cseg_case("g09 cseg 16 bits past the table", lambda data: put_word(data, 1, (16 << 24) | (len(data) // 4 - 3)))
cseg_case("g10 cseg 32 bits past the table", lambda data: put_word(data, 1, (32 << 24) | (len(data) // 4 - 3)))
cseg_case(
    "g11 cseg table in headers", lambda data: put_word(data, 1, struct.unpack_from("<I", data, 4)[0] & 0xFF000000)
)


# The info document.

info_changed(
    "i02 chunk of 2**31 voxels",
    "above the limit",
    "scales[0].chunk_sizes[0]",
    scale_with(chunk_sizes=[[2048, 1024, 1024]], size=[4096, 4096, 4096]),
)
info_changed("i03 chunk of zero", "at least 1", "chunk_sizes[0][1]", scale_with(chunk_sizes=[[16, 0, 16]]))
info_changed("i04 size negative", "at least 0", "scales[0].size[0]", scale_with(size=[-1, 24, 16]))
info_changed("i06 key absolute", "absolute", "scales[0].key", scale_with(key="/etc"))
info_changed("i07 minishard bits 60", "0 to 32", "minishard_bits", sharding_with(minishard_bits=60), "sharded")
info_changed(
    "i08 minishard bits 32", "shard index of 68719476736", "0.shard", sharding_with(minishard_bits=32), "sharded"
)
info_changed("i10 bits above 64", "0 to 32", "shard_bits", sharding_with(minishard_bits=32, shard_bits=33), "sharded")
info_changed("i11 bits negative", "0 to", "preshift_bits", sharding_with(preshift_bits=-1), "sharded")
info_changed("i12 dtype unknown", "one of uint8", "info: data_type", lambda info: {**info, "data_type": "float128"})
info_changed(
    "i13 channels 2**40", "1 to 2147483647", "info: num_channels", lambda info: {**info, "num_channels": 2**40}
)
info_changed(
    "i14 cseg block zero",
    "1 to",
    "compressed_segmentation_block_size[0]",
    scale_with(compressed_segmentation_block_size=[0, 8, 8]),
    "cseg",
)
info_changed(
    "i15 cseg block huge",
    "1 to 65536",
    "compressed_segmentation_block_size[0]",
    scale_with(compressed_segmentation_block_size=[2**20, 8, 8]),
    "cseg",
)
info_text("i16 json truncated", "not JSON", b'{"type": "image", "data')
info_text("i17 json deep", "nested deeper", b"[" * 200_000)
info_text("i18 json not an object", "expected an object", b"[1, 2]")
info_changed("i19 no scales", "at least one scale", "info: scales", lambda info: {**info, "scales": []})
info_changed(
    "i20 key twice",
    "is also the key of scale 0",
    "scales[1].key",
    lambda info: {**info, "scales": [info["scales"][0], {**info["scales"][0], "resolution": [16, 16, 16]}]},
)
info_text("i21 resolution NaN", "NaN", b'{"scales": [{"resolution": [NaN, 8, 8]}]}')
info_changed("i22 resolution zero", "3 positive numbers", "scales[0].resolution", scale_with(resolution=[8, 0, 8]))
info_changed("i23 offset 2**63", "2**62", "scales[0].voxel_offset", scale_with(voxel_offset=[2**63 - 1, 0, 0]))
info_changed("i24 offset float", "integer", "scales[0].voxel_offset[2]", scale_with(voxel_offset=[0, 0, 0.5]))
info_changed("i25 encoding unknown", "expected one of", "scales[0].encoding", scale_with(encoding="zip"))
info_changed("i26 hash unknown", "one of identity", "sharding.hash", sharding_with(hash="md5"), "sharded")
info_changed("i28 key empty", "empty string", "scales[0].key", scale_with(key=""))
info_changed("i30 size string", "integer", "scales[0].size[0]", scale_with(size=["40", 24, 16]))
info_text("i32 info empty", "empty", b"")
info_changed("i33 sharding null", "leave the member out", "scales[0].sharding", scale_with(sharding=None))
info_changed(
    "i34 jpeg of uint16", "jpeg takes uint8", "scales[0].encoding", lambda info: {**info, "data_type": "uint16"}, "jpeg"
)
info_changed("i35 unknown sharding member", "is not a member", "sharding.bits", sharding_with(bits=3), "sharded")
info_changed("i36 sizes missing", "missing", "scales[0].size", lambda info: {**info, "scales": [{"key": "8_8_8"}]})
info_changed("i37 mesh is no path", "path of a folder", "info: mesh", lambda info: {**info, "mesh": 5})


@case("i01 size 2**60", "raw", "warning", "float32", "scales[0].voxel_offset")
def _(folder):
    edit(folder / "info", lambda data: data.replace(b"[40,24,16]", b"[1152921504606846976,24,16]"))


@case("i05 key leads out", "raw", "warning", "leads out", "scales[0].key")
def _(folder):
    (folder / "8_8_8").rename(folder.parent / f"{folder.name} outside")
    edit(folder / "info", lambda data: data.replace(b'"8_8_8"', f'"../{folder.name} outside"'.encode()))


@case("i27 key with percent code", "raw", "warning", "holds any chunk", "volume")
def _(folder):
    edit(folder / "info", lambda data: data.replace(b'"8_8_8"', b'"%2e%2e/8_8_8"'))


@case("i29 whole floats", "raw", "hint", "integers without a point", "scales[0].size")
def _(folder):
    edit(folder / "info", lambda data: data.replace(b"[40,24,16]", b"[40.0,24,16]"))


@case("i31 byte order mark", "raw", "hint", "byte order mark", "info")
def _(folder):
    edit(folder / "info", lambda data: b"\xef\xbb\xbf" + data)


@case("i38 member twice", "raw", "hint", "written twice", "scales[0].key")
def _(folder):
    edit(folder / "info", lambda data: data.replace(b'"key":', b'"key": "other", "key":'))


@case("i39 no info", "raw", "error", "no volume", "info")
def _(folder):
    (folder / "info").unlink()


@case("i40 info is a folder", "raw", "error", "is a folder", "info")
def _(folder):
    (folder / "info").unlink()
    (folder / "info").mkdir()


@case("i41 coarse before fine", "pyramid", "warning", "from fine to coarse", "scales[1].resolution")
def _(folder):
    document = json.loads((folder / "info").read_text())
    document["scales"].reverse()
    (folder / "info").write_text(json.dumps(document))


# jpeg


@case("j01 jpeg truncated", "jpeg", "error", "jpeg", FIRST)
def _(folder):
    edit(first(folder), lambda data: data[: len(data) // 2])


@case("j02 jpeg of another size", "jpeg", "error", "jpeg", FIRST)
def _(folder):
    shutil.copy(folder / "8_8_8" / "32-40_16-24_0-16", first(folder))


@case("j03 jpeg bomb", "jpeg", "error", "jpeg", FIRST)
def _(folder):
    def enlarge(data):
        at = data.index(b"\xff\xc0") + 5
        return data[:at] + b"\xff\xff\xff\xff" + data[at + 4 :]

    edit(first(folder), enlarge)


@case("j04 not a jpeg", "jpeg", "error", "jpeg", FIRST)
def _(folder):
    first(folder).write_bytes(b"\x89PNG" + bytes(200))


# Shards: 4 of them, 4 minishards each, 4 chunks in each minishard; indices and data are raw.

SHARD = shard_name(0, SHARDING["shard_bits"])


def shard(folder: Path) -> Path:
    """Return the first shard."""
    return folder / "8_8_8" / SHARD


def shard_case(
    name: str, what: str, change: Callable[[bytes], bytes], base: str = "sharded", where: str = SHARD
) -> None:
    """Enter a case of a changed shard."""
    CASES[name] = Case(base, lambda folder: edit(shard(folder), change), "error", what, where)


def index_at(data: bytes, minishard: int = 0) -> tuple[int, int]:
    """Return where a minishard index starts, and how many chunks it lists."""
    start, end = struct.unpack_from("<QQ", data, 16 * minishard)
    return FRONT + start, (end - start) // 24


def in_index(row: int, column: int, change: Callable[[int], int]) -> Callable[[bytes], bytes]:
    """Return a change of one number in the index of the first minishard: rows are ids, offsets and sizes."""

    def damage(data: bytes) -> bytes:
        start, count = index_at(data)
        offset = start + 8 * (row * count + column)
        return put_long(data, offset, change(struct.unpack_from("<Q", data, offset)[0]))

    return damage


def with_index(data: bytes, index: bytes) -> bytes:
    """Return a shard whose first minishard has another index, at the end of the file."""
    start = len(data) - FRONT
    return put_long(put_long(data, 0, start), 8, start + len(index)) + index


def swapped(data: bytes) -> bytes:
    """Return a shard whose first two minishards have changed places."""
    return data[16:32] + data[:16] + data[32:]


shard_case("s01 truncated in data", "in a file of 2000 bytes", lambda data: data[:2000])
shard_case("s02 truncated in shard index", "expected a shard index of 64 bytes", lambda data: data[:40])
shard_case("s03 empty shard file", "found a file of 0 bytes", lambda _: b"")
shard_case(
    "s04 end before start", "cannot lie", lambda data: put_long(put_long(data, 0, 900), 8, 800), where="minishard 0"
)
shard_case("s05 past the end", "cannot lie", lambda data: put_long(data, 8, 10**6), where="minishard 0")
shard_case("s06 negative", "cannot lie", lambda data: put_long(data, 0, -64), where="minishard 0")
shard_case("s07 huge", "cannot lie", lambda data: put_long(data, 8, 2**62), where="minishard 0")
shard_case(
    "s08 index bit flip",
    "gzip",
    lambda data: (
        data[: FRONT + struct.unpack_from("<Q", data)[0] + 12]
        + b"\xff\xff\xff"
        + data[FRONT + struct.unpack_from("<Q", data)[0] + 15 :]
    ),
    "sharded gzip",
    "minishard 0",
)
shard_case(
    "s09 index not whole rows", "expected 24 bytes", lambda data: with_index(data, bytes(25)), where="minishard 0"
)
shard_case("s10 chunk offset huge", "is listed with 512 bytes", in_index(1, 0, lambda _: 2**50), where="minishard 0")
shard_case("s11 chunk offset negative", "is listed with 512 bytes", in_index(1, 0, lambda _: -40), where="minishard 0")
shard_case("s12 chunk size huge", "is listed with", in_index(2, 0, lambda _: 2**45), where="minishard 0")
shard_case("s13 chunk size zero", "is listed with 0 bytes", in_index(2, 0, lambda _: 0), where="minishard 0")
shard_case("s14 chunk listed twice", "is listed twice", in_index(0, 1, lambda _: 0), where="minishard 0")
shard_case(
    "s16 index bomb",
    "at most",
    lambda data: with_index(data, gzip.compress(bytes(24 * 10**6))),
    "sharded gzip",
    "minishard 0",
)
shard_case(
    "s18 chunk bit flip", "gzip", lambda data: data[: FRONT + 30] + b"\xff\xff" + data[FRONT + 32 :], "sharded gzip"
)
shard_case("s20 chunk too short", "has 512 bytes, found 500", in_index(2, 3, lambda size: size - 12))
shard_case("s21 minishards swapped", "minishard that their ids do not hash to", swapped)
shard_case("s24 id outside of the grid", "outside of the grid", in_index(0, 3, lambda _: 2**40))
shard_case("s25 id of another shard", "hash to 8_8_8/1.shard", in_index(0, 3, lambda step: step + 16))
shard_case("s26 overlapping ranges", "overlap", in_index(1, 1, lambda _: -256))


@case("s17 chunk bomb", "sharded gzip", "error", "at most 512 bytes", f"{SHARD}, chunk 0:8,0:8,0:8")
def _(folder):
    def bomb(data):
        index = struct.pack("<QQQ", 0, len(data) - FRONT, len(GZIP_BOMB))
        return with_index(data + GZIP_BOMB, gzip.compress(index))

    edit(shard(folder), bomb)


GZIP_BOMB = gzip.compress(bytes(20_000_000))


@case("s22 shard missing", "sharded", "hint", "16 of 64 chunks are absent", "scale 8_8_8")
def _(folder):
    shard(folder).unlink()


@case("s23 shard under another number", "sharded", "error", "as if the file had another number", "8_8_8/1.shard")
def _(folder):
    shutil.copy(shard(folder), folder / "8_8_8" / "1.shard")


@case("s27 shard beyond the grid", "sharded", "warning", "the grid has no chunk for this number", "8_8_8/3.shard")
def _(folder):
    document = json.loads((folder / "info").read_text())
    document["scales"][0]["size"] = [32, 32, 16]
    (folder / "info").write_text(json.dumps(document))


@case("s28 unused bytes", "sharded", "hint", "nothing uses 99 of", SHARD)
def _(folder):
    edit(shard(folder), lambda data: data + bytes(99))


# Pyramids: three scales of labels, made by mode, recorded in provenance.


def coarse_chunk(folder: Path) -> Path:
    """Return the file of a chunk of the second scale."""
    return folder / "16_16_16" / "16-32_0-16_0-16"


@case(
    "p01 stale coarse chunk",
    "pyramid",
    "error",
    "not what mode makes of scale 8_8_8",
    "scale 16_16_16, chunk 16:32,0:16,0:16",
)
def _(folder):
    edit(coarse_chunk(folder), lambda data: data[::-1])


@case(
    "p02 missing coarse chunk",
    "pyramid",
    "error",
    "is absent, but scale 8_8_8",
    "scale 16_16_16, chunk 16:32,0:16,0:16",
)
def _(folder):
    coarse_chunk(folder).unlink()


@case("p03 missing fine chunk", "pyramid", "error", "not what mode makes", "scale 16_16_16, chunk 16:32,16:32,0:16")
def _(folder):
    (folder / "8_8_8" / "48-64_32-48_16-32").unlink()


@case("p04 empty coarse scale", "pyramid", "error", "holds no chunk", "scale 32_32_16")
def _(folder):
    shutil.rmtree(folder / "32_32_16")


@case("p05 scale that does not cover", "pyramid", "warning", "covers 0:16,0:32,0:16", "16_16_16")
def _(folder):
    document = json.loads((folder / "info").read_text())
    document["scales"] = document["scales"][:2]
    document["scales"][1]["size"] = [16, 32, 16]
    (folder / "info").write_text(json.dumps(document))


@case("p06 scale that reaches out", "pyramid", "warning", "reaches outside", "16_16_16")
def _(folder):
    document = json.loads((folder / "info").read_text())
    document["scales"][1]["size"] = [48, 32, 16]
    (folder / "info").write_text(json.dumps(document))
