"""What a fuzzer feeds: each target takes any bytes, and lets pass only the errors that a reader may see.

A target that returns has also checked what must hold of what it got: nothing is larger than its limit, what is written
is read again, nothing leads out of its folder.
"""

from __future__ import annotations

import json
import posixpath
from typing import TYPE_CHECKING

import numpy as np

import ngprecomp.kernels.compresso  # noqa: F401  imported late otherwise, where the fuzzer does not see its branches
from ngprecomp.chunks.reading import read_encoded
from ngprecomp.chunks.sharded import open_shard
from ngprecomp.codecs import compressed_segmentation, compression, jpeg, jxl, png
from ngprecomp.codecs import compresso as compresso_codec
from ngprecomp.errors import DecodeError, MetadataError, NgprecompError, OptionError, StorageError
from ngprecomp.format.grid import positions_in
from ngprecomp.format.info import info_to_bytes, parse_info
from ngprecomp.format.names import escapes, key_problem, resolve_key
from ngprecomp.format.problems import document_problems
from ngprecomp.format.scale import MAX_CHUNK_BYTES
from ngprecomp.format.sharding import Sharding
from ngprecomp.format.spec import parse_spec
from ngprecomp.storage.keys import path_to_read, path_to_write
from ngprecomp.storage.local import LocalStore
from ngprecomp.storage.locate import open_store
from ngprecomp.storage.memory import MemoryStore
from tests.chunks.places import place
from tests.naive import compressed_segmentation as naive
from tests.naive import compresso as naive_compresso

if TYPE_CHECKING:
    from collections.abc import Callable

LIMIT = 1 << 16


def info(data: bytes) -> None:
    """An ``info`` file."""
    document_problems(data)
    try:
        volume = parse_info(data)
    except MetadataError:
        return
    assert parse_info(info_to_bytes(volume)).data_type == volume.data_type
    for index in range(len(volume.scales)):
        try:
            scale = volume.scale(index)
        except MetadataError:
            continue
        voxels = np.prod([min(pair) for pair in zip(scale.chunk_size, scale.size, strict=True)], dtype=object)
        assert voxels * volume.num_channels * volume.dtype.itemsize <= MAX_CHUNK_BYTES
        assert all(count >= 0 for count in scale.grid.shape)


def spec(data: bytes) -> None:
    """A path, a URL or a JSON spec."""
    text = data.decode("utf-8", "surrogateescape")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = text
    if not isinstance(document, (str, dict)):
        document = text
    try:
        asked = parse_spec(document)
    except OptionError:
        return
    assert asked.url.endswith("/")


def shard(data: bytes) -> None:
    """A shard: two bytes say how it is made, the rest is the file."""
    how, data = int.from_bytes(data[:2], "little"), data[2:]
    index, stored = ("raw", "gzip")[how >> 6 & 1], ("raw", "gzip")[how >> 7 & 1]
    hashed = ("identity", "murmurhash3_x86_128")[how >> 8 & 1]
    sharding = Sharding(how & 3, hashed, how >> 2 & 3, how >> 4 & 1, index, stored)
    store = MemoryStore("fuzz-shard")
    where = place(store, size=(7, 6, 5), sharding=sharding)
    for number in range(1 << sharding.shard_bits):
        store.put(where.shard_key(number), data)
    for position in positions_in(where.grid.positions):
        try:
            encoded = read_encoded(where, position)
        except (DecodeError, StorageError):
            continue
        assert encoded is None or len(encoded) <= np.prod(where.chunk_shape(position))
    try:
        ids, starts, sizes = open_shard(where, 0).chunks()
    except DecodeError:
        return
    assert all(ids[1:] > ids[:-1])
    assert all(starts + sizes <= len(data))


def cseg(data: bytes) -> None:
    """A chunk of compressed_segmentation: three bytes say what is expected, the rest is the chunk."""
    how, data = int.from_bytes(data[:3], "little"), data[3:]
    dtype = (np.uint32, np.uint64)[how & 1]
    shape = ((8, 8, 8), (9, 3, 17), (1, 1, 1), (16, 4, 2))[how >> 1 & 3]
    block = ((8, 8, 8), (4, 4, 4), (1, 3, 5), (16, 16, 1))[how >> 3 & 3]
    channels = 1 + (how >> 5 & 1)
    try:
        labels = compressed_segmentation.decode(data, (*shape, channels), dtype, block)
    except DecodeError:
        return
    if len(data) < LIMIT:
        np.testing.assert_array_equal(labels, naive.decode(data, (*shape, channels), dtype, block))


def compresso(data: bytes) -> None:
    """A chunk of compresso: one byte says what is expected, the rest is the chunk."""
    how, data = data[0] if data else 0, data[1:]
    dtype = np.dtype((np.uint8, np.uint16, np.uint32, np.uint64)[how & 3])
    shape = ((8, 8, 8), (9, 3, 17), (1, 1, 1), (16, 4, 2))[how >> 2 & 3]
    try:
        labels = compresso_codec.decode(data, (*shape, 1), dtype)
    except DecodeError:
        return
    if len(data) < LIMIT:
        np.testing.assert_array_equal(labels[..., 0], naive_compresso.decode(data, shape, dtype))


def compressed(data: bytes) -> None:
    """Compressed bytes: the first one says by what."""
    encoding = ("gzip", "br", "zstd", "xz")[data[0] & 3] if data else "gzip"
    try:
        plain = compression.decompress(data[1:], encoding, LIMIT)
    except DecodeError:
        return
    assert len(plain) <= LIMIT


def image(data: bytes) -> None:
    """A jpeg, png or jxl chunk: the first byte says which, and of how many channels."""
    how, data = (data[0], data[1:]) if data else (0, data)
    codec = (jpeg, png, jxl)[how % 3]
    channels = 1 + (how >> 2 & 3)
    dtype = np.dtype((np.uint8, np.uint16)[how >> 4 & 1])
    try:
        voxels = codec.decode(data, (8, 8, 8, channels), dtype)
    except DecodeError:
        return
    assert voxels.shape == (8, 8, 8, channels)
    assert voxels.dtype == dtype


def path(data: bytes) -> None:
    """The key of a scale, and the path or URL of a volume."""
    text = data.decode("utf-8", "surrogateescape")
    if key_problem(text) is None:
        try:
            resolved = resolve_key("volumes/em", text)
        except NgprecompError:
            assert escapes(text)
        else:
            assert ".." not in resolved.split("/")
            assert escapes(text) or f"{resolved}/".startswith("volumes/em/")
    for follow in (path_to_read, path_to_write):
        try:
            found = follow("/data/em", text)
        except StorageError:
            continue
        assert found == posixpath.normpath(found)
        assert follow is path_to_read or found.startswith("/data/em/")
    try:
        store = open_store(text)
    except NgprecompError:
        return
    if isinstance(store, LocalStore):
        assert open_store(store.url).root == store.root


TARGETS: dict[str, Callable[[bytes], None]] = {
    target.__name__: target for target in (info, spec, shard, cseg, compresso, compressed, image, path)
}
