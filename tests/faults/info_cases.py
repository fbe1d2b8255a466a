"""Damaged and hostile ``info`` documents."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from tests.faults.case import CHUNKS, MEBIBYTE, SHARDS, add, edit, enlarge

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

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
info("i34 another offset", scale(voxel_offset=[1, 0, 0]), outcome="policy", absent=6)
info("i34 size zero", scale(size=[0, 8, 9]), outcome="exact")
info("i35 many empty lists", lambda info: info.update(notes=[[]] * 250_000), outcome="exact")
info("i35 many scales", lambda info: info["scales"].extend([{}] * 250_000), outcome="exact")
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
