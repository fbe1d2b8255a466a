"""Checksums beside a volume: which jobs store them, what `check` finds by them, and who removes them again."""

from __future__ import annotations

import shutil
from pathlib import Path

import crc32c as judge
import numpy as np
import pytest

import ngprecomp as ng
from ngprecomp.chunks.checksums import CHECKSUM_FOLDER
from ngprecomp.chunks.sharded import open_shard
from ngprecomp.cli.main import main
from ngprecomp.errors import OptionError

SIZE = (40, 36, 44)
COMMON = {"chunk_size": 8, "resolution": (8, 8, 8), "levels": 2, "checksums": True, "workers": 2}
COUNTS = [150, 27, 8]
LAYOUTS = {
    "files": {"shard_size": None},
    "gzip files": {"shard_size": None, "compress": "gzip"},
    "shards": {"shard_size": 16},
    "jpeg": {"shard_size": 16, "encoding": "jpeg", "type": "image"},
    "exact": {"shard_size": None, "exact": True},
}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    path = tmp_path_factory.mktemp("source") / "em.npy"
    voxels = np.random.default_rng(1).integers(1, 250, SIZE[::-1]).astype(np.uint8)
    np.save(path, voxels)
    return path


@pytest.fixture(scope="module")
def volumes(source, tmp_path_factory):
    folder = tmp_path_factory.mktemp("volumes")
    for name, options in LAYOUTS.items():
        ng.convert(source, folder / name, **COMMON, **options)
    return folder


@pytest.fixture
def copied(volumes, tmp_path):
    """Return a function that gives a copy of a volume of some layout to be damaged."""

    def copy(layout):
        return Path(shutil.copytree(volumes / layout, tmp_path / layout))

    return copy


def said(report, severity=None):
    return [str(found) for found in report.problems if found.severity == (severity or found.severity)]


def all_sums(folder):
    """Return all lines of all documents by scale."""
    return {
        scale.name: sorted(line for path in scale.rglob("*-*") for line in path.read_text().splitlines())
        for scale in (folder / CHECKSUM_FOLDER).iterdir()
    }


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_chunk_of_every_scale_has_one(volumes, layout):
    report = ng.check(volumes / layout, full=True)
    assert report.ok, str(report)
    assert [scale.checksums for scale in report.scales] == [scale.chunks for scale in report.scales] == COUNTS
    assert "150 checksums compared" in str(report)
    assert report.to_json()["scales"][0]["checksums"] == 150


def test_they_are_crc32c_of_files_and_of_entries_of_shards(volumes):
    for scale, lines in all_sums(volumes / "files").items():
        grid = ng.open(volumes / "files", scale).scale.grid
        for line in lines:
            checksum, *position = line.split()
            box = grid.cell(tuple(map(int, position)))
            name = "_".join(f"{lo}-{hi}" for lo, hi in zip(box.lo, box.hi, strict=True))
            assert judge.crc32c((volumes / "files" / scale / name).read_bytes()) == int(checksum, 16)
    vol = ng.open(volumes / "shards")
    shard = open_shard(vol.place, 0)
    _, starts, sizes = shard.chunks()
    entries = shard.ranges(starts.tolist(), sizes.tolist())
    known = {int(line.split()[0], 16) for line in all_sums(volumes / "shards")[vol.key]}
    assert {judge.crc32c(entry) for entry in entries} <= known


@pytest.mark.parametrize("layout", ["files", "shards"])
def test_a_flipped_bit_in_raw_chunks_is_found(copied, layout):
    folder = copied(layout)
    scale = folder / "8_8_8"
    path = min(scale.iterdir())
    data = bytearray(path.read_bytes())
    if layout == "shards":
        _, starts, _ = open_shard(ng.open(folder).place, 0).chunks()
        data[int(starts[0]) + 100] ^= 4
    else:
        data[100] ^= 4
    path.write_bytes(data)
    errors = said(ng.check(folder, scales=[0]), "error")
    assert len(errors) == 1
    assert path.name in errors[0]
    assert "its checksum is" in errors[0]
    assert "when it was written" in errors[0]


def test_a_chunk_that_is_gone_and_one_that_is_new_are_found(copied):
    folder = copied("files")
    scale = folder / "8_8_8"
    (scale / "0-8_8-16_16-24").unlink()
    errors = said(ng.check(folder, scales=[0]), "error")
    assert errors == [
        f"error: chunk 0:8,8:16,16:24 of scale '8_8_8' in {ng.open(folder).url}: has a checksum, but is absent "
        "(write it anew from the source, or remove ngprecomp-checksums if another program has removed it)"
    ]
    (scale / "0-8_8-16_16-24").write_bytes((scale / "0-8_0-8_0-8").read_bytes())
    document = next((folder / CHECKSUM_FOLDER / "8_8_8" / "8_8_8").iterdir())
    lines = document.read_text().splitlines(keepends=True)
    document.write_text("".join(line for line in lines if not line.endswith(" 0 1 2\n")))
    report = ng.check(folder, scales=[0])
    assert said(report) == [
        "hint: scale 8_8_8: 1 chunk without a checksum, the first 0:8,8:16,16:24 (they were written by other jobs; "
        "copy --checksums makes all of them)"
    ]
    assert report.scales[0].checksums == 149


def test_documents_that_are_none_are_found(copied):
    folder = copied("files")
    documents = folder / CHECKSUM_FOLDER / "8_8_8" / "8_8_8"
    (documents / "notes").write_text("mine")
    (documents / "far").write_text("00000000 900 0 0\n")
    found = said(ng.check(folder, scales=[0]))
    assert len(found) == 2
    assert any("notes: cannot be read: line 1: expected a checksum" in text for text in found)
    assert any("far: names a chunk at (900, 0, 0), outside of the grid" in text for text in found)


def change_by_slices(folder):
    ng.open(folder)[3:9, 4, 5:7] = 0


def change_by_ingest(folder):
    np.save(folder.parent / "patch.npy", np.full((4, 4, 4), 9, np.uint8))
    ng.ingest(folder.parent / "patch.npy", folder, (5, 6, 7))


def change_by_pyramid(folder):
    ng.build_pyramid(folder, box=((0, 9), (0, 9), (0, 9)))


def change_by_whole_pyramid(folder):
    ng.build_pyramid(folder, overwrite=True)


@pytest.mark.parametrize("layout", ["files", "shards"])
@pytest.mark.parametrize("change", [change_by_slices, change_by_ingest, change_by_pyramid, change_by_whole_pyramid])
def test_nothing_that_was_changed_on_purpose_is_called_damaged(copied, layout, change):
    folder = copied(layout)
    change(folder)
    ng.build_pyramid(folder, box=((0, 16), (0, 16), (0, 16)))
    report = ng.check(folder, full=True)
    assert report.ok, str(report)
    assert sum(scale.checksums for scale in report.scales) < sum(COUNTS)


def test_a_volume_written_over_keeps_no_old_ones(copied, source):
    folder = copied("files")
    ng.convert(source, folder, **{**COMMON, "checksums": False}, shard_size=None, overwrite=True, percentile=(5, 50))
    assert not (folder / CHECKSUM_FOLDER).exists()
    assert ng.check(folder).ok
    ng.build_pyramid(folder, overwrite=True, checksums=True)
    assert sorted(path.name for path in (folder / CHECKSUM_FOLDER).iterdir()) == ["16_16_16", "32_32_32"]
    assert ng.check(folder).ok
    with pytest.raises(OptionError, match="a box is made anew without checksums"):
        ng.build_pyramid(folder, box=((0, 9), (0, 9), (0, 9)), checksums=True)


@pytest.mark.parametrize("layout", ["files", "gzip files", "shards", "jpeg"])
@pytest.mark.parametrize("options", [{}, {"shard_size": None}, {"chunk_size": 16, "encoding": "raw"}])
def test_copies_have_their_own(volumes, tmp_path, layout, options):
    ng.copy(volumes / layout, tmp_path / "copy", checksums=True, **options)
    report = ng.check(tmp_path / "copy")
    assert "when it was written" not in str(report)
    assert "a checksum" not in str(report)
    assert [scale.checksums for scale in report.scales] == [scale.chunks for scale in report.scales]
    if not options:
        assert all_sums(tmp_path / "copy") == all_sums(volumes / layout)
    ng.copy(volumes / layout, tmp_path / "without", **options)
    assert not (tmp_path / "without" / CHECKSUM_FOLDER).exists()


def test_they_go_and_move_with_their_scale(copied):
    folder = copied("shards")
    ng.set_info(folder, rename_scale=("16_16_16", "middle"), shift=(4, -8, 16))
    assert ng.check(folder).ok
    assert [scale.checksums for scale in ng.check(folder).scales] == COUNTS
    removal = ng.remove(folder, "middle")
    assert "checksums: " in str(removal)
    assert sorted(path.name for path in (folder / CHECKSUM_FOLDER).iterdir()) == ["32_32_32", "8_8_8"]
    assert "checksums: " in str(ng.remove(folder, dry_run=True))
    ng.remove(folder)
    assert not folder.exists()


def test_commands(source, tmp_path, capsys):
    folder = tmp_path / "v"
    assert main(["convert", str(source), str(folder), "--resolution", "8", "--levels", "0", "--checksums", "-q"]) == 0
    assert main(["pyramid", str(folder), "--levels", "1", "--factor", "2", "--checksums", "-q"]) == 0
    assert main(["copy", str(folder), str(tmp_path / "w"), "--checksums", "-q"]) == 0
    capsys.readouterr()
    for volume in (folder, tmp_path / "w"):
        assert main(["check", str(volume)]) == 0
        assert capsys.readouterr().out.count("1 checksum compared") == 2
        assert main(["info", str(volume)]) == 0
        assert capsys.readouterr().out.count(", with checksums") == 2
