from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile

from ngprecomp.errors import NgprecompError, NotFoundError, SourceError
from ngprecomp.format.box import Box
from ngprecomp.sources.opening import open_source
from ngprecomp.sources.raw import RawArray
from ngprecomp.sources.tiff import page_reading
from ngprecomp.sources.tiff.file import TiffPages
from tests.sources.reading import check_reads, noise, read_all, xyzc

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ngprecomp.sources.tiff.pages import Page


def write(path: Path, array: np.ndarray[Any, Any], **options: Any) -> str:
    tifffile.imwrite(path, array, photometric=options.pop("photometric", "minisblack"), **options)
    return str(path)


LAYOUTS = {
    "plain": {},
    "big-endian": {"byteorder": ">"},
    "BigTIFF": {"bigtiff": True},
    "strips": {"rowsperstrip": 4},
    "tiles": {"tile": (16, 32)},
    "deflate": {"compression": "zlib"},
    "deflate strips": {"compression": "zlib", "rowsperstrip": 7, "byteorder": ">"},
    "deflate tiles": {"compression": "zlib", "tile": (32, 16), "predictor": True},
    "LZW": {"compression": "lzw", "predictor": True},
    "packbits": {"compression": "packbits", "rowsperstrip": 5},
    "zstd": {"compression": "zstd"},
    "no metadata": {"metadata": None},
    "no metadata, deflate": {"metadata": None, "compression": "zlib"},
    "tiles in depth": {"tile": (2, 16, 16), "compression": "zlib", "volumetric": True},
    "OME": {"ome": True, "metadata": {"axes": "ZYX"}},
    "OME, deflate": {"ome": True, "metadata": {"axes": "ZYX"}, "compression": "zlib"},
    "ImageJ": {"imagej": True, "metadata": {"axes": "ZYX"}},
}


@pytest.mark.parametrize("options", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_every_layout(tmp_path: Path, options: dict[str, Any]) -> None:
    array = noise((5, 37, 50))
    source = open_source(write(tmp_path / "a.tif", array, **options))
    assert source.axes == "zyx"
    check_reads(source, xyzc(array, "zyx"))


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"])
@pytest.mark.parametrize("options", [{}, {"byteorder": ">", "compression": "zlib", "tile": (16, 16)}])
def test_every_type(tmp_path: Path, dtype: str, options: dict[str, Any]) -> None:
    array = noise((3, 20, 17), dtype)
    check_reads(open_source(write(tmp_path / "a.tif", array, **options)), xyzc(array, "zyx"))


def test_bits(tmp_path: Path) -> None:
    array = noise((3, 20, 17), "?")
    check_reads(open_source(write(tmp_path / "a.tif", array)), xyzc(array, "zyx"))


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"compression": "zlib", "tile": (16, 16)}])
def test_colours_are_channels(tmp_path: Path, options: dict[str, Any]) -> None:
    array = noise((4, 20, 30, 3), "u1")
    source = open_source(write(tmp_path / "a.tif", array, photometric="rgb", **options))
    assert source.axes == "zyxc"
    check_reads(source, xyzc(array, "zyxc"))
    planes = np.moveaxis(array, -1, 1).copy()
    source = open_source(write(tmp_path / "b.tif", planes, photometric="rgb", planarconfig="separate", **options))
    assert source.axes == "zcyx"
    check_reads(source, xyzc(array, "zyxc"))


@pytest.mark.parametrize("shape", [(1, 1, 30), (1, 30, 1), (6, 1, 1), (2, 1, 9)])
def test_thin_shapes(tmp_path: Path, shape: tuple[int, ...]) -> None:
    array = noise(shape)
    for options in ({}, {"compression": "zlib"}):
        path = write(tmp_path / "a.tif", array, metadata={"axes": "ZYX"}, **options)
        check_reads(open_source(path, axes="zyx"), xyzc(array, "zyx"))


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("axes", ["ZCYX", "CZYX"])
def test_hyperstacks(tmp_path: Path, axes: str, compression: str | None) -> None:
    array = noise((4, 3, 20, 30), "u1")
    path = write(tmp_path / "a.tif", array, ome=True, metadata={"axes": axes}, compression=compression)
    source = open_source(path)
    assert source.axes == axes.lower()
    check_reads(source, xyzc(array, axes.lower()))


def test_imagej_hyperstack(tmp_path: Path) -> None:
    array = noise((4, 2, 20, 30), "u1")
    source = open_source(write(tmp_path / "a.tif", array, imagej=True, metadata={"axes": "ZCYX"}))
    assert source.axes == "zcyx"
    check_reads(source, xyzc(array, "zcyx"))


def test_an_imagej_stack_with_a_single_page(tmp_path: Path) -> None:
    """ImageJ writes stacks above 4 GB so: one directory, all voxels behind it."""
    array = noise((6, 20, 30), ">u2")
    tifffile.imwrite(
        tmp_path / "a.tif", array[0], byteorder=">", metadata=None, description="ImageJ=1.53\nimages=6\nslices=6\n"
    )
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        offset = file.pages[0].dataoffsets[0]
    data = (tmp_path / "a.tif").read_bytes()[:offset] + array.tobytes()
    (tmp_path / "a.tif").write_bytes(data)
    check_reads(open_source(tmp_path / "a.tif"), xyzc(array.astype("u2"), "zyx"))
    (tmp_path / "a.tif").write_bytes(data[:-1])
    with pytest.raises(SourceError, match=r"cut off: ImageJ wrote 6 images, 1 are left"):
        open_source(tmp_path / "a.tif")


def test_points_in_time_are_refused_unless_named_otherwise(tmp_path: Path) -> None:
    array = noise((4, 20, 30))
    path = write(tmp_path / "a.tif", array, imagej=True, metadata={"axes": "TYX"})
    with pytest.raises(SourceError, match=r"4 points in time .*with axes"):
        open_source(path)
    check_reads(open_source(path, axes="zyx"), xyzc(array, "zyx"))


def test_axes_without_a_place_are_refused_unless_named(tmp_path: Path) -> None:
    array = noise((2, 3, 20, 30))
    path = write(tmp_path / "a.tif", array, metadata={"axes": "QQYX"})
    with pytest.raises(SourceError, match=r"axes QQYX, shape \(2, 3, 20, 30\); name their order"):
        open_source(path)
    check_reads(open_source(path, axes="czyx"), xyzc(array, "czyx"))


def test_several_series_are_listed(tmp_path: Path) -> None:
    first, second = noise((3, 20, 30)), noise((2, 10, 10), "u1")
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(first, photometric="minisblack")
        file.write(second, photometric="minisblack")
    with pytest.raises(SourceError, match=r"2 series .*0 \(3, 20, 30\) uint16, 1 \(2, 10, 10\) uint8"):
        open_source(tmp_path / "a.tif")
    with pytest.raises(NotFoundError, match="no series '2'"):
        open_source(f"{tmp_path}/a.tif:2")
    check_reads(open_source(f"{tmp_path}/a.tif:0"), xyzc(first, "zyx"))
    check_reads(open_source(tmp_path / "a.tif", dataset="1"), xyzc(second, "zyx"))


def test_the_full_resolution_of_a_pyramid_is_read(tmp_path: Path) -> None:
    array = noise((1, 64, 96), "u1")
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(array[0], subifds=1, tile=(16, 16))
        file.write(array[0, ::2, ::2], subfiletype=1, tile=(16, 16))
    source = open_source(tmp_path / "a.tif")
    assert "level 0 of the 2 resolutions in the file" in source.notes
    check_reads(source, xyzc(array, "zyx"))


def test_only_the_touched_tiles_are_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    array = noise((4, 64, 64))
    path = write(tmp_path / "a.tif", array, tile=(16, 32), compression="zlib")
    touched = []
    real = page_reading._stored_bytes

    def stored(page: Page, numbers: list[int]) -> Iterator[bytes | None]:
        touched.extend((page.index, number) for number in numbers)
        return real(page, numbers)

    monkeypatch.setattr(page_reading, "_stored_bytes", stored)
    source = open_source(path)
    assert source.block == (32, 16, 1)
    assert not touched
    source.read(Box((31, 16, 1), (33, 32, 3)))
    assert sorted(touched) == [(1, 2), (1, 3), (2, 2), (2, 3)]


def test_blocks(tmp_path: Path) -> None:
    array = noise((4, 64, 50), "u1")
    plain = open_source(write(tmp_path / "a.tif", array))
    assert isinstance(plain.stored, RawArray)
    assert plain.block == (50, 1, 1)
    strips = open_source(write(tmp_path / "b.tif", array, compression="zlib", rowsperstrip=5))
    assert isinstance(strips.stored, TiffPages)
    assert strips.block == (50, 5, 1)
    colours = open_source(write(tmp_path / "c.tif", noise((4, 20, 30, 3), "u1"), photometric="rgb"))
    assert colours.block == (30, 1, 1)


def test_jpeg(tmp_path: Path) -> None:
    array = np.zeros((5, 40, 48), "u1") + np.arange(48, dtype="u1")
    source = open_source(write(tmp_path / "a.tif", array, compression="jpeg", tile=(16, 16)))
    whole = read_all(source)
    np.testing.assert_allclose(whole.astype(int), xyzc(array, "zyx"), atol=3)
    box = Box((5, 7, 1), (20, 39, 4))
    np.testing.assert_array_equal(source.read(box), whole[box.slices])


def test_tiles_that_were_left_out_read_as_zero(tmp_path: Path) -> None:
    array = np.zeros((3, 32, 48), "u1")
    array[0, :16, :16] = 5
    array[1, :16, 16:32] = 7
    tiles = (array[z, y : y + 16, x : x + 16] for z in range(3) for y in (0, 16) for x in (0, 16, 32))
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        sparse = (tile if tile.any() else None for tile in tiles)
        file.write(sparse, shape=array.shape, dtype="u1", tile=(16, 16), photometric="minisblack", compression="zlib")
    check_reads(open_source(tmp_path / "a.tif"), xyzc(array, "zyx"))


def test_meaning_of_values_is_noted(tmp_path: Path) -> None:
    array = noise((2, 10, 10), "u1")
    source = open_source(write(tmp_path / "a.tif", array, photometric="miniswhite"))
    assert any("0 is white" in note for note in source.notes)
    check_reads(source, xyzc(array, "zyx"))


@pytest.mark.parametrize(
    ("unit", "scale"), [("um", 1000), ("micron", 1000), ("\\u00B5m", 1000), ("nm", 1), ("mm", 1e6)]
)
def test_voxel_size_of_imagej(tmp_path: Path, unit: str, scale: float) -> None:
    metadata = {"axes": "ZYX", "unit": unit, "spacing": 2.5}
    path = write(tmp_path / "a.tif", noise((3, 8, 9)), imagej=True, resolution=(4, 2), metadata=metadata)
    source = open_source(path)
    np.testing.assert_allclose(source.resolution, (0.25 * scale, 0.5 * scale, 2.5 * scale))
    assert any("ImageJ" in note and "voxel size" in note for note in source.notes)


@pytest.mark.parametrize(
    "metadata", [{"unit": "um"}, {"spacing": 2.5}, {"unit": "pixel", "spacing": 2.5}, {"unit": "um", "spacing": 0.0}]
)
def test_an_incomplete_voxel_size_is_none(tmp_path: Path, metadata: dict[str, Any]) -> None:
    path = write(
        tmp_path / "a.tif", noise((3, 8, 9)), imagej=True, resolution=(4, 2), metadata={"axes": "ZYX", **metadata}
    )
    assert open_source(path).resolution is None


def test_voxel_size_of_ome(tmp_path: Path) -> None:
    metadata = {"axes": "ZYX", "PhysicalSizeX": 4.0, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 0.008}
    path = write(tmp_path / "a.tif", noise((3, 8, 9)), ome=True, metadata=metadata)
    assert open_source(path).resolution is None
    write(tmp_path / "a.tif", noise((3, 8, 9)), ome=True, metadata={**metadata, "PhysicalSizeZ": 0.04})
    np.testing.assert_allclose(open_source(path).resolution, (4, 8, 40))


def test_an_open_tiff_file(tmp_path: Path) -> None:
    array = noise((3, 8, 9))
    with tifffile.TiffFile(write(tmp_path / "a.tif", array)) as file:
        check_reads(open_source(file), xyzc(array, "zyx"))


def write_page_by_page(path: Path, array: np.ndarray[Any, Any], **options: Any) -> str:
    """Write each directory before its page, as most programs do."""
    with tifffile.TiffWriter(path) as file:
        for page in array:
            file.write(page, contiguous=False, metadata=None, photometric="minisblack", **options)
    return str(path)


@pytest.mark.parametrize(
    "options",
    [{}, {"compression": "zlib"}, {"compression": "lzw"}, {"ome": True}, {"imagej": True}, "pages", "pages zlib"],
)
def test_a_file_cut_off_anywhere_is_never_read_as_less(tmp_path: Path, options: Any) -> None:
    array = noise((5, 12, 13))
    path = tmp_path / "a.tif"
    if isinstance(options, str):
        write_page_by_page(path, array, compression="zlib" if "zlib" in options else None)
    else:
        write(path, array, metadata={"axes": "ZYX"}, **options)
    whole = path.read_bytes()
    for length in range(0, len(whole), max(1, len(whole) // 40)):
        path.write_bytes(whole[:length])
        try:
            voxels = read_all(open_source(path))
        except SourceError:
            continue
        np.testing.assert_array_equal(voxels, xyzc(array, "zyx"))


def test_damaged_headers_give_our_errors(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "a.tif"
    write_page_by_page(path, noise((3, 12, 13)), compression="zlib")
    whole = path.read_bytes()
    for at in range(4, 300, 3):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        caplog.clear()
        opened = False
        try:
            source = open_source(path)
            opened = True
            if np.prod([float(size) for size in source.shape]) < 1e6:
                read_all(source)
        except NgprecompError:
            assert opened or not caplog.records


def test_a_damaged_page_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    write_page_by_page(path, noise((4, 12, 13)), compression="zlib")
    with tifffile.TiffFile(path) as file:
        at = file.pages[2].dataoffsets[0]
    data = bytearray(path.read_bytes())
    data[at + 20] ^= 0xFF
    path.write_bytes(data)
    source = open_source(path)
    source.read(Box((0, 0, 0), (13, 12, 2)))
    with pytest.raises(SourceError, match=r"a\.tif, page 2 is damaged: .+"):
        read_all(source)


@pytest.mark.parametrize("compression", [1, 8])
def test_a_header_that_claims_too_much_is_refused_before_anything_is_allocated(
    tmp_path: Path, compression: int
) -> None:
    side = 1 << 30
    tags = [(256, 4, side), (257, 4, side), (258, 3, 8), (259, 3, compression), (262, 3, 1), (273, 4, 8), (277, 3, 1)]
    tags += [(278, 4, side), (279, 4, 100)]
    directory = struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag[:2], 1, tag[2]) for tag in tags)
    (tmp_path / "a.tif").write_bytes(b"II*\0" + struct.pack("<I", 200) + bytes(192) + directory + bytes(4))
    with pytest.raises(SourceError, match=r"a\.tif.*(cut off|claims 1152921504606846976 bytes)"):
        open_source(tmp_path / "a.tif")


@pytest.mark.parametrize(
    "data", [b"II*\0", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08\xff\xff", b"II+\0\x08\0\0\0" + bytes(8)]
)
def test_a_header_without_pages(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.tif").write_bytes(data)
    with pytest.raises(SourceError, match=r"a\.tif"):
        open_source(tmp_path / "a.tif")


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_point_in_time_is_chosen_by_axes(tmp_path: Path, compression: str | None) -> None:
    array = noise((3, 4, 5, 6))
    path = write(tmp_path / "a.tif", array, metadata={"axes": "TZYX"}, compression=compression)
    check_reads(open_source(path, axes="t=2,z,-y,x"), xyzc(array[2, :, ::-1], "zyx"))


def test_a_page_that_is_not_upright_is_noted(tmp_path: Path) -> None:
    array = noise((9, 10))
    tifffile.imwrite(tmp_path / "a.tif", array, extratags=[(274, 3, 1, 6, True)])
    source = open_source(tmp_path / "a.tif")
    assert any("first row is not the top one" in note for note in source.notes)
    check_reads(source, xyzc(array, "yx"))
