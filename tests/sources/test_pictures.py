from __future__ import annotations

import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from ngprecomp.errors import OptionError, SourceError
from ngprecomp.format.box import Box
from ngprecomp.sources.opening import open_source
from tests.sources.reading import check_reads, noise, read_all, xyzc

if TYPE_CHECKING:
    from pathlib import Path


def save(folder: Path, array: np.ndarray[Any, Any], suffix: str = "png", start: int = 0) -> None:
    folder.mkdir(exist_ok=True)
    for number, slice_ in enumerate(array):
        Image.fromarray(slice_).save(
            folder / f"im{number + start}.{suffix}", **({"quality": 95} if suffix == "jpg" else {})
        )


@pytest.mark.parametrize(("dtype", "channels"), [("u1", 1), ("u2", 1), ("u1", 3)])
def test_png_slices(tmp_path: Path, dtype: str, channels: int) -> None:
    array = noise((12, 7, 9, channels)[: 3 + (channels > 1)], dtype)
    save(tmp_path / "a", array)
    for given in (tmp_path / "a", f"{tmp_path}/a/*.png", [tmp_path / "a" / f"im{n}.png" for n in range(12)]):
        source = open_source(given)
        assert any("12 slices, im0.png ... im11.png in natural order, none missing" in note for note in source.notes)
        assert source.block == (9, 7, 1)
        assert len(source.files) == 12
        check_reads(source, xyzc(array, "zyx" if channels == 1 else "zyxc"))


def test_rgb_of_16_bits(tmp_path: Path) -> None:
    array = noise((3, 7, 9, 3))
    for number, slice_ in enumerate(array):
        (tmp_path / f"{number}.png").write_bytes(imagecodecs.png_encode(slice_))
    check_reads(open_source(tmp_path), xyzc(array, "zyxc"))


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_slices(tmp_path: Path, channels: int) -> None:
    rows = np.linspace(0, 200, 3 * 20 * 30 * channels).reshape(3, 20, 30, channels).astype("u1")
    save(tmp_path / "a", rows[..., 0] if channels == 1 else rows, "jpg")
    source = open_source(tmp_path / "a")
    decoded = np.stack([np.asarray(Image.open(tmp_path / "a" / f"im{n}.jpg")) for n in range(3)])
    voxels = read_all(source)
    assert voxels.shape == (30, 20, 3, channels)
    assert np.abs(voxels.astype(int) - xyzc(decoded, "zyx" if channels == 1 else "zyxc")).max() <= 2


def test_one_picture_is_one_slice(tmp_path: Path) -> None:
    array = noise((1, 7, 9), "u1")
    save(tmp_path / "a", array)
    (tmp_path / "a/im0.png").rename(tmp_path / "section.dat")
    source = open_source(tmp_path / "section.dat")
    check_reads(source, xyzc(array, "zyx"))
    with pytest.raises(OptionError, match="holds one array"):
        open_source(tmp_path / "section.dat", dataset="a")
    check_reads(open_source(tmp_path / "section.dat", axes="z,-y,x"), xyzc(array[:, ::-1], "zyx"))


def test_gaps(tmp_path: Path) -> None:
    array = noise((6, 7, 9), "u1")
    save(tmp_path / "a", array, start=7)
    (tmp_path / "a/im10.png").unlink()
    with pytest.raises(SourceError, match=r"5 slices, im7\.png \.\.\. im12\.png, but 1 number is missing: 10"):
        open_source(tmp_path / "a")
    check_reads(open_source(tmp_path / "a", gaps="close"), xyzc(np.delete(array, 3, 0), "zyx"))
    array[3] = 0
    check_reads(open_source(tmp_path / "a", gaps="blank"), xyzc(array, "zyx"))


def test_a_picture_of_another_size_is_named(tmp_path: Path) -> None:
    save(tmp_path / "a", noise((4, 7, 9), "u1"))
    Image.fromarray(noise((7, 8), "u1")).save(tmp_path / "a/im2.png")
    with pytest.raises(
        SourceError, match=r"3 slices of 9 x 7 pixels, grey of 8 bits and 1 that differ: .*im2\.png 8 x 7"
    ):
        open_source(tmp_path / "a")
    Image.fromarray(noise((7, 9, 3), "u1")).save(tmp_path / "a/im2.png")
    with pytest.raises(SourceError, match=r"1 that differ: .*im2\.png 9 x 7 pixels, RGB of 8 bits"):
        open_source(tmp_path / "a")


def test_alpha(tmp_path: Path) -> None:
    array = noise((2, 7, 9, 4), "u1")
    array[..., 3] = 255
    save(tmp_path / "a", array)
    check_reads(open_source(tmp_path / "a"), xyzc(array[..., :3], "zyxc"))
    array[1, 2, 3, 3] = 254
    save(tmp_path / "a", array)
    with pytest.raises(SourceError, match=r"im1\.png is transparent in places"):
        read_all(open_source(tmp_path / "a"))
    grey = np.stack([noise((7, 9), "u1"), np.full((7, 9), 255, "u1")], -1)
    Image.fromarray(grey, "LA").save(tmp_path / "la.png")
    check_reads(open_source(tmp_path / "la.png"), xyzc(grey[np.newaxis, ..., 0], "zyx"))
    Image.fromarray(grey[..., 0]).save(tmp_path / "key.png", transparency=int(grey[3, 3, 0]))
    with pytest.raises(SourceError, match="transparent in places"):
        read_all(open_source(tmp_path / "key.png"))


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_few_bits_are_taken_as_stored(tmp_path: Path, bits: int) -> None:
    array = noise((7, 9), "u1") >> (8 - bits)
    packed = np.packbits(np.unpackbits(array[..., np.newaxis], axis=2)[..., 8 - bits :].reshape(7, -1), axis=1)
    rows = b"".join(b"\0" + row.tobytes() for row in packed)
    write_png(tmp_path / "a.png", struct.pack(">IIBBBBB", 9, 7, bits, 0, 0, 0, 0), zlib.compress(rows))
    source = open_source(tmp_path / "a.png")
    assert f"samples of {bits} bits are taken as stored" in source.notes
    check_reads(source, xyzc(array[np.newaxis], "zyx"))


def write_png(path: Path, header: bytes, data: bytes) -> None:
    chunks = [(b"IHDR", header), (b"IDAT", data), (b"IEND", b"")]
    parts = [
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    ]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))


def test_what_is_refused(tmp_path: Path) -> None:
    Image.fromarray(noise((7, 9), "u1")).convert("P").save(tmp_path / "p.png")
    with pytest.raises(SourceError, match="palette of colours; save it as grey"):
        open_source(tmp_path / "p.png")
    Image.fromarray(noise((7, 9, 4), "u1"), "CMYK").save(tmp_path / "c.jpg")
    with pytest.raises(SourceError, match="JPEG of 4 x 8 bits; expected grey or RGB"):
        open_source(tmp_path / "c.jpg")
    write_png(tmp_path / "huge.png", struct.pack(">IIBBBBB", 1 << 20, 1 << 20, 8, 0, 0, 0, 0), b"")
    with pytest.raises(SourceError, match="claims 1048576 x 1048576 pixels"):
        open_source(tmp_path / "huge.png")
    write_png(tmp_path / "odd.png", struct.pack(">IIBBBBB", 2, 2, 8, 7, 0, 0, 0), b"")
    with pytest.raises(SourceError, match="colour type 7"):
        open_source(tmp_path / "odd.png")
    (tmp_path / "list.png").write_bytes(b"no picture")
    with pytest.raises(SourceError, match=r"list\.png is neither PNG nor JPEG"):
        open_source([tmp_path / "list.png"])


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_damage(tmp_path: Path, suffix: str) -> None:
    save(tmp_path / "a", noise((1, 70, 90), "u1"), suffix)
    path = tmp_path / "a" / f"im0.{suffix}"
    whole = path.read_bytes()
    for length in (12, 100, len(whole) // 2, len(whole) - 30):
        path.write_bytes(whole[:length])
        with pytest.raises(SourceError, match=rf"im0\.{suffix} is"):
            read_all(open_source(path))


def test_kinds_beside_each_other(tmp_path: Path) -> None:
    array = noise((3, 7, 9), "u1")
    save(tmp_path / "a", array)
    tifffile.imwrite(tmp_path / "a/overview.tif", array[0])
    source = open_source(tmp_path / "a")
    assert any("1 other entries passed over: overview.tif" in note for note in source.notes)
    check_reads(source, xyzc(array, "zyx"))
    tifffile.imwrite(tmp_path / "a/im1.tif", array[0])
    with pytest.raises(SourceError, match=r"2 TIFF files and 3 pictures \(png, jpg\); name one kind by a glob"):
        open_source(tmp_path / "a")
    check_reads(open_source(f"{tmp_path}/a/*.png"), xyzc(array, "zyx"))


def test_a_stack_that_changes_is_told(tmp_path: Path) -> None:
    save(tmp_path / "a", noise((3, 7, 9), "u1"))
    source = open_source(tmp_path / "a")
    Image.fromarray(noise((7, 8), "u1")).save(tmp_path / "a/im1.png")
    with pytest.raises(SourceError, match=r"im1\.png has changed"), ThreadPoolExecutor(2) as pool:
        source.read(Box.of_size((9, 7, 3)), pool)
    source.read(Box((0, 0, 2), (9, 7, 3)))
    assert source.decoded_bytes >= 63
