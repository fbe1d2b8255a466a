"""Which functions belong to an encoding: boxes of big arrays to the bytes of one chunk, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ngprecomp.codecs import compresso, jpeg, jxl, png, raw
from ngprecomp.errors import DecodeError, EncodeError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Triple = tuple[int, int, int]
Shape = tuple[int, int, int, int]
Voxels = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Encoding:
    """How the chunks of a scale are encoded; the parameters of other encodings are not looked at.

    `block_size` is that of compressed_segmentation, `jpeg_quality` 0 to 100, `png_level` 0 to 9 or None.
    """

    name: str
    block_size: Triple = (8, 8, 8)
    jpeg_quality: int = 75
    png_level: int | None = None


def encode(encoding: Encoding, voxels: Voxels, *, lo: Triple = (0, 0, 0), size: Triple | None = None) -> bytes:
    """Return the chunk file of the box ``lo`` to ``lo + size`` of `voxels`.

    Parameters
    ----------
    encoding
        The name and the parameters.
    voxels
        [x, y, z, channel], best Fortran-ordered.
    lo, size
        The box, in voxels of the array; all of it where `size` is not given.

    Raises
    ------
    EncodeError
        When the encoding is unknown or only read, or cannot hold such voxels.
    """
    encoder = _ENCODERS.get(encoding.name)
    if encoder is None:
        raise EncodeError(f"cannot write encoding {encoding.name!r}; known are {', '.join(_ENCODERS)}")
    return encoder(encoding, voxels, lo, _size(voxels.shape) if size is None else size)


def decode_into(
    encoding: Encoding,
    data: bytes,
    shape: Shape,
    out: Voxels,
    *,
    at: Triple = (0, 0, 0),
    lo: Triple = (0, 0, 0),
    size: Triple | None = None,
) -> None:
    """Put the box ``lo`` to ``lo + size`` of a chunk into `out`, its first voxel at `at`.

    Parameters
    ----------
    encoding
        The name and the parameters.
    data
        The chunk file, decompressed.
    shape
        Voxels of the whole chunk along x, y, z and its channels.
    out
        [x, y, z, channel], Fortran-ordered; its type is that of the volume.
    at
        Where the box begins in `out`.
    lo, size
        The box, in voxels of the chunk; the whole chunk where `size` is not given.

    Raises
    ------
    DecodeError
        When the encoding is unknown or the bytes do not decode to such a chunk; `out` may be partly written.
    """
    size = _size(shape) if size is None else size
    if encoding.name == "compressed_segmentation":
        from ngprecomp.codecs import compressed_segmentation

        compressed_segmentation.decode_into(data, shape, encoding.block_size, out, at, lo, size)
    else:
        put_into([decode(encoding, data, shape, out.dtype)], [lo], out, at, [size])


def put_into(chunks: Sequence[Voxels], los: Sequence[Triple], out: Voxels, at: Triple, sizes: Sequence[Triple]) -> None:
    """Put boxes of one chunk, or of two that lie side by side along x, into `out`: the first begins at `at`.

    Parameters
    ----------
    chunks, out
        [x, y, z, channel], Fortran-ordered, of one type.
    los, sizes
        The boxes, in voxels of each chunk; two differ in their voxels along x only.
    at
        Where the first box begins in `out`.
    """
    from ngprecomp.kernels.boxes import copy_boxes  # Numba takes long to import

    copy_boxes([chunk.T for chunk in chunks], list(map(_zyx, los)), out.T, _zyx(at), list(map(_zyx, sizes)))


def decode(encoding: Encoding, data: bytes, shape: Shape, dtype: DTypeLike) -> Voxels:
    """Return the voxels of a chunk, [x, y, z, channel], Fortran-ordered; a raw chunk is a view of `data`.

    Raises
    ------
    DecodeError
        As `decode_into`.
    """
    decoder = _DECODERS.get(encoding.name)
    if decoder is None:
        raise DecodeError(f"cannot read encoding {encoding.name!r}; known are {', '.join(_DECODERS)}")
    return decoder(encoding, data, shape, np.dtype(dtype))


def check(encoding: Encoding, data: bytes, shape: Shape, dtype: DTypeLike) -> None:
    """Look whether bytes are the chunk file of such a chunk; JPEG and PNG, which are slow, are not decoded.

    What is damaged between header and end of a JPEG goes unnoticed; a PNG has checksums.

    Raises
    ------
    DecodeError
        When they are not, or the encoding is unknown.
    """
    if encoding.name in _CHECKS:
        _CHECKS[encoding.name](data, shape, np.dtype(dtype))
    else:
        decode(encoding, data, shape, dtype)


def _size(shape: tuple[int, ...]) -> Triple:
    x, y, z, _ = shape
    return x, y, z


def _zyx(triple: Triple) -> Triple:
    x, y, z = triple
    return z, y, x


def _box(lo: Triple, size: Triple) -> tuple[slice, slice, slice]:
    return (slice(lo[0], lo[0] + size[0]), slice(lo[1], lo[1] + size[1]), slice(lo[2], lo[2] + size[2]))


def _encode_compressed_segmentation(encoding: Encoding, voxels: Voxels, lo: Triple, size: Triple) -> bytes:
    from ngprecomp.codecs import compressed_segmentation  # Numba takes long to import

    return compressed_segmentation.encode_region(voxels, lo, size, encoding.block_size)


def _decode_compressed_segmentation(encoding: Encoding, data: bytes, shape: Shape, dtype: np.dtype[Any]) -> Voxels:
    from ngprecomp.codecs import compressed_segmentation

    return compressed_segmentation.decode(data, shape, dtype, encoding.block_size)


_ENCODERS: dict[str, Callable[[Encoding, Voxels, Triple, Triple], bytes]] = {
    "raw": lambda encoding, voxels, lo, size: raw.encode(voxels[_box(lo, size)]),
    "compressed_segmentation": _encode_compressed_segmentation,
    "jpeg": lambda encoding, voxels, lo, size: jpeg.encode(voxels[_box(lo, size)], encoding.jpeg_quality),
    "png": lambda encoding, voxels, lo, size: png.encode(voxels[_box(lo, size)], encoding.png_level),
}

_DECODERS: dict[str, Callable[[Encoding, bytes, Shape, np.dtype[Any]], Voxels]] = {
    "raw": lambda encoding, data, shape, dtype: raw.decode(data, shape, dtype),
    "compressed_segmentation": _decode_compressed_segmentation,
    "jpeg": lambda encoding, data, shape, dtype: jpeg.decode(data, shape, dtype),
    "png": lambda encoding, data, shape, dtype: png.decode(data, shape, dtype),
    "jxl": lambda encoding, data, shape, dtype: jxl.decode(data, shape, dtype),
    "compresso": lambda encoding, data, shape, dtype: compresso.decode(data, shape, dtype),
}

_CHECKS: dict[str, Callable[[bytes, Shape, np.dtype[Any]], object]] = {"jpeg": jpeg.check, "png": png.check}
