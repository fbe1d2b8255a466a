from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import ngprecomp as ng
from ngprecomp.cli.main import main, make_parser
from ngprecomp.pipeline import copying


@pytest.mark.parametrize(
    ("argv", "keywords"),
    [
        ([], {}),
        (["--scale", "1"], {"scales": [1]}),
        (["--scale", "8_8_40", "--scale", "16,16,40nm"], {"scales": ["8_8_40", (16.0, 16.0, 40.0)]}),
        (["--box", "-5:10,:,100:"], {"box": (slice(-5, 10), slice(None), slice(100, None))}),
        (
            ["--encoding", "cseg", "--block-size", "4"],
            {
                "encoding": "compressed_segmentation",
                "compressed_segmentation_block_size": (4, 4, 4),
            },
        ),
        (["--encoding", "jpg", "--jpeg-quality", "90"], {"encoding": "jpeg", "jpeg_quality": 90}),
        (["--png-level", "9"], {"png_level": 9}),
        (["--compress", "plain-gzip", "--compress-level", "12"], {"compress": "plain-gzip", "compress_level": 12}),
        (["--chunk-size", "64"], {"chunk_size": (64, 64, 64)}),
        (["--shard-size", "256,256,64"], {"shard_size": (256, 256, 64)}),
        (["--sharded"], {"shard_size": "always"}),
        (["--unsharded"], {"shard_size": None}),
        (["--sharding", "{}"], {"sharding": {}}),
        (["--no-sidecars"], {"sidecars": False}),
        (["--missing", "error"], {"missing": "error"}),
        (["--skip-empty"], {"skip_empty": True}),
        (["--memory", "1GB", "-j", "2"], {"memory": "1GB", "workers": 2}),
        (["--overwrite", "--dry-run", "--no-resume"], {"overwrite": True, "dry_run": True, "resume": False}),
        (["--spool-dir", "/scratch"], {"spool_dir": "/scratch"}),
    ],
)
def test_options_reach_the_call(argv, keywords, monkeypatch, capsys):
    calls = []
    monkeypatch.setattr(copying, "copy_volume", lambda **given: calls.append(given) or "the report")
    assert main(["copy", "a", "b", "--no-progress", *argv]) == 0
    assert calls == [{"source": "a", "destination": "b", "progress": None, **keywords}]
    assert capsys.readouterr().out == "the report\n"


@pytest.fixture
def volume(tmp_path):
    path = tmp_path / "volume"
    opened = ng.create(path, shape=(40, 40, 20), dtype="uint8", resolution=(8, 8, 40), chunk_size=(16, 16, 16))
    opened[...] = 8
    return path


def test_copies(volume, tmp_path, capsys):
    out = str(tmp_path / "out")
    assert main(["copy", str(volume), out, "--sharded", "--dry-run"]) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "  scale 8_8_40: 40 x 40 x 20, 18 chunks in 1 shard",
        "  nothing is written yet",
    ]
    assert main(["copy", str(volume), out, "--sharded"]) == 0
    shown = capsys.readouterr()
    assert "scale 8_8_40: 40 x 40 x 20, 18 chunks" in shown.out
    assert "32,000 voxels, 1 scale, memory" in shown.err
    np.testing.assert_array_equal(np.asarray(ng.open(out)), 8)
    assert main(["copy", str(volume), out]) == 1
    assert "overwrite replaces it" in capsys.readouterr().err
    assert main(["copy", str(volume), out, "--overwrite", "-q"]) == 0
    assert capsys.readouterr() == ("", "")


def test_wrong_usage(volume, tmp_path, capsys):
    assert main(["copy", str(volume), str(volume), "--overwrite"]) == 2
    assert "is both source and destination" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stopped:
        main(["copy", str(volume), str(tmp_path / "out"), "--sharded", "--unsharded"])
    assert stopped.value.code == 2
    assert main(["copy", str(tmp_path / "nothing"), str(tmp_path / "out")]) == 1
    assert "no volume at" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["volume"]


def test_every_option_is_documented():
    _, commands = make_parser()
    exist = set(re.findall(r"--[a-z][a-z-]+", commands.choices["copy"].format_help())) - {"--help", "--debug"}
    table = (
        (Path(__file__).parents[2] / "docs/copy.md").read_text().split("## All options of copy")[1].split("\n## ")[0]
    )
    assert set(re.findall(r"--[a-z][a-z-]+", table)) == exist
