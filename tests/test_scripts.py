"""The scripts do their jobs, and are as small as they promise."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile

import ngprecomp as ng

SCRIPTS = Path(__file__).parents[1] / "scripts"


def run(name, *argv):
    """Run a script in this process, which has the compiled kernels."""
    original = sys.argv
    sys.argv = [name, *map(str, argv)]
    try:
        runpy.run_path(str(SCRIPTS / name), run_name="__main__")
    finally:
        sys.argv = original


def test_hdf5_then_pyramid(tmp_path, capsys):
    labels = np.arange(32 * 32 * 32, dtype=np.uint64).reshape(32, 32, 32) // 64
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["labels"] = labels
    out = tmp_path / "out"
    run("hdf5_to_precomputed.py", tmp_path / "a.h5", "labels", out, "--resolution", "8,8,8", "--shard-size", "64")
    assert "scale 8_8_8" in capsys.readouterr().out
    np.testing.assert_array_equal(np.asarray(ng.open(out))[..., 0].T, labels)
    run("build_pyramid.py", out, "--levels", "1", "--factor", "2", "--method", "majority")
    assert "scale 16_16_16" in capsys.readouterr().out
    assert ng.open(out, 1).shape == (16, 16, 16, 1)


def test_tiff(tmp_path, capsys):
    image = np.arange(4 * 20 * 30, dtype=np.uint16).reshape(4, 20, 30)
    tifffile.imwrite(tmp_path / "a.tif", image, photometric="minisblack")
    run("tiff_to_precomputed.py", tmp_path / "a.tif", tmp_path / "out", "--resolution", "4nm,4nm,0.04um")
    assert "scale 4_4_40" in capsys.readouterr().out
    np.testing.assert_array_equal(np.asarray(ng.open(tmp_path / "out"))[..., 0].T, image)


@pytest.mark.parametrize(
    ("name", "argv"),
    [
        ("hdf5_to_precomputed.py", ["missing.h5", "a", "out"]),
        ("tiff_to_precomputed.py", ["missing.tif", "out", "--resolution", "4"]),
        ("build_pyramid.py", ["missing"]),
    ],
)
def test_errors_are_one_sentence(name, argv, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        run(name, *argv)
    assert stopped.value.code.startswith(f"{name}: ")
    assert "missing" in stopped.value.code
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("script", sorted(SCRIPTS.glob("*.py")), ids=lambda script: script.name)
def test_under_40_lines(script):
    assert len(script.read_text().splitlines()) < 40
