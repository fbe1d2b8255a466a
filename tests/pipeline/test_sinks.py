"""Files of each format, judged by the libraries that read them."""

from __future__ import annotations

import os

import h5py
import nibabel
import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageSequence

from ngprecomp.errors import ExistsError, OptionError, StorageError
from ngprecomp.pipeline.sinks import nifti as sink_nifti
from ngprecomp.pipeline.sinks import tiff as sink_tiff
from ngprecomp.pipeline.sinks.output import Contents, Output, appearing, parse_output, write_file
from ngprecomp.pipeline.sinks.slabs import regrouped
from ngprecomp.volume.resources import Resources

DTYPES = ["uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "float32"]
RESOLUTION, OFFSET = (4.6, 5.0, 40.0), (-3, 120, 7)


def noise(shape, dtype, seed=0):
    dtype = np.dtype(dtype)
    data = np.random.default_rng(seed).bytes(int(np.prod(shape)) * dtype.itemsize)
    voxels = np.frombuffer(data, dtype if dtype.kind != "f" else "int32").astype(dtype)
    return voxels.reshape(shape, order="F")


def write(path, voxels, cuts=(), **keywords):
    """Write voxels [x, y, z, channel] in slabs that end at the cuts."""
    output = parse_output(path, **keywords)
    contents = Contents(voxels.shape[:3], voxels.shape[3], voxels.dtype, RESOLUTION, OFFSET, cuts[0] if cuts else 1)
    slabs = iter([np.asfortranarray(slab) for slab in np.split(voxels, cuts, axis=2)])
    with appearing(output.path, overwrite=False) as temporary:
        return write_file(temporary, output, contents, slabs, Resources(2))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", DTYPES)
def test_tiff(tmp_path, dtype, channels):
    voxels = noise((37, 29, 11, channels), dtype)
    note = write(tmp_path / "cut.tif", voxels, (4, 8))
    with tifffile.TiffFile(tmp_path / "cut.tif") as file:
        assert len(file.pages) == 11 * channels
        assert file.series[0].axes == ("ZYX" if channels == 1 else "ZCYX")
        assert file.pages[0].photometric == tifffile.PHOTOMETRIC.MINISBLACK
        assert file.pages[0].compression == tifffile.COMPRESSION.ADOBE_DEFLATE
        np.testing.assert_array_equal(file.asarray().reshape(11, channels, 29, 37).transpose(3, 2, 0, 1), voxels)
        assert file.is_imagej == (dtype in ("uint8", "uint16", "float32"))
        assert file.is_ome == (dtype in ("uint32", "int8", "int16", "int32"))
    assert ("Pillow opens no 64-bit" in note) == (dtype == "uint64")


@pytest.mark.parametrize("compression", ["none", "deflate", "lzw", "zstd"])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "float32"])
def test_tiff_opens_in_pillow(tmp_path, dtype, compression):
    voxels = noise((64, 48, 5, 1), dtype)
    write(tmp_path / "cut.tif", voxels, compression=compression)
    with Image.open(tmp_path / "cut.tif") as image:
        pages = [np.array(page) for page in ImageSequence.Iterator(image)]
    assert len(pages) == 5
    for z, page in enumerate(pages):
        # Pillow gives unsigned 32-bit pages as signed ones with the same bits.
        np.testing.assert_array_equal(page.view(dtype), voxels[:, :, z, 0].T)


def test_tiff_has_imagej_calibration(tmp_path):
    write(tmp_path / "cut.tif", noise((8, 8, 4, 1), "uint16"))
    with tifffile.TiffFile(tmp_path / "cut.tif") as file:
        told = file.imagej_metadata
        assert (told["unit"], told["spacing"]) == ("nm", 40.0)
        assert [told[f"{axis}origin"] for axis in "xyz"] == [3, -120, -7]
        assert [file.pages[0].tags[f"{axis}Resolution"].value for axis in "XY"] == [(5, 23), (1, 5)]


def test_tiff_has_ome_sizes_and_positions(tmp_path):
    write(tmp_path / "cut.tif", noise((8, 8, 3, 2), "uint32"))
    with tifffile.TiffFile(tmp_path / "cut.tif") as file:
        pixels = tifffile.xml2dict(file.ome_metadata)["OME"]["Image"]["Pixels"]
    assert [pixels[f"PhysicalSize{axis}"] for axis in "XYZ"] == list(RESOLUTION)
    assert {pixels[f"PhysicalSize{axis}Unit"] for axis in "XYZ"} == {"nm"}
    found = [tuple(plane[f"Position{axis}"] for axis in "XYZ") for plane in pixels["Plane"]]
    assert found == [pytest.approx((-3 * 4.6, 600, (7 + z) * 40)) for z in range(3) for _ in range(2)]
    assert [(plane["TheZ"], plane["TheC"]) for plane in pixels["Plane"]] == [(z, c) for z in range(3) for c in range(2)]


def test_tiff_named_for_ome(tmp_path):
    voxels = noise((8, 9, 3, 2), "uint8")
    assert "OME metadata" in write(tmp_path / "cut.ome.tif", voxels)
    with tifffile.TiffFile(tmp_path / "cut.ome.tif") as file:
        assert file.is_ome
        np.testing.assert_array_equal(file.asarray().transpose(3, 2, 0, 1), voxels)


def test_tiff_of_64_bits_says_where_it_lies(tmp_path):
    write(tmp_path / "cut.tif", noise((8, 8, 3, 1), "uint64"))
    with tifffile.TiffFile(tmp_path / "cut.tif") as file:
        (told,) = file.shaped_metadata
    assert [told[f"PhysicalSize{axis}"] for axis in "XYZ"] == list(RESOLUTION)
    assert [told[f"Position{axis}"] for axis in "XYZ"] == pytest.approx([-3 * 4.6, 600, 280])


@pytest.mark.parametrize("dtype", ["uint8", "uint32", "uint64"])
def test_tiff_of_more_than_4_gb_is_big(tmp_path, monkeypatch, dtype):
    huge = Contents((40000, 40000, 100), 1, np.dtype(dtype), RESOLUTION, OFFSET)
    assert sink_tiff.is_big(huge)
    monkeypatch.setattr(sink_tiff, "CLASSIC_BYTES", 1000)
    voxels = noise((20, 30, 4, 1), dtype)
    assert write(tmp_path / "cut.tif", voxels).startswith("BigTIFF")
    with tifffile.TiffFile(tmp_path / "cut.tif") as file:
        assert file.is_bigtiff
        assert not file.is_imagej
        np.testing.assert_array_equal(file.asarray().T, voxels[..., 0])


@pytest.mark.parametrize(
    "shape", [(1, 1, 1, 1), (70, 1, 1, 1), (1, 70, 1, 1), (1, 1, 70, 1), (1, 3, 2, 2), (5, 4, 1, 3)]
)
@pytest.mark.parametrize("name", ["cut.tif", "cut.h5", "cut.npy", "cut.nii", "cut.nii.gz"])
def test_thin_shapes(tmp_path, name, shape):
    voxels = noise(shape, "uint16")
    write(tmp_path / name, voxels)
    np.testing.assert_array_equal(read(tmp_path / name, shape), voxels)


def read(path, shape):
    """Return the voxels of a file as [x, y, z, channel]."""
    if path.suffix == ".tif":
        return tifffile.imread(path).reshape(shape[2], shape[3], shape[1], shape[0]).transpose(3, 2, 0, 1)
    if path.suffix == ".h5":
        with h5py.File(path) as file:
            return file["data"][()].reshape(shape[::-1]).T
    if path.suffix == ".npy":
        return np.load(path).reshape(shape[::-1]).T
    return np.asarray(nibabel.load(path).dataobj).reshape(shape, order="F")


@pytest.mark.parametrize("compression", ["gzip", "none"])
@pytest.mark.parametrize("channels", [1, 2])
def test_hdf5(tmp_path, channels, compression):
    voxels = noise((100, 70, 50, channels), "uint64")
    write(f"{tmp_path}/cut.h5:volumes/labels", voxels, (20, 40), compression=compression)
    with h5py.File(tmp_path / "cut.h5") as file:
        dataset = file["volumes/labels"]
        np.testing.assert_array_equal(np.reshape(dataset[()], voxels.shape[::-1]).T, voxels)
        assert dataset.chunks[-3:] == (20, 64, 64)
        assert dataset.compression == (None if compression == "none" else "gzip")
        assert "".join(axis.label for axis in dataset.dims) == ("zyx" if channels == 1 else "czyx")
        assert list(dataset.attrs["resolution"]) == list(RESOLUTION[::-1])
        np.testing.assert_allclose(dataset.attrs["offset"], [7 * 40, 120 * 5, -3 * 4.6])


@pytest.mark.parametrize("channels", [1, 3])
def test_npy(tmp_path, channels):
    voxels = noise((30, 20, 10, channels), "uint64")
    write(tmp_path / "cut.npy", voxels, (3, 9))
    found = np.load(tmp_path / "cut.npy")
    assert found.flags.c_contiguous
    assert found.shape == ((10, 20, 30) if channels == 1 else (3, 10, 20, 30))
    np.testing.assert_array_equal(found, voxels[..., 0].T if channels == 1 else voxels.T)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("dtype", DTYPES)
def test_nifti(tmp_path, dtype, channels, suffix):
    voxels = noise((30, 20, 10, channels), dtype)
    write(tmp_path / f"cut{suffix}", voxels, (3, 9))
    image = nibabel.load(tmp_path / f"cut{suffix}")
    assert image.get_data_dtype() == dtype
    assert image.shape == ((30, 20, 10) if channels == 1 else (30, 20, 10, 1, channels))
    np.testing.assert_array_equal(np.asarray(image.dataobj).reshape(voxels.shape, order="F"), voxels)
    size = np.array(RESOLUTION) * 1e-6
    np.testing.assert_allclose(image.affine, [*np.c_[np.diag(size), size * OFFSET], [0, 0, 0, 1]], rtol=1e-6)
    np.testing.assert_allclose(image.header.get_qform(), image.affine, rtol=1e-5)
    assert image.header.get_xyzt_units()[0] == "mm"


def test_nifti_with_a_long_axis_is_version_2(tmp_path):
    voxels = noise((40000, 1, 2, 1), "uint8")
    assert write(tmp_path / "cut.nii", voxels).startswith("NIfTI-2")
    np.testing.assert_array_equal(np.asarray(nibabel.load(tmp_path / "cut.nii").dataobj), voxels[..., 0])


def test_nifti_needs_nibabel(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "nibabel", None)
    with pytest.raises(OptionError, match=r"pip install 'ngprecomp\[nifti\]'"):
        sink_nifti.import_nibabel()


@given(st.lists(st.integers(1, 9), min_size=1, max_size=8), st.integers(1, 12))
def test_regrouped(sizes, depth):
    planes = np.arange(sum(sizes)).reshape(1, 1, -1, 1)
    found = list(regrouped(np.split(planes, np.cumsum(sizes)[:-1], axis=2), depth))
    assert all(slab.shape[2] % depth == 0 for slab in found[:-1])
    np.testing.assert_array_equal(np.concatenate(found, axis=2), planes)


@pytest.mark.parametrize(
    ("path", "keywords", "expected"),
    [
        ("a.tif", {}, Output("a.tif", "tiff", "deflate")),
        ("a.TIFF", {"compression": "zlib"}, Output("a.TIFF", "tiff", "deflate")),
        ("a.tif", {"compression": "lzw"}, Output("a.tif", "tiff", "lzw")),
        ("a.h5", {}, Output("a.h5", "hdf5", "deflate", "data")),
        ("a.hdf5:x/y", {"compression": "none"}, Output("a.hdf5", "hdf5", "none", "x/y")),
        ("a.h5:", {}, Output("a.h5", "hdf5", "deflate", "data")),
        ("file:///b/a.npy", {}, Output("/b/a.npy", "npy", "none")),
        ("a.nii", {}, Output("a.nii", "nifti", "none")),
        ("a.nii.gz", {"compression": "gzip"}, Output("a.nii.gz", "nifti", "deflate")),
        ("a.out", {"format": "tiff"}, Output("a.out", "tiff", "deflate")),
    ],
)
def test_paths(path, keywords, expected):
    assert parse_output(path, **keywords) == expected


@pytest.mark.parametrize(
    ("path", "keywords", "message"),
    [
        ("a.png", {}, "expected .tif"),
        ("a", {}, "names no format"),
        ("a.tif.gz", {}, "names no format"),
        ("a.tif", {"format": "jpeg2000"}, "one of tiff, hdf5, npy, nifti"),
        ("a.tif", {"compression": "brotli"}, "a.tif is compressed with deflate or none or lzw or zstd, not 'brotli'"),
        ("a.npy", {"compression": "gzip"}, "a.npy is compressed with none"),
        ("a.nii", {"compression": "gzip"}, "a.nii is compressed with none"),
        ("a.nii.gz", {"compression": "none"}, "a.nii.gz is compressed with deflate"),
    ],
)
def test_what_cannot_be_written(path, keywords, message):
    with pytest.raises(OptionError, match=message):
        parse_output(path, **keywords)


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "new" / "cut.npy"
    with appearing(str(path), overwrite=False) as temporary:
        assert os.path.dirname(temporary) == str(path.parent)
        (tmp_path / temporary).write_text("first")
        assert not path.exists()
    with pytest.raises(KeyboardInterrupt), appearing(str(path), overwrite=True) as temporary:
        raise KeyboardInterrupt
    assert path.read_text() == "first"
    assert os.listdir(path.parent) == ["cut.npy"]
    with pytest.raises(ExistsError, match="overwrite replaces the whole file"), appearing(str(path), overwrite=False):
        pass
    with pytest.raises(StorageError, match="is a folder"), appearing(str(tmp_path), overwrite=True):
        pass
