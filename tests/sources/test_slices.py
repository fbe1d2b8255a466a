from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile

from ngprecomp.errors import OptionError, SourceError
from ngprecomp.format.box import Box
from ngprecomp.sources.opening import open_source
from ngprecomp.sources.stacks import placing
from tests.sources.reading import check_reads, noise, read_all, xyzc

if TYPE_CHECKING:
    from pathlib import Path


def write_slices(folder: Path, array: np.ndarray[Any, Any], names: list[str], **options: Any) -> None:
    for name, page in zip(names, array, strict=True):
        tifffile.imwrite(
            folder / name,
            page,
            photometric=options.get("photometric", "minisblack"),
            **{key: value for key, value in options.items() if key != "photometric"},
        )


def test_natural_order_not_alphabetical(tmp_path: Path) -> None:
    array = noise((12, 9, 10))
    write_slices(tmp_path, array, [f"im{z}.tif" for z in range(12)])
    expected = xyzc(array, "zyx")
    source = open_source(tmp_path)
    assert source.axes == "zyx"
    assert source.notes[0] == "12 slices, im0.tif ... im11.tif in natural order, none missing"
    check_reads(source, expected)
    check_reads(open_source(f"{tmp_path}/im*.tif"), expected)
    check_reads(open_source(sorted(tmp_path.iterdir())), expected)


@pytest.mark.parametrize(
    "options", [{}, {"compression": "zlib", "rowsperstrip": 3}, {"tile": (16, 16)}, {"byteorder": ">", "imagej": True}]
)
def test_layouts(tmp_path: Path, options: dict[str, Any]) -> None:
    array = noise((3, 20, 30))
    write_slices(tmp_path, array, ["a1.tif", "a2.tif", "a3.tif"], **options)
    check_reads(open_source(tmp_path), xyzc(array, "zyx"))


def test_colours(tmp_path: Path) -> None:
    array = noise((3, 20, 30, 3), "u1")
    write_slices(tmp_path, array, ["a1.tif", "a2.tif", "a3.tif"], photometric="rgb", compression="zlib")
    source = open_source(tmp_path)
    assert source.axes == "zyxc"
    check_reads(source, xyzc(array, "zyxc"))


def test_other_axes_as_asked(tmp_path: Path) -> None:
    array = noise((3, 20, 30))
    write_slices(tmp_path, array, ["a1.tif", "a2.tif", "a3.tif"])
    check_reads(open_source(tmp_path, axes="yxz"), xyzc(array, "yxz"))


@pytest.mark.parametrize("gaps", ["error", "close", "blank"])
def test_missing_numbers(tmp_path: Path, gaps: str) -> None:
    array = noise((3, 9, 10))
    write_slices(tmp_path, array, ["s_08.tif", "s_10.tif", "s_13.tif"])
    if gaps == "error":
        with pytest.raises(
            SourceError, match=r"3 slices, s_08.tif ... s_13.tif, but 3 numbers .*: 9, 11, 12; gaps close"
        ):
            open_source(tmp_path)
        return
    source = open_source(tmp_path, gaps=gaps)
    assert "9, 11, 12" in source.notes[0]
    if gaps == "blank":
        full = np.zeros((6, 9, 10), array.dtype)
        full[[0, 2, 5]] = array
        array = full
    check_reads(source, xyzc(array, "zyx"))


def test_many_missing_numbers_are_named_in_part(tmp_path: Path) -> None:
    write_slices(tmp_path, noise((2, 9, 10)), ["s1.tif", "s1000000.tif"])
    with pytest.raises(SourceError, match=r"999998 numbers .*: 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, \.\.\.;"):
        open_source(tmp_path)
    source = open_source(tmp_path, gaps="blank")
    assert source.shape == (10, 9, 1_000_000, 1)
    assert not source.read(Box((0, 0, 500), (10, 9, 502))).any()


def test_two_slices_of_one_number(tmp_path: Path) -> None:
    write_slices(tmp_path, noise((3, 9, 10)), ["s1.tif", "s01.tif", "s2.TIFF"])
    with pytest.raises(SourceError, match=r"same number: s01\.tif, s1\.tif"):
        open_source(tmp_path)


def test_constant_numbers_in_the_names_do_not_count(tmp_path: Path) -> None:
    array = noise((3, 9, 10))
    write_slices(tmp_path, array, [f"2024_run7_z{z}_8bit.tif" for z in (9, 10, 11)])
    source = open_source(tmp_path)
    assert source.notes[0].endswith("none missing")
    check_reads(source, xyzc(array, "zyx"))


def test_a_second_growing_number_does_not_hide_that_none_is_missing(tmp_path: Path) -> None:
    array = noise((3, 9, 10))
    write_slices(tmp_path, array, ["s1_t100.tif", "s2_t170.tif", "s3_t250.tif"])
    source = open_source(tmp_path)
    assert source.notes[0].endswith("none missing")
    write_slices(tmp_path, array[:1], ["s5_t300.tif"])
    assert "gaps cannot be seen" in open_source(tmp_path).notes[0]


def test_other_entries_are_passed_over_and_named(tmp_path: Path) -> None:
    array = noise((3, 9, 10))
    write_slices(tmp_path, array, ["S1.TIF", "S2.Tiff", "S3.tif"])
    (tmp_path / "notes.txt").write_text("hello", encoding="utf-8")
    (tmp_path / ".S4.tif").write_bytes(b"hidden")
    (tmp_path / "S5.tif").mkdir()
    source = open_source(tmp_path)
    assert "3 other entries passed over: .S4.tif, S5.tif, notes.txt" in source.notes
    check_reads(source, xyzc(array, "zyx"))


def test_a_stranger_among_the_slices(tmp_path: Path) -> None:
    array = noise((4, 9, 10))
    write_slices(tmp_path, array, ["im1.tif", "im2.tif", "im3.tif", "average.tif"])
    with pytest.raises(SourceError, match=r"3 files named like im1\.tif and 1 with other names \(average\.tif\)"):
        open_source(tmp_path)
    check_reads(open_source(f"{tmp_path}/im*.tif"), xyzc(array[:3], "zyx"))


def test_names_without_numbers_are_taken_in_order(tmp_path: Path) -> None:
    array = noise((3, 9, 10))
    write_slices(tmp_path, array, ["a.tif", "b.tif", "c.tif"])
    source = open_source(tmp_path)
    assert "gaps cannot be seen" in source.notes[0]
    check_reads(source, xyzc(array, "zyx"))


@pytest.mark.parametrize(("odd", "found"), [(noise((9, 11)), r"\(9, 11\)"), (noise((9, 10), "u1"), "uint8")])
@pytest.mark.parametrize("place", [0, 3])
def test_a_slice_of_another_shape_or_type_is_named(tmp_path: Path, odd: Any, found: str, place: int) -> None:
    array = list(noise((4, 9, 10)))
    array[place] = odd
    write_slices(tmp_path, array, ["s0.tif", "s1.tif", "s2.tif", "s3.tif"])
    with pytest.raises(SourceError, match=rf"holds 3 slices of .* and 1 that differ: .*s{place}\.tif .*{found}"):
        open_source(tmp_path)


@pytest.mark.parametrize("options", [{}, {"imagej": True}, {"compression": "zlib"}])
def test_a_slice_of_several_pages_is_refused(tmp_path: Path, options: dict[str, Any]) -> None:
    write_slices(tmp_path, noise((2, 9, 10)), ["s0.tif", "s1.tif"], **options)
    tifffile.imwrite(tmp_path / "s2.tif", noise((2, 9, 10)), photometric="minisblack", **options)
    with pytest.raises(SourceError, match=r"s2\.tif holds several pages"):
        open_source(tmp_path)


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}])
def test_a_slice_that_is_cut_off_or_no_image_is_named(tmp_path: Path, options: dict[str, Any]) -> None:
    write_slices(tmp_path, noise((3, 9, 10)), ["s0.tif", "s1.tif", "s2.tif"], **options)
    data = (tmp_path / "s1.tif").read_bytes()
    for damage in (data[:-1], data[:20], b"", b"text"):
        (tmp_path / "s1.tif").write_bytes(damage)
        with pytest.raises(SourceError, match=r"s1\.tif"):
            open_source(tmp_path)


def test_a_slice_that_changes_or_goes_after_opening(tmp_path: Path) -> None:
    write_slices(tmp_path, noise((3, 9, 10)), ["s0.tif", "s1.tif", "s2.tif"])
    source = open_source(tmp_path)
    tifffile.imwrite(tmp_path / "s1.tif", noise((9, 12)), photometric="minisblack")
    with pytest.raises(SourceError, match=r"s1\.tif has changed"):
        read_all(source)
    (tmp_path / "s1.tif").unlink()
    with pytest.raises(FileNotFoundError, match=r"s1\.tif"):
        read_all(source)


def test_a_single_file_is_what_it_is(tmp_path: Path) -> None:
    array = noise((3, 9, 10))
    tifffile.imwrite(tmp_path / "volume.tif", array, photometric="minisblack")
    check_reads(open_source(tmp_path), xyzc(array, "zyx"))


def test_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="holds no slices"):
        open_source(tmp_path)
    with pytest.raises(SourceError, match="holds no slices"):
        open_source([])
    with pytest.raises(OptionError, match="gaps='ignore'"):
        open_source(tmp_path, gaps="ignore")
    with pytest.raises(OptionError, match="is a stack of slices"):
        open_source(tmp_path, dataset="a")


def test_all_slices_that_differ_are_named_up_to_five(tmp_path: Path) -> None:
    write_slices(tmp_path, noise((10, 9, 10)), [f"s{z}.tif" for z in range(10)])
    write_slices(tmp_path, noise((7, 9, 11)), [f"s{z}.tif" for z in range(10, 17)])
    with pytest.raises(SourceError, match=r"10 slices of .* and 7 that differ: .*s10\.tif .*s14\.tif .* and 2 more$"):
        open_source(tmp_path)


@pytest.mark.parametrize("quick", [0, 60])
def test_headers_are_read_in_one_thread_or_in_several(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick: float
) -> None:
    monkeypatch.setattr(placing, "QUICK", quick)
    monkeypatch.setattr(placing, "BATCH", 2)
    array = noise((8, 9, 10))
    write_slices(tmp_path, array, [f"s{z}.tif" for z in range(8)])
    check_reads(open_source(tmp_path), xyzc(array, "zyx"))
    write_slices(tmp_path, noise((2, 9, 11)), ["s4.tif", "s6.tif"])
    with pytest.raises(SourceError, match=r"holds 6 slices of .* and 2 that differ: .*s4\.tif .*s6\.tif "):
        open_source(tmp_path)


@pytest.mark.parametrize(
    ("names", "doubt"),
    [
        (["a_c0_z0.tif", "a_c0_z1.tif", "a_c1_z0.tif", "a_c1_z1.tif"], "a grid of 2 x 2 files"),
        (["t0/z0.tif", "t0/z1.tif", "t1/z0.tif", "t1/z1.tif"], "a grid of 2 x 2 files"),
        (["a_ch00.tif", "a_ch01.tif", "a_ch02.tif"], "the number after 'ch' in the names"),
        (["scan-t1.tif", "scan-t2.tif"], "the number after 't' in the names"),
        (["red_1.tif", "red_2.tif", "green_1.tif", "green_2.tif"], "the names are of 2 kinds"),
        (["z0.5.tif", "z0.25.tif", "z0.75.tif", "z1.0.tif"], "look like decimal fractions"),
        (["0a.tif", "0b.tif", "08.tif", "09.tif"], "the natural order is not the alphabetical one"),
    ],
)
def test_files_that_may_be_channels_or_points_in_time_are_asked_about(
    tmp_path: Path, names: list[str], doubt: str
) -> None:
    for folder in {(tmp_path / name).parent for name in names}:
        folder.mkdir(exist_ok=True)
    array = noise((len(names), 9, 10))
    write_slices(tmp_path, array, names)
    paths = [tmp_path / name for name in names]
    with pytest.raises(SourceError, match=rf"{doubt}.*name one set of slices by a glob"):
        open_source(paths)
    if "kinds" not in doubt:
        check_reads(open_source(paths, gaps="close"), xyzc(array, "zyx"))


@pytest.mark.parametrize(
    "names",
    [
        ["sect1.tif", "sect2.tif"],
        ["FIB_23-06-29_001256_0.tif", "FIB_23-06-29_001432_0.tif", "FIB_23-06-30_000101_0.tif"],
        ["w1_s8.tif", "w1_s9.tif", "w2_s1.tif"],
    ],
)
def test_other_numbers_in_the_names_raise_no_doubt(tmp_path: Path, names: list[str]) -> None:
    array = noise((len(names), 9, 10))
    write_slices(tmp_path, array, names)
    check_reads(open_source(tmp_path), xyzc(array, "zyx"))


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("flag", [0, 1])
def test_the_full_page_is_taken_where_the_other_is_a_thumbnail(tmp_path: Path, place: int, flag: int) -> None:
    array = noise((3, 40, 50))
    for z, page in enumerate(array):
        images = [(page, 0)]
        images.insert(place, (page[::4, ::4].copy(), flag))
        with tifffile.TiffWriter(tmp_path / f"s{z}.tif") as file:
            for image, kind in images:
                file.write(image, photometric="minisblack", subfiletype=kind, metadata=None, compression="zlib")
    check_reads(open_source(tmp_path), xyzc(array, "zyx"))


def test_slices_may_be_mirrored(tmp_path: Path) -> None:
    array = noise((3, 9, 10))
    write_slices(tmp_path, array, ["s0.tif", "s1.tif", "s2.tif"])
    source = open_source(tmp_path, axes="-z,y,-x")
    assert any("the volume's z 0 is the file's z 2" in note for note in source.notes)
    check_reads(source, xyzc(array[::-1, :, ::-1], "zyx"))
