"""The jxl encoding, read only: a chunk as one JPEG XL image, as CloudVolume writes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ngprecomp.codecs import pixels
from ngprecomp.errors import DecodeError

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

_CODESTREAM = b"\xff\x0a"
_CONTAINER = b"\0\0\0\x0cJXL \r\n\x87\n"
_RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}  # width : height


def decode(data: bytes, shape: pixels.Shape, dtype: DTypeLike) -> NDArray[Any]:
    """Return the voxels of a JPEG XL chunk, [x, y, z, channel], Fortran-ordered.

    The channels are the components of a pixel or, as CloudVolume stores three of them, planes of their own.

    Raises
    ------
    DecodeError
        When the image has other pixels than the chunk needs (found before anything is decoded), or libjxl
        refuses it.
    """
    width, height = _read_size(data)
    count, channels = shape[0] * shape[1] * shape[2], shape[3]
    if width * height != count:
        raise DecodeError(f"the jxl chunk must have {count} pixels, found {width} x {height}")
    if channels == 1:
        return pixels.to_voxels(_decode(data, (height, width), dtype), shape)
    try:
        return pixels.to_voxels(_decode(data, (height, width, channels), dtype), shape)
    except DecodeError as error:
        try:
            planes = _decode(data, (channels, height, width), dtype)
        except DecodeError:
            raise error from None
        return planes.reshape(channels, -1).T.reshape(shape, order="F")


def _decode(data: bytes, layout: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    import imagecodecs

    def decoder(data: bytes, out: NDArray[Any]) -> None:
        imagecodecs.jpegxl_decode(data, numthreads=1, out=out)

    return pixels.decode_image("jxl", decoder, data, np.empty(layout, np.dtype(dtype).newbyteorder("=")))


def _read_size(data: bytes) -> tuple[int, int]:
    """Return width and height from the start of the codestream (ISO/IEC 18181-1, SizeHeader)."""
    codestream = _codestream(data)
    if codestream[:2] != _CODESTREAM:
        raise DecodeError(f"a jxl chunk starts with ff 0a or a JXL container, found {data[:12].hex(' ') or 'no bytes'}")
    bits = _Bits(codestream[2:16])
    small = bits.take(1)
    height = bits.side(small)
    ratio = bits.take(3)
    if ratio == 0:
        return bits.side(small), height
    across, down = _RATIOS[ratio]
    return height * across // down, height


def _codestream(data: bytes) -> bytes:
    """Return where the codestream begins: `data` itself or its first box with a part of it (18181-2)."""
    if not data.startswith(_CONTAINER):
        return data
    at = 0
    while at + 16 <= len(data):
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        begin = at + (16 if length == 1 else 8)
        if kind in (b"jxlc", b"jxlp"):
            begin += 4 if kind == b"jxlp" else 0  # a part starts with its number
            return data[begin : begin + 16]
        if length == 1:
            length = int.from_bytes(data[at + 8 : at + 16], "big")
        if length < begin - at:  # also 0: a box that takes the rest of the file
            break
        at += length
    return b""


class _Bits:
    """A few bytes read bit by bit, least significant bit first; past their end all bits are 0."""

    def __init__(self, data: bytes) -> None:
        self.rest = int.from_bytes(data, "little")

    def take(self, count: int) -> int:
        value = self.rest & ((1 << count) - 1)
        self.rest >>= count
        return value

    def side(self, small: int) -> int:
        """Return one side of the image: a multiple of 8 up to 256, or a number of 9, 13, 18 or 30 bits."""
        if small:
            return 8 * (self.take(5) + 1)
        return self.take((9, 13, 18, 30)[self.take(2)]) + 1
