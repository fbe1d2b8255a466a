from __future__ import annotations

import json

import pytest

import ngprecomp as ng
from ngprecomp.cli.main import main

SUMMARY = """\
{url}
segmentation of uint64, 2 channels, 2 scales
also declares mesh

scale 0: 8_8_40
  size          1000 x 2000 x 3000 voxels
  voxel size    8 x 8 x 40 nm
  extent        8 x 16 x 120 um
  voxel offset  -10, 0, 5
  chunk size    64 x 64 x 64 voxels
  chunk grid    16 x 32 x 47 = 24,064 chunks
  encoding      compressed_segmentation, blocks of 8 x 8 x 8 voxels
  sharding      {shards}
  raw bytes     96,000,000,000 (96 GB)
  on disk       0 bytes (0 B) in 0 files

scale 1: 16.5_16_40
  size          10 x 1 x 1 voxels
  voxel size    16.5 x 16 x 40 nm
  extent        165 x 16 x 40 nm
  voxel offset  0, 0, 0
  chunk size    10 x 1 x 1 voxels
  chunk grid    1 x 1 x 1 = 1 chunk
  encoding      raw
  sharding      none: a file for each chunk
  raw bytes     160 (160 B)
  on disk       160 bytes (160 B) in 1 file, 100.0% of the raw bytes
"""


@pytest.fixture
def volume(tmp_path):
    path = tmp_path / "volume"
    shared = {"dtype": "uint64", "num_channels": 2}
    ng.create(
        path,
        shape=(1000, 2000, 3000),
        resolution=(8, 8, 40),
        voxel_offset=(-10, 0, 5),
        encoding="compressed_segmentation",
        compressed_segmentation_block_size=(8, 8, 8),
        chunk_size=(64, 64, 64),
        shard_size=(512, 512, 512),
        **shared,
    )
    ng.create(path, shape=(10, 1, 1), resolution=(16.5, 16, 40), chunk_size=(10, 1, 1), exist="add", **shared)
    document = json.loads((path / "info").read_text())
    (path / "info").write_text(json.dumps({**document, "mesh": "mesh"}))
    return path


def test_summary(volume, capsys):
    ng.open(volume, 1)[...] = 2**63
    assert main(["info", str(volume)]) == 0
    shards = (
        "48 shards of 512 x 512 x 512 voxels; identity, preshift 9, minishard 0, shard 6 bits; data gzip, index gzip"
    )
    assert capsys.readouterr().out == SUMMARY.format(url=f"file://{volume}", shards=shards)


def test_json_is_the_document(volume, capsys):
    assert main(["info", str(volume), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads((volume / "info").read_text())


def test_shards_that_are_no_boxes(volume, capsys):
    document = json.loads((volume / "info").read_text())
    document["scales"][0]["sharding"] |= {"hash": "murmurhash3_x86_128", "shard_bits": 3}
    (volume / "info").write_text(json.dumps(document))
    assert main(["info", str(volume)]) == 0
    assert "at most 8 shards, which are no boxes; murmurhash3_x86_128" in capsys.readouterr().out


def test_a_scale_that_cannot_be_read_hides_no_other(volume, capsys):
    document = json.loads((volume / "info").read_text())
    document["scales"][0]["encoding"] = "crackle"
    (volume / "info").write_text(json.dumps(document))
    assert main(["info", str(volume)]) == 0
    printed = capsys.readouterr().out
    assert "scale 0 cannot be read\n  scales[0]" in printed
    assert "scale 1: 16.5_16_40" in printed


def test_damaged_info(tmp_path, capsys):
    (tmp_path / "info").write_text('{"type": "image"')
    assert main(["info", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("ngprecomp: invalid info of")


def test_the_bytes_of_very_many_files_are_estimated(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("ngprecomp.cli.summary.COUNTED", 10)
    vol = ng.create(tmp_path / "v", shape=(8, 8, 8), dtype="uint8", chunk_size=(2, 2, 2))
    vol[...] = 1
    assert main(["info", str(tmp_path / "v")]) == 0
    assert "on disk       about 512 B, from 10 of up to 64 files" in capsys.readouterr().out


def test_set(tmp_path, capsys):
    volume = str(tmp_path / "v")
    vol = ng.create(volume, shape=(64, 64, 64), dtype="uint32", chunk_size=(32, 32, 32), shard_size=(64, 64, 64))
    vol[...] = 2**32 - 1
    argv = ["info", "set", volume, "--resolution", "4,4,40nm", "--shift", "-4,0,100", "--type", "segmentation"]
    assert main(argv) == 0
    printed = capsys.readouterr().out
    assert "segmentation of uint32" in printed
    assert "voxel size    4 x 4 x 40 nm" in printed
    assert main(["info", "set", volume, "--rename-scale", "1_1_1", "4_4_40"]) == 0
    moved = ng.open(volume, "4_4_40")
    assert moved.voxel_offset == (-4, 0, 100)
    assert (moved[...] == 2**32 - 1).all()


def test_set_nothing(tmp_path, capsys):
    ng.create(tmp_path / "v", shape=(4, 4, 4), dtype="uint8")
    assert main(["info", "set", str(tmp_path / "v")]) == 2
    assert capsys.readouterr().err == "ngprecomp: nothing to set: give resolution, shift, type or rename_scale\n"
