from __future__ import annotations

import bz2
import gzip
import struct
import sys
from typing import TYPE_CHECKING, Any

import mrcfile
import numpy as np
import pytest

from ngprecomp.errors import OptionError, SourceError
from ngprecomp.sources.opening import open_source
from tests.sources.reading import check_reads, noise, read_all, xyzc

if TYPE_CHECKING:
    from pathlib import Path


def save(path: Path, array: np.ndarray[Any, Any], voxel: Any = None, *, stack: bool = False, **header: Any) -> None:
    with mrcfile.new(path, overwrite=True) as file:
        file.set_data(array)
        if voxel is not None:
            file.voxel_size = voxel
        if not stack:
            file.set_volume()
        for key, value in header.items():
            file.header[key] = value


def patch(path: Path, offset: int, data: bytes) -> None:
    whole = bytearray(path.read_bytes())
    whole[offset : offset + len(data)] = data
    path.write_bytes(whole)


@pytest.mark.parametrize("dtype", ["i1", "i2", "u2", "f4", "f2"])
@pytest.mark.parametrize("name", ["a.mrc", "a.rec", "a.map.gz"])
def test_files(tmp_path: Path, dtype: str, name: str) -> None:
    array = noise((5, 7, 9), dtype) if dtype[0] != "f" else noise((5, 7, 9), "f4").astype(dtype)
    save(tmp_path / "a.mrc", array, (4, 8, 40))
    if name != "a.mrc":
        data = (tmp_path / "a.mrc").read_bytes()
        (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    source = open_source(tmp_path / name)
    assert source.axes == "zyx"
    assert source.resolution == (0.4, 0.8, 4.0)
    assert source.files == (str(tmp_path / name),)
    check_reads(source, xyzc(array, "zyx"))


def test_big_endian_and_an_extended_header(tmp_path: Path) -> None:
    array = noise((5, 7, 9), "i2")
    with mrcfile.new(tmp_path / "a.mrc") as file:
        file.set_extended_header(np.zeros(1024, "u1"))
        file.set_data(array)
        file.set_volume()
    check_reads(open_source(tmp_path / "a.mrc"), xyzc(array, "zyx"))
    big = array.astype(">i2")
    with mrcfile.new(tmp_path / "b.mrc") as file:
        file.set_data(big)
        assert file.header.nx.dtype.byteorder == ">"
    check_reads(open_source(tmp_path / "b.mrc"), xyzc(array, "zyx"))


@pytest.mark.parametrize(("flags", "kind"), [(None, "i1"), (1, "i1"), (0, "u1")])
def test_bytes(tmp_path: Path, flags: int | None, kind: str) -> None:
    array = noise((5, 7, 9), "i1")
    save(tmp_path / "a.st", array)
    if flags is not None:
        patch(tmp_path / "a.st", 152, struct.pack("<ii", 1146047817, flags))
    source = open_source(tmp_path / "a.st")
    assert any(f"taken as {'unsigned' if kind == 'u1' else 'signed'}" in note for note in source.notes)
    check_reads(source, xyzc(array.view(kind), "zyx"))


@pytest.mark.parametrize(
    ("mapped", "axes"), [((1, 2, 3), "zyx"), ((3, 2, 1), "xyz"), ((2, 1, 3), "zxy"), ((0, 0, 0), "zyx")]
)
def test_the_order_of_axes(tmp_path: Path, mapped: tuple[int, ...], axes: str) -> None:
    array = noise((5, 7, 9), "i2")
    save(tmp_path / "a.mrc", array, (4, 8, 40), **dict(zip(("mapc", "mapr", "maps"), mapped, strict=True)))
    source = open_source(tmp_path / "a.mrc")
    assert source.axes == axes
    check_reads(source, xyzc(array, axes))


def test_an_order_that_is_none(tmp_path: Path) -> None:
    array = noise((5, 7, 9), "i2")
    save(tmp_path / "a.mrc", array, mapc=2, mapr=2, maps=3)
    with pytest.raises(SourceError, match=r"MAPS, MAPR, MAPC \[3, 2, 2\]; expected 1, 2 and 3 in any order; give axes"):
        open_source(tmp_path / "a.mrc")
    check_reads(open_source(tmp_path / "a.mrc", axes="zyx"), xyzc(array, "zyx"))


STARTS = {"nxstart": 3, "nystart": -4, "nzstart": 5}
ORIGIN = {"origin": (8.0, -32.0, 80.0)}


@pytest.mark.parametrize(
    ("header", "offset", "note"),
    [
        ({}, None, "cell of the header"),
        (STARTS, (3, -4, 5), "NXSTART, NYSTART, NZSTART"),
        (ORIGIN, (2, -4, 2), "ORIGIN of the header"),
        (STARTS | {"origin": (12.0, -32.0, 200.0)}, (3, -4, 5), "NXSTART"),
        (STARTS | ORIGIN, None, "differ: no offset is taken"),
    ],
)
def test_offsets(tmp_path: Path, header: dict[str, Any], offset: Any, note: str) -> None:
    save(tmp_path / "a.mrc", noise((5, 7, 9), "i2"), (4, 8, 40), **header)
    source = open_source(tmp_path / "a.mrc")
    assert source.resolution == (0.4, 0.8, 4.0)
    assert source.voxel_offset == offset
    assert any(note in told for told in source.notes)


def test_the_origin_of_imod_is_not_taken(tmp_path: Path) -> None:
    save(tmp_path / "a.rec", noise((5, 7, 9), "i2"), (4, 8, 40), **ORIGIN)
    patch(tmp_path / "a.rec", 152, struct.pack("<i", 1146047817))
    source = open_source(tmp_path / "a.rec")
    assert source.voxel_offset is None
    assert any("ORIGIN 0.8, -3.2, 8 nm of the header is ignored" in note for note in source.notes)


def test_without_a_cell_and_an_image_stack(tmp_path: Path) -> None:
    save(tmp_path / "a.st", noise((5, 7, 9), "i2"), stack=True)
    source = open_source(tmp_path / "a.st")
    assert source.resolution is None
    assert any("no cell, so no voxel size" in note for note in source.notes)
    with mrcfile.mmap(tmp_path / "a.st", "r+") as file:
        file.set_image_stack()
    assert any("if it is a tilt series" in note for note in open_source(tmp_path / "a.st").notes)


def test_what_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mrc"
    with mrcfile.new(path) as file:
        file.set_data(noise((2, 5, 7, 9), "i2"))
    with pytest.raises(SourceError, match="stack of 2 volumes"):
        open_source(path)
    save(path, np.ones((5, 7, 9), "c8"))
    with pytest.raises(SourceError, match="voxels are bool, integer or real"):
        open_source(path)
    save(path, noise((5, 7, 9), "i2"))
    with pytest.raises(OptionError, match="holds one array"):
        open_source(path, dataset="a")
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(SourceError, match="cut off"):
        open_source(path)
    (tmp_path / "a.mrc.gz").write_bytes(gzip.compress(whole[:-1]))
    with pytest.raises(SourceError, match="cut off"):
        read_all(open_source(tmp_path / "a.mrc.gz"))
    (tmp_path / "a.mrc.bz2").write_bytes(bz2.compress(whole))
    with pytest.raises(SourceError, match=r"nor of another kind that is read .* b'BZh"):
        open_source(tmp_path / "a.mrc.bz2")
    path.write_bytes(whole)
    patch(path, 12, struct.pack("<i", 16))
    with pytest.raises(SourceError, match="mode 16, which is not read"):
        open_source(path)
    patch(path, 212, b"\x99\x99")
    with pytest.raises(SourceError, match="damaged MRC header"):
        open_source(path)


def test_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "a.mrc", noise((5, 7, 9), "i2"))
    monkeypatch.setitem(sys.modules, "mrcfile", None)
    with pytest.raises(SourceError, match=r"reading MRC needs mrcfile: pip install 'ngprecomp\[mrc\]'"):
        open_source(tmp_path / "a.mrc")


def test_axes_as_asked(tmp_path: Path) -> None:
    array = noise((5, 7, 9), "i2")
    save(tmp_path / "a.mrc", array, (4, 8, 40))
    source = open_source(tmp_path / "a.mrc", axes="c,-y,x")
    assert source.resolution == (0.4, 0.8, 0.4)
    check_reads(source, xyzc(array[:, ::-1], "cyx"))
