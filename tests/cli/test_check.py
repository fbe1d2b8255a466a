from __future__ import annotations

import json

import numpy as np
import pytest

import ngprecomp as ng
from ngprecomp.cli.main import main
from ngprecomp.pipeline.checking.findings import CheckReport, Finding


@pytest.fixture
def folder(tmp_path):
    vol = ng.create(tmp_path / "volume", shape=(32, 32, 32), dtype="uint8", chunk_size=(16, 16, 16))
    vol[...] = np.random.default_rng(1).integers(1, 200, (32, 32, 32, 1))
    ng.build_pyramid(vol)
    return tmp_path / "volume"


@pytest.mark.parametrize(
    ("argv", "keywords"),
    [
        ([], {}),
        (["--full"], {"full": True}),
        (["--against", "em.h5:raw"], {"against": "em.h5:raw"}),
        (
            ["--against", "em.h5", "--dataset", "raw", "--axes", "zyx"],
            {"against": "em.h5", "dataset": "raw", "axes": "zyx"},
        ),
        (["--repair"], {"repair": True}),
        (["--scale", "0", "--scale", "16,16,40nm", "--scale", "8_8_8"], {"scales": [0, (16.0, 16.0, 40.0), "8_8_8"]}),
        (["--memory", "1GB"], {"memory": "1GB"}),
        (["-j", "2"], {"workers": 2}),
    ],
)
def test_options_reach_the_call(argv, keywords, monkeypatch, capsys):
    calls = []
    report = CheckReport("a/volume", (), ())
    monkeypatch.setattr(ng, "check", lambda **given: calls.append(given) or report)
    assert main(["check", "a/volume", *argv]) == 0
    assert calls == [{"volume": "a/volume", "progress": None, **keywords}]
    assert capsys.readouterr().out == f"{report}\n"


@pytest.mark.parametrize(("severity", "status"), [("error", 1), ("warning", 1), ("hint", 0)])
def test_the_exit_status_tells_errors_and_warnings(severity, status, monkeypatch, capsys):
    report = CheckReport("a/volume", (Finding(severity, "what", "where"),), ())
    monkeypatch.setattr(ng, "check", lambda **_: report)
    assert main(["check", "a/volume"]) == status
    assert f"{severity}: where: what" in capsys.readouterr().out
    assert main(["check", "a/volume", "--quiet"]) == status
    assert capsys.readouterr().out == ""


def test_a_sound_volume_a_damaged_one_and_a_repair(folder, capsys):
    assert main(["check", str(folder), "--full"]) == 0
    assert "scale 1_1_1: 8 chunks decoded\n" in capsys.readouterr().out
    (folder / "2_2_2" / "0-16_0-16_0-16").unlink()
    assert main(["check", str(folder)]) == 1
    assert "error: scale 2_2_2: holds no chunk, other scales do" in capsys.readouterr().out
    assert main(["check", str(folder), "--repair"]) == 0
    assert "repaired: made the empty scale 2_2_2 by mean" in capsys.readouterr().out


def test_the_report_as_json(folder, capsys):
    (folder / "1_1_1" / "0-16_0-16_0-16").write_bytes(b"")
    assert main(["check", str(folder), "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert report["ok"] is False
    assert report["problems"][0]["where"] == "1_1_1/0-16_0-16_0-16"


def test_what_is_no_volume_has_a_report_too(tmp_path, capsys):
    assert main(["check", str(tmp_path)]) == 1
    assert "error: info: there is no volume" in capsys.readouterr().out


def test_a_source_that_does_not_exist_is_one_sentence(folder, capsys):
    assert main(["check", str(folder), "--against", "nowhere.h5"]) == 1
    assert capsys.readouterr().err == "ngprecomp: there is no file or folder nowhere.h5\n"
