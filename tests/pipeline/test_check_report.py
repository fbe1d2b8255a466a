"""What a check says, how much of it, and which options there are."""

from __future__ import annotations

import errno
import json
import os
import tracemalloc

import numpy as np
import pytest

import ngprecomp as ng
from ngprecomp.errors import NotFoundError, OptionError
from ngprecomp.format.box import Box
from ngprecomp.pipeline.checking.findings import LISTED, Findings, Kind
from ngprecomp.pipeline.checking.presence import Presence
from tests.pipeline.damage import FIRST, SECOND, first, labels, make_base, voxels


@pytest.fixture
def raw(tmp_path):
    make_base("raw", tmp_path / "volume")
    return tmp_path / "volume"


@pytest.fixture
def pyramid(tmp_path):
    make_base("pyramid", tmp_path / "volume")
    return tmp_path / "volume"


def errors(report):
    return [one for one in report.problems if one.severity == "error"]


def test_all_problems_of_all_scales_are_listed_at_once(raw):
    info = json.loads((raw / "info").read_text())
    good = info["scales"][0]
    info["type"] = 5
    info["scales"] = [
        {**good, "size": [-1, 1, "x"]},
        {**good, "key": "", "encoding": "jpeg"},
        {**good, "chunk_sizes": []},
    ]
    (raw / "info").write_text(json.dumps(info))
    assert [one.where for one in errors(ng.check(raw))] == [
        "info: type",
        "info: scales[0].size[0]",
        "info: scales[0].size[2]",
        "info: scales[2].chunk_sizes",
    ]
    info["type"] = "image"
    (raw / "info").write_text(json.dumps(info))
    wheres = [one.where for one in errors(ng.check(raw))]
    assert "info: scales[1].key" in wheres
    assert "info: scales[0].size[0]" in wheres


def test_errors_come_first_and_the_report_prints(raw):
    first(raw).write_bytes(b"1")
    (raw / "8_8_8" / "0-64_0-64_0-64").write_bytes(b"1")
    (raw / "8_8_8" / SECOND).unlink()
    report = ng.check(str(raw))
    assert [one.severity for one in report.problems] == ["error", "warning", "hint", "hint"]
    text = str(report)
    assert f"error: 8_8_8/{FIRST}: a raw chunk of 16 x 16 x 16 voxels with 1 x uint8 has 4096 bytes, found 1 (" in text
    assert "scale 8_8_8: 5 chunks decoded, 1 chunk absent" in text
    assert "1 error, 1 warning, 2 hints" in text
    document = json.loads(json.dumps(report.to_json()))
    assert document["ok"] is False
    assert [one["severity"] for one in document["problems"]] == ["error", "warning", "hint", "hint"]
    assert document["scales"] == [{"key": "8_8_8", "chunks": 5, "absent": 1, "checksums": 0}]


def test_many_findings_of_one_kind_are_counted():
    findings = Findings()
    for number in range(LISTED + 7):
        findings.add(Kind("error", "do"), f"damage {number}", "there", "8_8_8")
    findings.add(Kind("warning"), "other", "here", "8_8_8")
    listed = findings.worst_first()
    assert len(listed) == LISTED + 2
    assert str(listed[LISTED]) == "error: 8_8_8: 7 more of this kind (do)"


def test_a_file_that_may_not_be_read_is_reported(raw, monkeypatch):
    really = os.open

    def refuse(path, *arguments, **keywords):
        if str(path).endswith(FIRST):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return really(path, *arguments, **keywords)

    monkeypatch.setattr(os, "open", refuse)
    assert [(one.what, one.where) for one in errors(ng.check(raw))] == [("Permission denied", f"8_8_8/{FIRST}")]


def test_an_info_that_may_not_be_read_is_reported(raw, monkeypatch):
    really = os.open

    def refuse(path, *arguments, **keywords):
        if str(path).endswith("info"):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return really(path, *arguments, **keywords)

    monkeypatch.setattr(os, "open", refuse)
    assert [one.what for one in errors(ng.check(raw))] == ["cannot be read: Permission denied"]


def test_hints_on_hosting(raw):
    info = json.loads((raw / "info").read_text())
    info["mesh"] = "meshes"
    (raw / "info").write_text(json.dumps(info))
    (raw / "info").chmod(0o600)
    report = ng.check(raw)
    assert report.ok
    found = {one.where: one.what for one in report.problems}
    assert found == {
        "provenance": "there is no such file",
        "info: mesh": "there is no meshes/info",
        "info": "other users may not read it",
    }
    (raw / "meshes").mkdir()
    (raw / "meshes" / "info").write_text("{}")
    (raw / "info").chmod(0o644)
    assert [one.where for one in ng.check(raw).problems] == ["provenance"]


def test_sidecars_and_scales_inside_of_scales_are_no_strays(tmp_path):
    ng.create(tmp_path, shape=(8, 8, 8), dtype="uint8", key="a")[...] = 1
    ng.create(tmp_path, shape=(4, 4, 4), dtype="uint8", key="a/b", resolution=(2, 2, 2), exist="add")[...] = 1
    info = json.loads((tmp_path / "info").read_text())
    info["skeletons"] = "a/skeletons"
    (tmp_path / "info").write_text(json.dumps(info))
    (tmp_path / "a" / "skeletons").mkdir()
    (tmp_path / "a" / "skeletons" / "info").write_text("{}")
    assert [one.where for one in ng.check(tmp_path).problems] == ["provenance"]


def test_scales_are_chosen(pyramid):
    assert [scale.key for scale in ng.check(pyramid, scales=[0, "16_16_16"]).scales] == ["8_8_8", "16_16_16"]
    assert [scale.key for scale in ng.check(pyramid, scales=[(8, 8, 8)]).scales] == ["8_8_8"]
    with pytest.raises(NotFoundError, match="scale 7"):
        ng.check(pyramid, scales=[7])


def test_progress_reaches_the_end(pyramid):
    (pyramid / "8_8_8" / FIRST).unlink()
    told = []
    ng.check(pyramid, workers=2, progress=lambda done, total: told.append((done, total)))
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1]


def test_memory_must_hold_a_chunk(raw):
    with pytest.raises(OptionError, match="memory of 1000 bytes is too little"):
        ng.check(raw, memory=1000)


def test_memory_is_bounded(tmp_path):
    vol = ng.create(tmp_path, shape=(256, 256, 256), dtype="uint64", chunk_size=(64, 64, 64), encoding="raw")
    vol[...] = 5
    ng.check(tmp_path, workers=2)  # what is imported stays
    tracemalloc.start()
    assert ng.check(tmp_path, memory="24MB", workers=2).ok
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30e6


def test_a_bomb_does_not_reach_the_memory(tmp_path):
    import gzip

    make_base("gz", tmp_path)
    first(tmp_path, ".gz").write_bytes(gzip.compress(bytes(100_000_000)))
    ng.check(tmp_path)
    tracemalloc.start()
    assert errors(ng.check(tmp_path))
    assert tracemalloc.get_traced_memory()[1] < 16e6
    tracemalloc.stop()


def test_a_huge_sparse_volume_takes_no_longer_than_its_chunks(tmp_path):
    side = 2**40
    vol = ng.create(tmp_path, shape=(side, side, side), dtype="uint8", chunk_size=(16, 16, 16))
    vol[32:48, 0:16, 0:16] = 3
    report = ng.check(tmp_path)
    assert not errors(report)
    assert report.scales[0].chunks == 1
    assert report.scales[0].absent == (side // 16) ** 3 - 1
    assert any("the first 0:16,0:16,0:16; 16:32,0:16,0:16; 48:64,0:16,0:16" in one.what for one in report.problems)


def test_presence_at_both_sides_of_64_bits():
    for shape in ((3, 2, 2), (2**30, 2**30, 2**30)):
        at = [(0, 0, 0), (2, 1, 1), (shape[0] - 1, shape[1] - 1, shape[2] - 1), (0, 0, 0)]
        presence = Presence.of(shape, at)
        assert set(presence) == set(at)
        assert presence.count == len(set(at))
        assert (0, 0, 0) in presence
        assert (1, 0, 0) not in presence
        assert list(presence.first_absent(1)) == [(1, 0, 0)]
        assert presence.sample(1) == [(0, 0, 0)]


@pytest.mark.parametrize("method", ["mode", "stride", "thin", "median", "min", "max"])
@pytest.mark.parametrize("recorded", [True, False])
def test_a_stale_chunk_is_found_whatever_the_method(tmp_path, method, recorded):
    vol = ng.create(tmp_path, shape=(64, 64, 64), dtype="uint32", chunk_size=(16, 16, 16), resolution=(8, 8, 8))
    vol[...] = np.random.default_rng(3).integers(1, 9, (64, 64, 64, 1))
    ng.build_pyramid(vol, levels=2, method=method)
    if not recorded:
        (tmp_path / "provenance").unlink()
    assert ng.check(tmp_path, full=True).ok
    vol[0:16, 16:32, 32:48] = 5
    found = errors(ng.check(tmp_path, full=True))
    assert [one.where for one in found] == ["scale 16_16_16, chunk 0:16,0:16,16:32"]
    if recorded:
        assert f"what {method} makes of scale 8_8_8" in found[0].what


def test_a_stale_chunk_of_means_is_found(tmp_path):
    vol = ng.create(tmp_path, shape=(64, 64, 64), dtype="float32", chunk_size=(16, 16, 16))
    vol[...] = np.random.default_rng(3).random((64, 64, 64, 1))
    ng.build_pyramid(vol, exact=True)
    assert ng.check(tmp_path, full=True).ok
    vol[0:16, 16:32, 32:48] = 5
    assert {one.where for one in errors(ng.check(tmp_path))} == {
        "scale 2_2_2, chunk 0:16,0:16,16:32",
        "scale 4_4_4, chunk 0:16,0:16,0:16",
    }


def test_a_stale_chunk_of_nans_is_found(tmp_path):
    vol = ng.create(tmp_path, shape=(32, 32, 32), dtype="float32", chunk_size=(16, 16, 16))
    vol[...] = np.nan
    ng.build_pyramid(vol, levels=1)
    assert ng.check(tmp_path, against=np.asarray(vol), axes="xyzc").ok
    vol[...] = np.inf
    report = ng.check(tmp_path, against=np.full((32, 32, 32), -np.inf, np.float32), axes="xyz")
    assert {one.where for one in errors(report)} == {"scale 2_2_2, chunk 0:16,0:16,0:16", "scale 1_1_1"}


def test_a_stale_lossy_chunk_is_found(tmp_path):
    vol = ng.create(tmp_path, shape=(64, 64, 64), dtype="uint8", chunk_size=(16, 16, 16), encoding="jpeg")
    x = np.indices((64, 64, 64))[0]
    vol[...] = (100 + 50 * np.sin(x / 5))[..., None].astype(np.uint8)
    ng.build_pyramid(vol, levels=1)
    assert ng.check(tmp_path, full=True).ok
    vol[0:32, 0:32, 0:32] = 255
    found = errors(ng.check(tmp_path))
    assert [one.where for one in found] == ["scale 2_2_2, chunk 0:16,0:16,0:16"]
    assert "grey values away" in found[0].what


def test_a_thin_lossy_chunk_that_is_absent_is_found(tmp_path):
    """Two columns of voxels that are missing hardly move the mean of the coarse chunk that covers them."""
    x, y, z = np.indices((100, 80, 40))
    noise = np.random.default_rng(4).integers(-3, 4, x.shape)
    image = (120 + 60 * np.sin(x / 9) + 40 * np.cos(y / 7 + z / 5) + noise).astype(np.uint8)
    options = {"type": "image", "encoding": "jpeg", "resolution": (4, 4, 40), "chunk_size": (32, 32, 16)}
    ng.convert(image, tmp_path / "v", axes="xyz", **options)
    assert ng.check(tmp_path / "v", full=True).problems == ()
    (tmp_path / "v" / "4_4_40" / "96-100_32-64_0-16").unlink()
    found = errors(ng.check(tmp_path / "v"))
    assert [one.where for one in found] == ["scale 8_8_40, chunk 32:50,0:32,0:16"]


@pytest.mark.parametrize(("text", "what"), [("{", "cannot be read: "), ("[]", "is no JSON object")])
def test_a_provenance_that_is_none(raw, text, what):
    (raw / "provenance").write_text(text)
    (problem,) = ng.check(raw).problems
    assert (problem.severity, problem.where) == ("hint", "provenance")
    assert problem.what.startswith(what)


def test_a_sample_misses_what_a_full_check_finds(tmp_path):
    vol = ng.create(tmp_path, shape=(8, 8, 256), dtype="uint8", chunk_size=(8, 8, 2))
    vol[...] = np.random.default_rng(3).integers(0, 200, vol.shape)
    ng.build_pyramid(vol, levels=1, factor=(1, 1, 2))
    vol[:, :, 4:8] = 201
    assert ng.check(tmp_path).ok
    assert len(errors(ng.check(tmp_path, full=True))) == 1


def test_a_cropped_volume_has_borders_that_no_finer_voxels_explain(tmp_path):
    whole = np.random.default_rng(3).integers(0, 200, (64, 64, 64, 1)).astype(np.uint8)
    vol = ng.create(tmp_path, shape=(63, 64, 64), dtype="uint8", chunk_size=(16, 16, 16), voxel_offset=(1, 0, 0))
    vol[...] = whole[1:]
    ng.build_pyramid(vol, levels=1)
    coarse = ng.open(tmp_path, 1)
    coarse[...] = ng.downsample(whole, (2, 2, 2), "mean")
    report = ng.check(tmp_path, full=True)
    assert report.ok
    assert sum("only voxels whose windows leave scale 1_1_1" in one.what for one in report.problems) == 4


class TestRepair:
    def test_nothing_is_touched_unasked(self, pyramid):
        (pyramid / "16_16_16" / FIRST).unlink()
        before = sorted(path for path in pyramid.rglob("*") if path.is_file())
        assert not ng.check(pyramid).ok
        assert sorted(path for path in pyramid.rglob("*") if path.is_file()) == before

    def test_absent_coarse_chunks_are_made(self, pyramid):
        wanted = np.asarray(ng.open(pyramid, 1))
        (pyramid / "16_16_16" / FIRST).unlink()
        (pyramid / "16_16_16" / SECOND).unlink()
        report = ng.check(pyramid, repair=True)
        assert report.ok
        assert report.repaired == ("made 2 absent chunks of scale 16_16_16 from scale 8_8_8 by mode",)
        assert np.array_equal(ng.open(pyramid, 1)[...], wanted)
        assert ng.check(pyramid, repair=True).repaired == ()

    def test_absent_chunks_of_a_shard_are_made(self, tmp_path):
        vol = ng.create(tmp_path, shape=(64, 64, 64), dtype="uint64", chunk_size=(16, 16, 16), shard_size=(32, 32, 32))
        vol[...] = labels((64, 64, 64))[..., None]
        ng.build_pyramid(vol, levels=1)
        coarse = ng.open(tmp_path, 1)
        wanted = coarse[...]
        coarse[0:16, 16:32, 0:16] = 0  # as TensorStore, plain writes leave chunks of zeros out
        assert ng.check(tmp_path).scales[1].absent == 1
        assert ng.check(tmp_path, repair=True).ok
        assert np.array_equal(coarse[...], wanted)

    def test_empty_scales_are_made(self, pyramid):
        wanted = [np.asarray(ng.open(pyramid, scale)) for scale in (1, 2)]
        for key in ("16_16_16", "32_32_16"):
            for path in (pyramid / key).iterdir():
                path.unlink()
        report = ng.check(pyramid, repair=True)
        assert report.ok
        assert report.repaired == ("made the empty scales 16_16_16, 32_32_16 by mode",)
        for scale, before in zip((1, 2), wanted, strict=True):
            assert np.array_equal(ng.open(pyramid, scale)[...], before)

    def test_scales_in_one_folder_stay_as_they_are(self, tmp_path):
        """Absent coarse chunks would be written among the shards of the first scale."""
        sharding = {"@type": "neuroglancer_uint64_sharded_v1", "hash": "murmurhash3_x86_128", "preshift_bits": 0,
                    "minishard_bits": 1, "shard_bits": 1}  # fmt: skip
        ng.convert(labels((64, 64, 32)), tmp_path, axes="xyz", chunk_size=16, sharding=sharding, levels=1)
        info = json.loads((tmp_path / "info").read_text())
        info["scales"][1]["key"] = info["scales"][0]["key"]
        (tmp_path / "info").write_text(json.dumps(info))
        wanted = ng.open(tmp_path)[...]
        ng.open(tmp_path)[0:16, 0:16, 0:16] = 0  # the first scale gets a gap, under a number that the second has, too
        wanted[0:16, 0:16, 0:16] = 0
        before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
        report = ng.check(tmp_path, repair=True)
        assert "scales 0 and 1 have the same folder" in report.repaired[0]
        assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
        assert np.array_equal(ng.open(tmp_path)[...], wanted)

    def test_twins_go_and_the_one_that_is_read_stays(self, raw):
        first(raw, ".gz").write_bytes(b"other")
        first(raw, ".br").write_bytes(b"other")
        report = ng.check(raw, repair=True)
        assert report.ok
        assert len(report.repaired) == 1
        assert not first(raw, ".gz").exists()
        assert not first(raw, ".br").exists()
        assert np.array_equal(ng.open(raw)[...], voxels())

    def test_a_twin_of_a_damaged_chunk_stays(self, raw):
        first(raw).write_bytes(b"1")
        first(raw, ".gz").write_bytes(b"other")
        report = ng.check(raw, repair=True)
        assert not report.ok
        assert first(raw, ".gz").exists()

    def test_temporaries_of_dead_processes_go(self, raw):
        host = os.uname().nodename[:60]
        dead = raw / "8_8_8" / f".{FIRST}.{host}.{2**22 + 1}.0.tmp"
        alive = raw / "8_8_8" / f".{FIRST}.{host}.{os.getpid()}.0.tmp"
        for path in (dead, alive):
            path.write_bytes(b"half")
        report = ng.check(raw, repair=True)
        assert report.ok
        assert "left unfinished by a process that died" in report.repaired[0]
        assert not dead.exists()
        assert alive.exists()

    def test_voxels_of_the_first_scale_are_never_made(self, pyramid):
        (pyramid / "8_8_8" / FIRST).unlink()
        report = ng.check(pyramid, repair=True, full=True)
        assert report.repaired == ()
        assert not report.ok
        assert not (pyramid / "8_8_8" / FIRST).exists()


class TestAgainst:
    def test_the_same_voxels(self, raw):
        assert ng.check(raw, against=voxels(), axes="xyzc").ok

    def test_other_voxels(self, raw):
        other = voxels()
        other[20, 3, 5] += 1
        other[22:24, 7, 6] += 2
        found = errors(ng.check(raw, against=other, axes="xyzc"))
        assert len(found) == 1
        assert found[0].what.startswith("3 of 15360 voxels differ from numpy array")
        assert f"all within {Box((20, 3, 5), (24, 8, 7))}; the first at (20, 3, 5): " in found[0].what

    def test_blocks_within_the_memory(self, raw):
        other = voxels()
        other[0, 0, 0] += 1
        other[39, 23, 15] += 1
        whole = errors(ng.check(raw, against=other, axes="xyzc"))
        pieces = errors(ng.check(raw, against=other, axes="xyzc", memory=40_000, workers=1))
        assert whole == pieces

    def test_labels_that_floats_confuse(self, tmp_path):
        ids = np.full((8, 8, 8), 2**63 + 5, np.uint64)
        ng.create(tmp_path, shape=(8, 8, 8), dtype="uint64")[...] = ids[..., None]
        ids[1, 2, 3] += 1
        assert "1 of 512 voxels differ" in errors(ng.check(tmp_path, against=ids, axes="xyz"))[0].what

    def test_files_volumes_and_offsets(self, tmp_path):
        np.save(tmp_path / "source.npy", voxels()[..., 0].T)
        ng.convert(tmp_path / "source.npy", tmp_path / "a", resolution=(8, 8, 8), voxel_offset=(-5, 7, 100))
        assert ng.check(tmp_path / "a", against=tmp_path / "source.npy").ok
        assert ng.check(tmp_path / "a", against=str(tmp_path / "a")).ok
        part = ng.create(tmp_path / "part", shape=(10, 10, 10), dtype="uint8", voxel_offset=(0, 10, 100))
        part[...] = voxels()[5:15, 3:13, 0:10]
        report = ng.check(tmp_path / "a", against=part)
        assert report.ok
        assert any("only 0:10,10:20,100:110 of it" in one.what for one in report.problems)
        part[3, 12, 105] = 0
        assert "1 of 1000 voxels differ" in errors(ng.check(tmp_path / "a", against=part))[0].what

    def test_losses_of_jpeg_are_no_error(self, tmp_path):
        make_base("jpeg", tmp_path)
        report = ng.check(tmp_path, against=voxels(), axes="xyzc")
        assert report.ok
        assert any("voxels differ" in one.what for one in report.problems)
        assert errors(ng.check(tmp_path, against=255 - voxels(), axes="xyzc"))

    def test_another_shape(self, raw):
        assert "has 1 channels" in errors(ng.check(raw, against=voxels(channels=3), axes="xyzc"))[0].what

    def test_a_damaged_chunk_does_not_hide_the_rest(self, raw):
        first(raw).write_bytes(b"1")
        other = voxels()
        other[39, 23, 15] += 1
        found = errors(ng.check(raw, against=other, axes="xyzc", memory=70_000))
        assert any("voxels differ" in one.what for one in found)

    def test_a_source_that_does_not_exist(self, raw):
        with pytest.raises(NotFoundError):
            ng.check(raw, against="nowhere.h5")

    def test_nothing_to_compare_with(self, raw):
        (raw / "info").write_text("{}")
        assert not ng.check(raw, against=voxels(), axes="xyzc").ok
