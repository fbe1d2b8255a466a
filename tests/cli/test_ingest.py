from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import tifffile

import ngprecomp as ng
from ngprecomp.cli.main import main, make_parser


@pytest.mark.parametrize(
    ("argv", "keywords"),
    [
        ([], {}),
        (["--offset", "-5,0,120"], {"offset": (-5, 0, 120)}),
        (["--scale", "1"], {"scale": 1}),
        (["--scale", "8_8_40"], {"scale": "8_8_40"}),
        (["--box", "0:5,-5:,:"], {"box": (slice(0, 5), slice(-5, None), slice(None))}),
        (["--mode", "nonzero"], {"mode": "nonzero"}),
        (["--no-pyramid"], {"pyramid": False}),
        (["--dataset", "a/b"], {"dataset": "a/b"}),
        (["--axes", "xyz"], {"axes": "xyz"}),
        (["--gaps", "blank"], {"gaps": "blank"}),
        (["--missing", "error"], {"missing": "error"}),
        (["--compress", "plain-gzip"], {"compress": "plain-gzip"}),
        (["--memory", "1GB"], {"memory": "1GB"}),
        (["-j", "2"], {"workers": 2}),
    ],
)
def test_options_reach_the_call(argv, keywords, monkeypatch, capsys):
    calls = []
    monkeypatch.setattr(ng, "ingest", lambda **given: calls.append(given) or "the report")
    assert main(["ingest", "a.tif", "a/volume", *argv]) == 0
    assert calls == [{"source": "a.tif", "volume": "a/volume", "progress": None, **keywords}]
    assert capsys.readouterr().out == "the report\n"


def test_ingests(tmp_path, capsys):
    path, file = str(tmp_path / "volume"), str(tmp_path / "a.tif")
    vol = ng.create(path, shape=(40, 40, 20), dtype="uint32", resolution=(8, 8, 40), chunk_size=(16, 16, 16))
    vol[...] = 8
    ng.build_pyramid(vol)
    tifffile.imwrite(file, np.full((4, 16, 16), 3, np.uint16), photometric="minisblack")
    assert main(["ingest", file, path]) == 2
    assert capsys.readouterr().err == f"ngprecomp: {file} does not say where it lies: give its offset, voxels x, y, z\n"
    assert main(["ingest", file, path, "--offset", "2,2,2"]) == 0
    printed = capsys.readouterr().out
    assert "data type uint16 into uint32: every value fits" in printed
    assert "what was there is replaced (mode add adds to it)" in printed
    assert "scale 16_16_40: 20 x 20 x 20" in printed
    assert (vol[2:18, 2:18, 2:6] == 3).all()
    assert (ng.open(path, 1)[1:9, 1:9, 2:6] == 3).all()
    assert main(["ingest", file, path, "--offset", "2,2,2", "--mode", "max", "-q"]) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("argv", "status", "sentence"),
    [
        (["--offset", "30,0,0"], 2, "would lie at 30:46,0:16,0:4, which leaves scale '1_1_1'"),
        (["--offset", "0,0,0", "--scale", "7"], 1, "scale"),
        (["--offset", "0,0,0", "--dataset", "3"], 1, "series"),
    ],
)
def test_refusals(tmp_path, capsys, argv, status, sentence):
    ng.create(tmp_path / "volume", shape=(40, 40, 20), dtype="uint8")
    tifffile.imwrite(tmp_path / "a.tif", np.ones((4, 16, 16), np.uint8), photometric="minisblack")
    assert main(["ingest", str(tmp_path / "a.tif"), str(tmp_path / "volume"), *argv]) == status
    printed = capsys.readouterr()
    assert printed.out == ""
    assert sentence in printed.err
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["a.tif", "info"]


def test_every_option_is_documented():
    _, commands = make_parser()
    exist = set(re.findall(r"--[a-z][a-z-]+", commands.choices["ingest"].format_help())) - {"--help"}
    page = (Path(__file__).parents[2] / "docs/ingest.md").read_text()
    assert set(re.findall(r"--[a-z][a-z-]+", page.split("## All options")[1])) == exist
