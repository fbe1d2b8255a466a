"""The command lines of NeuroDataManager's users, on a volume a thirty-second as wide as that of its example."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

import ngprecomp as ng
from ngprecomp.cli import main as ngprecomp_command
from ngprecomp.cli.flags import Flag, parse_flags
from ngprecomp.cli.ndm import FLAGS, main
from ngprecomp.errors import OptionError

SIDE = 256
GZIP = b"\x1f\x8b\x08"


def ndm(line, status=0):
    """Run a command line in this process."""
    assert main(line.split()) == status


def ndm_fails(capsys, line, status):
    """Run a command line that fails, and return its sentence."""
    ndm(line, status)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("ndm: ")
    assert printed.err.count("\n") == 1
    return printed.err


def labels(seed, shape=(16, SIDE, SIDE)):
    """Return regions of labels [z, y, x], some of 2**31 and above."""
    few = np.random.default_rng(seed).integers(0, 2**32, (shape[0], shape[1] // 8, shape[2] // 8), np.uint32)
    few[few < 2**30] = 0
    return few.repeat(8, 1).repeat(8, 2)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Work beside a folder that holds nothing but a manifest, and the two inputs of the example."""
    monkeypatch.chdir(tmp_path)
    ndm("-exampleManifest")
    manifest = json.loads(Path("manifest.ex.json").read_text())
    for scale, side in zip(manifest["scales"], (SIDE, SIDE // 2), strict=True):
        scale.update(size=[side, side, 194], chunk_sizes=[[128, 128, 16]])
    Path("MyDataDir").mkdir()
    Path("MyDataDir/info").write_text(json.dumps(manifest))
    for number in (1, 2):
        tifffile.imwrite(f"In{number}.tif", labels(number), compression="zlib", photometric="minisblack")
    return tmp_path / "MyDataDir"


INGEST = f"-datadir MyDataDir -x {SIDE} -y {SIDE} -z 16"


def test_the_example(folder, capsys):
    ndm(f"{INGEST} -input In1.tif -scale 0 -gzip")
    printed = capsys.readouterr().out
    assert "overwrite: what was there is replaced (mode add adds to it)" in printed
    assert "coarser scales that hold nothing: 1 (ngprecomp pyramid fills them)" in printed
    ndm(f"{INGEST} -input In2.tif -zoffset 16 -scale 0 -gzip")
    ndm("-datadir MyDataDir -output Out.tif -x 64 -y 64 -z 16 -xoffset 128 -yoffset 128 -zoffset 16 -scale 0 -gzip")

    expected = labels(2)[:, 128:192, 128:192]
    with tifffile.TiffFile("Out.tif") as file:
        assert len(file.pages) == 16
        assert {(page.dtype.name, page.shape, page.photometric.name) for page in file.pages} == {
            ("uint32", (64, 64), "MINISBLACK")
        }
        assert file.pages[0].compression.name == "ADOBE_DEFLATE"
        np.testing.assert_array_equal(file.asarray(), expected)
    with Image.open("Out.tif") as image:
        assert (image.n_frames, image.size) == (16, (64, 64))
        for z in range(16):
            image.seek(z)
            np.testing.assert_array_equal(np.asarray(image).view(np.uint32), expected[z])

    chunks = list((folder / "0").iterdir())
    assert len(chunks) == 2 * (SIDE // 128) ** 2
    assert "128-256_0-128_16-32" in {path.name for path in chunks}
    assert all(path.read_bytes().startswith(GZIP) for path in chunks)
    np.testing.assert_array_equal(ng.open(folder)[:, :, :32, 0].T, np.concatenate([labels(1), labels(2)]))


def test_pyramid_fills_the_scales_that_the_manifest_declares(folder):
    ndm(f"{INGEST} -input In1.tif -gzip")
    assert not (folder / "1").exists()
    assert ngprecomp_command.main(["pyramid", str(folder), "-q"]) == 0
    assert all(path.read_bytes().startswith(GZIP) for path in (folder / "1").iterdir())
    half = labels(1)[:, ::2, ::2]  # labels come in squares of 8 x 8
    np.testing.assert_array_equal(ng.open(folder, "1")[:, :, :16, 0].T, half)
    ndm(f"{INGEST} -input In2.tif")
    np.testing.assert_array_equal(ng.open(folder, "1")[:, :, :16, 0].T, half)


@pytest.mark.parametrize(
    ("flags", "compressed"),
    [("", False), ("-nogzip", False), ("-gzip=false", False), ("-gzip", True), ("--gzip=t", True)],
)
def test_gzip(folder, flags, compressed):
    ndm(f"{INGEST} -input In1.tif {flags}")
    assert {path.read_bytes().startswith(GZIP) for path in (folder / "0").iterdir()} == {compressed}


def test_gzip_follows_what_is_there_and_leaves_no_twin(folder):
    ndm(f"{INGEST} -input In1.tif -gzip")
    ndm(f"{INGEST} -input In2.tif -zoffset 10")
    chunks = list((folder / "0").iterdir())
    assert {path.suffix for path in chunks} == {""}
    assert all(path.read_bytes().startswith(GZIP) for path in chunks)
    ng.ingest("In1.tif", folder, (0, 0, 0), compress="gzip", pyramid=False)
    assert len(list((folder / "0").glob("*.gz"))) == len(chunks) // 2
    ndm(f"{INGEST} -input In2.tif -nogzip")
    assert list((folder / "0").glob("*.gz")) == []
    np.testing.assert_array_equal(ng.open(folder)[:, :, :16, 0].T, labels(2))


def test_twice_replaces_unless_asked_to_add(folder, capsys):
    for _ in range(2):
        ndm(f"{INGEST} -input In1.tif")
    np.testing.assert_array_equal(ng.open(folder)[:, :, :16, 0].T, labels(1))
    ndm(f"{INGEST} -input In2.tif -mode add")
    np.testing.assert_array_equal(ng.open(folder)[:, :, :16, 0].T, labels(1) + labels(2))
    met = np.count_nonzero((labels(1) != labels(2)) & (labels(1) != 0) & (labels(2) != 0))
    assert f"{met:,} voxels where two different labels met" in capsys.readouterr().out


def test_image_and_voxel_coordinates(tmp_path, monkeypatch, capsys):
    """The example of NeuroDataManager's page on coordinates: a voxel offset of 256, 512, 0."""
    monkeypatch.chdir(tmp_path)
    ng.create("v", shape=(512, 512, 1), dtype="uint32", voxel_offset=(256, 512, 0), chunk_size=(128, 128, 1), key="0")
    image = labels(0, (1, 512, 512))
    tifffile.imwrite("in.tif", image, photometric="minisblack")
    ndm("-datastore v -input in.tif -x 512 -y 512 -z 1")
    ndm("-datastore v -output a.tif -x 256 -xoffset 400 -y 256 -yoffset 600 -z 1 -zoffset 0 -subtractVoxelOffset")
    ndm("-datastore v -output b.tif -x 256 -xoffset 144 -y 256 -yoffset 88 -z 1")
    for name in ("a.tif", "b.tif"):
        np.testing.assert_array_equal(tifffile.imread(name), image[0, 88:344, 144:400])
    capsys.readouterr()
    assert "leaves" in ndm_fails(capsys, "-datastore v -input in.tif -subtractVoxelOffset", 2)
    assert "domain" in ndm_fails(capsys, "-datastore v -output c.tif -x 1 -y 1 -z 1 -xoffset -1", 2)
    assert not Path("c.tif").exists()


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "uint64", "float32"])
def test_all_data_types(tmp_path, monkeypatch, dtype):
    monkeypatch.chdir(tmp_path)
    ng.create("v", shape=(30, 20, 10), dtype=dtype, chunk_size=(16, 16, 4), encoding="raw", key="0")
    image = np.random.default_rng(0).integers(0, 200, (10, 20, 30)).astype(dtype)
    tifffile.imwrite("in.tif", image, photometric="minisblack")
    ndm(f"-datadir v -input in.tif -datatype {dtype.replace('float32', 'float')} -gzip")
    ndm("-datadir v -output out.tif -x 30 -y 20 -z 10")
    found = tifffile.imread("out.tif")
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, image)


@pytest.mark.parametrize("axes", ["TYX", "CYX", "ZYX"])
def test_pages_are_z_whatever_the_file_calls_them(folder, axes):
    image = labels(1).astype(np.uint16)
    tifffile.imwrite("in.tif", image, imagej=True, metadata={"axes": axes})
    ndm(f"{INGEST} -input in.tif")
    np.testing.assert_array_equal(ng.open(folder)[:, :, :16, 0].T, image)


def test_colours_are_no_z(folder, capsys):
    tifffile.imwrite("in.tif", labels(1)[:3], photometric="rgb", planarconfig="separate")
    capsys.readouterr()
    sentence = ndm_fails(capsys, f"-datadir MyDataDir -input in.tif -x {SIDE} -y {SIDE} -z 3", 2)
    assert f"in.tif holds {SIDE} x {SIDE} x 1 with 3 channels" in sentence
    assert list(folder.iterdir()) == [folder / "info"]


def test_input_wins_over_output(folder, capsys):
    ndm(f"{INGEST} -input In1.tif -output Out.tif")
    assert capsys.readouterr().err == "ndm: -input wins over -output: Out.tif is not written\n"
    assert not Path("Out.tif").exists()
    assert (folder / "0").exists()


def test_a_region_without_chunks_is_zero(folder):
    ndm("-datadir MyDataDir -output Out.tif -x 5 -y 6 -z 7 -zoffset 20")
    assert tifffile.imread("Out.tif").shape == (7, 6, 5)
    assert not tifffile.imread("Out.tif").any()
    assert list(folder.iterdir()) == [folder / "info"]


@pytest.mark.parametrize(
    ("line", "status", "sentence"),
    [
        ("", 2, "neither -input nor -output: nothing to do"),
        ("-input In1.tif", 2, "-datadir names no volume"),
        ("-datadir a -datastore b -input In1.tif", 2, "-datadir and -datastore name two folders"),
        ("-datadir none -input In1.tif", 1, "no volume at file://"),
        ("-datadir MyDataDir -input none.tif", 1, "there is no file or folder none.tif"),
        ("-datadir MyDataDir -input MyDataDir/info", 1, "MyDataDir/info"),
        ("-datadir MyDataDir -input In1.tif -scale 2", 1, "no scale has key '2'"),
        (
            "-datadir MyDataDir -input In1.tif -x 100",
            2,
            f"-x, -y, -z ask for 100 x 0 x 0 voxels, In1.tif holds {SIDE} x",
        ),
        ("-datadir MyDataDir -input In1.tif -z 17", 2, "ask for 0 x 0 x 17"),
        ("-datadir MyDataDir -input In1.tif -zoffset 190", 2, f"would lie at 0:{SIDE},0:{SIDE},190:206, which leaves"),
        ("-datadir MyDataDir -input In1.tif -datatype uint8", 1, "-datatype says uint8, In1.tif holds uint32"),
        ("-datadir MyDataDir -input In1.tif -datatype int", 2, "-datatype is one of uint8, uint16"),
        ("-datadir MyDataDir -input In1.tif -format blosc", 2, "-format is one of tif, found 'blosc'"),
        ("-datadir MyDataDir -input In1.tif -mode or", 2, "-mode is one of overwrite, add, max, nonzero"),
        (
            "-datadir MyDataDir -output Out.tif -x 5 -y 5",
            2,
            "a cutout needs -x, -y and -z of at least 1, found 5, 5, 0",
        ),
        ("-datadir MyDataDir -output Out.tif -x 5 -y 5 -z 195", 2, "domain"),
        ("-datadir MyDataDir -zofset 3", 2, "there is no flag -zofset; did you mean -zoffset?"),
        ("-datadir MyDataDir -subtractvoxeloffset", 2, "did you mean -subtractVoxelOffset?"),
        ("-wholly-unknown", 2, "there is no flag -wholly-unknown (-help lists them)\n"),
        ("-datadir", 2, "-datadir needs a value"),
        ("-x five", 2, "-x is an integer, found 'five'"),
        ("-gzip=maybe", 2, "-gzip is true or false, found 'maybe'"),
        ("MyDataDir", 2, "expected a flag such as -input, found 'MyDataDir'"),
        ("-exampleManifest", 1, "manifest.ex.json: File exists"),
    ],
)
def test_refusals_touch_nothing(folder, capsys, line, status, sentence):
    capsys.readouterr()
    assert sentence in ndm_fails(capsys, line, status)
    assert list(folder.iterdir()) == [folder / "info"]
    assert not Path("Out.tif").exists()


def test_the_example_manifest_is_a_volume(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    ndm("--exampleManifest")
    Path("v").mkdir()
    Path("manifest.ex.json").rename("v/info")
    assert [scale["size"] for scale in ng.open("v").scales] == [[8192, 8192, 194], [4096, 4096, 194]]
    tifffile.imwrite("in.tif", labels(0, (3, 64, 64)), photometric="minisblack")
    ndm("-datadir v -input in.tif -scale 1")
    np.testing.assert_array_equal(ng.open("v", "1")[:64, :64, :3, 0].T, labels(0, (3, 64, 64)))


def test_debug_shows_the_traceback(capsys):
    ndm("-datadir none -output a.tif -debug", 2)
    printed = capsys.readouterr().err
    assert printed.startswith("Traceback")
    assert printed.splitlines()[-1].startswith("ndm: a cutout needs")


def test_help_and_version(capsys):
    ndm("-help")
    printed = capsys.readouterr().out
    assert all(f"\n  -{name} " in printed for name in FLAGS)
    ndm("--version")
    assert capsys.readouterr().out == f"ndm of ngprecomp {ng.__version__}\n"


@pytest.mark.parametrize(
    ("line", "given"),
    [
        ("-x 5", {"x": 5}),
        ("-x=5", {"x": 5}),
        ("--x 5", {"x": 5}),
        ("--x=5", {"x": 5}),
        ("-x -5", {"x": -5}),
        ("-x 5 -x 6", {"x": 6}),
        ("-gzip -x 5", {"gzip": True, "x": 5}),
        ("-nogzip", {"gzip": False}),
        ("--gzip=false", {"gzip": False}),
        ("-input a=b -nomad c", {"input": "a=b", "nomad": "c"}),
    ],
)
def test_spellings(line, given):
    known = {"x": Flag(int, ""), "gzip": Flag(bool, ""), "input": Flag(str, ""), "nomad": Flag(str, "")}
    assert parse_flags(line.split(), known) == given


def test_only_switches_are_negated():
    with pytest.raises(OptionError, match="there is no flag -nox; did you mean"):
        parse_flags(["-nox"], {"x": Flag(int, ""), "box": Flag(int, "")})


def test_script_is_the_command(tmp_path):
    script = Path(__file__).parents[2] / "scripts" / "ndm.py"
    run = subprocess.run(
        [sys.executable, script, "-datadir", tmp_path, "-output", "a.tif"], capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == "ndm: a cutout needs -x, -y and -z of at least 1, found 0, 0, 0\n"


PAGE = (Path(__file__).parents[2] / "docs/ndm.md").read_text()


def test_every_flag_is_documented():
    table = PAGE.split("## Flags")[1].split("## What")[0].partition("|---|")[2]
    documented = re.findall(r"`-(\w+)", "".join(line.split("|")[1] for line in table.splitlines() if "|" in line))
    assert documented == sorted(FLAGS, key=documented.index)


def test_the_lines_of_the_page_run(tmp_path, monkeypatch):
    """All of them, one after the other, on a smaller volume."""
    monkeypatch.chdir(tmp_path)
    smaller = {"8192": "256", "256": "64", "1024": "128", "512": "64", "144": "14", "400": "14", "88": "8", "600": "8"}
    tifffile.imwrite("MyInputFile.tif", labels(1, (16, 256, 256)), photometric="minisblack")
    lines = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()]
    assert len(lines) == 9
    for line in lines:
        program, *words = re.sub(r"\b\d+\b", lambda number: smaller.get(number[0], number[0]), line).split()
        if program in ("ndm", "ngprecomp"):
            assert (main if program == "ndm" else ngprecomp_command.main)(words) == 0, line
        else:
            subprocess.run([program, *words], check=True)
        if program == "mv":
            info = Path("MyDataDir/info")
            info.write_text(info.read_text().replace("8192", "256").replace("4096", "128").replace("194", "32"))
    assert tifffile.imread("MyOutputFile.tif").shape == (64, 64)
    np.testing.assert_array_equal(ng.open("MyDataDir", "1")[:, :, 16:, 0].T, labels(1, (16, 256, 256))[:, ::2, ::2])
