"""Slices whose headers are like that of the first one are not parsed; whatever differs is seen all the same."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile

from ngprecomp.errors import SourceError
from ngprecomp.sources.opening import open_source
from ngprecomp.sources.stacks import slice_pages
from ngprecomp.sources.tiff.file import opened
from tests.sources.reading import check_reads, noise, read_all, xyzc

if TYPE_CHECKING:
    from pathlib import Path

CLASSIC: list[dict[str, Any]] = [
    {},
    {"compression": "zlib"},
    {"compression": "lzw", "predictor": True, "rowsperstrip": 7},
    {"compression": "zlib", "rowsperstrip": 4, "byteorder": ">"},
    {"imagej": True},
]
BIG: list[dict[str, Any]] = [
    {"compression": "zlib", "tile": (16, 16), "bigtiff": True},
    {"rowsperstrip": 4, "byteorder": ">", "bigtiff": True},
]
LAYOUTS = [(options, False) for options in CLASSIC + BIG] + [(options, True) for options in CLASSIC]


def write(path: Path, page: np.ndarray[Any, Any], **options: Any) -> None:
    tifffile.imwrite(path, page, photometric="minisblack", **options)


def move_directory_behind(path: Path) -> None:
    """Move the directory of tags of a classic file behind the voxels, where libtiff writes it."""
    with tifffile.TiffFile(path) as file:
        page, order = file.pages[0], file.byteorder
        begin, first, tags = page.offset, min(page.dataoffsets), list(page.tags)
    data = path.read_bytes()
    moved = len(data) + len(data) % 2 - begin
    directory = bytearray(data[begin:first])
    for tag in tags:
        if tag.valueoffset != tag.offset + 8:
            at = tag.offset - begin
            directory[at + 8 : at + 12] = struct.pack(f"{order}I", tag.valueoffset + moved)
    start = data[:4] + struct.pack(f"{order}I", begin + moved) + bytes(first - 8)
    path.write_bytes(start + data[first:] + bytes(len(data) % 2) + directory)


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list of files that are parsed."""
    names: list[str] = []

    def watched(path: str) -> Any:
        names.append(path.rsplit("/", 1)[-1])
        return opened(path)

    monkeypatch.setattr(slice_pages, "opened", watched)
    return names


@pytest.mark.parametrize(("options", "behind"), LAYOUTS)
def test_only_the_first_header_is_parsed(
    tmp_path: Path, parsed: list[str], options: dict[str, Any], behind: bool
) -> None:
    array = noise((4, 20, 30))
    for z, page in enumerate(array):
        page[: 5 * z] = z  # strips of other lengths
        path = tmp_path / f"s{z}.tif"
        write(path, page, **options)
        if behind:
            move_directory_behind(path)
            np.testing.assert_array_equal(tifffile.imread(path), page)
    source = open_source(tmp_path)
    np.testing.assert_array_equal(read_all(source), xyzc(array, "zyx"))
    assert parsed == ["s0.tif"]
    check_reads(source, xyzc(array, "zyx"))
    assert parsed == ["s0.tif"] * 2  # again after pickling


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "lzw"},
        {"compression": "zlib", "predictor": True},
        {"compression": "zlib", "description": "another"},
        {"compression": "zlib", "rowsperstrip": 4},
        {"compression": "zlib", "byteorder": ">"},
        {"compression": "zlib", "bigtiff": True},
        {},
    ],
)
@pytest.mark.parametrize("place", [0, 2])
def test_slices_of_other_headers_are_parsed(
    tmp_path: Path, parsed: list[str], options: dict[str, Any], place: int
) -> None:
    array = noise((4, 20, 30))
    for z, page in enumerate(array):
        write(tmp_path / f"s{z}.tif", page, **(options if z == place else {"compression": "zlib"}))
    np.testing.assert_array_equal(read_all(open_source(tmp_path)), xyzc(array, "zyx"))
    assert set(parsed) == ({"s0.tif", "s2.tif"} if place else {"s0.tif", "s1.tif", "s2.tif", "s3.tif"})


def test_plain_strips_that_lie_in_another_order_are_seen(tmp_path: Path) -> None:
    array = noise((3, 20, 30), "u1")
    for z, page in enumerate(array):
        write(tmp_path / f"s{z}.tif", page, rowsperstrip=5, metadata=None)
    path = tmp_path / "s1.tif"
    with tifffile.TiffFile(path) as file:
        tag = file.pages[0].tags[273]
        first, second, *_ = tag.value
    data = bytearray(path.read_bytes())
    data[tag.valueoffset : tag.valueoffset + 8] = struct.pack("<II", second, first)
    path.write_bytes(data)
    array[1, :10] = np.roll(array[1, :10], 5, axis=0)
    np.testing.assert_array_equal(read_all(open_source(tmp_path)), xyzc(array, "zyx"))


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}])
@pytest.mark.parametrize("behind", [False, True])
def test_a_file_that_is_cut_off_is_named(tmp_path: Path, options: dict[str, Any], behind: bool) -> None:
    array = noise((3, 20, 30))
    for z, page in enumerate(array):
        path = tmp_path / f"s{z}.tif"
        write(path, page, **options)
        if behind:
            move_directory_behind(path)
    source = open_source(tmp_path)
    whole = path.read_bytes()
    needed = len(whole) - 100 * behind  # the last values tell nothing that is needed
    for size in range(0, needed, needed // 20):
        path.write_bytes(whole[:size])
        for look in (open_source, lambda _: read_all(source)):
            with pytest.raises(SourceError, match=r"s2\.tif"):
                look(tmp_path)


@pytest.mark.parametrize("pointer", [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x09\0\0\0"])
def test_a_directory_that_begins_elsewhere_is_not_taken_for_another(tmp_path: Path, pointer: bytes) -> None:
    for z, page in enumerate(noise((3, 20, 30))):
        write(tmp_path / f"s{z}.tif", page, compression="zlib")
    path = tmp_path / "s2.tif"
    data = path.read_bytes()
    path.write_bytes(data[:4] + pointer + data[8:])
    with pytest.raises(SourceError, match=r"s2\.tif"):
        open_source(tmp_path)


def test_voxels_that_change_under_the_same_header_are_read_anew(tmp_path: Path, parsed: list[str]) -> None:
    array = noise((3, 20, 30))
    for z, page in enumerate(array):
        write(tmp_path / f"s{z}.tif", page, compression="zlib")
    source = open_source(tmp_path)
    array[0] //= 1000
    write(tmp_path / "s0.tif", array[0], compression="zlib")
    np.testing.assert_array_equal(read_all(source), xyzc(array, "zyx"))
    assert parsed == ["s0.tif"]
