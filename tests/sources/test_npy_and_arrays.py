from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ngprecomp.errors import OptionError, SourceError
from ngprecomp.format.box import Box
from ngprecomp.sources.opening import open_source
from tests.sources.reading import check_reads, noise, read_all, xyzc

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("dtype", ["u1", ">u2", "i4", "u8", ">u8", "f4", ">f8", "?"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npy(tmp_path: Path, dtype: str, order: Any) -> None:
    array = noise((5, 7, 9), dtype)
    np.save(tmp_path / "a.npy", np.array(array, order=order))
    source = open_source(tmp_path / "a.npy")
    assert source.axes == "zyx"
    assert source.block == ((9, 1, 1) if order == "C" else (1, 1, 5))
    check_reads(source, xyzc(array.astype(array.dtype.newbyteorder("=")), "zyx"))


@pytest.mark.parametrize(("shape", "axes"), [((4, 5), "yx"), ((4, 5, 6), "zyx"), ((2, 4, 5, 6), "czyx")])
def test_npy_axes(tmp_path: Path, shape: tuple[int, ...], axes: str) -> None:
    array = noise(shape)
    np.save(tmp_path / "a.npy", array)
    check_reads(open_source(tmp_path / "a.npy"), xyzc(array, axes))
    check_reads(open_source(tmp_path / "a.npy", axes=axes[::-1]), xyzc(array, axes[::-1]))


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_npy_versions(tmp_path: Path, version: tuple[int, int]) -> None:
    array = noise((3, 4, 5))
    with open(tmp_path / "a.npy", "wb") as file:
        np.lib.format.write_array(file, array, version)
    check_reads(open_source(tmp_path / "a.npy"), xyzc(array, "zyx"))


def test_npy_that_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, np.array([[{}, {}]]), allow_pickle=True)
    with pytest.raises(SourceError, match="pickled Python objects"):
        open_source(path)
    np.save(path, np.zeros((2, 2), dtype=[("a", "u1")]))
    with pytest.raises(SourceError, match="holds records"):
        open_source(path)
    np.save(path, np.zeros((2, 0, 3)))
    with pytest.raises(SourceError, match="is empty"):
        open_source(path)
    np.save(path, np.zeros(5))
    with pytest.raises(SourceError, match=r"1 dimensions, shape \(5,\)"):
        open_source(path)
    np.save(path, noise((3, 4, 5)))
    with pytest.raises(OptionError, match="holds one array"):
        open_source(path, dataset="a")
    whole = path.read_bytes()
    for length in range(6, len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(SourceError, match=r"a\.npy"):
            open_source(path)


def test_a_bare_array_needs_axes() -> None:
    with pytest.raises(SourceError, match=r"shape \(3, 4, 5\) does not say which axis is x; give axes"):
        open_source(noise((3, 4, 5)))


@pytest.mark.parametrize("axes", ["zyx", "xyz", "yxz"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays(axes: str, order: Any) -> None:
    array = np.array(noise((3, 4, 5), "u8"), order=order)
    source = open_source(array, axes=axes)
    check_reads(source, xyzc(array, axes))
    read_all(source)[...] = 0
    assert array.any(), "what is read is a copy"


def test_a_view_with_strides_and_foreign_bytes() -> None:
    array = noise((6, 8, 10), ">u8")[::2, ::-1, 1::3]
    check_reads(open_source(array, axes="zyx"), xyzc(array.astype("u8"), "zyx"))


class Lazy:
    """An array that only slices, like dask's."""

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self.shape, self.dtype, self.chunksize = array.shape, array.dtype, (2, 100, 3)
        self._array = array
        self.asked: list[Any] = []

    def __getitem__(self, index: Any) -> Any:
        self.asked.append(index)
        return self._array[index]


def test_an_array_that_only_slices() -> None:
    array = noise((5, 6, 7))
    lazy = Lazy(array)
    source = open_source(lazy, axes="zyx")
    assert source.block == (3, 6, 2)
    source.read(Box((1, 2, 3), (2, 4, 5)))
    assert lazy.asked == [(slice(3, 5), slice(2, 4), slice(1, 2))]
    check_reads(source, xyzc(array, "zyx"))


@pytest.mark.parametrize(("array", "message"), [(np.zeros((2, 2), "c8"), "complex64"), (np.zeros((0, 2)), "empty")])
def test_arrays_that_are_refused(array: Any, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        open_source(array, axes="yx")
