from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import tifffile

import ngprecomp as ng
from ngprecomp.cli.main import main, make_parser

BOX = (slice(-5, 10), slice(None, 20), slice(30, None))


@pytest.fixture
def volume(tmp_path):
    made = ng.create(
        tmp_path / "volume", shape=(60, 50, 40), dtype="uint16", resolution=(8, 8, 40), voxel_offset=(-5, 0, 0)
    )
    made[...] = np.arange(60 * 50 * 40).reshape(60, 50, 40) % 60000
    ng.build_pyramid(made, levels=1, factor=(2, 2, 1))
    return ng.open(tmp_path / "volume")


@pytest.mark.parametrize(
    ("argv", "keywords"),
    [
        ([], {"box": None}),
        (["--box", "-5:10,:20,30:"], {"box": BOX}),
        (["--box=-5.5:10,0:.5,1:2"], {"box": (slice(-5.5, 10), slice(0, 0.5), slice(1, 2))}),
        (["--scale", "2"], {"box": None, "scale": 2}),
        (["--scale", "8_8_40"], {"box": None, "scale": "8_8_40"}),
        (["--scale", "16,16,40"], {"box": None, "scale": (16, 16, 40)}),
        (["--at", "16,16,40nm"], {"box": None, "at": (16, 16, 40)}),
        (["--at", "16nm,16nm,0.04um"], {"box": None, "at": (16, 16, 40)}),
        (["--units", "nm"], {"box": None, "units": "nm"}),
        (["--missing", "error"], {"box": None, "missing": "error"}),
        (["--format", "tiff"], {"box": None, "format": "tiff"}),
        (["--compression", "lzw"], {"box": None, "compression": "lzw"}),
        (["--dtype", "uint8"], {"box": None, "dtype": "uint8"}),
        (["--memory", "1GB", "-j", "2"], {"box": None, "memory": "1GB", "workers": 2}),
        (["--overwrite"], {"box": None, "overwrite": True}),
    ],
)
def test_options_reach_the_call(argv, keywords, monkeypatch, capsys):
    calls = []
    monkeypatch.setattr(ng, "cutout", lambda **given: calls.append(given) or "the report")
    assert main(["cutout", "a/volume", "cut.tif", *argv]) == 0
    assert calls == [{"volume": "a/volume", "path": "cut.tif", "progress": None, **keywords}]
    assert capsys.readouterr().out == "the report\n"


def test_cuts_out(tmp_path, volume, capsys):
    path = str(tmp_path / "cut.tif")
    command = ["cutout", str(tmp_path / "volume"), path, "--box", "-5:10,:20,30:"]
    assert main(command) == 0
    assert "box -5:10,0:20,30:40 (x, y, z) of scale 0 (8_8_40)" in capsys.readouterr().out
    np.testing.assert_array_equal(tifffile.imread(path), volume[-5:10, 0:20, 30:][..., 0].T)
    assert main(command) == 1
    assert "overwrite replaces the whole file" in capsys.readouterr().err
    assert main([*command, "--overwrite", "-q"]) == 0
    assert capsys.readouterr() == ("", "")
    assert (
        main([*command[:3], "--box", "16:64,80:320,400:800", "--units", "nm", "--scale", "1", "--overwrite", "-q"]) == 0
    )
    np.testing.assert_array_equal(tifffile.imread(path), ng.open(tmp_path / "volume", 1)[1:4, 5:20, 10:20][..., 0].T)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--box", "0:10,0:10,0:41"], "leaves the domain -5:55,0:50,0:40"),
        (["--box", "0:10,0:10"], "expected a box x0:x1,y0:y1,z0:z1"),
        (["--box", "0:10,0:10,x"], "expected a box"),
        (["--at", "1,2"], "expected"),
        (["--units", "furlong"], "unit of length"),
        (["--compression", "gif"], "cut.tif is compressed with deflate or none or lzw or zstd"),
        (["--unit", "nm"], "did you mean --units?"),
    ],
)
@pytest.mark.usefixtures("volume")
def test_wrong_usage(tmp_path, argv, message, capsys):
    try:
        status = main(["cutout", str(tmp_path / "volume"), str(tmp_path / "cut.tif"), *argv])
    except SystemExit as stop:
        status = stop.code
    assert status == 2
    assert message in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["volume"]


def test_every_option_is_documented():
    _, commands = make_parser()
    exist = set(re.findall(r"--[a-z][a-z-]+", commands.choices["cutout"].format_help())) - {"--help", "--debug"}
    page = (Path(__file__).parents[2] / "docs/cutout.md").read_text()
    table = page.split("### All options of cutout")[1].split("\n## ")[0]
    assert set(re.findall(r"--[a-z][a-z-]+", table)) == exist
