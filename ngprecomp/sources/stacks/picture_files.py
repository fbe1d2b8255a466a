"""One PNG or JPEG picture: what its header says, and its pixels."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

import numpy as np

from ngprecomp.errors import SourceError

if TYPE_CHECKING:
    from ngprecomp.sources.protocol import Voxels

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8"
END_OF_JPEG = b"\xff\xd9"
START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # these three are tables and an extension
SCAN = 0xDA
IHDR = struct.Struct(">IIBBBBB")  # width, height, bits, colour type, three methods
COLOURS = {0: 1, 4: 1, 2: 3, 6: 3}  # by PNG's colour type; 4 and 6 have alpha besides
PALETTE = 3
SMALL = 64 << 20
GREATEST_RATIO = 1 << 11  # deflate reaches 1032 bytes from one, JPEG less


@dataclass(frozen=True, slots=True)
class PictureHeader:
    """What must be the same in all pictures of a stack."""

    width: int
    height: int
    colours: int
    bits: int

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows, columns and, where there are three, colours."""
        return (self.height, self.width) if self.colours == 1 else (self.height, self.width, self.colours)

    @property
    def dtype(self) -> np.dtype[np.uint8] | np.dtype[np.uint16]:
        """The type of a sample."""
        return np.dtype(np.uint16) if self.bits == 16 else np.dtype(np.uint8)

    def __str__(self) -> str:
        kind = "grey" if self.colours == 1 else "RGB"
        return f"{self.width} x {self.height} pixels, {kind} of {self.bits} bits"


def read_picture_header(path: str) -> PictureHeader:
    """Return what the header of a file says; pixels are not read.

    Raises
    ------
    SourceError
        The file is neither PNG nor JPEG, damaged, or of a kind whose values mean no brightness: a palette, CMYK.
    """
    with open(path, "rb") as file:
        start = file.read(len(PNG))
        if start == PNG:
            header = _png_header(file, path)
        elif start.startswith(JPEG):
            file.seek(len(JPEG))
            header = _jpeg_header(file, path)
        else:
            raise SourceError(f"{path} is neither PNG nor JPEG: it starts with the bytes {start!r}")
        size = os.fstat(file.fileno()).st_size
    claimed = header.width * header.height * header.colours * header.dtype.itemsize
    if claimed == 0 or claimed > max(SMALL, GREATEST_RATIO * size):
        raise SourceError(f"{path} claims {header} in {size} bytes")
    return header


def read_picture(path: str, expected: PictureHeader) -> Voxels:
    """Return the pixels of a file, [y, x] or [y, x, colour], of a stack whose header is `expected`.

    Raises
    ------
    SourceError
        The file has changed, is damaged or cut off, or shows through somewhere.
    """
    if (found := read_picture_header(path)) != expected:
        raise SourceError(f"{path} has changed: expected {expected}, found {found}")
    with open(path, "rb") as file:
        data = file.read()
    pixels = _decoded(data, path)
    samples = pixels.shape[2] if pixels.ndim == 3 else 1
    if samples == expected.colours + 1:
        if (pixels[..., -1] != np.iinfo(pixels.dtype).max).any():
            raise SourceError(f"{path} is transparent in places: a volume has no alpha, make the picture opaque first")
        pixels = pixels[..., 0] if expected.colours == 1 else pixels[..., :-1]
    if pixels.shape != expected.shape or pixels.dtype != expected.dtype:
        raise SourceError(f"{path} decodes to {pixels.dtype} {pixels.shape}, expected {expected}")
    # libpng spreads samples of 1, 2 and 4 bits over 0 to 255
    return pixels if expected.bits >= 8 else pixels // (255 // ((1 << expected.bits) - 1))


def _decoded(data: bytes, path: str) -> Voxels:
    import imagecodecs

    if not data.startswith(PNG) and data.rfind(END_OF_JPEG) < data.rfind(bytes([0xFF, SCAN])):
        raise SourceError(f"{path} is cut off: it has no end-of-image marker")  # libjpeg would fill it with grey
    decode = imagecodecs.png_decode if data.startswith(PNG) else imagecodecs.jpeg8_decode
    try:
        pixels: Voxels = decode(data)
    except (RuntimeError, ValueError) as error:
        raise SourceError(f"{path} is damaged: {error}") from error
    return pixels


def _png_header(file: IO[bytes], path: str) -> PictureHeader:
    """Return what the IHDR chunk says (PNG specification, 11.2.2)."""
    chunk = file.read(8 + IHDR.size)
    if len(chunk) < 8 + IHDR.size or chunk[4:8] != b"IHDR":
        raise SourceError(f"{path} is a damaged PNG file: it does not start with IHDR")
    width, height, bits, colour_type, *_ = IHDR.unpack_from(chunk, 8)
    if colour_type == PALETTE:
        raise SourceError(f"{path} holds indices into a palette of colours; save it as grey values or RGB first")
    if colour_type not in COLOURS or bits not in (1, 2, 4, 8, 16):
        raise SourceError(f"{path} is a damaged PNG file: colour type {colour_type} of {bits} bits")
    return PictureHeader(width, height, COLOURS[colour_type], bits)


def _jpeg_header(file: IO[bytes], path: str) -> PictureHeader:
    """Return what the frame header says (ITU T.81, B.1.1 and B.2.2)."""
    while len(marker := file.read(4)) == 4 and marker[0] == 0xFF:
        if marker[1] == 0xFF:  # any number of these may stand before a marker
            file.seek(-3, os.SEEK_CUR)
            continue
        length = int.from_bytes(marker[2:], "big")
        if marker[1] in START_OF_FRAME:
            frame = file.read(6)
            if len(frame) < 6:
                break
            bits, height, width, colours = struct.unpack(">BHHB", frame)
            if bits != 8 or colours not in (1, 3):
                raise SourceError(f"{path} is a JPEG of {colours} x {bits} bits; expected grey or RGB of 8 bits")
            return PictureHeader(width, height, colours, bits)
        if marker[1] == SCAN:
            break
        file.seek(length - 2, os.SEEK_CUR)
    raise SourceError(f"{path} is a damaged JPEG file: it has no frame header")
