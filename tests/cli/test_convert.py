from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest
import tifffile

import ngprecomp as ng
from ngprecomp.cli.main import main
from tests.pipeline.killed import trees


@pytest.fixture
def calls(monkeypatch):
    """Record the calls of ng.convert instead of converting."""
    made = []

    def convert(**keywords):
        del keywords["progress"]
        made.append(keywords)
        return "the report"

    monkeypatch.setattr(ng, "convert", convert)
    return made


@pytest.fixture
def labels(tmp_path):
    """Return an HDF5 file of labels with attributes, z, y, x."""
    path = tmp_path / "labels.h5"
    with h5py.File(path, "w") as file:
        file["seg"] = np.arange(20 * 30 * 40, dtype=np.uint64).reshape(20, 30, 40) // 1000
        file["seg"].attrs["resolution"] = [40.0, 8.0, 8.0]
        file["text"] = "no voxels"
        file["complex"] = np.zeros((4, 4, 4), np.complex64)
    return path


SHARDING = '{"@type": "neuroglancer_uint64_sharded_v1"}'
NOTHING = (slice(None),) * 3


@pytest.mark.parametrize(
    ("argv", "keywords"),
    [
        ([], {}),
        (["--dataset", "a/b"], {"dataset": "a/b"}),
        (["--axes", "xyz"], {"axes": "xyz"}),
        (["--resolution", "4.6,4.6,50"], {"resolution": (4.6, 4.6, 50)}),
        (["--voxel-size", "4nm,4nm,0.04um"], {"resolution": (4, 4, 40)}),
        (["--offset", "-5,0,0"], {"voxel_offset": (-5, 0, 0)}),
        (["--offset=-5,0,0"], {"voxel_offset": (-5, 0, 0)}),
        (["--voxel-offset", "5,-1,0"], {"voxel_offset": (5, -1, 0)}),
        (["--type", "image"], {"type": "image"}),
        (["--seg"], {"type": "segmentation"}),
        (["--dtype", "uint16"], {"dtype": "uint16"}),
        (["--gaps", "blank"], {"gaps": "blank"}),
        (["--box", "-5:10,:,2:"], {"box": (slice(-5, 10), slice(None), slice(2, None))}),
        (["--box", ":,:,:"], {"box": NOTHING}),
        (["--chunk-size", "128,128,16"], {"chunk_size": (128, 128, 16)}),
        (["--encoding", "cseg"], {"encoding": "compressed_segmentation"}),
        (["--encoding", "jpeg"], {"encoding": "jpeg"}),
        (["--block-size", "8,8,4"], {"compressed_segmentation_block_size": (8, 8, 4)}),
        (["--jpeg-quality", "90"], {"jpeg_quality": 90}),
        (["--png-level", "3"], {"png_level": 3}),
        (["--compress", "gzip"], {"compress": "gzip"}),
        (["--compress-level", "9"], {"compress_level": 9}),
        (["--shard-size", "512"], {"shard_size": (512, 512, 512)}),
        (["--sharded"], {"shard_size": "always"}),
        (["--unsharded"], {"shard_size": None}),
        (["--sharding", SHARDING], {"sharding": {"@type": "neuroglancer_uint64_sharded_v1"}}),
        (["--levels", "0"], {"levels": 0}),
        (["--factor", "2,2,1"], {"factor": (2, 2, 1)}),
        (["--method", "average"], {"method": "mean"}),
        (["--method", "majority"], {"method": "mode"}),
        (["--method", "striding"], {"method": "stride"}),
        (["--skip-empty"], {"skip_empty": True}),
        (["--memory", "4GB"], {"memory": "4GB"}),
        (["-j", "3"], {"workers": 3}),
        (["--jobs=3"], {"workers": 3}),
        (["--overwrite"], {"overwrite": True}),
        (["--no-resume"], {"resume": False}),
        (["--dry-run"], {"dry_run": True}),
        (["--exact"], {"exact": True}),
        (["--missing", "error"], {"missing": "error"}),
        (["--spool-dir", "/scratch"], {"spool_dir": "/scratch"}),
        (["--range", "-20,4095"], {"range": (-20, 4095)}),
        (["--percentile", "0.5,99.8"], {"percentile": (0.5, 99.8)}),
        (["--no-progress"], {}),
    ],
)
def test_options_reach_the_call(argv, keywords, calls, capsys):
    assert main(["convert", "in.h5:a", "out", *argv]) == 0
    assert calls == [{"source": "in.h5:a", "destination": "out", **keywords}]
    assert capsys.readouterr() == ("the report\n", "")


def test_quiet_prints_nothing(calls, capsys):
    assert main(["convert", "in.h5", "out", "-q"]) == 0
    assert len(calls) == 1
    assert capsys.readouterr() == ("", "")


def test_converts(labels, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["convert", f"{labels}:seg", str(out), "--offset", "-5,0,0", "--sharded", "--chunk-size", "16"]) == 0
    printed = capsys.readouterr()
    assert "voxel size 8 x 8 x 40 nm" in printed.out
    assert printed.err.startswith("24,000 voxels of 8 bytes, 4 scales, 19 chunks in 4 shards, memory ")
    assert printed.err.count("\n") == 1
    volume = ng.open(out)
    assert volume.voxel_offset == (-5, 0, 0)
    assert volume.scale.sharding is not None
    with h5py.File(labels) as file:
        np.testing.assert_array_equal(np.asarray(volume)[..., 0].T, file["seg"][...])


@pytest.mark.parametrize(
    ("argv", "status", "sentence"),
    [
        (["missing.h5:seg", "out"], 1, "there is no file or folder missing.h5"),
        (["labels.h5:nothing", "out"], 1, "holds no dataset 'nothing'; it holds /"),
        (["labels.h5:seg", "out", "--axes", "zy"], 2, "axes 'zy'"),
        (["labels.h5:seg", "out", "--axes", "zyxw"], 2, "axes 'zyxw'"),
        (["labels.h5:text", "out"], 1, "voxels are bool, integer or real numbers"),
        (["labels.h5:complex", "out"], 1, "voxels are bool, integer or real numbers"),
        (["labels.h5:seg", "out", "--dtype", "int64"], 2, "expected one of the data types uint8"),
        (["labels.h5:seg", "out", "--dtype", "colour"], 2, "expected one of the data types uint8"),
        (["labels.h5:seg", "out", "--encoding", "jpeg"], 2, "jpeg takes uint8, not uint64"),
        (["labels.h5:seg", "out", "--method", "mood"], 2, "the method is one of"),
        (["labels.h5:seg", "out", "--memory", "lots"], 2, "found 'lots'"),
        (["labels.h5:seg", "out", "--memory", "10kB"], 2, "is too little"),
        (["labels.h5:seg", "out", "-j", "-1"], 2, "the number of workers must be 0"),
        (["labels.h5:seg", "out", "--levels", "-1"], 2, "levels counts the coarser scales"),
        (["labels.h5:seg", "out", "--resolution", "0,8,8"], 2, "three positive numbers"),
        (["labels.h5:seg", "out", "--box", "0:50,:,:"], 2, "0:50 is out of the domain along x"),
        (["labels.h5:seg", "s5://bucket/out"], 2, "has the scheme s5"),
        (["cut.tif", "out"], 1, "cut.tif"),
        (["noise.bin", "out"], 1, "is no HDF5, TIFF or npy file"),
    ],
)
def test_refusals_leave_nothing_behind(argv, status, sentence, labels, monkeypatch, capsys):
    monkeypatch.chdir(labels.parent)
    tifffile.imwrite("whole.tif", np.random.default_rng(0).integers(0, 255, (20, 64, 64), np.uint8), compression="zlib")
    whole = (labels.parent / "whole.tif").read_bytes()
    (labels.parent / "cut.tif").write_bytes(whole[: len(whole) // 2])
    (labels.parent / "noise.bin").write_bytes(b"no voxels in here")
    before = sorted(os.listdir())
    assert main(["convert", *argv]) == status
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("ngprecomp: ")
    assert printed.err.count("\n") == 1
    assert sentence in printed.err
    assert sorted(os.listdir()) == before


def test_existing_destination_is_not_touched(labels, tmp_path, capsys):
    out = str(tmp_path / "out")
    assert main(["convert", f"{labels}:seg", out, "-q"]) == 0
    info = (tmp_path / "out/info").read_bytes()
    assert main(["convert", f"{labels}:seg", out, "-q", "--levels", "0", "--chunk-size", "16"]) == 1
    assert "a volume exists at" in capsys.readouterr().err
    assert (tmp_path / "out/info").read_bytes() == info
    (tmp_path / "out/notes.txt").write_text("foreign")
    assert main(["convert", f"{labels}:seg", out, "-q", "--chunk-size", "16", "--overwrite"]) == 0
    assert ng.open(out).scale.chunk_size == (16, 16, 16)
    assert (tmp_path / "out/notes.txt").exists()


def test_progress_is_drawn_on_a_terminal_only(labels, tmp_path):
    argv = [sys.executable, "-m", "ngprecomp", "convert", f"{labels}:seg", str(tmp_path / "out"), "--overwrite"]
    terminal, stderr = pty.openpty()
    subprocess.run(argv, stdout=subprocess.PIPE, stderr=stderr, check=True)
    os.close(stderr)
    drawn = os.read(terminal, 10000)
    os.close(terminal)
    assert drawn.startswith(b"24,000 voxels")
    assert b"100%" in drawn
    assert drawn.endswith(b"\n")
    piped = subprocess.run([*argv, "--no-progress"], capture_output=True, check=True)
    assert piped.stderr == b""
    assert b"scale 8_8_40" in piped.stdout


def test_a_dry_run_prints_the_forecast(labels, tmp_path, capsys):
    assert main(["convert", f"{labels}:seg", str(tmp_path / "out"), "--dry-run", "-q"]) == 0
    assert "forecast" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_same_command_goes_on(how, tmp_path, capsys):
    np.save(tmp_path / "noise.npy", np.random.default_rng(0).integers(0, 4000, (128, 160, 160), np.uint16))
    options = ["--chunk-size", "16", "--unsharded", "--compress", "gzip", "--compress-level", "12", "--memory", "4MB"]
    out = tmp_path / "out"
    argv = ["convert", str(tmp_path / "noise.npy"), str(out), *options]
    process = subprocess.Popen([sys.executable, "-m", "ngprecomp", *argv], stderr=subprocess.PIPE, text=True)
    journal = out / "ngprecomp-journal"
    while process.poll() is None and not list(journal.glob("[!.]*")):
        time.sleep(0.01)
    process.send_signal(how)
    sent = time.monotonic()
    _, printed = process.communicate(timeout=30)
    assert time.monotonic() - sent < 5  # a second on a machine that has nothing else to do
    if how == signal.SIGKILL:
        assert process.returncode == -how
    else:
        assert process.returncode == 130
        last = printed.splitlines()[-1]
        assert last == f"ngprecomp: interrupted; what is finished stays in file://{out}: the same command continues"
    assert not (out / "info").exists()
    assert main(argv) == 0
    assert "finished by an earlier run" in capsys.readouterr().out
    assert main(["convert", str(tmp_path / "noise.npy"), str(tmp_path / "whole"), *options, "-q"]) == 0
    found, expected = trees(out, tmp_path / "whole")
    assert found == expected
