from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pytest

from ngprecomp.errors import NgprecompError, NotFoundError, OptionError, SourceError
from ngprecomp.format.box import Box
from ngprecomp.sources.opening import open_source
from tests.sources.foreign import czyx, zyx
from tests.sources.foreign_hdf5 import axistags, big_data_viewer, imaris, raw
from tests.sources.reading import check_reads, noise, read_all, xyzc

if TYPE_CHECKING:
    from pathlib import Path


def write(path: Path, array: np.ndarray[Any, Any], name: str = "volume", **options: Any) -> str:
    with h5py.File(path, "w") as file:
        file.create_dataset(name, data=array, **options)
    return str(path)


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", ">u2", "i4", ">u4", "u8", ">u8", "f4", ">f4", "f8", "f2", "?"])
@pytest.mark.parametrize(
    "options",
    [{}, {"chunks": (2, 5, 7)}, {"chunks": (2, 5, 7), "compression": "gzip", "shuffle": True, "fletcher32": True}],
    ids=["contiguous", "chunked", "filtered"],
)
def test_every_type(tmp_path: Path, dtype: str, options: dict[str, Any]) -> None:
    array = noise((5, 11, 9), dtype)
    native = array.astype(array.dtype.newbyteorder("="))
    check_reads(open_source(write(tmp_path / "a.h5", array, **options)), xyzc(native, "zyx"))


@pytest.mark.parametrize("shape", [(1, 1, 40), (40, 1, 1), (1, 40, 1), (1, 1, 1)])
def test_thin_shapes(tmp_path: Path, shape: tuple[int, ...]) -> None:
    array = noise(shape, "u8")
    path = write(tmp_path / "a.h5", array, chunks=tuple(min(size, 7) for size in shape), compression="gzip")
    check_reads(open_source(path), xyzc(array, "zyx"))


@pytest.mark.parametrize(
    ("shape", "axes", "expected_axes"),
    [
        ((6, 5), None, "yx"),
        ((6, 5, 4), None, "zyx"),
        ((2, 6, 5, 4), None, "czyx"),
        ((6, 5, 4), "xyz", "xyz"),
        ((6, 5, 4, 3), "ZYXC", "zyxc"),
        ((1, 2, 6, 5, 4), "tczyx", "tczyx"),
    ],
)
def test_axes(tmp_path: Path, shape: tuple[int, ...], axes: str | None, expected_axes: str) -> None:
    array = noise(shape)
    source = open_source(write(tmp_path / "a.h5", array, chunks=True), dataset="volume", axes=axes)
    assert source.axes == expected_axes
    assert f"axes {expected_axes}: {'as asked' if axes else 'default for HDF5'}" in source.notes[0]
    check_reads(source, xyzc(array.reshape(shape[-4:]), expected_axes.removeprefix("t")))


def test_five_dimensions_need_axes(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"5 dimensions, shape \(1, 2, 6, 5, 4\); name their order"):
        open_source(write(tmp_path / "a.h5", noise((1, 2, 6, 5, 4))), dataset="volume")


def test_a_dataset_is_named_after_the_colon_by_keyword_or_found_alone(tmp_path: Path) -> None:
    array = noise((3, 4, 5))
    path = write(tmp_path / "a:b.h5", array, "volumes/raw")
    for source in (path, f"{path}:volumes/raw", f"{path}:/volumes/raw"):
        assert open_source(source).name == f"{path}:/volumes/raw"
    assert open_source(path, dataset="volumes/raw").shape == (5, 4, 3, 1)
    assert "only one" in open_source(path).notes[0]
    with pytest.raises(OptionError, match="two different datasets"):
        open_source(f"{path}:volumes/raw", dataset="volumes/labels")


def test_datasets_are_listed_where_a_name_is_missing_or_wrong(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["raw"] = noise((3, 4, 5))
        file["more/labels"] = noise((3, 4, 5), "u8")
        file["table"] = noise((3,))
        file["gone"] = h5py.ExternalLink("nowhere.h5", "/raw")
    path = str(tmp_path / "a.h5")
    with pytest.raises(SourceError, match=r"2 datasets of 3 or 4.*/more/labels \(3, 4, 5\) uint64, /raw"):
        open_source(path)
    with pytest.raises(NotFoundError, match=r"no dataset 'labels'; it holds /more/labels \(3, 4, 5\) uint64"):
        open_source(f"{path}:labels")
    with pytest.raises(SourceError, match="is a group, not a dataset"):
        open_source(f"{path}:more")
    with pytest.raises(NotFoundError, match=r"link to /raw in nowhere\.h5"):
        open_source(f"{path}:gone")


def test_a_link_to_another_file_is_followed(tmp_path: Path) -> None:
    array = noise((3, 4, 5))
    write(tmp_path / "real.h5", array, "inner/raw")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["raw"] = h5py.ExternalLink("real.h5", "/inner/raw")
    check_reads(open_source(f"{tmp_path}/a.h5:raw"), xyzc(array, "zyx"))


def test_what_holds_no_voxels_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["text"] = "hello"
        file["words"] = np.array([b"a", b"b"])
        file["records"] = np.zeros((2, 2, 2), dtype=[("a", "u1"), ("b", "f4")])
        file["complex"] = np.zeros((2, 2, 2), "c8")
        file["thin"] = np.zeros((2, 0, 2), "u1")
        file["null"] = h5py.Empty("f4")
        file["number"] = 5
    for name, message in (
        ("text", "holds type object"),
        ("words", r"holds type \|S1"),
        ("records", "holds records"),
        ("complex", "holds type complex64"),
        ("thin", r"is empty: shape \(2, 0, 2\)"),
        ("null", "no dataspace"),
        ("number", "0 dimensions"),
    ):
        with pytest.raises(SourceError, match=message):
            open_source(f"{tmp_path}/a.h5:{name}")


def test_the_signature_counts_not_the_suffix(tmp_path: Path) -> None:
    array = noise((3, 4, 5))
    with h5py.File(tmp_path / "data.mat", "w", userblock_size=512) as file:
        file.create_dataset("A", data=array).attrs["MATLAB_class"] = np.bytes_("uint16")
    with pytest.raises(SourceError, match=r"written by MATLAB.*zxy for an array A\(y, x, z\)"):
        open_source(tmp_path / "data.mat")
    check_reads(open_source(tmp_path / "data.mat", axes="zxy"), xyzc(array, "zxy"))


def test_cremi_attributes_become_voxel_size_and_offset(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        volume = file.create_dataset("raw", data=noise((3, 4, 5)))
        volume.attrs["resolution"] = (40.0, 4.0, 8.0)
        volume.attrs["offset"] = (-80.0, 6.0, 16.0)
    source = open_source(tmp_path / "a.h5")
    assert source.resolution == (8.0, 4.0, 40.0)
    assert source.voxel_offset in ((2, 1, -2), (2, 2, -2))
    assert any("8 x 4 x 40 nm" in note and "attribute resolution" in note for note in source.notes)
    assert any("rounded" in note and ("0, -2, 0" in note or "0, 2, 0" in note) for note in source.notes)


def test_element_size_in_micrometres(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        volume = file.create_dataset("raw", data=noise((3, 4, 5)))
        volume.attrs["element_size_um"] = (0.04, 0.004, 0.008)
    source = open_source(tmp_path / "a.h5")
    np.testing.assert_allclose(source.resolution, (8, 4, 40))
    assert source.voxel_offset is None
    source.close()
    with h5py.File(tmp_path / "a.h5", "a") as file:
        file["raw"].attrs["resolution"] = (30, 5, 5)
    source = open_source(tmp_path / "a.h5")
    assert source.resolution == (5, 5, 30)
    assert any("element_size_um" in n and "says 8 x 4 x 40 nm instead and is ignored" in n for n in source.notes)


@pytest.mark.parametrize("value", ["high", (1.0, 2.0), (0.0, 4.0, 4.0), (np.nan, 4.0, 4.0), h5py.Empty("f4")])
def test_unusable_attributes_are_named_and_ignored(tmp_path: Path, value: Any) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        volume = file.create_dataset("raw", data=noise((3, 4, 5)))
        volume.attrs["resolution"] = value
        volume.attrs["offset"] = (0.0, 0.0, 0.0)
    source = open_source(tmp_path / "a.h5")
    assert source.resolution is None
    assert source.voxel_offset is None
    assert any("attribute resolution" in note and "is not used: expected" in note for note in source.notes)
    assert any("attribute offset is not used" in note for note in source.notes)


def test_a_dataset_of_the_caller_stays_open(tmp_path: Path) -> None:
    array = noise((3, 4, 5))
    with h5py.File(write(tmp_path / "a.h5", array, chunks=True, compression="gzip"), "r") as file:
        check_reads(open_source(file["volume"]), xyzc(array, "zyx"))
        check_reads(open_source(file), xyzc(array, "zyx"))
        assert file
    with h5py.File("in memory", "w", driver="core", backing_store=False) as file:
        source = open_source(file.create_dataset("a", data=array))
        np.testing.assert_array_equal(read_all(source), xyzc(array, "zyx"))


def test_a_box_outside_is_refused(tmp_path: Path) -> None:
    source = open_source(write(tmp_path / "a.h5", noise((3, 4, 5))))
    with pytest.raises(IndexError, match="leaves"):
        source.read(Box((0, 0, 0), (5, 4, 4)))


def test_many_threads_read_at_once(tmp_path: Path) -> None:
    array = noise((20, 30, 40), "u8")
    source = open_source(write(tmp_path / "a.h5", array, chunks=(3, 7, 11), compression="gzip", shuffle=True))
    expected = xyzc(array, "zyx")
    boxes = [Box((x, y, 3), (x + 9, y + 11, 17)) for x in range(0, 30, 5) for y in range(0, 19, 3)]
    with ThreadPoolExecutor(4) as pool:
        for box, read in zip(boxes, pool.map(lambda box: source.read(box, pool), boxes), strict=True):
            np.testing.assert_array_equal(read, expected[box.slices])


def test_a_file_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5", noise((20, 30, 40)), chunks=(5, 10, 10), compression="gzip")
    whole = (tmp_path / "a.h5").read_bytes()
    for length in range(16, len(whole), len(whole) // 11):
        (tmp_path / "a.h5").write_bytes(whole[:length])
        with pytest.raises(SourceError, match=r"a\.h5"):
            open_source(path)


def test_damaged_headers_give_our_errors(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5", noise((6, 7, 8)), chunks=(3, 3, 3), compression="gzip")
    whole = (tmp_path / "a.h5").read_bytes()
    for at in range(8, 2400, 37):
        (tmp_path / "a.h5").write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        try:
            source = open_source(path)
            if np.prod([float(size) for size in source.shape]) < 1e6:
                read_all(source)
        except NgprecompError:
            pass


def test_a_file_that_is_being_written_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w", libver="latest") as file:
        file["volume"] = noise((3, 4, 5))
        file.swmr_mode = True
        with pytest.raises(SourceError, match=r"a\.h5:/volume is open in SWMR mode and may still grow"):
            open_source(file)
        (tmp_path / "b.h5").write_bytes((tmp_path / "a.h5").read_bytes())  # as a writer that died leaves it
    with pytest.raises(SourceError, match=r"b\.h5 is being written by another program, or .*h5clear"):
        open_source(tmp_path / "b.h5")
    assert open_source(tmp_path / "a.h5").shape == (5, 4, 3, 1)


def test_a_point_in_time_is_chosen_by_axes(tmp_path: Path) -> None:
    array = noise((3, 4, 5, 6))
    path = write(tmp_path / "a.h5", array, chunks=(2, 3, 3, 3), compression="gzip")
    check_reads(open_source(path, axes="t=2,z,y,x"), xyzc(array[2], "zyx"))
    check_reads(open_source(path, axes="t=0,z,-y,x"), xyzc(array[0, :, ::-1], "zyx"))
    with pytest.raises(OptionError, match="3 points in time, 0 to 2"):
        open_source(path, axes="t=3,z,y,x")


def test_one_channel_of_imaris_may_be_named(tmp_path: Path) -> None:
    imaris(tmp_path, points=2)
    for c in range(2):
        source = open_source(f"{tmp_path}/a.ims:DataSet/ResolutionLevel 0/TimePoint 1/Channel {c}/Data")
        check_reads(source, xyzc(zyx(c=c), "zyx"))
    source = open_source(f"{tmp_path}/a.ims:DataSet/ResolutionLevel 1/TimePoint 1")
    assert source.resolution == pytest.approx((0.9 / 5 * 1000, 1.4 / 4 * 1000, 500))
    check_reads(source, xyzc(czyx(2)[:, :, ::2, ::2], "czyx"))


def test_a_coarser_level_of_big_data_viewer_has_larger_voxels(tmp_path: Path) -> None:
    source = open_source(f"{big_data_viewer(tmp_path)}:t00000/s00/1/cells")
    assert source.resolution == (200, 400, 1000)
    (tmp_path / "a.xml").write_text("<SpimData>", encoding="utf-8")
    assert "a.xml tells no voxel size of setup 0" in open_source(tmp_path / "a.h5").notes[-1]
    (tmp_path / "a.xml").unlink()
    assert "keeps the voxel size in a.xml, which is not there" in open_source(tmp_path / "a.h5").notes[-1]


@pytest.mark.parametrize("tags", ["{", axistags("zyxc"), axistags("zyx", {"x": "wide"})])  # type: ignore[dict-item]
def test_broken_axistags_do_not_stand_in_the_way_of_named_axes(tmp_path: Path, tags: str) -> None:
    raw(axistags=tags)(tmp_path)
    source = open_source(tmp_path / "a.h5", axes="zyx")
    assert "attribute axistags is not used" in source.notes[-1]
    check_reads(source, xyzc(zyx(), "zyx"))


def test_sizes_in_axistags_belong_to_the_axes_as_named(tmp_path: Path) -> None:
    raw(axistags=axistags("xyz", {"x": 4, "y": 8, "z": 40}, unit="nm"))(tmp_path)
    assert open_source(tmp_path / "a.h5", axes="zyx").resolution == (40, 8, 4)


def test_links_to_other_files_are_listed_where_no_dataset_is_found(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_group("volumes")["raw"] = h5py.ExternalLink("elsewhere.h5", "/raw")
    with pytest.raises(SourceError, match=r"it holds no datasets \(and links to other files: /volumes/raw\)"):
        open_source(tmp_path / "a.h5")
