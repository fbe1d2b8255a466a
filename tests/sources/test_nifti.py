from __future__ import annotations

import gzip
import sys
from typing import TYPE_CHECKING, Any

import nibabel as nib
import numpy as np
import pytest

from ngprecomp.errors import NotFoundError, OptionError, SourceError
from ngprecomp.sources.opening import open_source
from tests.sources.reading import check_reads, noise, read_all, xyzc

if TYPE_CHECKING:
    from pathlib import Path

PLAIN = np.diag([2.0, 2, 3, 1])


def save(
    path: Path, array: np.ndarray[Any, Any], affine: Any = PLAIN, kind: Any = nib.Nifti1Image, **header: Any
) -> None:
    image = kind(array, affine, dtype=array.dtype)
    image.header.set_xyzt_units(header.pop("unit", "mm"))
    for key, value in header.items():
        image.header[key] = value
    nib.save(image, path)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.hdr", "a.img", "a.img.gz", "a.hdr.gz"])
@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
def test_files_and_pairs(tmp_path: Path, name: str, kind: Any) -> None:
    array = noise((5, 6, 7), "i2")
    pair = {nib.Nifti1Image: nib.Nifti1Pair, nib.Nifti2Image: nib.Nifti2Pair}
    save(tmp_path / name, array, kind=kind if ".nii" in name else pair[kind])
    source = open_source(tmp_path / name)
    assert source.axes == "xyz"
    assert source.resolution == (2e6, 2e6, 3e6)
    assert len(source.files) == 1
    check_reads(source, xyzc(array, "xyz"))


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i4", "u4", "u8", "i8", "f4", "f8"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_types_and_byte_orders(tmp_path: Path, dtype: str, order: str) -> None:
    array = noise((5, 6, 7), dtype)
    image = nib.Nifti1Image(array, PLAIN, nib.Nifti1Header(endianness=order), dtype=dtype)
    nib.save(image, tmp_path / "a.nii")
    check_reads(open_source(tmp_path / "a.nii"), xyzc(array, "xyz"))


def test_complex_numbers_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "a.nii", np.ones((5, 6, 7), "c8"))
    with pytest.raises(SourceError, match="voxels are bool, integer or real numbers"):
        open_source(tmp_path / "a.nii")


def test_colours_are_channels(tmp_path: Path) -> None:
    array = noise((5, 6, 7, 3), "u1")
    colours = array.view([("R", "u1"), ("G", "u1"), ("B", "u1")])[..., 0]
    nib.save(nib.Nifti1Image(colours, PLAIN), tmp_path / "a.nii.gz")
    source = open_source(tmp_path / "a.nii.gz")
    assert source.axes == "cxyz"
    assert "channels: RGB of the file's data type" in source.notes
    assert source.resolution is not None
    check_reads(source, xyzc(array, "xyzc"))


@pytest.mark.parametrize(
    ("shape", "axes"), [((5, 6), "xy"), ((5, 6, 7, 1), "xyz"), ((5, 6, 7, 1, 3), "xyztc"), ((5, 6, 1, 1, 2), "xyztc")]
)
def test_dimensions(tmp_path: Path, shape: tuple[int, ...], axes: str) -> None:
    array = noise(shape, "i2")
    save(tmp_path / "a.nii", array)
    source = open_source(tmp_path / "a.nii")
    assert source.axes == axes
    letters = axes.replace("t", "")
    check_reads(
        source, xyzc(array.reshape([n for n, letter in zip(shape, axes, strict=False) if letter != "t"]), letters)
    )


def test_several_points_in_time_are_a_question(tmp_path: Path) -> None:
    array = noise((5, 6, 7, 3), "i2")
    save(tmp_path / "a.nii", array)
    with pytest.raises(OptionError, match="3 points in time, a volume holds one; choose it by its number"):
        open_source(tmp_path / "a.nii")
    check_reads(open_source(tmp_path / "a.nii", axes="xyzt=2"), xyzc(array[..., 2], "xyz"))
    check_reads(open_source(tmp_path / "a.nii", axes="xyzc"), xyzc(array, "xyzc"))


def test_slope_and_intercept_give_float32(tmp_path: Path) -> None:
    array = noise((5, 6, 7), "i2")
    for name in ("a.nii", "a.nii.gz"):
        image = nib.Nifti1Image(array, PLAIN)
        image.header.set_slope_inter(0.5, -100)
        image.to_filename(tmp_path / name)
        raw = nib.load(tmp_path / name)
        source = open_source(tmp_path / name)
        assert source.dtype == np.float32
        assert any("values are 0.5 * stored + -100 as float32" in note for note in source.notes)
        check_reads(source, xyzc(np.asarray(raw.dataobj).astype("f4"), "xyz"))


def test_an_identity_changes_no_type(tmp_path: Path) -> None:
    array = noise((5, 6, 7), "i4")
    image = nib.Nifti1Image(array, PLAIN)
    image.header.set_slope_inter(1, 0)
    image.header.set_intent("label")
    nib.save(image, tmp_path / "a.nii")
    source = open_source(tmp_path / "a.nii")
    assert source.dtype == np.int32
    assert "the file's intent is label: a segmentation" in source.notes


SIDES = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1), "S": (2, 1), "I": (2, -1)}


def oriented(codes: str, sizes: tuple[float, ...], centre: tuple[float, ...]) -> np.ndarray[Any, Any]:
    affine = np.eye(4)
    affine[:3, :3] = 0
    for column, (code, size) in enumerate(zip(codes, sizes, strict=True)):
        row, sign = SIDES[code]
        affine[row, column] = sign * size
    affine[:3, 3] = centre
    return affine


@pytest.mark.parametrize(
    ("codes", "axes", "offset", "note"),
    [
        ("RAS", None, (10, -20, 15), "point to R, A, S (right, anterior, superior)"),
        ("LAS", None, (-10, -20, 15), "point to L, A, S: nothing is mirrored or turned; axes -x,y,z would turn them"),
        ("LAS", "-x,y,z", (10 - 4, -20, 15), "point to L, A, S, the volume's x, y, z to R, A, S"),
        ("LPI", "-x,-y,-z", (10 - 4, -20 - 5, 15 - 6), "the volume's x, y, z to R, A, S"),
        ("PSR", None, (40, 15, 5), "point to P, S, R: nothing is mirrored or turned; axes -y,z,x would turn them"),
        ("PSR", "-y,z,x", (10 // 2, -40 - 4, 15), "the volume's x, y, z to R, A, S"),
    ],
)
def test_orientation(tmp_path: Path, codes: str, axes: str | None, offset: Any, note: str) -> None:
    array = noise((5, 6, 7), "i2")
    sizes = (2.0, 2.0, 2.0) if codes != "PSR" else (1.0, 2.0, 4.0)
    save(tmp_path / "a.nii", array, oriented(codes, sizes, (20, -40, 30)))
    source = open_source(tmp_path / "a.nii", axes=axes)
    assert source.voxel_offset == offset
    assert any(note in told for told in source.notes), source.notes
    order = (axes or "xyz").replace(",", "")
    expected = xyzc(array, order.replace("-", ""))
    for at, letter in enumerate("xyz"):
        expected = np.flip(expected, at) if f"-{letter}" in order else expected
    check_reads(source, expected)
    world = dict(zip(codes, sizes, strict=True))
    if axes and codes == "PSR":
        assert source.resolution == (world["R"] * 1e6, world["P"] * 1e6, world["S"] * 1e6)


def test_an_oblique_image_has_no_offset(tmp_path: Path) -> None:
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(0.1), -np.sin(0.1)], [np.sin(0.1), np.cos(0.1)]]
    affine = turn @ np.diag([1, 2, 3, 1])
    affine[:3, 3] = 5
    save(tmp_path / "a.nii", noise((5, 6, 7), "i2"), affine)
    source = open_source(tmp_path / "a.nii")
    assert source.voxel_offset is None
    assert source.resolution == (1e6, 2e6, 3e6)
    assert any("oblique, up to 5.7 degrees off R, A, S" in note for note in source.notes)


@pytest.mark.parametrize(
    ("unit", "nm", "note"), [("mm", 1e6, "in mm"), ("micron", 1e3, "in micron"), ("unknown", 1e6, "as mm")]
)
def test_units(tmp_path: Path, unit: str, nm: float, note: str) -> None:
    save(tmp_path / "a.nii", noise((5, 6, 7), "i2"), np.diag([0.1, 0.2, 0.4, 1]), unit=unit)
    source = open_source(tmp_path / "a.nii")
    assert source.resolution == (0.1 * nm, 0.2 * nm, 0.4 * nm), "without the tail of single precision"
    assert any(note in told for told in source.notes)


def test_without_orientation(tmp_path: Path) -> None:
    save(tmp_path / "a.nii", noise((5, 6, 7), "i2"), None, pixdim=[1, 0.5, 0.5, 2, 1, 1, 1, 1])
    source = open_source(tmp_path / "a.nii")
    assert source.resolution == (5e5, 5e5, 2e6)
    assert source.voxel_offset is None
    assert "the file does not say where its axes point and has no offset" in source.notes


def test_an_offset_between_voxels_is_told(tmp_path: Path) -> None:
    save(tmp_path / "a.nii", noise((5, 6, 7), "i2"), oriented("RAS", (1, 1, 1), (-90.25, 0, 3)))
    source = open_source(tmp_path / "a.nii")
    assert source.voxel_offset == (-90, 0, 3)
    assert any("which moves it by 250000, 0, 0 nm" in note for note in source.notes)


def test_sizes_that_differ_are_told(tmp_path: Path) -> None:
    save(tmp_path / "a.nii", noise((5, 6, 7), "i2"), pixdim=[1, 1, 1, 1, 1, 1, 1, 1])
    source = open_source(tmp_path / "a.nii")
    assert source.resolution == (2e6, 2e6, 3e6)
    assert "pixdim says 1 x 1 x 1 instead and is ignored" in source.notes


def test_damage(tmp_path: Path) -> None:
    save(tmp_path / "a.nii", noise((5, 6, 7), "i2"))
    whole = (tmp_path / "a.nii").read_bytes()
    (tmp_path / "a.nii").write_bytes(whole[:-1])
    with pytest.raises(SourceError, match=r"a\.nii is cut off"):
        open_source(tmp_path / "a.nii")
    packed = gzip.compress(whole)
    for data, message in ((gzip.compress(whole[:-1]), "cut off"), (packed[:-20], "does not unpack")):
        (tmp_path / "a.nii.gz").write_bytes(data)
        with pytest.raises(SourceError, match=message):
            read_all(open_source(tmp_path / "a.nii.gz"))
    bad = bytearray(whole)
    bad[70:72] = b"\x77\x77"  # the data type
    (tmp_path / "b.nii").write_bytes(bad)
    with pytest.raises(SourceError, match="damaged NIfTI header"):
        open_source(tmp_path / "b.nii")
    save(tmp_path / "c.hdr", noise((5, 6, 7), "i2"), kind=nib.Nifti1Pair)
    (tmp_path / "c.img").unlink()
    with pytest.raises(NotFoundError, match=r"voxels are missing: there is no .*c\.img"):
        open_source(tmp_path / "c.hdr")


def test_one_array_has_no_datasets(tmp_path: Path) -> None:
    save(tmp_path / "a.nii", noise((5, 6, 7), "i2"))
    with pytest.raises(OptionError, match="holds one array"):
        open_source(tmp_path / "a.nii", dataset="a")


def test_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "a.nii", noise((5, 6, 7), "i2"))
    monkeypatch.setitem(sys.modules, "nibabel", None)
    with pytest.raises(SourceError, match=r"reading NIfTI needs nibabel: pip install 'ngprecomp\[nifti\]'"):
        open_source(tmp_path / "a.nii")


def test_a_header_that_nibabel_mends(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    array = noise((5, 6, 7), "i2")
    save(tmp_path / "a.nii", array)
    whole = bytearray((tmp_path / "a.nii").read_bytes())
    whole[76:80] = bytes(4)  # qfac
    whole[108:112] = bytes(4)  # vox_offset
    (tmp_path / "a.nii").write_bytes(whole)
    check_reads(open_source(tmp_path / "a.nii"), xyzc(array, "xyz"))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("offset", "data"), [(112, np.array([2, np.inf], "<f4")), (256, np.array([5, 5, 5], "<f4"))], ids=["slope", "qform"]
)
def test_headers_that_contradict_themselves(tmp_path: Path, offset: int, data: Any) -> None:
    save(tmp_path / "a.nii", noise((5, 6, 7), "i2"))
    whole = bytearray((tmp_path / "a.nii").read_bytes())
    whole[252:256] = np.array([1, 0], "<i2").tobytes()  # the codes of qform and sform
    (tmp_path / "a.nii").write_bytes(whole)
    assert open_source(tmp_path / "a.nii").resolution == (2e6, 2e6, 3e6)
    whole[offset : offset + data.nbytes] = data.tobytes()
    (tmp_path / "a.nii").write_bytes(whole)
    with pytest.raises(SourceError, match="damaged NIfTI header"):
        open_source(tmp_path / "a.nii")
