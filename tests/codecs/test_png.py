import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ngprecomp.codecs import png
from ngprecomp.errors import DecodeError, EncodeError, OptionError
from tests.codecs.battery import (
    SHAPES,
    bit_flips,
    golden_chunks,
    layouts,
    peak_bytes,
    random_voxels,
    smooth_voxels,
    tensorstore_reads,
    tensorstore_writes,
    truncations,
)

CASES = [(dtype, channels) for dtype in ("uint8", "uint16") for channels in (1, 2, 3, 4)]


def with_header(data: bytes, **members: int) -> bytes:
    """Return a PNG whose IHDR says something else, with the right CRC."""
    names = ("width", "height", "bits", "colour_type", "compression", "filter", "interlace")
    header = dict(zip(names, struct.unpack_from(">IIBBBBB", data, 16), strict=True)) | members
    ihdr = b"IHDR" + struct.pack(">IIBBBBB", *header.values())
    return data[:12] + ihdr + zlib.crc32(ihdr).to_bytes(4, "big") + data[33:]


@pytest.mark.parametrize("golden", golden_chunks("png"), ids=lambda golden: golden.name)
def test_golden_chunks_both_ways(golden):
    shape, dtype = golden.voxels.shape, golden.voxels.dtype
    np.testing.assert_array_equal(png.decode(golden.data, shape, dtype), golden.voxels, strict=True)
    ours = png.encode(golden.voxels_in)
    np.testing.assert_array_equal(png.decode(ours, shape, dtype), golden.voxels_in, strict=True)


@pytest.mark.parametrize(("dtype", "channels"), CASES)
@pytest.mark.parametrize("shape", SHAPES)
def test_tensorstore_reads_and_writes_the_same(shape, dtype, channels):
    voxels = random_voxels((*shape, channels), dtype)
    data = png.encode(voxels)
    np.testing.assert_array_equal(tensorstore_reads(data, voxels.shape, dtype, "png"), voxels)
    decoded = png.decode(tensorstore_writes(voxels, "png"), voxels.shape, dtype)
    np.testing.assert_array_equal(decoded, voxels, strict=True)
    assert decoded.flags.f_contiguous


@settings(max_examples=30, deadline=None)
@given(st.tuples(*[st.integers(1, 20)] * 3), st.sampled_from(CASES), st.sampled_from([None, 0, 1, 9]))
def test_round_trip(shape, case, level):
    dtype, channels = case
    voxels = random_voxels((*shape, channels), dtype)
    np.testing.assert_array_equal(png.decode(png.encode(voxels, level), voxels.shape, dtype), voxels, strict=True)


@pytest.mark.parametrize(("dtype", "channels"), CASES)
def test_the_memory_layout_of_the_voxels_does_not_matter(dtype, channels):
    assert len({png.encode(same) for same in layouts(random_voxels((6, 5, 4, channels), dtype))}) == 1


def test_a_level_means_what_it_means_to_zlib():
    voxels = smooth_voxels((32, 32, 16, 1))
    assert len(png.encode(voxels, 0)) > len(png.encode(voxels, 1)) > len(png.encode(voxels, 9))


def test_images_that_would_be_too_high_take_other_sides():
    voxels = smooth_voxels((1, 1500, 1000, 1))
    data = png.encode(voxels, 1)
    np.testing.assert_array_equal(png.decode(data, voxels.shape, "uint8"), voxels)
    np.testing.assert_array_equal(tensorstore_reads(data, voxels.shape, "uint8", "png"), voxels)


@pytest.mark.parametrize("shape", [(1_000_003, 1, 1), (4, 0, 4)])
def test_voxels_that_fill_no_image_are_refused(shape):
    with pytest.raises(EncodeError, match="do not fill a rectangular image"):
        png.encode(np.zeros((*shape, 1), "uint8"))


@pytest.mark.parametrize(("dtype", "channels"), [("uint32", 1), ("int8", 1), ("float32", 1), ("uint8", 5)])
def test_types_and_channels_without_a_png_are_refused(dtype, channels):
    with pytest.raises(EncodeError, match=f"not {channels} of {dtype}"):
        png.encode(np.zeros((4, 4, 4, channels), dtype))


@pytest.mark.parametrize("level", [-1, 10])
def test_a_level_outside_0_to_9_is_refused(level):
    with pytest.raises(OptionError, match=f"found {level}"):
        png.encode(np.zeros((4, 4, 4, 1), "uint8"), level)


@pytest.mark.parametrize(("dtype", "channels"), [("uint8", 1), ("uint16", 3)])
def test_damage_is_an_error_or_changes_nothing(dtype, channels):
    voxels = random_voxels((9, 8, 7, channels), dtype)
    data = png.encode(voxels)
    refused = 0
    for damaged in [*truncations(data), *bit_flips(data), data + b"more"]:
        try:
            np.testing.assert_array_equal(png.decode(damaged, voxels.shape, dtype), voxels)
        except DecodeError:
            refused += 1
    assert refused > 100


@pytest.mark.parametrize(("stored", "asked"), [("uint8", "uint16"), ("uint16", "uint8")])
def test_another_bit_depth_is_an_error(stored, asked):
    data = png.encode(random_voxels((4, 4, 4, 1), stored))
    with pytest.raises(DecodeError, match=r"64 pixels of 1 x \d+ bits, found 4 x 16 pixels of 1 x \d+ bits"):
        png.decode(data, (4, 4, 4, 1), asked)


@pytest.mark.parametrize("shape", [(4, 4, 3, 1), (4, 4, 4, 3)])
def test_other_dimensions_or_components_are_an_error(shape):
    with pytest.raises(DecodeError, match="found 4 x 16 pixels of 1 x 8 bits"):
        png.decode(png.encode(smooth_voxels((4, 4, 4, 1))), shape, "uint8")


@pytest.mark.parametrize("members", [{"colour_type": 3}, {"interlace": 1}])
def test_palettes_and_interlacing_are_errors(members):
    data = with_header(png.encode(smooth_voxels((4, 4, 4, 1))), **members)
    with pytest.raises(DecodeError, match="not interlaced"):
        png.decode(data, (4, 4, 4, 1), "uint8")


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n", b"not a png at all", bytes(500)])
def test_what_is_no_png_is_an_error(data):
    with pytest.raises(DecodeError):
        png.decode(data, (4, 4, 4, 1), "uint8")


def test_a_bomb_costs_nothing():
    data = with_header(png.encode(smooth_voxels((20, 16, 12, 1))), width=60000, height=60000)

    def decode() -> None:
        with pytest.raises(DecodeError, match="found 60000 x 60000 pixels"):
            png.decode(data, (20, 16, 12, 1), "uint8")

    assert peak_bytes(decode) < 1 << 20


@pytest.mark.parametrize("level", [None, 0, 9])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 64, 64), (2, 64, 64), (3, 64, 33), (1, 3, 1000), (64, 64, 64)])
def test_noise_in_narrow_chunks(shape, channels, dtype, level):
    """What deflate cannot shrink, one filter byte for each short row: the longest file there is."""
    noise = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (*shape, channels), dtype, endpoint=True)
    assert np.array_equal(png.decode(png.encode(noise, level), noise.shape, dtype), noise)
