"""The compresso encoding of label chunks, read only.

References
----------
The README of the package compresso, "Compresso Stream Format".
"""

from __future__ import annotations

import struct
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ngprecomp.errors import DecodeError

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

Shape = tuple[int, int, int, int]

# magic, version, bytes of a label; size x, y, z; steps x, y, z; counts: ids, values, codes; connectivity
_HEADER = struct.Struct("<4sBB3H3BQIQB")
_WIDTHS = (1, 2, 4, 8)


class _Stream(NamedTuple):
    """What a stream consists of: steps along z, y, x, whether regions cross slices, and its four lists."""

    steps: tuple[int, int, int]
    stacked: bool
    ids: NDArray[Any]
    values: NDArray[np.uint64]
    codes: NDArray[Any]
    runs: NDArray[np.uint64]


def decode(data: bytes, shape: Shape, dtype: DTypeLike) -> NDArray[Any]:
    """Return the voxels of a compresso chunk, [x, y, z, 1], Fortran-ordered.

    Raises
    ------
    DecodeError
        When the stream does not fit the chunk, or its parts do not fit together; nothing is read outside of it.
    """
    from ngprecomp.kernels import compresso as kernels  # Numba takes long to import

    stream = _parse(data, shape, np.dtype(dtype).itemsize)
    x, y, z, _ = shape
    labels: NDArray[Any] = np.empty((z, y, x), stream.ids.dtype)
    found, fault = kernels.decode_labels(
        stream.runs, stream.values, stream.ids, stream.codes, stream.steps, stream.stacked, labels
    )
    if fault != kernels.DECODED:
        windows = prod(-(-side // step) for side, step in zip((z, y, x), stream.steps, strict=True))
        messages = {
            kernels.WINDOWS_UNEQUAL: f"expected {windows} windows, found {found}",
            kernels.VALUE_OUTSIDE: f"a window has value number {found}, but there are {len(stream.values)}",
            kernels.REGIONS_UNEQUAL: f"its borders leave {found} regions, but there are {len(stream.ids)} labels",
            kernels.CODES_CUT: f"its borders need more than the {found} codes that there are",
            kernels.CODES_LEFT: f"its borders need {found} codes, but there are {len(stream.codes)}",
            kernels.NO_NEIGHBOUR: f"code {found} of its borders names a neighbour without a label",
        }
        raise DecodeError(f"the compresso chunk of {len(data)} bytes does not decode: {messages[fault]}")
    return labels.view(np.dtype(dtype).newbyteorder("=")).T.reshape(shape, order="F")


def _parse(data: bytes, shape: Shape, width: int) -> _Stream:
    if len(data) < _HEADER.size or data[:4] != b"cpso":
        raise DecodeError(f"a compresso chunk starts with cpso and {_HEADER.size - 4} more bytes, found {data[:40]!r}")
    _, version, label_bytes, x, y, z, *steps, ids, values, codes, connectivity = _HEADER.unpack_from(data)
    if (x, y, z, 1) != tuple(shape) or label_bytes != width:
        raise DecodeError(
            f"the compresso chunk must have {' x '.join(map(str, shape))} labels of {width} bytes, "
            f"found {x} x {y} x {z} x 1 of {label_bytes} bytes"
        )
    if version > 1 or connectivity not in (4, 6) or not 1 <= prod(steps) <= 64:
        raise DecodeError(
            "a compresso chunk has version 0 or 1, connectivity 4 or 6 and windows of 1 to 64 voxels, "
            f"found version {version}, connectivity {connectivity} and windows of {steps} voxels"
        )
    if prod(shape) >= 1 << 32:
        raise DecodeError(f"compresso chunks are read up to 2**32 voxels, found {x} x {y} x {z}")
    window_bytes = next(size for size in _WIDTHS if prod(steps) <= 8 * size)
    # Version 1 ends with two counts for each slice, which only help to read a part.
    tail = 2 * z * next(size for size in _WIDTHS if 2 * x * y < 1 << 8 * size) if version else 0
    lists = ids * width + values * window_bytes + codes * width
    rest = len(data) - _HEADER.size - lists - tail
    if rest < 0 or rest % window_bytes:
        raise DecodeError(
            f"the compresso chunk must have {_HEADER.size + lists + tail} bytes and whole windows of {window_bytes} "
            f"bytes, found {len(data)}"
        )
    counts = ((ids, width), (values, window_bytes), (codes, width), (rest // window_bytes, window_bytes))
    parts, at = [], _HEADER.size
    for count, size in counts:
        # Copied: what follows a header of 36 bytes is not aligned.
        parts.append(np.frombuffer(data, f"<u{size}", count, at).astype(f"=u{size}"))
        at += count * size
    labels, bits, sources, runs = parts
    wide = np.dtype(np.uint64)
    return _Stream(
        (steps[2], steps[1], steps[0]), connectivity == 6, labels, bits.astype(wide), sources, runs.astype(wide)
    )
