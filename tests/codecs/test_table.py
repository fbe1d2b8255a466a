import subprocess
import sys

import compresso as compresso_package
import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ngprecomp.codecs import jpeg, png, raw, table
from ngprecomp.codecs.table import Encoding
from ngprecomp.errors import DecodeError, EncodeError
from tests.codecs.battery import random_voxels, smooth_voxels

SHAPE = (20, 16, 12)
WRITTEN = [
    (Encoding("raw"), "uint8", 1),
    (Encoding("raw"), "float32", 3),
    (Encoding("compressed_segmentation"), "uint64", 1),
    (Encoding("compressed_segmentation", block_size=(4, 8, 2)), "uint32", 2),
    (Encoding("jpeg", jpeg_quality=90), "uint8", 1),
    (Encoding("jpeg"), "uint8", 3),
    (Encoding("png", png_level=1), "uint16", 4),
]


def voxels_for(encoding: Encoding, dtype: str, channels: int, shape=SHAPE) -> np.ndarray:
    if encoding.name == "compressed_segmentation":
        labels = random_voxels((*shape, channels), dtype)
        return np.where(labels % 5 == 0, labels, labels.dtype.type(2**31)).astype(dtype, order="F")
    return smooth_voxels((*shape, channels)) if encoding.name == "jpeg" else random_voxels((*shape, channels), dtype)


@pytest.mark.parametrize("case", WRITTEN, ids=str)
def test_a_box_of_a_big_array_is_encoded_as_if_it_were_alone(case):
    big = voxels_for(*case)
    lo, size = (3, 5, 2), (9, 7, 10)
    alone = big[3:12, 5:12, 2:12].copy(order="F")
    assert table.encode(case[0], big, lo=lo, size=size) == table.encode(case[0], alone)


@pytest.mark.parametrize("case", WRITTEN, ids=str)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_a_box_of_a_chunk_lands_in_its_place_and_nowhere_else(case, data):
    encoding, dtype, channels = case
    chunk = voxels_for(*case)
    lo = tuple(data.draw(st.integers(0, end - 1)) for end in SHAPE)
    size = tuple(data.draw(st.integers(1, end - start)) for start, end in zip(lo, SHAPE, strict=True))
    at = tuple(data.draw(st.integers(0, 4)) for _ in SHAPE)
    stored = table.encode(encoding, chunk)
    expected = np.full((26, 22, 18, channels), 7, dtype, order="F")
    out = expected.copy(order="F")
    decoded = table.decode(encoding, stored, chunk.shape, dtype)
    source = tuple(slice(start, start + count) for start, count in zip(lo, size, strict=True))
    target = tuple(slice(start, start + count) for start, count in zip(at, size, strict=True))
    expected[target] = decoded[source]
    table.decode_into(encoding, stored, chunk.shape, out, at=at, lo=lo, size=size)
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("case", WRITTEN, ids=str)
def test_whole_chunks_are_the_default(case):
    encoding, dtype, _ = case
    chunk = voxels_for(*case)
    out = np.zeros(chunk.shape, dtype, order="F")
    table.decode_into(encoding, table.encode(encoding, chunk), chunk.shape, out)
    if encoding.name == "jpeg":
        assert abs(out.astype(int) - chunk).mean() < 10
    else:
        np.testing.assert_array_equal(out, chunk)


def test_the_parameters_reach_the_encoders():
    voxels = smooth_voxels((*SHAPE, 1))
    assert table.encode(Encoding("raw"), voxels) == raw.encode(voxels)
    assert table.encode(Encoding("jpeg", jpeg_quality=10), voxels) == jpeg.encode(voxels, 10)
    assert table.encode(Encoding("png", png_level=9), voxels) == png.encode(voxels, 9)


def test_encodings_that_are_only_read():
    voxels = smooth_voxels((8, 8, 8, 1))
    image = voxels[..., 0].reshape((64, 8), order="F").reshape(-1, order="F").reshape(64, 8)
    for name, data in {
        "jxl": imagecodecs.jpegxl_encode(image, lossless=True),
        "compresso": compresso_package.compress(voxels[..., 0]),
    }.items():
        out = np.zeros_like(voxels)
        table.decode_into(Encoding(name), data, voxels.shape, out)
        np.testing.assert_array_equal(out, voxels)
        with pytest.raises(EncodeError, match=f"cannot write encoding '{name}'; known are raw, "):
            table.encode(Encoding(name), voxels)


def test_unknown_encodings_list_the_known_ones():
    voxels = np.zeros((4, 4, 4, 1), "uint8", order="F")
    with pytest.raises(EncodeError, match=r"'zfpc'; known are raw, compressed_segmentation, jpeg, png$"):
        table.encode(Encoding("zfpc"), voxels)
    known = "'zfpc'; known are raw, compressed_segmentation, jpeg, png, jxl, compresso$"
    with pytest.raises(DecodeError, match=known):
        table.decode_into(Encoding("zfpc"), b"", voxels.shape, voxels)
    with pytest.raises(DecodeError, match=known):
        table.decode(Encoding("zfpc"), b"", voxels.shape, "uint8")


@pytest.mark.parametrize("name", ["raw", "compressed_segmentation", "jpeg", "png", "jxl", "compresso"])
def test_damaged_bytes_are_a_decode_error_in_every_encoding(name):
    out = np.zeros((4, 4, 4, 1), "uint32" if name == "compressed_segmentation" else "uint8", order="F")
    for data in (b"", b"x", bytes(37)):
        with pytest.raises(DecodeError):
            table.decode_into(Encoding(name), data, out.shape, out)


def test_importing_the_table_loads_no_codec_library():
    heavy = {"numba", "imagecodecs", "isal", "compresso"}
    code = f"import sys, ngprecomp.codecs.table; print({heavy} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
