"""The jpeg encoding: a chunk as one grey or colour JPEG image (volume.md, "jpeg chunk encoding")."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np

from ngprecomp.codecs import pixels
from ngprecomp.errors import DecodeError, EncodeError, OptionError

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

LONGEST_SIDE = 65535
_START, _END = b"\xff\xd8", b"\xff\xd9"
_START_OF_SCAN = 0xDA
_MOST_SCANS = 100  # progressive images have about 10; 1,000 empty ones over 128**3 voxels take 6 s and 14 kB
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # these three are tables and an extension


def encode(voxels: NDArray[Any], quality: int = 75) -> bytes:
    """Return the JPEG of uint8 `voxels`, [x, y, z, channel] with 1 (grey) or 3 channels (YCbCr, 4:2:0).

    Byte for byte what TensorStore writes at the same `quality` (0 to 100): both use libjpeg-turbo.

    Raises
    ------
    EncodeError
        When type or number of channels have no JPEG, or the voxels fill no image with sides up to 65535.
    """
    if voxels.dtype != np.uint8 or voxels.shape[3] not in (1, 3):
        raise EncodeError(f"jpeg stores 1 or 3 channels of uint8, not {voxels.shape[3]} of {voxels.dtype}")
    if not 0 <= quality <= 100:
        raise OptionError(f"jpeg_quality must be 0 to 100, found {quality}")
    import imagecodecs

    image = pixels.to_image(voxels, LONGEST_SIDE)
    return bytes(imagecodecs.jpeg8_encode(image, level=quality, subsampling="420"))


def decode(data: bytes, shape: pixels.Shape, dtype: DTypeLike) -> NDArray[Any]:
    """Return the voxels of a JPEG chunk, [x, y, z, channel], Fortran-ordered.

    Raises
    ------
    DecodeError
        When the header promises other pixels than the chunk needs (found before anything is decoded), the
        image is cut off or libjpeg-turbo refuses it. JPEG has no checksum: some damage only changes voxels.
    """
    header = check(data, shape, dtype)
    import imagecodecs

    image = np.empty(header.layout, dtype)
    return pixels.to_voxels(pixels.decode_image("jpeg", imagecodecs.jpeg8_decode, data, image), shape)


def check(data: bytes, shape: pixels.Shape, dtype: DTypeLike) -> pixels.ImageHeader:
    """Return the header of a JPEG chunk, without decoding it.

    Raises
    ------
    DecodeError
        When the header promises other pixels than the chunk needs, the image has very many scans or is cut off.
    """
    header, scans_at = _read_header(data)
    header.expect("jpeg", shape, dtype)
    scans = data.count(bytes([0xFF, _START_OF_SCAN]))
    if scans > _MOST_SCANS:
        raise DecodeError(f"the jpeg chunk of {len(data)} bytes must have at most {_MOST_SCANS} scans, found {scans}")
    if data.rfind(_END) < scans_at:  # libjpeg would fill the missing part with grey
        raise DecodeError(f"the jpeg chunk of {len(data)} bytes is cut off: it has no end-of-image marker")
    return header


def _read_header(data: bytes) -> tuple[pixels.ImageHeader, int]:
    """Return what the frame header says and where the first scan starts (ITU T.81, B.1.1 and B.2.2)."""
    if data[:2] != _START:
        raise DecodeError(f"a jpeg chunk starts with ff d8, found {data[:2].hex(' ') or 'no bytes'}")
    header, at = None, 2
    while at + 10 <= len(data) and data[at] == 0xFF:
        marker, length = struct.unpack_from(">BH", data, at + 1)
        if marker == 0xFF:  # any number of these may stand before a marker
            at += 1
            continue
        if marker in _START_OF_FRAME:
            bits, height, width, channels = struct.unpack_from(">BHHB", data, at + 4)
            header = pixels.ImageHeader(width, height, channels, bits)
        if marker == _START_OF_SCAN and header is not None:
            return header, at
        at += 2 + length
    raise DecodeError(f"the jpeg chunk of {len(data)} bytes has no readable header: no frame or scan starts in it")
