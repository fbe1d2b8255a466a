from __future__ import annotations

import contextlib
import logging
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile

from ngprecomp.errors import NotFoundError, OptionError, SourceError
from ngprecomp.sources.opening import open_source
from ngprecomp.sources.tiff.log import held_back_log
from tests.sources.reading import check_reads, noise, read_all, xyzc

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

MIXED = ("zlib", None, "lzw", None, "zstd")
STACK_NOTE = "5 pages, written one by one, taken as slices along z"


def write_pages(path: Path, pages: Iterable[np.ndarray[Any, Any]], compressions: Any = MIXED, **options: Any) -> str:
    """Write every page by a call of its own; tifffile then makes each a series of its own."""
    photometric = options.pop("photometric", "minisblack")
    with tifffile.TiffWriter(path, **{key: options.pop(key) for key in ("byteorder", "ome") if key in options}) as file:
        for page, compression in zip(pages, compressions, strict=False):
            file.write(page, compression=compression, photometric=photometric, **options)
    return str(path)


@pytest.mark.parametrize("compressions", [(None,) * 5, ("zlib",) * 5, MIXED], ids=["plain", "deflate", "mixed"])
@pytest.mark.parametrize(
    "options",
    [{}, {"metadata": None}, {"byteorder": ">"}, {"tile": (16, 16)}],
    ids=["shaped", "bare", "big-endian", "tiles"],
)
def test_pages_written_one_by_one_are_a_stack(tmp_path: Path, compressions: Any, options: dict[str, Any]) -> None:
    array = noise((5, 20, 33))
    path = write_pages(tmp_path / "a.tif", array, compressions, contiguous=False, **options)
    source = open_source(path)
    assert source.axes == "zyx"
    if options.get("metadata", "told") or compressions == MIXED:
        assert f"axes zyx: {STACK_NOTE}" in source.notes
    check_reads(source, xyzc(array, "zyx"))


def test_equal_images_of_an_ome_file_may_be_fields_of_view(tmp_path: Path) -> None:
    path = write_pages(tmp_path / "a.tif", noise((5, 20, 33)), contiguous=False, ome=True)
    with pytest.raises(SourceError, match="5 series of pages, name one"):
        open_source(path)
    check_reads(open_source(f"{path}:3"), xyzc(noise((5, 20, 33))[3:4], "zyx"))


@pytest.mark.parametrize("planarconfig", ["contig", "separate"])
def test_coloured_pages_are_a_stack_with_channels(tmp_path: Path, planarconfig: str) -> None:
    array = noise((5, 20, 33, 3), "u1")
    pages = array if planarconfig == "contig" else np.moveaxis(array, -1, 1).copy()
    path = write_pages(tmp_path / "a.tif", pages, photometric="rgb", planarconfig=planarconfig)
    source = open_source(path)
    axes = "zyxc" if planarconfig == "contig" else "zcyx"
    assert source.notes == (f"axes {axes}: {STACK_NOTE}",)
    check_reads(source, xyzc(array, "zyxc"))


@pytest.mark.parametrize("shape", [(5, 1, 9), (5, 9, 1), (5, 1, 1)])
def test_thin_pages_are_a_stack(tmp_path: Path, shape: tuple[int, ...]) -> None:
    array = noise(shape)
    check_reads(open_source(write_pages(tmp_path / "a.tif", array)), xyzc(array, "zyx"))


def test_other_axes_may_be_asked_for_a_stack_of_pages(tmp_path: Path) -> None:
    array = noise((5, 20, 33))
    path = write_pages(tmp_path / "a.tif", array)
    source = open_source(path, axes="cyx")
    assert source.notes == ("axes cyx: as asked; the file says 5 pages, written one by one",)
    check_reads(source, xyzc(array, "cyx"))
    with pytest.raises(OptionError, match="name 2 axes"):
        open_source(path, axes="yx")


def test_one_page_may_be_picked(tmp_path: Path) -> None:
    array = noise((5, 20, 33))
    path = write_pages(tmp_path / "a.tif", array)
    check_reads(open_source(f"{path}:3"), xyzc(array[3], "yx"))
    with pytest.raises(NotFoundError, match="no series '5'"):
        open_source(f"{path}:5")


@pytest.mark.parametrize("odd", [noise((20, 34)), noise((20, 33), "u1"), noise((2, 20, 33)), noise((33, 20))])
def test_pages_that_differ_are_no_stack(tmp_path: Path, odd: Any) -> None:
    path = write_pages(tmp_path / "a.tif", [*noise((4, 20, 33)), odd])
    with pytest.raises(
        SourceError, match=r"5 series of pages, name one as FILE:NUMBER; they are 0 \(20, 33\) uint16, "
    ):
        open_source(path)


def test_two_stacks_of_one_shape_are_two_volumes(tmp_path: Path) -> None:
    path = write_pages(tmp_path / "a.tif", noise((2, 4, 20, 33)), ("zlib", "zlib"))
    with pytest.raises(SourceError, match=r"2 series"):
        open_source(path)


def test_pages_whose_values_mean_different_things_are_no_stack(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for photometric in ("minisblack", "miniswhite"):
            file.write(noise((20, 33)), photometric=photometric)
    with pytest.raises(SourceError, match=r"2 series"):
        open_source(tmp_path / "a.tif")


def test_a_long_list_of_series_is_cut(tmp_path: Path) -> None:
    path = write_pages(tmp_path / "a.tif", [noise((4, 4 + at)) for at in range(25)], [None] * 25)
    with pytest.raises(SourceError, match=r"25 series .* 19 \(4, 23\) uint16 and 5 more$"):
        open_source(path)


@pytest.mark.parametrize("metadata", [None, {}], ids=["bare", "shaped"])
@pytest.mark.parametrize("place", [0, 5])
@pytest.mark.parametrize("one_by_one", [True, False])
def test_a_thumbnail_is_left_out(tmp_path: Path, metadata: Any, place: int, one_by_one: bool) -> None:
    array = noise((5, 20, 33))
    writes = [{"data": page, "compression": how} for page, how in zip(array, MIXED, strict=True)]
    if not one_by_one:
        writes = [{"data": array, "compression": "zlib"}]
    writes.insert(place, {"data": noise((6, 7)), "subfiletype": 1})
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for one in writes:
            file.write(photometric="minisblack", contiguous=False, metadata=metadata, **one)
    source = open_source(tmp_path / "a.tif")
    assert "reduced images left out: 1 of shape (6, 7)" in source.notes
    check_reads(source, xyzc(array, "zyx"))


@pytest.mark.parametrize("below", [True, False])
@pytest.mark.parametrize("metadata", [None, {}], ids=["bare", "shaped"])
@pytest.mark.parametrize("step", [2, 5])
def test_each_page_may_have_its_reduced_image(tmp_path: Path, below: bool, metadata: Any, step: int) -> None:
    array = noise((5, 40, 60))
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for page in array:
            options: dict[str, Any] = {"photometric": "minisblack", "compression": "zlib", "metadata": metadata}
            file.write(page, subifds=int(below), **options)
            file.write(page[::step, ::step].copy(), subfiletype=1, **options)
    source = open_source(tmp_path / "a.tif")
    assert any("resolutions" in note or "reduced images left out" in note for note in source.notes)
    check_reads(source, xyzc(array, "zyx"))


def test_a_full_page_that_calls_itself_reduced_is_a_slice(tmp_path: Path) -> None:
    array = noise((5, 20, 33))
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for z, page in enumerate(array):
            file.write(page, photometric="minisblack", compression="zlib", subfiletype=int(z == 2))
    check_reads(open_source(tmp_path / "a.tif"), xyzc(array, "zyx"))


@pytest.mark.parametrize("metadata", [None, {}], ids=["bare", "shaped"])
def test_a_stack_of_pages_cut_off_anywhere_is_never_read_as_less(
    tmp_path: Path, metadata: Any, caplog: pytest.LogCaptureFixture
) -> None:
    array = noise((5, 12, 13))
    path = tmp_path / "a.tif"
    write_pages(path, array, metadata=metadata, contiguous=False)
    whole = path.read_bytes()
    for length in range(0, len(whole), max(1, len(whole) // 60)):
        path.write_bytes(whole[:length])
        caplog.clear()
        try:
            voxels = read_all(open_source(path))
        except SourceError:
            assert not caplog.records, "our error says it all"
            continue
        np.testing.assert_array_equal(voxels, xyzc(array, "zyx"))


def test_the_log_of_tifffile_is_heard_where_no_error_is_raised(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("tifffile")
    with held_back_log():
        log.warning("odd tag")
        assert not caplog.records
        thread = threading.Thread(target=log.warning, args=("elsewhere",))
        thread.start()
        thread.join()
    with contextlib.suppress(ValueError), held_back_log():
        log.warning("many words")
        raise ValueError
    log.warning("afterwards")
    assert [record.message for record in caplog.records] == ["elsewhere", "odd tag", "afterwards"]
    assert not log.filters
