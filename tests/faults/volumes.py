"""Good volumes of every kind, small, as the objects of their stores; to be damaged."""

from __future__ import annotations

import gzip
import json
import lzma
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import compresso
import imagecodecs
import numpy as np

import ngprecomp as ng
from ngprecomp.format.names import parse_chunk_name
from ngprecomp.storage.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable

SIZE = (21, 8, 9)
OFFSET = (-5, 0, 3)
CHUNK = (8, 8, 8)

Voxels = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Kind:
    """How a volume is made, what is then done to its chunk files, and whether checksums guard all bytes of chunks."""

    options: dict[str, Any]
    guarded: bool = False
    suffix: str = ""
    pack: Callable[[bytes], bytes] | None = None
    encoding: str = ""


def sharded(index: str, data: str, hashed: str = "identity") -> dict[str, Any]:
    """Return the sharding of a volume."""
    return {
        "@type": "neuroglancer_uint64_sharded_v1",
        "hash": hashed,
        "preshift_bits": 1,
        "minishard_bits": 1,
        "shard_bits": 1,
        "minishard_index_encoding": index,
        "data_encoding": data,
    }


LABELS = {"encoding": "compressed_segmentation"}
KINDS = {
    "raw uint8": Kind({"dtype": "uint8"}),
    "raw uint16, 3 channels": Kind({"dtype": "uint16", "num_channels": 3}),
    "raw float32": Kind({"dtype": "float32"}),
    "raw uint64": Kind({"dtype": "uint64"}),
    "raw .gz": Kind({"dtype": "uint16"}, True, ".gz", lambda data: gzip.compress(data, mtime=0)),
    "raw gzip, plain name": Kind({"dtype": "uint16"}, True, "", lambda data: gzip.compress(data, mtime=0)),
    "raw .br": Kind({"dtype": "uint16"}, False, ".br", imagecodecs.brotli_encode),
    "raw .zstd": Kind({"dtype": "uint16"}, False, ".zstd", imagecodecs.zstd_encode),
    "raw .xz": Kind({"dtype": "uint16"}, True, ".xz", lzma.compress),
    "labels uint32": Kind({"dtype": "uint32", **LABELS}),
    "labels uint64, 2 channels": Kind({"dtype": "uint64", "num_channels": 2, **LABELS}),
    "labels, odd blocks": Kind({"dtype": "uint64", "compressed_segmentation_block_size": (3, 8, 5), **LABELS}),
    "labels .gz": Kind({"dtype": "uint64", **LABELS}, True, ".gz", lambda data: gzip.compress(data, mtime=0)),
    "jpeg": Kind({"dtype": "uint8", "encoding": "jpeg"}),
    "jpeg, 3 channels": Kind({"dtype": "uint8", "encoding": "jpeg", "num_channels": 3}),
    "png uint8": Kind({"dtype": "uint8", "encoding": "png"}, True),
    "png uint16, 2 channels": Kind({"dtype": "uint16", "encoding": "png", "num_channels": 2}, True),
    "jxl": Kind({"dtype": "uint8"}, encoding="jxl"),
    "compresso": Kind({"dtype": "uint64"}, encoding="compresso"),
    "compresso .gz": Kind(
        {"dtype": "uint16"}, True, ".gz", lambda data: gzip.compress(data, mtime=0), encoding="compresso"
    ),
    "shards raw, raw": Kind({"dtype": "uint8", "sharding": sharded("raw", "raw")}),
    "shards gzip, gzip": Kind({"dtype": "uint8", "sharding": sharded("gzip", "gzip")}, True),
    "shards raw, gzip": Kind({"dtype": "uint16", "sharding": sharded("raw", "gzip")}),
    "shards hashed": Kind({"dtype": "uint8", "sharding": sharded("gzip", "raw", "murmurhash3_x86_128")}),
    "shards of labels": Kind({"dtype": "uint64", "sharding": sharded("gzip", "gzip"), **LABELS}, True),
}


@dataclass
class Good:
    """A good volume: what its store holds by key, and its voxels."""

    name: str
    kind: Kind
    objects: dict[str, bytes]
    voxels: Voxels

    @property
    def chunks(self) -> list[str]:
        """The keys of chunks and shards."""
        return [key for key in self.objects if key != "info"]


def make(name: str) -> Good:
    """Return a good volume of a kind."""
    kind = KINDS[name]
    store = MemoryStore(f"volumes/{name}")
    store.delete(store.list())
    vol = ng.create(store.url, shape=SIZE, voxel_offset=OFFSET, chunk_size=CHUNK, key="s", **kind.options)
    blocks = np.random.default_rng(5).integers(1, 250, (*(-(-side // 2) for side in SIZE), vol.shape[3]))
    values = blocks.repeat(2, 0).repeat(2, 1).repeat(2, 2)[: SIZE[0], : SIZE[1], : SIZE[2]].astype(vol.dtype)
    vol[...] = values + np.uint64(2**63) if vol.dtype == np.uint64 else values
    if kind.encoding:
        _encode_again(vol, store, kind.encoding)
    for key in [key for key in store.list() if key != "info" and kind.pack]:
        store.put(f"{key}{kind.suffix}", kind.pack(store.get(key).data))
        if kind.suffix:
            store.delete([key])
    objects = {key: store.get(key).data for key in sorted(store.list())}
    return Good(name, kind, objects, ng.open(store.url)[...])


def _encode_again(vol: ng.Volume, store: MemoryStore, encoding: str) -> None:
    """Store raw chunks of one channel in an encoding that we only read."""
    for key in [key for key in store.list() if key != "info"]:
        voxels = np.frombuffer(store.get(key).data, vol.dtype).copy()
        if encoding == "jxl":
            encoded = imagecodecs.jpegxl_encode(voxels.reshape(8, -1), lossless=True)
        else:
            cell = parse_chunk_name(key.rpartition("/")[2])
            assert cell is not None
            encoded = compresso.compress(voxels.reshape(cell.size, order="F"))
        store.put(key, encoded)
    document = json.loads(store.get("info").data)
    document["scales"][0]["encoding"] = encoding
    store.put("info", json.dumps(document, separators=(",", ":")).encode())
