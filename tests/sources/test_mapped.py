from __future__ import annotations

import mmap
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile

from ngprecomp.errors import SourceError
from ngprecomp.format.box import Box
from ngprecomp.sources import mapped
from ngprecomp.sources.opening import open_source
from tests.sources.reading import noise, read_all, xyzc

if TYPE_CHECKING:
    from pathlib import Path

SHAPE = (6, 70, 90)
REGIONS = [np.s_[0:6, 0:70, 0:90], np.s_[1:5, 3:69, 7:9], np.s_[2:3, 0:70, 0:90], np.s_[0:6, 69:70, 89:90]]


@pytest.mark.parametrize("piece", [2, 64, 1000, 1 << 30])
@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("offset", [0, 13, mmap.ALLOCATIONGRANULARITY * 3 + 1])
def test_pieces_make_up_the_region(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int, region: Any, offset: int
) -> None:
    monkeypatch.setattr(mapped, "PIECE", piece)
    monkeypatch.setattr(mapped, "FAULT", min(piece, 32))
    array = noise(SHAPE, ">u2")
    (tmp_path / "a.raw").write_bytes(bytes(offset) + array.tobytes())
    target = np.zeros_like(array[region], dtype="u2")
    mapped.read_mapped(str(tmp_path / "a.raw"), array.dtype, offset, SHAPE, region, target)
    np.testing.assert_array_equal(target, array[region])


def write_npy(path: Path, array: np.ndarray[Any, Any]) -> None:
    with open(path, "wb") as file:
        np.save(file, array)


def write_fortran_npy(path: Path, array: np.ndarray[Any, Any]) -> None:
    write_npy(path, np.asfortranarray(array))


def write_tiff(path: Path, array: np.ndarray[Any, Any]) -> None:
    tifffile.imwrite(path, array, photometric="minisblack")


def write_tiff_pages(path: Path, array: np.ndarray[Any, Any]) -> None:
    with tifffile.TiffWriter(path) as file:
        for page in array:
            file.write(page, photometric="minisblack")


WRITERS = [write_npy, write_fortran_npy, write_tiff, write_tiff_pages]


@pytest.mark.parametrize("write", WRITERS)
def test_what_was_read_is_forgotten_and_never_more_than_a_piece_is_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Any
) -> None:
    forgotten: list[mmap.mmap] = []
    monkeypatch.setattr(mapped, "PIECE", 1 << 16)
    monkeypatch.setattr(mapped, "FAULT", 1 << 12)
    monkeypatch.setattr(mapped, "_forget", forgotten.append)
    array = noise((16, 128, 256))
    write(tmp_path / "a", array)
    read = open_source(tmp_path / "a").read(Box((0, 0, 0), (256, 127, 16)))  # whole pages of TIFF are not mapped
    np.testing.assert_array_equal(read, xyzc(array, "zyx")[:, :127])
    assert len(forgotten) >= array.nbytes >> 16


@pytest.mark.parametrize("write", WRITERS)
def test_threads_read_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Any) -> None:
    monkeypatch.setattr(mapped, "PIECE", 1 << 12)
    array = noise((8, 64, 64))
    write(tmp_path / "a", array)
    source = open_source(tmp_path / "a")
    expected = xyzc(array, "zyx")
    boxes = [Box((x, y, 1), (x + 30, y + 20, 7)) for x in (0, 17, 34) for y in (0, 20, 40)] * 10
    with ThreadPoolExecutor(4) as pool:
        for box, voxels in zip(boxes, pool.map(lambda box: source.read(box, pool), boxes), strict=True):
            np.testing.assert_array_equal(voxels, expected[box.slices])


@pytest.mark.skipif(not hasattr(mmap, "MADV_DONTNEED"), reason="needs madvise")
def test_the_resident_set_stays_small(tmp_path: Path) -> None:
    """The file is mapped in one go, but the process holds a piece of it."""
    status = "/proc/self/smaps"
    try:
        open(status).close()
    except OSError:
        pytest.skip("needs /proc")
    path = tmp_path / "a.raw"
    path.write_bytes(bytes(8 * mapped.PIECE))
    resident: list[int] = []

    def measure() -> None:
        with open(status) as file:
            lines = file.read().splitlines()
        start = next(at for at, line in enumerate(lines) if line.endswith(str(path)))
        resident.append(next(int(line.split()[1]) for line in lines[start:] if line.startswith("Rss:")) << 10)

    class Watching:
        """A target that looks at the process while it is filled."""

        def __init__(self, array: np.ndarray[Any, Any]) -> None:
            self.array = array

        def __setitem__(self, index: Any, value: np.ndarray[Any, Any]) -> None:
            self.array[index] = value
            measure()

    shape = (8, mapped.PIECE)
    target: Any = Watching(np.ones(shape, "u1"))
    mapped.read_mapped(str(path), np.dtype("u1"), 0, shape, np.s_[0:8, 0 : mapped.PIECE], target)
    assert len(resident) == 8
    assert 0 < max(resident) <= 2 * mapped.PIECE
    assert not target.array.any()


def test_a_file_that_became_shorter_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, noise(SHAPE))
    source = open_source(path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(SourceError, match=r"a\.npy is cut off: its voxels end at byte 75728, the file has 75727"):
        read_all(source)
