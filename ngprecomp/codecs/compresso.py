"""The compresso encoding of label chunks, read only, through the optional package ``compresso``."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np

from ngprecomp.errors import DecodeError

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

Shape = tuple[int, int, int, int]

# magic, version, bytes of a label; size x, y, z; steps x, y, z; counts: ids, windows, locations; connectivity
_HEADER = struct.Struct("<4sBB3H3BQIQB")


def decode(data: bytes, shape: Shape, dtype: DTypeLike) -> NDArray[Any]:
    """Return the voxels of a compresso chunk, [x, y, z, 1], Fortran-ordered.

    The header is checked here. The package trusts everything behind it: damage there may go unnoticed or even
    end the process. Such chunks belong into gzip (CloudVolume's default), whose checksum is looked at first.

    Raises
    ------
    DecodeError
        When the header does not fit the chunk, parts are missing, or the package is not installed.
    """
    width = np.dtype(dtype).itemsize
    _check_header(data, shape, width)
    try:
        import compresso
    except ImportError as error:
        raise DecodeError("reading compresso chunks needs a package: pip install compresso") from error
    try:
        labels: NDArray[Any] = compresso.decompress(data)
    except (compresso.DecodeError, RuntimeError, ValueError) as error:
        raise DecodeError(f"the compresso chunk of {len(data)} bytes does not decode: {error}") from error
    return np.asfortranarray(labels).view(np.dtype(dtype).newbyteorder("=")).reshape(shape, order="F")


def _check_header(data: bytes, shape: Shape, width: int) -> None:
    if len(data) < _HEADER.size or data[:4] != b"cpso":
        raise DecodeError(f"a compresso chunk starts with cpso and {_HEADER.size - 4} more bytes, found {data[:40]!r}")
    _, version, label_bytes, x, y, z, *steps, ids, windows, locations, connectivity = _HEADER.unpack_from(data)
    if (x, y, z, 1) != tuple(shape) or label_bytes != width:
        raise DecodeError(
            f"the compresso chunk must have {' x '.join(map(str, shape))} labels of {width} bytes, "
            f"found {x} x {y} x {z} x 1 of {label_bytes} bytes"
        )
    if version > 1 or connectivity not in (4, 6) or not 1 <= steps[0] * steps[1] * steps[2] <= 64:
        raise DecodeError(
            "a compresso chunk has version 0 or 1, connectivity 4 or 6 and windows of 1 to 64 voxels, "
            f"found version {version}, connectivity {connectivity} and windows of {steps} voxels"
        )
    window_bytes = next(size for size in (1, 2, 4, 8) if steps[0] * steps[1] * steps[2] <= 8 * size)
    expected = _HEADER.size + ids * width + windows * window_bytes + locations * width
    if len(data) < expected:
        raise DecodeError(f"the compresso chunk must have at least {expected} bytes, found {len(data)}")
