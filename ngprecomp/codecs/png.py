"""The png encoding: a chunk as one PNG image, lossless; the pixels are those of jpeg."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from ngprecomp.codecs import pixels
from ngprecomp.errors import DecodeError, EncodeError, OptionError

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

LONGEST_SIDE = 1_000_000  # libpng refuses more, here and in TensorStore
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHANNELS_OF_COLOUR_TYPE = {0: 1, 4: 2, 2: 3, 6: 4}  # grey, grey and alpha, RGB, RGBA


def encode(voxels: NDArray[Any], level: int | None = None) -> bytes:
    """Return the PNG of `voxels`, [x, y, z, channel] with 1 to 4 channels of uint8 or uint16.

    `level` is zlib's, 0 (fast) to 9 (small); None leaves the choice to the library.

    Raises
    ------
    EncodeError
        When type or number of channels have no PNG, or the voxels fill no image with sides up to 1,000,000.
    """
    if voxels.dtype.newbyteorder("=") not in (np.uint8, np.uint16) or not 1 <= voxels.shape[3] <= 4:
        raise EncodeError(f"png stores 1 to 4 channels of uint8 or uint16, not {voxels.shape[3]} of {voxels.dtype}")
    if level is not None and not 0 <= level <= 9:
        raise OptionError(f"png_level must be 0 to 9, found {level}")
    import imagecodecs

    image = pixels.to_image(voxels, LONGEST_SIDE)
    return bytes(imagecodecs.png_encode(image, level=level, out=_longest_file(image)))


def _longest_file(image: NDArray[Any]) -> int:
    """Return the bytes that a PNG of `image` has at most, which imagecodecs underestimates for narrow images.

    Every row begins with a filter byte; what deflate cannot shrink costs 5 bytes in 16 KiB, and libpng wraps each
    8 KiB in 12 bytes of its own.
    """
    filtered = image.nbytes + len(image)
    return filtered + filtered // 256 + 4096


def decode(data: bytes, shape: pixels.Shape, dtype: DTypeLike) -> NDArray[Any]:
    """Return the voxels of a PNG chunk, [x, y, z, channel], Fortran-ordered.

    Raises
    ------
    DecodeError
        When the header promises other pixels than the chunk needs (found before anything is decoded; another
        bit depth would give wrong voxels), or libpng refuses the image.
    """
    header = _read_header(data)
    header.expect("png", shape, dtype)
    import imagecodecs

    image = np.empty(header.layout, np.dtype(dtype).newbyteorder("="))
    return pixels.to_voxels(pixels.decode_image("png", imagecodecs.png_decode, data, image), shape)


def check(data: bytes, shape: pixels.Shape, dtype: DTypeLike) -> None:
    """Look at the header and the checksums of a PNG chunk, without decoding it.

    Raises
    ------
    DecodeError
        When the header promises other pixels than the chunk needs, or a part is damaged or missing.
    """
    _read_header(data).expect("png", shape, dtype)
    at, kind = len(_SIGNATURE), b""
    while kind != b"IEND":
        length, kind = struct.unpack(">I4s", data[at : at + 8].ljust(8, b"\0"))
        end = at + 8 + length
        if end + 4 > len(data):
            raise DecodeError(f"the png chunk of {len(data)} bytes is cut off: it has no part IEND")
        if zlib.crc32(data[at + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            raise DecodeError(f"the png chunk of {len(data)} bytes is damaged: the checksum at byte {end} is wrong")
        at = end + 4


def _read_header(data: bytes) -> pixels.ImageHeader:
    """Return what the IHDR chunk says (PNG specification, 11.2.2)."""
    if data[:8] != _SIGNATURE or data[12:16] != b"IHDR" or len(data) < 33:
        raise DecodeError(
            f"a png chunk starts with the PNG signature and IHDR, found {data[:16].hex(' ') or 'no bytes'}"
        )
    width, height, bits, colour_type, *_, interlace = struct.unpack_from(">IIBBBBB", data, 16)
    if colour_type not in _CHANNELS_OF_COLOUR_TYPE or interlace:
        raise DecodeError(
            "a png chunk has colour type 0, 2, 4 or 6 and is not interlaced, "
            f"found colour type {colour_type} and interlace method {interlace}"
        )
    return pixels.ImageHeader(width, height, _CHANNELS_OF_COLOUR_TYPE[colour_type], bits)
