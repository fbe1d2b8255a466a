"""HDF5, TIFF and npy files as other programs write them: read right or asked about, never guessed wrong."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ngprecomp.errors import NgprecompError
from ngprecomp.sources.opening import open_source
from tests.sources.foreign import HIGH, SIZE, Foreign, check_foreign, czyx, zyx
from tests.sources.foreign_hdf5 import (
    axistags,
    big_data_viewer,
    hdf5,
    imaris,
    imaris_of_unlike_channels,
    imaris_without_extent,
    imaris_without_sizes,
    netcdf,
    nwb,
    raw,
    several_datasets,
    with_labels,
)
from tests.sources.foreign_tiff import (
    broken_set,
    companion,
    fei,
    imagej,
    lsm,
    ome,
    ome_ordered,
    ome_pyramid,
    ome_set,
    pillow,
    pillow_pages,
    pillow_palette,
    slices,
    tiff,
    zeiss_sem,
)

if TYPE_CHECKING:
    from pathlib import Path

X, Y, Z = SIZE

CREMI = {"resolution": (40.0, 8.0, 4.0), "offset": (-80.0, 16.0, 400.0)}
ONE_PAGE = {"size": (X, Y, 1), "dtype": "uint8"}

FILES = [
    # HDF5
    Foreign("CREMI", hdf5("volumes/raw", zyx(), CREMI), (4, 8, 40), (100, 2, -2), notes=("axes zyx: default",)),
    Foreign(
        "CREMI, deflated labels",
        hdf5("volumes/labels/neuron_ids", zyx("uint64"), CREMI, chunks=(2, 4, 4), compression="gzip"),
        (4, 8, 40),
        (100, 2, -2),
        dtype="uint64",
    ),
    Foreign(
        "CREMI, offset between voxels",
        hdf5("raw", zyx(), {**CREMI, "offset": (50.0, 8.0, 3.0)}),
        (4, 8, 40),
        (1, 1, 1),
        notes=("rounded to the nearest one, which moves it by 1, 0, -10 nm",),
    ),
    Foreign(
        "CREMI that is declared xyz",
        raw(zyx().T, resolution=(4.0, 8.0, 40.0)),
        (4, 8, 40),
        axes="xyz",
        notes=("read in the order of its axes",),
    ),
    Foreign("resolution with a unit", raw(resolution=(0.04, 0.008, 0.004), unit="um"), (4, 8, 40)),
    Foreign(
        "resolution that cannot be nm",
        raw(resolution=(0.04, 0.008, 0.004)),
        notes=("attribute resolution", "no unit and are too small for nanometres; give the resolution"),
    ),
    Foreign(
        "resolution in pixels",
        raw(resolution=(40, 8, 4), unit=b"pixel"),
        notes=("4,8,40 have unit 'pixel'; give the resolution",),
    ),
    Foreign("resolution of 0", raw(resolution=(40, 0, 4)), notes=("expected positive numbers",)),
    Foreign("resolution of two", raw(resolution=(40, 8)), notes=("expected three numbers",)),
    Foreign(
        "resolution of the group",
        hdf5("em/raw", zyx(), {"/em/resolution": (40, 8, 4), "/em/offset": (0, 8, 0)}),
        (4, 8, 40),
        (0, 1, 0),
        notes=("attribute resolution of the group /em",),
    ),
    Foreign("resolution of the root", hdf5("em/raw", zyx(), {"/resolution": (40, 8, 4)}), (4, 8, 40)),
    Foreign(
        "a coarser scale in its group",
        hdf5("em/s1", zyx(), {"/em/resolution": (40, 8, 4)}),
        notes=("not used: /em/s1 is a coarser scale; give the resolution",),
    ),
    Foreign(
        "Fiji", hdf5("t0/channel0", zyx("uint8"), {"element_size_um": (0.04, 0.008, 0.004)}), (4, 8, 40), dtype="uint8"
    ),
    Foreign(
        "two attributes that differ",
        hdf5("raw", zyx(), {**CREMI, "element_size_um": (1.0, 1, 1)}),
        (4, 8, 40),
        (100, 2, -2),
        notes=("says 1000 x 1000 x 1000 nm instead and is ignored",),
    ),
    Foreign(
        "funlib",
        hdf5(
            "raw",
            zyx(),
            {"voxel_size": (40, 8, 4), "offset": (40, 8, 4), "unit": ["nm", "nm", "nm"], "axis_names": ["z", "y", "x"]},
        ),
        (4, 8, 40),
        (1, 1, 1),
        notes=("axes zyx: from attribute axis_names",),
    ),
    Foreign(
        "voxel_size without a unit",
        hdf5("raw", zyx(), {"voxel_size": (40, 8, 4), "offset": (40, 8, 4)}),
        notes=("4,8,40 have no unit (in nm: --resolution 4,8,40)", "attribute offset is not used"),
    ),
    Foreign("voxelsize_um", hdf5("raw", zyx(), {"voxelsize_um": (0.04, 0.008, 0.004)}), (4, 8, 40)),
    Foreign(
        "ilastik, one channel",
        raw(zyx()[..., None], axistags=axistags("zyxc")),
        notes=("axes zyxc: from attribute axistags",),
    ),
    Foreign(
        "ilastik, probabilities in time",
        hdf5(
            "exported_data",
            np.moveaxis(czyx(2, "float32"), 0, -1)[None],
            {"axistags": axistags("tzyxc")},
            chunks=(1, 2, 4, 4, 2),
            compression="gzip",
        ),
        channels=2,
        dtype="float32",
    ),
    Foreign(
        "ilastik, channels in the middle",
        hdf5("exported_data", np.moveaxis(czyx(3), 0, 1), {"axistags": axistags("zcyx")}),
        channels=3,
    ),
    Foreign("vigra order", raw(zyx().T, axistags=axistags("xyz")), notes=("axes xyz: from attribute axistags",)),
    Foreign(
        "vigra with sizes", raw(zyx().T, axistags=axistags("xyz", {"x": 4, "y": 8, "z": 40}, unit="nm")), (4, 8, 40)
    ),
    Foreign(
        "vigra with units beside",
        hdf5(
            "data",
            zyx().T,
            {
                "axistags": axistags("xyz", {"x": 4, "y": 8, "z": 40}),
                "axis_units": json.dumps({"x": "nm", "y": "nm", "z": "nm"}),
            },
        ),
        (4, 8, 40),
    ),
    Foreign(
        "vigra with sizes without a unit",
        raw(zyx(), axistags=axistags("zyx", {"x": 4, "y": 8, "z": 40})),
        notes=("attribute axistags is not used: 4,8,40 have no unit; give the resolution",),
    ),
    Foreign(
        "vigra with one size",
        raw(zyx(), axistags=axistags("zyx", {"z": 40}, unit="nm")),
        notes=("some axes only: ", "z 40"),
    ),
    Foreign(
        "labels of dimensions", with_labels("x y z", zyx().T), notes=("axes xyz: from the labels of its dimensions",)
    ),
    Foreign(
        "labels in words",
        with_labels("channels depth rows columns", czyx(2)),
        channels=2,
        notes=("axes czyx: from the labels",),
    ),
    Foreign(
        "labels nobody knows", with_labels("a b c", zyx()), notes=("labelled a, b, c, which we do not understand",)
    ),
    Foreign("netCDF 4", netcdf, (250, 500, 2000), notes=("axes zyx: from the labels", "dimension scales")),
    Foreign("netCDF 4 in degrees", lambda folder: netcdf(folder, "degrees"), notes=("have unit 'degrees'",)),
    Foreign(
        "netCDF 4, uneven",
        lambda folder: netcdf(folder, places=[0.0, 1, 2, 3, 9]),
        notes=("dimension scales is not used: the scale of z has no equal",),
    ),
    Foreign(
        "BigDataViewer", big_data_viewer, (100, 200, 1000), add=HIGH, notes=("stores their bits as int16", "2 levels")
    ),
    Foreign(
        "BigDataViewer, second setup",
        lambda folder: f"{big_data_viewer(folder, 2)}:t00000/s01/0/cells",
        (100, 200, 2000),
        add=HIGH,
    ),
    Foreign(
        "BigDataViewer in pixels",
        lambda folder: big_data_viewer(folder, unit="pixel"),
        add=HIGH,
        notes=("in a.xml has unit 'pixel': give the resolution",),
    ),
    Foreign(
        "BigDataViewer, another's XML",
        lambda folder: big_data_viewer(folder, xml="b.h5"),
        add=HIGH,
        notes=("it belongs to b.h5",),
    ),
    Foreign("Imaris", imaris, (100, 200, 500), channels=2, notes=("axes czyx: those of Imaris",)),
    Foreign(
        "Imaris on a stage",
        lambda folder: imaris(folder, begin=100.0),
        (100, 200, 500),
        channels=2,
        notes=("begins at 100,100,100 um, which is not used: give the offset",),
    ),
    Foreign(
        "Imaris without an extent",
        imaris_without_extent,
        channels=2,
        notes=("extent and unit in Imaris' DataSetInfo are not used",),
    ),
    Foreign("Imaris in parsecs", lambda folder: imaris(folder, unit="pc"), channels=2, notes=("unit 'pc'; give the",)),
    Foreign("big-endian", hdf5("raw", zyx().astype(">u2"))),
    Foreign("signed labels", hdf5("labels", zyx("int64"), compression="gzip"), dtype="int64"),
    Foreign("odd names", hdf5("my data: v2/Zählung", zyx(), CREMI, "µm 50% [a]:b.hdf5"), (4, 8, 40), (100, 2, -2)),
    Foreign(
        "mirrored",
        hdf5("raw", zyx()[:, ::-1], CREMI),
        (4, 8, 40),
        (100, 2, -2),
        axes="z,-y,x",
        notes=(
            "axes z,-y,x: as asked; the volume's y 0 is the file's y 6",
            "reversing y leaves the volume in its place",
        ),
    ),
    # npy
    Foreign(
        "npy in Fortran order",
        lambda folder: np.save(folder / "a.npy", np.asfortranarray(zyx(">u4"))),
        dtype="uint32",
        notes=("Fortran order",),
    ),
    Foreign("npy of x, y, z", lambda folder: np.save(folder / "a.npy", zyx().T), axes="x,y,z"),
    # TIFF
    Foreign(
        "ImageJ", imagej(zyx(), "ZYX"), (200, 500, 2000), notes=("axes zyx: from the TIFF file", "ImageJ resolution")
    ),
    Foreign("ImageJ, escaped unit", imagej(zyx(), "ZYX", "\\u00B5m"), (200, 500, 2000)),
    Foreign(
        "ImageJ, hyperstack",
        imagej(np.moveaxis(czyx(2), 0, 1), "ZCYX", "nm"),
        (0.2, 0.5, 2),
        channels=2,
        notes=("axes zcyx",),
    ),
    Foreign("ImageJ, 300 dots per inch", imagej(zyx(), "ZYX", "inch", (300, 300))),
    Foreign("ImageJ in inches", imagej(zyx(), "ZYX", "inch", (5e5, 2e5)), (50.8, 127, 5.08e7)),
    Foreign("ImageJ in pixels", imagej(zyx(), "ZYX", "pixel"), notes=("unit 'pixel', which is no length",)),
    Foreign("ImageJ, never calibrated", imagej(zyx(), "ZYX", None, None, spacing=None)),  # type: ignore[arg-type]
    Foreign(
        "ImageJ without spacing",
        imagej(zyx(), "ZYX", spacing=None),
        notes=("200 x 500 nm (x, y) and nothing about z: give the resolution 200,500,Z",),
    ),
    Foreign("ImageJ, one point in time", imagej(zyx()[None], "TZYX"), (200, 500, 2000)),
    Foreign("OME in nm", ome(zyx(), "ZYX"), (4, 8, 40), notes=("OME PhysicalSize",)),
    Foreign("OME in micrometres unsaid", ome(zyx(), "ZYX", None), (4000, 8000, 40000)),
    Foreign("OME in angstrom", ome(zyx(), "ZYX", "Å"), (0.4, 0.8, 4)),
    Foreign("OME, channels", ome(czyx(3), "CZYX", "µm"), (4000, 8000, 40000), channels=3),
    Foreign("OME, channels inside", ome(np.moveaxis(czyx(2), 0, 1), "ZCYX", "mm"), (4e6, 8e6, 4e7), channels=2),
    Foreign("OME without z", ome(zyx(), "ZYX", PhysicalSizeZ=None), notes=("4 x 8 nm (x, y) and nothing about z",)),
    Foreign("OME without sizes", ome(zyx(), "ZYX", PhysicalSizeX=None, PhysicalSizeY=None, PhysicalSizeZ=None)),
    Foreign("OME in its own frame", ome(zyx(), "ZYX", "reference frame"), notes=("unit 'reference frame'",)),
    Foreign("OME, XYZCT", ome_ordered("XYZCT", czyx(2)), (4, 8, 40), channels=2),
    Foreign("OME, XYCZT", ome_ordered("XYCZT", np.moveaxis(czyx(2), 0, 1)), (4, 8, 40), channels=2),
    Foreign("OME, a set of files", ome_set, (4, 8, 40), channels=2),
    Foreign("OME, pyramid", ome_pyramid, notes=("level 0 of the 2 resolutions", "100 nm along 1 axes only")),
    Foreign("pages by a plain program", tiff(zyx(), metadata=None), notes=("does not name the axis over its pages",)),
    Foreign(
        "BigTIFF, big-endian, tiled",
        tiff(zyx("int32"), bigtiff=True, byteorder=">", tile=(16, 16), compression="lzw"),
        dtype="int32",
    ),
    Foreign("Zeiss LSM", lsm, (100, 200, 500), notes=("Zeiss LSM VoxelSize", "reduced images left out")),
    Foreign("Zeiss LSM, channels", lambda folder: lsm(folder, 3), (100, 200, 500), channels=3),
    Foreign("Zeiss SEM", zeiss_sem, **ONE_PAGE, notes=("nothing about z: give the resolution 4.5,4.5,Z",)),  # type: ignore[arg-type]
    Foreign("FEI", fei, **ONE_PAGE, notes=("nothing about z: give the resolution 4,5,Z",)),  # type: ignore[arg-type]
    Foreign(
        "ImageJ, signed by calibration",
        imagej(zyx(), "ZYX", cf=0, c0=-32768.0, c1=1.0),
        (200, 500, 2000),
        notes=("ImageJ's calibration says value = -32768 + 1 * stored",),
    ),
    Foreign("72 dpi", tiff(zyx(), resolution=(72, 72), resolutionunit=2)),
    Foreign("300 dpi in cm", tiff(zyx(), resolution=(118.11, 118.11), resolutionunit=3)),
    Foreign("resolution in no unit", tiff(zyx(), resolution=(4, 8), resolutionunit=1)),
    Foreign(
        "pixels per centimetre",
        tiff(zyx(), resolution=(2.5e6, 1.25e6), resolutionunit=3),
        notes=("the resolution tag says 4 x 8 nm (x, y) and nothing about z: give the resolution 4,8,Z",),
    ),
    Foreign("RGB", tiff(np.moveaxis(czyx(3, "uint8"), 0, -1), photometric="rgb"), channels=3, dtype="uint8"),
    Foreign(
        "RGB in planes",
        tiff(np.moveaxis(czyx(3, "uint8"), 0, 1), photometric="rgb", planarconfig="separate"),
        channels=3,
        dtype="uint8",
    ),
    Foreign(
        "RGBA",
        tiff(np.moveaxis(czyx(4, "uint8"), 0, -1), photometric="rgb", extrasamples=["unassalpha"]),
        channels=4,
        dtype="uint8",
        notes=("one of the 4 channels is transparency",),
    ),
    Foreign("mirrored TIFF", tiff(zyx()[::-1, :, ::-1], compression="zlib"), axes="-z,y,-x"),
    Foreign("Pillow, one page", pillow("L"), **ONE_PAGE),  # type: ignore[arg-type]
    Foreign("Pillow, palette", pillow_palette, **ONE_PAGE, notes=("indices into a colour table",)),  # type: ignore[arg-type]
    Foreign("Pillow, 16 bits big-endian", pillow("I;16B", zyx()[0]), size=(X, Y, 1)),
    Foreign("Pillow, pages", pillow_pages, dtype="uint8"),
    Foreign(
        "slices without zeros",
        slices([f"s{z}.tif" for z in range(8, 13)]),
        notes=("5 slices, s8.tif ... s12.tif in natural order, none missing",),
    ),
    Foreign("slices with odd names", slices([f"Schnitt é {z} (50%).TIFF" for z in range(5)], compression="deflate")),
    Foreign(
        "slices by ImageJ",
        slices([f"{z:04}.tif" for z in range(5)], imagej=True, resolution=(5, 2), metadata={"unit": "um"}),
        notes=("200 x 500 nm (x, y) and nothing about z",),
    ),
]


@pytest.mark.parametrize("case", FILES, ids=[case.name for case in FILES])
def test_a_foreign_file_is_read_right_or_asks(tmp_path: Path, case: Foreign) -> None:
    check_foreign(tmp_path, case)


QUESTIONS = {
    "several datasets": (
        several_datasets,
        r"2 datasets of 3 or 4.*/labels \(5, 7, 9\) uint64, /raw \(5, 7, 9\) uint16",
    ),
    "axistags of other axes": (
        raw(zyx(), axistags=axistags("zyxc")),
        "axistags .* names 4 axes .*name the order",
    ),
    "axistags that are broken": (hdf5("a", zyx(), {"axistags": "{"}), "axistags .* cannot be understood"),
    "axis names without x": (hdf5("a", zyx(), {"axis_names": ["z", "y", "r"]}), "axis_names .* names the axes z, y, r"),
    "ilastik in time": (
        raw(np.stack([zyx()] * 3)[..., None], axistags=axistags("tzyxc")),
        "3 points in time, .* choose it by its number, 0 to 2: t=0,z,y,x,c",
    ),
    "NWB": (nwb, "is a series of NWB, whose axes begin with time"),
    "five axes": (hdf5("a", czyx(2)[None]), "5 dimensions, .*name their order with axes"),
    "BigDataViewer of two setups": (
        lambda folder: big_data_viewer(folder, 2),
        "2 points in time .*/t00000/s01/0/cells",
    ),
    "Imaris in time": (lambda folder: imaris(folder, 3), "3 points in time, .* such as .*TimePoint 0"),
    "ImageJ in time": (imagej(np.stack([zyx()] * 2), "TZYX"), "2 points in time .* axes t=0,z,y,x takes the first"),
    "ImageJ frames that are z": (imagej(zyx(), "TYX"), "5 points in time .*if that axis is z in truth"),
    "OME without its companion": (companion, r"part of an OME set that a\.companion\.ome describes"),
    "OME set with a file missing": (broken_set, "page 5 of the series is missing"),
    "OME colours and channels": (
        tiff(
            np.moveaxis(czyx(3, "uint8"), 0, -1)[None].repeat(2, 0),
            ome=True,
            photometric="rgb",
            metadata={"axes": "CZYXS"},
        ),
        "channels of several colours each",
    ),
    "CMYK": (pillow("CMYK"), r"inks \(CMYK\), .*convert it to gray or RGB"),
    "CIE Lab": (pillow("LAB", np.zeros((Y, X, 3), np.uint8)), r"L\*a\*b\* colours"),
    "YCbCr that is not JPEG": (
        tiff(np.zeros((16, 16, 3), np.uint8), photometric="ycbcr", subsampling=(1, 1), compression="zlib"),
        "YCbCr colours that are not JPEG-compressed",
    ),
    "Imaris without sizes": (imaris_without_sizes, "has no image size"),
    "Imaris of unlike channels": (imaris_of_unlike_channels, "channels of several sizes or types"),
    "slices with a gap": (
        slices(["s1.tif", "s2.tif", "s4.tif", "s5.tif", "s6.tif"]),
        "1 number is missing: 3; gaps close",
    ),
    "slices of two channels": (
        slices([f"s{z}_ch{c}.tif" for z in range(5) for c in range(2)], np.repeat(zyx(), 2, 0)),
        "a grid of 5 x 2 files",
    ),
    "points in time as files": (slices([f"run_t{t}.tif" for t in range(5)]), "the number after 't'"),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_foreign_file_that_cannot_be_understood_asks(tmp_path: Path, name: str) -> None:
    write, question = QUESTIONS[name]
    path = write(tmp_path) or next(tmp_path.iterdir())
    with pytest.raises(NgprecompError, match=question):
        open_source(path)


def test_the_number_of_foreign_files() -> None:
    assert len(FILES) + len(QUESTIONS) > 30
