from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import h5py
import numpy as np
import pytest
import tifffile

from ngprecomp.errors import NotFoundError, SourceError
from ngprecomp.sources.opening import open_source
from tests.sources.reading import noise

if TYPE_CHECKING:
    from pathlib import Path


def test_what_does_not_exist(tmp_path: Path) -> None:
    for source in (tmp_path / "a.h5", f"{tmp_path}/a.h5:raw", f"{tmp_path}/*.tif", f"{tmp_path}/folder"):
        with pytest.raises(NotFoundError, match=f"there is no file or folder {tmp_path}"):
            open_source(source)


def test_a_file_of_no_known_kind(tmp_path: Path) -> None:
    (tmp_path / "a.h5").write_bytes(b"not a volume at all")
    with pytest.raises(
        SourceError, match=r"a\.h5 is no HDF5, TIFF or npy file, nor .* it starts with the bytes b'not a vo"
    ):
        open_source(tmp_path / "a.h5")


def test_addresses_are_refused_but_for_files(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", noise((2, 3, 4)))
    assert open_source(f"file://{tmp_path}/a.npy").shape == (4, 3, 2, 1)
    with pytest.raises(SourceError, match="files and folders of this machine"):
        open_source("s3://bucket/a.h5")


def test_a_name_with_special_characters_is_a_name(tmp_path: Path) -> None:
    for name in ("a:b.npy", "a[1].npy", "a*.npy"):
        np.save(tmp_path / name, noise((2, 3, 4)))
        assert open_source(tmp_path / name).shape == (4, 3, 2, 1)


def test_things_that_hold_no_voxels() -> None:
    with pytest.raises(SourceError, match="a dict holds no voxels"):
        open_source({})
    with pytest.raises(SourceError, match="a NoneType holds no voxels"):
        open_source(None)


def test_a_list_holds_paths(tmp_path: Path) -> None:
    array = noise((2, 3, 4))
    for listed in ([array, array], (array,), [tmp_path / "a.tif", array]):
        place = 1 if len(listed) == 2 and listed[0] is not array else 0
        with pytest.raises(
            SourceError, match=rf"a list is a list of paths.* number {place} is a ndarray; stack arrays"
        ):
            open_source(listed, axes="zyx")
    with pytest.raises(SourceError, match="number 0 is a int"):
        open_source([1, 2])


def channel_last_files(folder: Path, shape: tuple[int, ...]) -> tuple[str, str]:
    array = noise(shape)
    np.save(folder / "a.npy", array)
    with h5py.File(folder / "a.h5", "w") as file:
        file["volume"] = array
    return f"{folder}/a.npy", f"{folder}/a.h5"


@pytest.mark.parametrize(
    ("shape", "question"),
    [
        ((5, 6, 7, 2), "zyxc if the last axis is the channel"),
        ((5, 6, 7, 1), "zyxc if the last axis is the channel"),
        ((5, 3, 6, 7), "zcyx if the second axis is the channel"),
        ((9, 6, 7, 8), "t=0,z,y,x if the first one is time"),
        ((64, 65, 3), "yxc if the last axis is the channel"),
        ((5, 6, 7, 5), None),
        ((3, 6, 7, 3), None),
        ((2, 6, 7, 3), None),
        ((5, 6, 3), None),
        ((64, 65, 1), None),
    ],
)
def test_a_shape_that_speaks_against_the_custom_is_asked_about(
    tmp_path: Path, shape: tuple[int, ...], question: str | None
) -> None:
    for path in channel_last_files(tmp_path, shape):
        if question is None:
            assert open_source(path).axes == ("czyx" if len(shape) == 4 else "zyx")
        else:
            with pytest.raises(SourceError, match=f"names no axes.*{question}"):
                open_source(path)
        open_source(path, axes="zyxc"[: len(shape)])


def test_the_order_of_a_list_is_not_silently_changed(tmp_path: Path) -> None:
    paths = [tmp_path / "s1.tif", tmp_path / "s2.tif"]
    for path in paths:
        tifffile.imwrite(path, noise((9, 10)))
    assert not any("list had another order" in note for note in open_source(paths).notes)
    assert any("list had another order" in note for note in open_source(paths[::-1]).notes)


def test_an_array_that_hides_voxels_is_refused() -> None:
    hidden = np.ma.masked_array(noise((3, 4, 5)), mask=False)
    with pytest.raises(SourceError, match="masked array"):
        open_source(hidden, axes="zyx")


def test_libraries_are_imported_when_they_are_needed() -> None:
    program = (
        "import sys, numpy, ngprecomp.sources.opening as o;"
        "o.open_source(numpy.zeros((2, 2, 2)), axes='zyx');"
        "assert not {'h5py', 'tifffile', 'imagecodecs', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
