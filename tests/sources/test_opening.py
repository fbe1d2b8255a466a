from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import h5py
import numpy as np
import pytest

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
    (tmp_path / "a.h5").write_bytes(b"PK\x03\x04 and so on")
    with pytest.raises(SourceError, match=r"a\.h5 is no HDF5, TIFF or npy file: it starts with the bytes b'PK"):
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
    ("shape", "doubtful"),
    [
        ((5, 6, 7, 2), True),
        ((5, 6, 7, 4), True),
        ((5, 6, 7, 5), False),
        ((5, 6, 7, 1), False),
        ((3, 6, 7, 3), False),
        ((2, 6, 7, 3), False),
        ((5, 6, 3), False),
    ],
)
def test_a_last_axis_that_looks_like_the_channel_is_noted(
    tmp_path: Path, shape: tuple[int, ...], doubtful: bool
) -> None:
    note = f"the last of the 4 axes has {shape[-1]} voxels only: if it is the channel, axes zyxc says so"
    for path in channel_last_files(tmp_path, shape):
        source = open_source(path)
        assert source.axes == ("czyx" if len(shape) == 4 else "zyx")
        assert (note in source.notes) == doubtful
        asked = "zyxc"[: len(shape)]
        assert not any("channel" in note for note in open_source(path, axes=asked).notes)


def test_libraries_are_imported_when_they_are_needed() -> None:
    program = (
        "import sys, numpy, ngprecomp.sources.opening as o;"
        "o.open_source(numpy.zeros((2, 2, 2)), axes='zyx');"
        "assert not {'h5py', 'tifffile', 'imagecodecs', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
