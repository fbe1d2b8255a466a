"""What a check says of ``info``: doubts, what other programs refuse, and what lies beside it."""

from __future__ import annotations

import json
import os
import shutil

import pytest

import ngprecomp as ng
from ngprecomp.format.info import parse_info
from ngprecomp.format.problems import document_problems, doubts, info_problems, peer_remarks, text_remarks
from tests.pipeline.damage import make_base

SCALE = {
    "key": "8_8_8",
    "size": [40, 24, 16],
    "voxel_offset": [0, 0, 0],
    "resolution": [8, 8, 8],
    "chunk_sizes": [[16, 16, 16]],
    "encoding": "raw",
}


def info(*scales, **members):
    document = {"type": "image", "data_type": "uint8", "num_channels": 1, **members}
    return parse_info({**document, "scales": [{**SCALE, **scale} for scale in scales or ({},)]})


def listed(problems):
    return [(problem.where, problem.message) for problem in problems]


def test_a_sound_document_is_beyond_doubt():
    assert info_problems(info()) == doubts(info()) == peer_remarks(info()) == text_remarks(b'{"a": [{"b": 1}]}') == []


@pytest.mark.parametrize(
    ("document", "where", "message"),
    [
        (info({}, {"key": "4", "resolution": [8, 8, 4]}), "scales[1].resolution", "from fine to coarse"),
        (info({"key": "../other"}), "scales[0].key", "leads out of the volume's folder"),
        (info({"voxel_offset": [0, -(2**24) - 1, 0]}), "scales[0].voxel_offset", "float32"),
    ],
)
def test_doubts(document, where, message):
    ((found, text),) = listed(doubts(document))
    assert found == where
    assert message in text
    assert info_problems(document) == []


@pytest.mark.parametrize(
    ("document", "where", "message"),
    [
        (info({"encoding": "RAW"}), "scales[0].encoding", "TensorStore takes lower case only"),
        (info({}, {"key": "16", "encoding": "jxl"}), "scales[1].encoding", "TensorStore opens no scale"),
        (info({"encoding": "png"}, num_channels=3), "scales[0].encoding", "CloudVolume mixes up the 3 channels"),
        (info({"encoding": "png"}, data_type="uint16"), "scales[0].encoding", "CloudVolume reads no png of uint16"),
        (info({"voxel_offset": [1.0, 0, 0]}), "scales[0].voxel_offset", "CloudVolume wants integers"),
    ],
)
def test_what_other_programs_refuse(document, where, message):
    ((found, text),) = listed(peer_remarks(document))
    assert found == where
    assert message in text
    assert info_problems(document) == []


def test_members_that_are_written_twice_have_their_paths():
    text = b'\xef\xbb\xbf{"scales": [{"size": [{"a": 1, "a": 2}], "key": 1, "key": 2}], "type": 1, "type": 1}'
    assert [problem.where for problem in text_remarks(text)] == ["", "scales[0].size[0].a", "scales[0].key", "type"]


@pytest.mark.parametrize("scales", [5, None, [3, None], {"a": 1}])
def test_scales_that_are_none_hide_nothing_else(scales):
    found, problems = document_problems(json.dumps({"scales": scales, "type": "image"}).encode())
    assert found is None
    assert {"data_type", "num_channels"} <= {problem.where for problem in problems}


def test_encodings_wait_for_a_data_type():
    document = {"type": "image", "num_channels": 1, "scales": [{**SCALE, "encoding": "jpeg", "size": [1, 2]}]}
    found, problems = document_problems(json.dumps(document).encode())
    assert found is None
    assert [problem.where for problem in problems] == ["data_type", "scales[0].size"]


def test_what_somebody_left_beside_info(tmp_path):
    make_base("raw", tmp_path / "volume")
    host = os.uname().nodename[:60]
    dead = tmp_path / "volume" / f".info.{host}.{2**22 + 1}.0.tmp"
    dead.write_bytes(b"half")
    (tmp_path / "volume" / "info.__lock").write_bytes(b"")
    shutil.move(tmp_path / "volume" / "8_8_8", tmp_path / "elsewhere")
    (tmp_path / "volume" / "8_8_8").symlink_to(tmp_path / "elsewhere")
    found = {one.where: one.severity for one in ng.check(tmp_path / "volume").problems}
    assert found == {dead.name: "warning", "8_8_8": "warning", "info.__lock": "hint", "provenance": "hint"}
    assert ng.check(tmp_path / "volume", repair=True).repaired
    assert not dead.exists()


def test_an_unfinished_job_is_found_before_there_is_an_info(tmp_path):
    (tmp_path / "ngprecomp-journal.json").write_text("{}")
    assert [one.where for one in ng.check(tmp_path).problems] == ["info", "ngprecomp-journal.json"]


def test_many_chunk_files_are_a_hint(tmp_path, monkeypatch):
    make_base("raw", tmp_path)
    monkeypatch.setattr("ngprecomp.pipeline.checking.hosting.MOST_FILES", 5)
    assert any(one.what == "6 chunk files" and one.severity == "hint" for one in ng.check(tmp_path).problems)


@pytest.mark.parametrize("alias", ["a/../s", "./s", "s/", "x/.././/s", "s//"])
def test_keys_that_name_one_folder_in_different_ways(tmp_path, alias):
    ng.create(tmp_path / "v", shape=(16, 16, 16), dtype="uint8", chunk_size=(16, 16, 16), key="s")[...] = 1
    path = tmp_path / "v" / "info"
    document = json.loads(path.read_text())
    scale = document["scales"][0]
    document["scales"].append({**scale, "key": alias, "resolution": [2.0, 2.0, 2.0]})
    path.write_text(json.dumps(document))
    found = [
        problem for problem in ng.check(tmp_path / "v").problems if "is the folder of scale 0, 's', too" in problem.what
    ]
    assert [(problem.severity, problem.where) for problem in found] == [("error", "info: scales[1].key")]
