"""A damaged chunk ends a copy with its name, and nothing of it arrives."""

from __future__ import annotations

import numpy as np
import pytest

import ngprecomp as ng
from ngprecomp.chunks.sharded import open_shard
from ngprecomp.codecs import table
from ngprecomp.errors import DecodeError

CHUNK = "0-16_0-16_0-16"
ENCODINGS = {"raw": "uint8", "compressed_segmentation": "uint32", "jpeg": "uint8", "png": "uint16"}


@pytest.fixture(params=ENCODINGS)
def voxels(request):
    voxels = np.random.default_rng(5).integers(0, 200, (16, 16, 48, 1)).astype(ENCODINGS[request.param])
    return request.param, voxels


def make(path, encoding, voxels, **options):
    """Make a volume of three chunks along x."""
    ng.convert(voxels, path, axes="zyxc", chunk_size=16, encoding=encoding, type="image", levels=0, **options)


def cut(data):
    return data[: len(data) * 2 // 3]


def emptied(data):
    return b""


def garbage(data):
    return bytes(range(37))


@pytest.mark.parametrize(("damage", "compress"), [(cut, None), (cut, "gzip"), (emptied, None), (garbage, None)])
@pytest.mark.parametrize("options", [{}, {"shard_size": "always"}, {"chunk_size": 8}, {"skip_empty": True}])
def test_files(voxels, damage, compress, options, tmp_path):
    make(tmp_path / "a", *voxels, shard_size=None, compress=compress)
    (path,) = (tmp_path / "a/1_1_1").glob(f"{CHUNK}*")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DecodeError, match=r"chunk 0:16,0:16,0:16 of scale '1_1_1' in file:.*/a: "):
        ng.copy(tmp_path / "a", tmp_path / "out", **options)
    assert not (tmp_path / "out/info").exists()
    assert not list((tmp_path / "out").glob(f"1_1_1/{CHUNK}*"))
    assert not list((tmp_path / "out").glob("1_1_1/*.shard"))


@pytest.mark.parametrize("data_encoding", ["raw", "gzip"])
@pytest.mark.parametrize("options", [{}, {"shard_size": None}, {"shard_size": 16}, {"chunk_size": 8}])
def test_in_shards(voxels, data_encoding, options, tmp_path):
    """Also where shards are copied whole."""
    sharding = {
        "@type": "neuroglancer_uint64_sharded_v1",
        "hash": "identity",
        "preshift_bits": 2,
        "minishard_bits": 0,
        "shard_bits": 0,
        "data_encoding": data_encoding,
    }
    make(tmp_path / "a", *voxels, sharding=sharding)
    path = tmp_path / "a/1_1_1/0.shard"
    _, starts, sizes = open_shard(ng.open(tmp_path / "a").place, 0).chunks()
    data = bytearray(path.read_bytes())
    middle = int(starts[1] + sizes[1])
    data[int(starts[1]) : int(starts[1]) + 40] = bytes(range(40))
    data[middle - 40 : middle] = bytes(40)
    path.write_bytes(data)
    if voxels[0] == "raw" and data_encoding == "raw":
        ng.copy(tmp_path / "a", tmp_path / "out", **options)  # any bytes of the right number are voxels
        return
    with pytest.raises(DecodeError, match=r"chunk 16:32,0:16,0:16 of scale '1_1_1' in file:.*/a: "):
        ng.copy(tmp_path / "a", tmp_path / "out", **options)
    assert not (tmp_path / "out/info").exists()
    assert not list((tmp_path / "out").glob("1_1_1/16-32*"))
    assert not (tmp_path / "out/1_1_1" / ("1.shard" if options == {"shard_size": 16} else "0.shard")).exists()


def test_a_shard_with_a_chunk_of_another_is_made_anew(tmp_path):
    """What does not belong there stays behind, and what is absent is stored as zeros."""
    voxels = np.random.default_rng(5).integers(0, 200, (16, 16, 64, 1), np.uint8)
    make(tmp_path / "a", "raw", voxels, shard_size=32)
    shards = [tmp_path / f"a/1_1_1/{number}.shard" for number in range(2)]
    shards[0].write_bytes(shards[1].read_bytes())
    report = ng.copy(tmp_path / "a", tmp_path / "out")
    assert report.absent == 2
    found = np.asarray(ng.open(tmp_path / "out"))
    assert not found[:32].any()
    np.testing.assert_array_equal(found[32:, :, :, 0].T, voxels[:, :, 32:, 0])
    assert (tmp_path / "out/1_1_1/1.shard").read_bytes() == shards[1].read_bytes()
    assert (tmp_path / "out/1_1_1/0.shard").read_bytes() != shards[1].read_bytes()


def test_what_is_damaged_inside_of_an_image(tmp_path):
    """The checksums of a PNG tell; a JPEG has none, and is copied as it is."""
    voxels = np.random.default_rng(5).integers(0, 200, (16, 16, 16, 1), np.uint8)
    for encoding in ("png", "jpeg"):
        make(tmp_path / encoding, encoding, voxels, shard_size=None)
        path = tmp_path / encoding / "1_1_1" / CHUNK
        data = bytearray(path.read_bytes())
        data[-60] ^= 1
        path.write_bytes(data)
    with pytest.raises(DecodeError, match=r"chunk 0:16,0:16,0:16 .* the checksum at byte \d+ is wrong"):
        ng.copy(tmp_path / "png", tmp_path / "out")
    ng.copy(tmp_path / "jpeg", tmp_path / "out")
    assert (tmp_path / "out/1_1_1" / CHUNK).read_bytes() == (tmp_path / "jpeg/1_1_1" / CHUNK).read_bytes()


@pytest.mark.parametrize("name", [*ENCODINGS, "unknown"])
def test_every_prefix_of_a_chunk_is_refused(name):
    """As far as its last byte matters: a JPEG may lack what follows its end."""
    encoding, shape = table.Encoding(name), (8, 8, 4, 1)
    if name == "unknown":
        with pytest.raises(DecodeError, match="cannot read encoding 'unknown'"):
            table.check(encoding, b"", shape, "uint8")
        return
    voxels = np.asfortranarray(np.random.default_rng(1).integers(0, 99, shape).astype(ENCODINGS[name]))
    data = table.encode(encoding, voxels)
    table.check(encoding, data, shape, voxels.dtype)
    for length in range(len(data)):
        with pytest.raises(DecodeError):
            table.check(encoding, data[:length], shape, voxels.dtype)
    with pytest.raises(DecodeError):
        table.check(encoding, data, (8, 8, 12, 1), voxels.dtype)
