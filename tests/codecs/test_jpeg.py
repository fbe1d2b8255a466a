import contextlib

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ngprecomp.codecs import jpeg
from ngprecomp.errors import DecodeError, EncodeError, OptionError
from tests.codecs.battery import (
    SHAPES,
    bit_flips,
    golden_chunks,
    layouts,
    peak_bytes,
    smooth_voxels,
    tensorstore_reads,
    tensorstore_writes,
    truncations,
)

START_OF_FRAME = b"\xff\xc0"


@pytest.mark.parametrize("golden", golden_chunks("jpeg"), ids=lambda golden: golden.name)
def test_golden_chunks_both_ways(golden):
    shape = golden.voxels.shape
    np.testing.assert_array_equal(jpeg.decode(golden.data, shape, "uint8"), golden.voxels, strict=True)
    ours = jpeg.encode(golden.voxels_in, golden.parameters["jpeg_quality"])
    assert len(ours) == pytest.approx(len(golden.data), rel=0.02)
    np.testing.assert_array_equal(jpeg.decode(ours, shape, "uint8"), golden.voxels)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("channels", [1, 3])
def test_tensorstore_reads_the_same_voxels(shape, channels):
    voxels = smooth_voxels((*shape, channels))
    data = jpeg.encode(voxels)
    decoded = jpeg.decode(data, voxels.shape, "uint8")
    assert decoded.flags.f_contiguous
    np.testing.assert_array_equal(tensorstore_reads(data, voxels.shape, "uint8", "jpeg"), decoded)


@pytest.mark.parametrize("quality", [0, 1, 30, 75, 100])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_quality_means_what_it_means_to_tensorstore(quality, channels):
    voxels = smooth_voxels((20, 16, 12, channels))
    ours, theirs = jpeg.encode(voxels, quality), tensorstore_writes(voxels, "jpeg", jpeg_quality=quality)
    assert len(ours) == pytest.approx(len(theirs), rel=0.02)
    difference = jpeg.decode(ours, voxels.shape, "uint8").astype(int) - jpeg.decode(theirs, voxels.shape, "uint8")
    assert abs(difference).max() <= 1


@settings(max_examples=30, deadline=None)
@given(st.tuples(*[st.integers(1, 24)] * 3), st.sampled_from([1, 3]))
def test_smooth_grey_survives_at_full_quality(shape, channels):
    voxels = np.asfortranarray(np.repeat(smooth_voxels((*shape, 1)) // 4, channels, axis=3))
    decoded = jpeg.decode(jpeg.encode(voxels, 100), voxels.shape, "uint8")
    assert abs(decoded.astype(int) - voxels).max() <= 3


def test_the_memory_layout_of_the_voxels_does_not_matter():
    assert len({jpeg.encode(same) for same in layouts(smooth_voxels((9, 8, 7, 3)))}) == 1


@pytest.mark.parametrize("shape", [(1, 300, 250), (1, 1, 70000), (70000, 1, 1), (2, 40000, 3)])
def test_images_that_would_be_too_high_or_too_wide_take_other_sides(shape):
    voxels = smooth_voxels((*shape, 1))
    data = jpeg.encode(voxels, 95)
    decoded = jpeg.decode(data, voxels.shape, "uint8")
    assert abs(decoded.astype(int) - voxels).mean() < 2
    np.testing.assert_array_equal(tensorstore_reads(data, voxels.shape, "uint8", "jpeg"), decoded)


@pytest.mark.parametrize("shape", [(65537, 1, 1), (1, 0, 4)])
def test_voxels_that_fill_no_image_are_refused(shape):
    with pytest.raises(EncodeError, match="do not fill a rectangular image with sides of 1 to 65535"):
        jpeg.encode(np.zeros((*shape, 1), "uint8"))


@pytest.mark.parametrize(("dtype", "channels"), [("uint16", 1), ("uint8", 2), ("uint8", 4), ("int8", 1)])
def test_types_and_channels_without_a_jpeg_are_refused(dtype, channels):
    with pytest.raises(EncodeError, match=f"not {channels} of {dtype}"):
        jpeg.encode(np.zeros((4, 4, 4, channels), dtype))


@pytest.mark.parametrize("quality", [-1, 101])
def test_a_quality_outside_0_to_100_is_refused(quality):
    with pytest.raises(OptionError, match=f"found {quality}"):
        jpeg.encode(np.zeros((4, 4, 4, 1), "uint8"), quality)


@pytest.mark.parametrize("channels", [1, 3])
def test_every_truncation_is_an_error(channels):
    voxels = smooth_voxels((20, 16, 12, channels))
    for cut in truncations(jpeg.encode(voxels)):
        with pytest.raises(DecodeError):
            jpeg.decode(cut, voxels.shape, "uint8")


def test_bit_flips_and_bytes_after_the_image_never_do_worse_than_other_voxels():
    voxels = smooth_voxels((20, 16, 12, 3))
    data = jpeg.encode(voxels)
    for damaged in bit_flips(data):
        with contextlib.suppress(DecodeError):
            assert jpeg.decode(damaged, voxels.shape, "uint8").shape == voxels.shape
    expected = jpeg.decode(data, voxels.shape, "uint8")
    np.testing.assert_array_equal(jpeg.decode(data + b"more", voxels.shape, "uint8"), expected)


@pytest.mark.parametrize(
    "data", [b"", b"\xff", b"\xff\xd8", b"not a jpeg at all", bytes(500), b"\xff\xd8" + b"\xff" * 500]
)
def test_what_is_no_jpeg_is_an_error(data):
    with pytest.raises(DecodeError):
        jpeg.decode(data, (4, 4, 4, 1), "uint8")


@pytest.mark.parametrize("shape", [(20, 16, 11, 1), (21, 16, 12, 1), (20, 16, 12, 3)])
def test_other_dimensions_or_components_are_an_error_that_names_them(shape):
    data = jpeg.encode(smooth_voxels((20, 16, 12, 1)))
    with pytest.raises(DecodeError, match="found 20 x 192 pixels of 1 x 8 bits"):
        jpeg.decode(data, shape, "uint8")


@pytest.mark.parametrize("encoder_options", [{"optimize": True}, {"subsampling": "444"}, {"subsampling": "422"}])
def test_other_encoders_choices_are_read(encoder_options):
    voxels = smooth_voxels((16, 16, 4, 3))
    image = voxels.reshape(-1, 3, order="F").reshape(32, 32, 3)
    data = imagecodecs.jpeg8_encode(np.ascontiguousarray(image), level=95, **encoder_options)
    np.testing.assert_array_equal(
        jpeg.decode(data, voxels.shape, "uint8"), tensorstore_reads(data, voxels.shape, "uint8", "jpeg")
    )


def test_a_bomb_costs_nothing():
    data = bytearray(jpeg.encode(smooth_voxels((20, 16, 12, 1))))
    sides = data.index(START_OF_FRAME) + 5
    data[sides : sides + 4] = b"\xff\xdc\xff\xdc"  # 65500 x 65500

    def decode() -> None:
        with pytest.raises(DecodeError, match="found 65500 x 65500 pixels"):
            jpeg.decode(bytes(data), (20, 16, 12, 1), "uint8")

    assert peak_bytes(decode) < 1 << 20
