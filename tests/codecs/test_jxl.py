import contextlib

import imagecodecs
import numpy as np
import pytest

from ngprecomp.codecs import jxl
from ngprecomp.errors import DecodeError
from tests.codecs.battery import SHAPES, bit_flips, peak_bytes, random_voxels, smooth_voxels, truncations


def image_of(voxels: np.ndarray, width: int) -> np.ndarray:
    pixels = voxels.reshape((-1, voxels.shape[3]), order="F")
    return np.ascontiguousarray(pixels).reshape((-1, width, voxels.shape[3]))


def lossless(voxels: np.ndarray, width: int | None = None, **options: object) -> bytes:
    image = image_of(voxels, width or voxels.shape[0])
    return imagecodecs.jpegxl_encode(image[..., 0] if voxels.shape[3] == 1 else image, lossless=True, **options)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_lossless_images_give_the_voxels(shape, channels, dtype):
    voxels = random_voxels((*shape, channels), dtype)
    decoded = jxl.decode(lossless(voxels), voxels.shape, dtype)
    np.testing.assert_array_equal(decoded, voxels, strict=True)
    assert decoded.flags.f_contiguous


@pytest.mark.parametrize("width", [8, 16, 24, 60, 64, 240, 256, 320, 480, 960])
def test_any_width_is_read_with_sizes_stored_as_multiples_ratios_or_numbers(width):
    voxels = random_voxels((16, 30, 24, 1), "uint8")
    np.testing.assert_array_equal(jxl.decode(lossless(voxels, width), voxels.shape, "uint8"), voxels)


def test_square_and_very_long_images_are_read():
    for shape in ((64, 8, 8, 1), (1, 70000, 1, 1), (300000, 1, 1, 1)):
        voxels = smooth_voxels(shape)
        np.testing.assert_array_equal(jxl.decode(lossless(voxels), shape, "uint8"), voxels)


def test_the_container_is_read():
    voxels = smooth_voxels((20, 16, 12, 3))
    data = lossless(voxels, usecontainer=True)
    assert data[4:8] == b"JXL "
    np.testing.assert_array_equal(jxl.decode(data, voxels.shape, "uint8"), voxels)


@pytest.mark.parametrize("channels", [1, 3])
def test_lossy_images_are_near(channels):
    voxels = smooth_voxels((32, 32, 8, channels)) // 4 + 60
    data = imagecodecs.jpegxl_encode(image_of(voxels, 32).squeeze(), level=95)
    assert abs(jxl.decode(data, voxels.shape, "uint8").astype(int) - voxels).mean() < 3


def test_three_channels_in_planes_are_read():
    voxels = random_voxels((20, 16, 12, 3), "uint8")
    planes = np.ascontiguousarray(np.moveaxis(image_of(voxels, 20), 2, 0))
    data = imagecodecs.jpegxl_encode(planes, photometric="RGB", level=100, lossless=True)
    decoded = jxl.decode(data, voxels.shape, "uint8")
    np.testing.assert_array_equal(decoded, voxels, strict=True)
    assert decoded.flags.f_contiguous


def test_truncations_are_errors_and_bit_flips_never_do_worse_than_other_voxels():
    voxels = smooth_voxels((20, 16, 12, 1))
    data = lossless(voxels)
    for cut in truncations(data):
        with pytest.raises(DecodeError):
            jxl.decode(cut, voxels.shape, "uint8")
    for damaged in bit_flips(data):
        with contextlib.suppress(DecodeError):
            assert jxl.decode(damaged, voxels.shape, "uint8").shape == voxels.shape


@pytest.mark.parametrize(
    ("shape", "dtype", "message"),
    [
        ((20, 16, 11, 1), "uint8", "3520 pixels, found 20 x 192"),
        ((20, 16, 12, 3), "uint8", "does not decode"),
        ((20, 16, 12, 1), "uint16", "does not decode"),
    ],
)
def test_other_dimensions_components_or_types_are_errors(shape, dtype, message):
    with pytest.raises(DecodeError, match=message):
        jxl.decode(lossless(smooth_voxels((20, 16, 12, 1))), shape, dtype)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\x0a",
        b"not a jxl at all",
        bytes(500),
        b"\0\0\0\x0cJXL \r\n\x87\n",
        b"\0\0\0\x0cJXL \r\n\x87\n" * 9,
    ],
)
def test_what_is_no_jxl_is_an_error(data):
    with pytest.raises(DecodeError):
        jxl.decode(data, (4, 4, 4, 1), "uint8")


def test_a_bomb_costs_nothing():
    bomb = imagecodecs.jpegxl_encode(np.zeros((8000, 8000), "uint8"), lossless=True, effort=1)

    def decode() -> None:
        with pytest.raises(DecodeError, match="found 8000 x 8000"):
            jxl.decode(bomb, (64, 64, 64, 1), "uint8")

    assert peak_bytes(decode) < 1 << 20


def test_frames_of_an_animation_are_not_taken_for_voxels():
    animation = imagecodecs.jpegxl_encode(np.zeros((5, 16, 16, 3), "uint8"), lossless=True)
    with pytest.raises(DecodeError):
        jxl.decode(animation, (16, 4, 4, 3), "uint8")
