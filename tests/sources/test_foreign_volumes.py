"""Small volumes as other programs write them: the outcome is right or a clear question, never a silent guess.

Each holds VOXELS, whose value tells the place (321 lies at x 1, y 2, z 3), in the writer's own convention.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dask.array
import imagecodecs
import mrcfile
import nibabel as nib
import numpy as np
import pytest
import tensorstore as ts
import xarray
import zarr
from PIL import Image

from ngprecomp.errors import NgprecompError
from ngprecomp.format.box import Box
from ngprecomp.sources.opening import open_source

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")  # the writers' own

X, Y, Z = np.ogrid[:5, :6, :7]
VOXELS = (X + 10 * Y + 100 * Z).astype("u2")  # [x, y, z]
ZYX = np.ascontiguousarray(VOXELS.T)


@dataclass(frozen=True)
class Outcome:
    """What has to come out: voxels [x, y, z, channel], voxel size, offset, words in the notes; or a question."""

    voxels: Any = None  # VOXELS
    resolution: Any = None
    offset: Any = None
    notes: tuple[str, ...] = ()
    question: str = ""
    axes: str | None = None
    dataset: str | None = None


CASES: dict[str, tuple[Callable[[Path], Any], Outcome]] = {}


def case(**expected: Any) -> Callable[[Callable[[Path], Any]], Callable[[Path], Any]]:
    def keep(write: Callable[[Path], Any]) -> Callable[[Path], Any]:
        CASES[write.__name__] = write, Outcome(**expected)
        return write

    return keep


# NIfTI, by nibabel


@case(
    resolution=(5e5, 5e5, 1e6),
    offset=(-180, 20, 30),
    notes=("the file's axes point to R, A, S", "in mm", "intent is label"),
    voxels=VOXELS.astype("i4"),
)
def nifti_label_atlas(tmp: Path) -> Any:
    image = nib.Nifti1Image(VOXELS.astype("i4"), nib.affines.from_matvec(np.diag([0.5, 0.5, 1]), [-90, 10, 30]))
    image.header.set_intent("label")
    image.header.set_xyzt_units("mm", "sec")
    nib.save(image, tmp / "atlas.nii.gz")
    return tmp / "atlas.nii.gz"


@case(
    resolution=(1e6, 1e6, 1e6), offset=(-90, 126, -72), notes=("point to L, P, S: nothing is mirrored", "taken as mm")
)
def nifti_of_dicom_in_lps(tmp: Path) -> Any:
    nib.save(nib.Nifti1Image(VOXELS, nib.affines.from_matvec(np.diag([-1, -1, 1]), [90, -126, -72])), tmp / "a.nii")
    return tmp / "a.nii"


@case(
    resolution=(1e6, 1e6, 1e6),
    offset=(90 - 4, -126 - 5, -72),
    voxels=VOXELS[::-1, ::-1],
    axes="-x,-y,z",
    notes=("the volume's x, y, z to R, A, S",),
)
def nifti_turned_to_ras(tmp: Path) -> Any:
    return nifti_of_dicom_in_lps(tmp)


@case(question="2 points in time")
def nifti_of_functional_mri(tmp: Path) -> Any:
    nib.save(nib.Nifti1Image(np.stack([VOXELS, VOXELS], -1), np.eye(4)), tmp / "bold.nii.gz")
    return tmp / "bold.nii.gz"


@case(voxels=(VOXELS * 2.0 - 1024).astype("f4"), resolution=(1e6, 1e6, 1e6), offset=(0, 0, 0), notes=("2 * stored",))
def nifti_of_ct_with_a_slope(tmp: Path) -> Any:
    image = nib.Nifti1Image(VOXELS.astype("i2"), np.eye(4))
    image.header.set_slope_inter(2, -1024)
    image.to_filename(tmp / "ct.nii")
    whole = bytearray((tmp / "ct.nii").read_bytes())  # nibabel stores values so that the slope gives them back
    whole[112:120] = struct.pack("<ff", 2, -1024)
    whole[352:] = VOXELS.astype("<i2").tobytes(order="F")
    (tmp / "ct.nii").write_bytes(whole)
    return tmp / "ct.nii"


@case(resolution=(10000, 10000, 25000), offset=(0, 0, 0), notes=("in micron",))
def nifti_2_pair_of_another_byte_order(tmp: Path) -> Any:
    header = nib.nifti2.Nifti2PairHeader(endianness=">")
    image = nib.Nifti2Pair(VOXELS, np.diag([10, 10, 25, 1]), header, dtype=VOXELS.dtype)
    image.header.set_xyzt_units("micron")
    nib.save(image, tmp / "a.hdr")
    return tmp / "a.img"


# Zarr, by zarr-python, xarray, TensorStore


def zarr_array(where: Any, array: Any, path: str | None = None, **options: Any) -> None:
    options = {"zarr_format": 2, "chunks": tuple(min(4, n) for n in array.shape)} | options
    zarr.create_array(where, name=path, shape=array.shape, dtype=array.dtype, **options)[...] = array


@case(resolution=(4, 4, 40), offset=(25, -50, 10), dataset="volumes/raw")
def zarr_of_funlib(tmp: Path) -> Any:
    attributes = {
        "voxel_size": [40, 4, 4],
        "offset": [400, -200, 100],
        "units": ["nm"] * 3,
        "axis_names": ["z", "y", "x"],
    }
    group = zarr.create_group(tmp / "a.zarr", zarr_format=2)
    zarr_array(group.store_path, ZYX, "volumes/raw", attributes=attributes)
    zarr_array(group.store_path, ZYX, "volumes/mask", attributes=attributes)
    return tmp / "a.zarr"


@case(voxels=np.stack([VOXELS, VOXELS + 1], -1), resolution=(8, 8, 40))
def zarr_of_affinities(tmp: Path) -> Any:
    names = {"axis_names": ["c^", "z", "y", "x"], "resolution": [40, 8, 8]}
    zarr_array(tmp / "affs.zarr", np.stack([ZYX, ZYX + 1]), attributes=names)
    return tmp / "affs.zarr"


@case(voxels=VOXELS.astype("u8") + np.uint64(1 << 63), resolution=(8, 8, 40), offset=(0, 1, 1), notes=("moves it by",))
def zarr_of_daisy_labels(tmp: Path) -> Any:
    labels = ZYX.astype("u8") + np.uint64(1 << 63)
    zarr_array(tmp / "seg.zarr", labels, attributes={"resolution": [40, 8, 8], "offset": [30, 8, 0]})
    return tmp / "seg.zarr"


@case(notes=("names of the dimensions", "the only one of 3 or more axes"))
def zarr_of_xarray(tmp: Path) -> Any:
    data = xarray.DataArray(VOXELS, dims=("x", "y", "z"), coords={"x": np.arange(5.0)}, name="density")
    data.to_dataset().to_zarr(tmp / "a.zarr", zarr_format=2)
    return tmp / "a.zarr"


@case(resolution=(4, 4, 40), notes=("names of the dimensions", "dimension_units"))
def zarr_3_of_tensorstore(tmp: Path) -> Any:
    spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": str(tmp / "a")}}
    domain = ts.IndexDomain(labels=["x", "y", "z"], shape=VOXELS.shape)
    units = ["4nm", "4nm", "40nm"]
    ts.open(spec, create=True, dtype="uint16", domain=domain, dimension_units=units).result()[...] = VOXELS
    return tmp / "a"


@case(notes=("default for Zarr of 3 dimensions; the names of its dimensions, lat, lon, depth, say nothing else",))
def zarr_of_other_names(tmp: Path) -> Any:
    zarr_array(tmp / "a", ZYX, attributes={"_ARRAY_DIMENSIONS": ["lat", "lon", "depth"]})
    return tmp / "a"


def ome_axes(letters: str) -> list[dict[str, str]]:
    kinds = {"t": {"type": "time", "unit": "second"}, "c": {"type": "channel"}}
    return [{"name": a, **kinds.get(a, {"type": "space", "unit": "micrometer"})} for a in letters]


def ome_image(letters: str, numbers: list[float], **more: Any) -> dict[str, Any]:
    scale = [{"type": "scale", "scale": numbers}]
    return {"axes": ome_axes(letters), "datasets": [{"path": "0", "coordinateTransformations": scale}], **more}


@case(voxels=np.stack([VOXELS, VOXELS + 1], -1), resolution=(4, 4, 40), notes=("axes tczyx: OME-Zarr axes",))
def ome_zarr_of_bioformats2raw(tmp: Path) -> Any:
    top = zarr.create_group(tmp / "a.zarr", zarr_format=2, attributes={"bioformats2raw.layout": 3})
    image = ome_image("tczyx", [1, 1, 0.04, 0.004, 0.004], version="0.4", name="0")
    zarr.create_group(top.store_path / "0", zarr_format=2, attributes={"multiscales": [image], "omero": {}})
    zarr_array(top.store_path, np.stack([ZYX, ZYX + 1])[np.newaxis], "0/0")
    (tmp / "a.zarr/OME").mkdir()
    (tmp / "a.zarr/OME/METADATA.ome.xml").write_text("<OME/>")
    return tmp / "a.zarr"


@case(resolution=(4, 4, 40), offset=(10, 0, 5), notes=("OME-Zarr translation",))
def ome_zarr_0_5_with_shards(tmp: Path) -> Any:
    image = ome_image("zyx", [0.04, 0.004, 0.004])
    image["datasets"][0]["coordinateTransformations"].append({"type": "translation", "translation": [0.2, 0, 0.04]})
    top = zarr.create_group(tmp / "a", attributes={"ome": {"version": "0.5", "multiscales": [image]}})
    zarr_array(top.store_path, ZYX, "0", zarr_format=3, chunks=(2, 2, 2), shards=(4, 4, 4))
    return tmp / "a"


@case(dataset="labels/cells", resolution=(4, 4, 40))
def ome_zarr_labels(tmp: Path) -> Any:
    image = {"multiscales": [ome_image("zyx", [0.04, 0.004, 0.004], version="0.4")]}
    top = zarr.create_group(tmp / "a", zarr_format=2, attributes=image)
    zarr_array(top.store_path, ZYX + 1, "0")
    zarr.create_group(top.store_path / "labels", zarr_format=2, attributes={"labels": ["cells"]})
    zarr.create_group(top.store_path / "labels/cells", zarr_format=2, attributes=image | {"image-label": {}})
    zarr_array(top.store_path, ZYX, "labels/cells/0")
    return tmp / "a"


@case(question=r"plate of 2 wells \(A/1, B/1\); name one image as FOLDER:A/1/0")
def ome_zarr_plate(tmp: Path) -> Any:
    wells = [{"path": "A/1", "rowIndex": 0}, {"path": "B/1", "rowIndex": 1}]
    zarr.create_group(tmp / "a", zarr_format=2, attributes={"plate": {"wells": wells, "version": "0.4"}})
    return tmp / "a"


@case(voxels=VOXELS, notes=("voxel size is not used: OME-Zarr says 1 x 1 x 1",))
def ome_zarr_without_units(tmp: Path) -> Any:
    image = ome_image("zyx", [1, 1, 1], version="0.4")
    image["axes"] = [{"name": a, "type": "space"} for a in "zyx"]
    zarr_array(zarr.create_group(tmp / "a", zarr_format=2, attributes={"multiscales": [image]}).store_path, ZYX, "0")
    return tmp / "a"


# N5, by TensorStore, with the attributes of the programs that write it


def n5_dataset(folder: Path, array: Any, **attributes: Any) -> None:
    """Write an array that is x first, as N5 lists dimensions."""
    sizes = {"dimensions": array.shape, "blockSize": [4] * array.ndim, "dataType": str(array.dtype)}
    metadata = sizes | {"compression": {"type": "gzip"}}
    spec = {"driver": "n5", "kvstore": {"driver": "file", "path": str(folder)}, "metadata": metadata}
    ts.open(spec, create=True).result()[...] = array
    told = json.loads((folder / "attributes.json").read_text())
    (folder / "attributes.json").write_text(json.dumps(told | attributes))


def n5_group(folder: Path, **attributes: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "attributes.json").write_text(json.dumps(attributes))
    return folder


@case(resolution=(4, 4, 40), offset=(10, -20, 1), notes=("s0: the finest of 2 levels",))
def n5_of_paintera(tmp: Path) -> Any:
    root = n5_group(tmp / "a.n5", n5="2.2.0")
    n5_group(root / "volumes")
    data = {"painteraData": {"type": "raw"}, "resolution": [4, 4, 40], "offset": [40, -80, 40]}
    n5_group(root / "volumes/raw", **data)
    n5_group(root / "volumes/raw/data", multiScale=True)
    n5_dataset(root / "volumes/raw/data/s0", VOXELS)
    n5_dataset(root / "volumes/raw/data/s1", VOXELS[::2, ::2], downsamplingFactors=[2, 2, 1])
    return root


@case(resolution=(100, 100, 500), notes=("pixelResolution",))
def n5_of_n5_viewer(tmp: Path) -> Any:
    root = n5_group(tmp / "a.n5", n5="2.0.0", pixelResolution={"dimensions": [0.1, 0.1, 0.5], "unit": "um"})
    n5_dataset(root / "c0/s0", VOXELS, downsamplingFactors=[1, 1, 1])
    n5_group(root / "c0")
    return root


@case(notes=("s0: the finest of 1 levels", "keeps the voxel size in its XML file"))
def n5_of_big_data_viewer(tmp: Path) -> Any:
    root = n5_group(tmp / "a.n5", n5="2.5.1")
    n5_group(root / "setup0", downsamplingFactors=[[1, 1, 1]], dataType="uint16")
    n5_group(root / "setup0/timepoint0", multiScale=True, resolution=[1.0, 1.0, 1.0])
    n5_dataset(root / "setup0/timepoint0/s0", VOXELS, downsamplingFactors=[1, 1, 1])
    return root


@case(resolution=(4, 4, 5.24), offset=(0, 3, 100), dataset="em/s0", notes=("attribute transform",))
def n5_of_cosem(tmp: Path) -> Any:
    root = n5_group(tmp / "jrc.n5", n5="2.0.0")
    n5_group(root / "em", multiscales=[{"datasets": [{"path": "s0"}]}], axes=["z", "y", "x"])
    transform = {"axes": ["z", "y", "x"], "scale": [5.24, 4, 4], "translate": [524, 12, 0], "units": ["nm"] * 3}
    pixel = {"dimensions": [4.0, 4.0, 5.24], "unit": "nm"}
    n5_dataset(root / "em/s0", VOXELS, transform=transform, pixelResolution=pixel)
    n5_dataset(root / "em/s1", VOXELS[::2], transform=transform)
    return root


@case(resolution=(4, 4, 40), notes=("attribute axes",))
def n5_of_tensorstore(tmp: Path) -> Any:
    spec = {"driver": "n5", "kvstore": {"driver": "file", "path": str(tmp / "a")}}
    domain = ts.IndexDomain(labels=["x", "y", "z"], shape=VOXELS.shape)
    units = ["4nm", "4nm", "40nm"]
    ts.open(spec, create=True, dtype="uint16", domain=domain, dimension_units=units).result()[...] = VOXELS
    return tmp / "a"


@case(question="some programs write fastest first and some slowest first; give axes")
def n5_with_its_axes_turned_round(tmp: Path) -> Any:
    n5_dataset(tmp / "a", ZYX, axes=["z", "y", "x"])
    return tmp / "a"


@case(question="4 dimensions, slowest first")
def n5_of_imagej_hyperstack(tmp: Path) -> Any:
    n5_dataset(tmp / "a", np.stack([VOXELS, VOXELS], 2))
    return tmp / "a"


@case(question="label multiset")
def n5_of_painted_labels(tmp: Path) -> Any:
    n5_dataset(tmp / "a", VOXELS.astype("u1"), isLabelMultiset=True)
    return tmp / "a"


# MRC, by mrcfile


@case(resolution=(1.35, 1.35, 1.35), offset=(0, 0, -200), voxels=VOXELS.astype("i2"))
def mrc_tomogram(tmp: Path) -> Any:
    with mrcfile.new(tmp / "ts_01.rec") as file:
        file.set_data(ZYX.astype("i2"))
        file.set_volume()
        file.voxel_size = 13.5
        file.nstart = (0, 0, -200)
    return tmp / "ts_01.rec"


@case(resolution=(0.2, 0.1, 0.4), notes=("axes xzy: MAPC, MAPR and MAPS",))
def mrc_map_of_crystallographers(tmp: Path) -> Any:
    with mrcfile.new(tmp / "a.map") as file:
        file.set_data(np.ascontiguousarray(VOXELS.transpose(0, 2, 1)))  # sections along x, rows z, columns y
        file.set_volume()
        file.header.mapc, file.header.mapr, file.header.maps = 2, 3, 1
        file.header.mx, file.header.my, file.header.mz = VOXELS.shape
        file.header.cella = (2 * 5, 1 * 6, 4 * 7)
    return tmp / "a.map"


@case(voxels=(VOXELS % 256).astype("u1"), notes=("bytes are taken as unsigned",))
def mrc_of_old_imod(tmp: Path) -> Any:
    with mrcfile.new(tmp / "a.st") as file:
        file.set_data((ZYX % 256).astype("u1").view("i1"))
    whole = bytearray((tmp / "a.st").read_bytes())
    whole[152:160] = struct.pack("<ii", 1146047817, 0)
    (tmp / "a.st").write_bytes(whole)
    return tmp / "a.st"


# Pictures, by Pillow and imagecodecs


@case(notes=("7 slices, section 1.png ... section 7.png",), voxels=(VOXELS % 256).astype("u1"))
def png_sections(tmp: Path) -> Any:
    for z, section in enumerate((ZYX % 256).astype("u1")):
        Image.fromarray(section).save(tmp / f"section {z + 1}.png", dpi=(300, 300))
    (tmp / "Thumbs.db").write_bytes(b"")
    return tmp


@case(question="1 number is missing: 4")
def png_sections_with_a_gap(tmp: Path) -> Any:
    png_sections(tmp)
    (tmp / "section 4.png").unlink()
    return tmp


@case()
def png_of_16_bits(tmp: Path) -> Any:
    for z, section in enumerate(ZYX):
        (tmp / f"z{z:02}.png").write_bytes(imagecodecs.png_encode(section))
    return f"{tmp}/z*.png"


@case(question="palette of colours")
def png_masks_with_a_palette(tmp: Path) -> Any:
    for z in range(3):
        mask = Image.fromarray(ZYX[z].astype("u1")).convert("P")
        mask.save(tmp / f"mask_{z}.png")
    return tmp


@case(voxels=(np.stack([VOXELS] * 3, -1) % 256).astype("u1"))
def png_screenshots_with_opaque_alpha(tmp: Path) -> Any:
    for z, section in enumerate((ZYX % 256).astype("u1")):
        Image.fromarray(section).convert("RGBA").save(tmp / f"{z}.png")
    return tmp


# NumPy, dask, xarray


@case(question=r"2 arrays; name one as FILE:NAME; they are raw \(7, 6, 5\) uint16, ids")
def npz_of_two(tmp: Path) -> Any:
    np.savez_compressed(tmp / "a.npz", raw=ZYX, ids=np.arange(3))
    return tmp / "a.npz"


@case(question="does not say which axis is x; give axes")
def dask_without_axes(tmp: Path) -> Any:
    return dask.array.from_array(ZYX, chunks=4)


@case(axes="zyx")
def dask_with_axes(tmp: Path) -> Any:
    return dask.array.from_array(ZYX, chunks=4)


@case(resolution=(4, 4, 40), offset=(2, 0, -1), notes=("axes xzy: dimensions x, z, y", "coordinates"))
def xarray_with_coordinates(tmp: Path) -> Any:
    told = {"units": "nm"}
    coordinates = {"x": 8 + 4 * np.arange(5), "y": 4 * np.arange(6.0), "z": -40 + 40 * np.arange(7)}
    held = dask.array.from_array(VOXELS, chunks=3)
    array = xarray.DataArray(held, dims=("x", "y", "z"), coords={k: (k, v, told) for k, v in coordinates.items()})
    return array.transpose("x", "z", "y")


@case(question="does not say which axis is x")
def xarray_of_other_names(tmp: Path) -> Any:
    return xarray.DataArray(ZYX, dims=("lat", "lon", "depth"))


@pytest.mark.parametrize("name", CASES)
def test_foreign_volume(tmp_path: Path, name: str) -> None:
    write, expected = CASES[name]
    written = write(tmp_path)
    if expected.question:
        with pytest.raises(NgprecompError, match=expected.question):
            open_source(written, axes=expected.axes, dataset=expected.dataset)
        return
    source = open_source(written, axes=expected.axes, dataset=expected.dataset)
    voxels = VOXELS if expected.voxels is None else expected.voxels
    voxels = voxels.reshape(*voxels.shape[:3], -1)
    assert (source.shape, source.dtype) == (voxels.shape, voxels.dtype), source.notes
    assert (source.resolution, source.voxel_offset) == (expected.resolution, expected.offset), source.notes
    np.testing.assert_array_equal(source.read(Box.of_size(source.shape[:3])), voxels)
    assert source.read(Box((1, 2, 3), (2, 3, 4)))[0, 0, 0, 0] == voxels[1, 2, 3, 0]
    for words in expected.notes:
        assert any(words in note for note in source.notes), source.notes
    source.close()
