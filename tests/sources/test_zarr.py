from __future__ import annotations

import json
import pickle
import shutil
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr

from ngprecomp.errors import NotFoundError, OptionError, SourceError
from ngprecomp.format.box import Box
from ngprecomp.sources.opening import open_source
from tests.sources.reading import check_reads, noise, read_all, xyzc

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")  # zarr's own, while the tests write


def save(where: Any, array: np.ndarray[Any, Any], path: str | None = None, **options: Any) -> zarr.Array:
    options = {"chunks": tuple(min(4, size) for size in array.shape), "zarr_format": 3} | options
    stored = zarr.create_array(where, name=path, shape=array.shape, dtype=array.dtype, **options)
    stored[...] = array
    return stored


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("dtype", ["u1", ">u2", "i4", "u8", "f4", "?"])
def test_an_array(tmp_path: Path, version: int, dtype: str) -> None:
    array = noise((5, 7, 9), dtype)
    save(tmp_path / "a", array, zarr_format=version)
    source = open_source(tmp_path / "a")
    assert source.axes == "zyx"
    assert source.block == (4, 4, 4)
    assert source.unwritten_chunks == 0
    check_reads(source, xyzc(array.astype(array.dtype.newbyteorder("=")), "zyx"))


def options() -> list[dict[str, Any]]:
    codecs = zarr.codecs
    return [
        {"compressors": None},
        {"compressors": codecs.GzipCodec()},
        {"compressors": codecs.BloscCodec(cname="lz4")},
        {"chunks": (2, 4, 4), "shards": (4, 8, 8)},
        {"order": "F", "zarr_format": 2},
        {"zarr_format": 2, "chunk_key_encoding": {"name": "v2", "separator": "/"}},
        {"chunk_key_encoding": {"name": "v2", "separator": "."}},
    ]


@pytest.mark.parametrize("options", options(), ids=str)
def test_ways_to_store(tmp_path: Path, options: dict[str, Any]) -> None:
    array = noise((5, 7, 9), "u8")
    save(tmp_path / "a", array, **options)
    source = open_source(tmp_path / "a")
    check_reads(source, xyzc(array, "zyx"))
    assert source.unwritten_chunks == 0


def test_files_and_decoded_bytes(tmp_path: Path) -> None:
    array = noise((8, 8, 16))
    save(tmp_path / "a", array, chunks=(2, 4, 4), shards=(4, 8, 8))
    source = open_source(tmp_path / "a")
    assert source.files == (f"{tmp_path}/a/zarr.json",)
    source.read(Box((1, 1, 1), (2, 2, 2)))
    assert source.decoded_bytes == 2 * 4 * 4 * 2
    save(tmp_path / "b", array, zarr_format=2, attributes={"a": 1})
    assert open_source(tmp_path / "b").files == (f"{tmp_path}/b/.zarray", f"{tmp_path}/b/.zattrs")


def test_a_zip_archive(tmp_path: Path) -> None:
    array = noise((5, 7, 9))
    group = zarr.create_group(tmp_path / "a.zarr")
    save(group.store_path, array, "raw")
    for folder, name in ((tmp_path / "a.zarr", "inside"), (tmp_path, "around")):
        archive = shutil.make_archive(str(tmp_path / name), "zip", folder, None if name == "inside" else "a.zarr")
        source = open_source(archive)
        assert source.files == (archive,)
        check_reads(source, xyzc(array, "zyx"))


def test_chunks_that_are_not_stored_are_counted(tmp_path: Path) -> None:
    for options in ({"zarr_format": 2}, {"shards": (4, 8, 8)}):
        shutil.rmtree(tmp_path / "a", ignore_errors=True)
        stored = zarr.create_array(
            tmp_path / "a", shape=(8, 8, 16), chunks=(4, 4, 4), dtype="u2", fill_value=7, **{"zarr_format": 3} | options
        )
        stored[:4, :4, :4] = 1
        source = open_source(tmp_path / "a")
        assert source.unwritten_chunks == (15 if "zarr_format" in options else 3)
        assert any("are not stored and read as the fill value 7" in note for note in source.notes)
        assert set(np.unique(read_all(source))) == {1, 7}


@pytest.mark.parametrize("version", [2, 3])
def test_groups(tmp_path: Path, version: int) -> None:
    raw, labels = noise((5, 7, 9)), noise((5, 7, 9), "u8")
    group = zarr.create_group(tmp_path / "a", zarr_format=version)
    for name, array in (("volumes/raw", raw), ("volumes/labels", labels), ("ids", np.arange(5))):
        save(group.store_path, array, name, zarr_format=version)
    (tmp_path / "a" / "notes.txt").write_text("foreign")
    with pytest.raises(
        SourceError, match=r"2 volumes; name one as FOLDER:PATH; they are ids \(5,\).*volumes/labels.*uint64"
    ):
        open_source(tmp_path / "a")
    for source in (
        open_source(f"{tmp_path}/a:volumes/labels"),
        open_source(tmp_path / "a", dataset="volumes/labels"),
        open_source(tmp_path / "a/volumes/labels"),
        open_source(tmp_path / "a/volumes", dataset="labels"),
    ):
        check_reads(source, xyzc(labels, "zyx"))
    with pytest.raises(NotFoundError, match="no group or array 'masks'; it holds ids, volumes"):
        open_source(f"{tmp_path}/a:masks")
    shutil.rmtree(tmp_path / "a/volumes/labels")
    check_reads(open_source(tmp_path / "a"), xyzc(raw, "zyx"))


def test_zarr_objects(tmp_path: Path) -> None:
    array = noise((5, 7, 9))
    group = zarr.create_group(tmp_path / "a")
    stored = save(group.store_path, array, "raw")
    check_reads(open_source(stored), xyzc(array, "zyx"))
    check_reads(open_source(group), xyzc(array, "zyx"))
    check_reads(open_source(group, dataset="raw", axes="xyz"), xyzc(array, "xyz"))
    in_memory = zarr.create_array({}, shape=array.shape, dtype=array.dtype)
    in_memory[...] = array
    source = open_source(in_memory)
    assert source.files == ()
    np.testing.assert_array_equal(read_all(source), xyzc(array, "zyx"))
    source.close()
    assert stored[0, 0, 0] == array[0, 0, 0], "the caller's store stays open"


@pytest.mark.parametrize(
    ("names", "axes"),
    [(["x", "y", "z"], "xyz"), (["channel", "z", "y", "x"], "czyx"), (["time", "Z", "Y", "X"], "tzyx")],
)
@pytest.mark.parametrize("version", [2, 3])
def test_names_of_dimensions(tmp_path: Path, names: list[str], axes: str, version: int) -> None:
    array = noise((1, 5, 7, 9)[-len(names) :])
    told: dict[str, Any] = {"dimension_names": names} if version == 3 else {"attributes": {"_ARRAY_DIMENSIONS": names}}
    save(tmp_path / "a", array, zarr_format=version, **told)
    source = open_source(tmp_path / "a")
    assert source.axes == axes
    assert f"axes {axes}: names of the dimensions" in source.notes
    check_reads(source, xyzc(array[0] if "t" in axes else array, axes.replace("t", "")))


def test_names_that_say_nothing(tmp_path: Path) -> None:
    save(tmp_path / "a", noise((5, 7, 9)), dimension_names=["dim_0", "dim_1", "dim_2"])
    assert any("dim_0, dim_1, dim_2, say nothing else" in note for note in open_source(tmp_path / "a").notes)
    save(tmp_path / "b", noise((1, 1, 5, 7, 9)))
    with pytest.raises(SourceError, match=r"5 dimensions, shape \(1, 1, 5, 7, 9\); name their order"):
        open_source(tmp_path / "b")


@pytest.mark.parametrize(
    ("attributes", "resolution", "offset"),
    [
        ({"resolution": [40, 4, 8], "offset": [400, 80, -16]}, (8, 4, 40), (-2, 20, 10)),
        ({"voxel_size": [40, 4, 4], "units": ["nm", "nm", "nm"], "offset": [0, 0, 8]}, (4, 4, 40), (2, 0, 0)),
        ({"voxel_size": [0.04, 0.004, 0.004], "units": ["um"] * 3}, (4, 4, 40), None),
        ({"voxel_size": [40, 4, 4]}, None, None),
        ({"resolution": [0.04, 0.004, 0.004]}, None, None),
        ({"resolution": "fine"}, None, None),
        (
            {"transform": {"axes": ["x", "y", "z"], "scale": [8, 4, 40], "translate": [8, 0, 0], "units": ["nm"] * 3}},
            (8, 4, 40),
            (1, 0, 0),
        ),
        ({"transform": {"axes": ["a"], "scale": [8], "translate": [8], "units": ["nm"]}}, None, None),
        ({"transform": 1}, None, None),
        ({"dimension_units": ["40 nm", "0.004 um", "8 nm"]}, (8, 4, 40), None),
        ({"dimension_units": ["40 nm", None, "8 nm"]}, None, None),
    ],
)
@pytest.mark.parametrize("ndim", [3, 4])
def test_attributes(tmp_path: Path, attributes: dict[str, Any], resolution: Any, offset: Any, ndim: int) -> None:
    if ndim == 4 and "dimension_units" in attributes:
        attributes = {"dimension_units": [None, *attributes["dimension_units"]]}
    save(tmp_path / "a", noise((2, 5, 7, 9)[-ndim:]), attributes=attributes)
    source = open_source(tmp_path / "a")
    assert source.resolution == resolution
    assert source.voxel_offset == offset
    assert resolution or any("not used" in note for note in source.notes)


def multiscale(version: str, axes: Any, transforms: list[Any], top: list[Any] | None = None) -> dict[str, Any]:
    image: dict[str, Any] = {
        "datasets": [{"path": str(n), "coordinateTransformations": t} for n, t in enumerate(transforms)]
    }
    image |= {"axes": axes} if axes else {}
    image |= {"coordinateTransformations": top} if top else {}
    if version == "0.5":
        return {"ome": {"version": version, "multiscales": [image]}}
    return {"multiscales": [{"version": version, **image}]}


def described(letters: str, unit: str | None = "micrometer") -> list[dict[str, Any]]:
    kinds = {"c": "channel", "t": "time"}
    return [
        {"name": letter, "type": kinds.get(letter, "space")} | ({"unit": unit} if unit and letter in "xyz" else {})
        for letter in letters
    ]


def scale(*numbers: float) -> dict[str, Any]:
    return {"type": "scale", "scale": list(numbers)}


def translation(*numbers: float) -> dict[str, Any]:
    return {"type": "translation", "translation": list(numbers)}


def save_image(where: Path, arrays: list[np.ndarray[Any, Any]], attributes: dict[str, Any], version: int = 3) -> None:
    group = zarr.create_group(where, zarr_format=version, attributes=attributes)
    for level, array in enumerate(arrays):
        save(group.store_path, array, str(level), zarr_format=version)


@pytest.mark.parametrize(("version", "number"), [(2, "0.4"), (3, "0.5")])
def test_ome_zarr(tmp_path: Path, version: int, number: str) -> None:
    levels = [noise((2, 5, 8, 10)), noise((2, 5, 4, 5))]
    transforms = [[scale(1, 0.04, 0.004, 0.004)], [scale(1, 0.04, 0.008, 0.008), translation(0, 0, 0.002, 0.002)]]
    save_image(tmp_path / "a", levels, multiscale(number, described("czyx"), transforms), version)
    source = open_source(tmp_path / "a")
    assert source.axes == "czyx"
    assert source.resolution == (4, 4, 40)
    assert source.voxel_offset is None
    assert any("level 0 of the 2 of the OME-Zarr image" in note for note in source.notes)
    check_reads(source, xyzc(levels[0], "czyx"))
    for coarser in (
        open_source(f"{tmp_path}/a:1"),
        open_source(tmp_path / "a/1"),
        open_source(zarr.open(tmp_path / "a/1")),
    ):
        assert coarser.resolution == (8, 8, 40)
        assert coarser.voxel_offset == (0, 0, 0)
        assert any("moves it by -2, -2, 0 nm" in note for note in coarser.notes)
        check_reads(coarser, xyzc(levels[1], "czyx"))


def test_ome_transforms_are_multiplied(tmp_path: Path) -> None:
    array = noise((5, 8, 10))
    transforms = [[scale(2, 1, 1), translation(20, 0, 1)]]
    attributes = multiscale("0.4", described("zyx", "nanometer"), transforms, [scale(20, 4, 4), translation(0, 8, 0)])
    save_image(tmp_path / "a", [array], attributes, 2)
    source = open_source(tmp_path / "a")
    assert source.resolution == (4, 4, 40)
    assert source.voxel_offset == (1, 2, 10)


@pytest.mark.parametrize(
    ("unit", "transforms", "note"),
    [
        (None, [[scale(2, 1, 1)]], r"OME-Zarr says 2 x 1 x 1 \(zyx\) in unit none"),
        ("parsec", [[scale(2, 1, 1)]], "in unit parsec"),
        ("nanometer", [[]], "tells no voxel size"),
        ("nanometer", [[{"type": "scale", "path": "scales"}]], "that are not numbers"),
        ("nanometer", [[scale(2, 1)]], "that are not numbers"),
        ("nanometer", [[scale(2, 0, 1)]], "OME-Zarr scale says 1, 0, 2"),
    ],
)
def test_ome_sizes_that_cannot_be_used(tmp_path: Path, unit: str | None, transforms: Any, note: str) -> None:
    save_image(tmp_path / "a", [noise((5, 8, 10))], multiscale("0.5", described("zyx", unit), transforms))
    source = open_source(tmp_path / "a")
    assert source.resolution is None
    assert any(__import__("re").search(note, told) for told in source.notes), source.notes


@pytest.mark.parametrize(
    ("version", "axes", "shape", "found"),
    [
        ("0.1", None, (1, 2, 5, 7, 9), "tczyx"),
        ("0.3", ["c", "z", "y", "x"], (2, 5, 7, 9), "czyx"),
        ("0.4", described("xyz"), (5, 7, 9), "xyz"),
        ("0.4", described("yx"), (7, 9), "yx"),
    ],
)
def test_ome_axes(tmp_path: Path, version: str, axes: Any, shape: tuple[int, ...], found: str) -> None:
    array = noise(shape)
    save_image(tmp_path / "a", [array], multiscale(version, axes, [[scale(*[1.0] * len(shape))]]), 2)
    source = open_source(tmp_path / "a")
    assert source.axes == found
    check_reads(source, xyzc(array[0] if "t" in found else array, found.replace("t", "")))


def test_ome_questions(tmp_path: Path) -> None:
    save_image(tmp_path / "a", [noise((2, 5, 7, 9))], multiscale("0.4", described("abcd"), [[]]), 2)
    with pytest.raises(SourceError, match="OME-Zarr image without axes x, y, z, c or t; name their order"):
        open_source(tmp_path / "a")
    assert open_source(tmp_path / "a", axes="czyx").shape == (9, 7, 5, 2)
    save_image(tmp_path / "t", [noise((3, 5, 7, 9))], multiscale("0.4", described("tzyx"), [[scale(1, 1, 1, 1)]]), 2)
    with pytest.raises(OptionError, match="3 points in time"):
        open_source(tmp_path / "t")
    chosen = open_source(tmp_path / "t", axes="t=1,z,y,x")
    assert chosen.resolution == (1000, 1000, 1000)
    save_image(tmp_path / "d", [noise((5, 7, 9))], {"multiscales": [{"datasets": 3}]}, 2)
    with pytest.raises(SourceError, match="damaged OME-Zarr multiscales"):
        open_source(tmp_path / "d")


def test_ome_labels(tmp_path: Path) -> None:
    raw, cells = noise((5, 7, 9)), noise((5, 7, 9), "u4")
    attributes = multiscale("0.4", described("zyx"), [[scale(1, 1, 1)]])
    save_image(tmp_path / "a", [raw], attributes, 2)
    zarr.create_group(tmp_path / "a/labels", zarr_format=2, attributes={"labels": ["cells"]})
    save_image(tmp_path / "a/labels/cells", [cells], attributes, 2)
    source = open_source(tmp_path / "a")
    assert "label images beside it: labels/cells" in source.notes
    check_reads(source, xyzc(raw, "zyx"))
    for name in ("labels/cells", "labels", "labels/cells/0"):
        labels = open_source(f"{tmp_path}/a:{name}")
        assert labels.resolution == (1000, 1000, 1000)
        check_reads(labels, xyzc(cells, "zyx"))


def test_ome_plates_and_series(tmp_path: Path) -> None:
    array = noise((5, 7, 9))
    image = multiscale("0.4", described("zyx"), [[scale(1, 1, 1)]])
    wells = {"plate": {"wells": [{"path": "A/1"}, {"path": "A/2"}]}}
    zarr.create_group(tmp_path / "p", zarr_format=2, attributes=wells)
    zarr.create_group(tmp_path / "p/A", zarr_format=2)
    zarr.create_group(tmp_path / "p/A/1", zarr_format=2, attributes={"well": {"images": [{"path": "0"}]}})
    save_image(tmp_path / "p/A/1/0", [array], image, 2)
    with pytest.raises(SourceError, match=r"plate of 2 wells \(A/1, A/2\); name one image as FOLDER:A/1/0"):
        open_source(tmp_path / "p")
    check_reads(open_source(f"{tmp_path}/p:A/1"), xyzc(array, "zyx"))
    zarr.create_group(tmp_path / "s", zarr_format=2, attributes={"bioformats2raw.layout": 3})
    zarr.create_group(tmp_path / "s/OME", zarr_format=2)
    save_image(tmp_path / "s/0", [array], image, 2)
    check_reads(open_source(tmp_path / "s"), xyzc(array, "zyx"))
    save_image(tmp_path / "s/1", [array], image, 2)
    with pytest.raises(SourceError, match=r"group of 2 volumes; name one as FOLDER:PATH; they are 0/0 .*, 1/0 "):
        open_source(tmp_path / "s")


def test_damage(tmp_path: Path) -> None:
    save(tmp_path / "a", noise((5, 7, 9)), compressors=zarr.codecs.GzipCodec())
    chunk = tmp_path / "a/c/0/0/0"
    chunk.write_bytes(chunk.read_bytes()[:10])
    with pytest.raises(SourceError, match=r"a is damaged near \(0, 0, 0\)"):
        read_all(open_source(tmp_path / "a"))
    metadata = json.loads((tmp_path / "a/zarr.json").read_text())
    (tmp_path / "a/zarr.json").write_text(json.dumps(metadata | {"codecs": [{"name": "unknown"}]}))
    with pytest.raises(SourceError, match="does not read as Zarr"):
        open_source(tmp_path / "a")
    (tmp_path / "a/zarr.json").write_text("{")
    with pytest.raises(SourceError, match="does not read as Zarr"):
        open_source(tmp_path / "a")


def test_an_empty_group_and_records(tmp_path: Path) -> None:
    zarr.create_group(tmp_path / "a")
    with pytest.raises(SourceError, match="group of 0 volumes; it holds no array"):
        open_source(tmp_path / "a")
    zarr.create_array(tmp_path / "b", shape=(2, 2, 2), dtype=[("a", "u1")], zarr_format=2)
    with pytest.raises(SourceError, match="holds records"):
        open_source(tmp_path / "b")


def test_pickles_read_in_other_processes(tmp_path: Path) -> None:
    save(tmp_path / "a", noise((5, 7, 9)))
    assert len(pickle.dumps(open_source(tmp_path / "a"))) < 10_000


def test_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "a", noise((5, 7, 9)))
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(SourceError, match=r"reading Zarr needs zarr: pip install 'ngprecomp\[zarr\]'"):
        open_source(tmp_path / "a")


def test_groups_that_nobody_marked(tmp_path: Path) -> None:
    array = noise((5, 7, 9))
    save(tmp_path / "a.zarr/volumes/raw", array)
    check_reads(open_source(f"{tmp_path}/a.zarr:volumes/raw"), xyzc(array, "zyx"))


def test_pyramids_without_metadata(tmp_path: Path) -> None:
    fine = noise((5, 8, 10))
    group = zarr.create_group(tmp_path / "a")
    save(group.store_path, fine, "raw/s0", attributes={"resolution": [40, 4, 4]})
    save(group.store_path, fine[:, ::2, ::2], "raw/s1", attributes={"resolution": [40, 8, 8]})
    source = open_source(tmp_path / "a")
    assert "s0 of raw: the finest of 2 levels" in source.notes
    assert source.resolution == (4, 4, 40)
    check_reads(source, xyzc(fine, "zyx"))
    assert open_source(f"{tmp_path}/a:raw/s1").resolution == (8, 8, 40)
