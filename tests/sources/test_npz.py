from __future__ import annotations

import io
import os
import tempfile
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from ngprecomp.errors import NotFoundError, SourceError, StorageError
from ngprecomp.format.box import Box
from ngprecomp.sources import packed
from ngprecomp.sources.opening import open_source
from tests.sources.reading import check_reads, noise, read_all, xyzc

if TYPE_CHECKING:
    from pathlib import Path

CORNER = Box((1, 1, 1), (3, 3, 2))


@pytest.fixture
def spool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder that takes temporary files."""
    folder = tmp_path / "spool"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("dtype", ["u1", ">u2", "u8", "f4"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_the_only_array(tmp_path: Path, save: Any, dtype: str, order: Any, spool: Path) -> None:
    array = noise((5, 7, 9), dtype)
    save(tmp_path / "a.npz", raw=np.array(array, order=order))
    source = open_source(tmp_path / "a.npz")
    assert source.name == f"{tmp_path}/a.npz:raw"
    assert source.files == (f"{tmp_path}/a.npz",)
    check_reads(source, xyzc(array.astype(array.dtype.newbyteorder("=")), "zyx"))
    assert source.decoded_bytes > 0
    assert not any(spool.iterdir()) or save is np.savez_compressed


def test_several_arrays_are_listed(tmp_path: Path) -> None:
    raw, labels = noise((2, 5, 7)), noise((2, 5, 7), "u8")
    np.savez(tmp_path / "a.npz", raw=raw, labels=labels, pickled=np.array([{}]))
    with pytest.raises(
        SourceError, match=r"3 arrays; name one as FILE:NAME; .*raw \(2, 5, 7\) uint16, labels .*uint64"
    ):
        open_source(tmp_path / "a.npz")
    check_reads(open_source(f"{tmp_path}/a.npz:labels"), xyzc(labels, "zyx"))
    check_reads(open_source(tmp_path / "a.npz", dataset="raw", axes="xyz"), xyzc(raw, "xyz"))
    with pytest.raises(NotFoundError, match=r"no array 'masks'; they are raw"):
        open_source(f"{tmp_path}/a.npz:masks")
    with pytest.raises(SourceError, match="pickled Python objects"):
        open_source(f"{tmp_path}/a.npz:pickled")


def test_the_unpacked_file_comes_late_and_goes(tmp_path: Path, spool: Path) -> None:
    array = noise((5, 7, 9))
    np.savez_compressed(tmp_path / "a.npz", array)
    source = open_source(tmp_path / "a.npz")
    assert not any(spool.iterdir()), "opening reads headers only"
    source.read(CORNER)
    assert [os.path.getsize(path) for path in spool.iterdir()] == [array.nbytes]
    source.close()
    assert not any(spool.iterdir())
    np.testing.assert_array_equal(read_all(source)[..., 0], array.T)
    del source
    assert not any(spool.iterdir())


def test_a_full_disk_is_told_before(tmp_path: Path, spool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez_compressed(tmp_path / "a.npz", noise((5, 7, 9)))
    usage = type("Usage", (), {"free": 100})
    monkeypatch.setattr(packed.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(StorageError, match=rf"unpacks to 630 bytes, {spool} has 100 left; TMPDIR"):
        open_source(tmp_path / "a.npz").read(CORNER)


def test_damage(tmp_path: Path, spool: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez_compressed(path, np.zeros((50, 70, 90), "u1"))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SourceError, match=r"a\.npz starts like a zip archive, but is damaged"):
        open_source(path)
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0xFF
    path.write_bytes(flipped)
    with pytest.raises(SourceError, match=r"arr_0\.npy does not unpack"):
        read_all(open_source(path))
    assert not any(spool.iterdir())


def test_an_array_that_ends_early(tmp_path: Path, spool: Path) -> None:
    for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        file = io.BytesIO()
        np.save(file, noise((5, 7, 9)))
        with zipfile.ZipFile(tmp_path / "a.npz", "w", compression) as archive:
            archive.writestr("raw.npy", file.getvalue()[:-500])
        with pytest.raises(SourceError, match="cut off"):
            read_all(open_source(tmp_path / "a.npz"))
    assert not any(spool.iterdir())


def test_other_archives_are_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.tif", b"")
    with pytest.raises(SourceError, match="zip archive of 1 files, neither npz nor Zarr: unpack it"):
        open_source(tmp_path / "a.zip")
