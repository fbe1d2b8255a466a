"""What a source says about its files and about how much it has decoded."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pytest
import tifffile

from ngprecomp.format.box import Box
from ngprecomp.pipeline.conversion.volume_source import VolumeSource
from ngprecomp.sources.opening import open_source
from ngprecomp.sources.tally import Tally
from ngprecomp.volume.creating import create_volume
from tests.sources.reading import noise, read_all

if TYPE_CHECKING:
    from pathlib import Path

ARRAY = noise((6, 20, 30))
CORNER = Box((1, 1, 1), (3, 3, 2))


def write_hdf5(path: Path, **options: Any) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("volume", data=ARRAY, **options)


def write_slices(folder: Path, **options: Any) -> None:
    folder.mkdir()
    for z, page in enumerate(ARRAY):
        tifffile.imwrite(folder / f"{z}.tif", page, **options)


# name, writer, bytes decoded by reading all of it, and by reading the corner
KINDS = [
    ("a.npy", lambda path: np.save(path, ARRAY), 7200, 8),
    ("a.h5", write_hdf5, 7200, 8),
    ("b.h5", lambda path: write_hdf5(path, chunks=(2, 8, 16), compression="gzip"), 9 * 2 * 512, 512),
    ("c.h5", lambda path: write_hdf5(path, chunks=(2, 8, 16), compression="lzf"), 9 * 2 * 512, 512),
    ("a.tif", lambda path: tifffile.imwrite(path, ARRAY), 7200, 8),
    ("b.tif", lambda path: tifffile.imwrite(path, ARRAY, compression="zlib", rowsperstrip=5), 7200, 300),
    ("c.tif", lambda path: tifffile.imwrite(path, ARRAY, compression="zlib", tile=(16, 16)), 6 * 2 * 2 * 512, 512),
    ("plain", write_slices, 7200, 8),
    ("coded", lambda path: write_slices(path, compression="zlib", rowsperstrip=5), 7200, 300),
]


@pytest.mark.parametrize(("name", "write", "whole", "corner"), KINDS, ids=[kind[0] for kind in KINDS])
def test_files_and_decoded_bytes(tmp_path: Path, name: str, write: Any, whole: int, corner: int) -> None:
    path = tmp_path / name
    write(path)
    source = open_source(path)
    files = [path] if path.is_file() else [path / f"{z}.tif" for z in range(6)]
    assert source.files == tuple(map(str, files))
    assert source.decoded_bytes == 0
    read_all(source)
    assert source.decoded_bytes == whole
    with ThreadPoolExecutor(2) as pool:
        source.read(CORNER, pool)
    assert source.decoded_bytes == whole + corner
    assert pickle.loads(pickle.dumps(source)).decoded_bytes == 0
    source.close()


def test_relative_paths_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.save(tmp_path / "a.npy", ARRAY)
    monkeypatch.chdir(tmp_path)
    source = open_source("a.npy")
    assert (source.name, source.files) == ("a.npy", (str(tmp_path / "a.npy"),))


def test_arrays_have_no_files() -> None:
    source = open_source(ARRAY, axes="zyx")
    read_all(source)
    assert (source.files, source.decoded_bytes) == ((), 7200)


def test_the_files_behind_an_hdf5_dataset_count(tmp_path: Path) -> None:
    layout = h5py.VirtualLayout(ARRAY.shape, ARRAY.dtype)
    for z, page in enumerate(ARRAY):
        with h5py.File(tmp_path / f"{z}.h5", "w") as file:
            file["slice"] = page
        layout[z] = h5py.VirtualSource(f"{z}.h5", "slice", page.shape)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_virtual_dataset("volume", layout)
    names = ("a.h5", *(f"{z}.h5" for z in range(6)))
    assert open_source(tmp_path / "a.h5").files == tuple(str(tmp_path / name) for name in names)


def test_a_volume_counts_whole_chunks() -> None:
    volume = create_volume("memory://counting", shape=(30, 20, 6), dtype="uint16", chunk_size=(16, 8, 4))
    volume[...] = ARRAY.T[..., np.newaxis]
    source = VolumeSource(volume)
    assert source.files == ()
    source.read(CORNER)
    assert source.decoded_bytes == 16 * 8 * 4 * 2
    source.read(Box.of_size((30, 20, 6)))
    assert source.decoded_bytes == 16 * 8 * 4 * 2 + 7200


def test_a_tally_loses_nothing() -> None:
    tally = Tally()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: [tally.add(1) for _ in range(1000)], range(8)))
    assert tally.total == 8000
