"""The raw encoding: voxels in Fortran order, little endian, no header (volume.md, "raw chunk encoding")."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ngprecomp.errors import DecodeError

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

Buffer = bytes | bytearray | memoryview
Shape = tuple[int, int, int, int]


def encode(voxels: NDArray[Any]) -> bytes:
    """Return the chunk file of `voxels`, [x, y, z, channel] in any byte order and memory layout."""
    return voxels.astype(voxels.dtype.newbyteorder("<"), copy=False).tobytes(order="F")


def decode(data: Buffer, shape: Shape, dtype: DTypeLike) -> NDArray[Any]:
    """Return the voxels of a raw chunk as a view of `data`.

    Parameters
    ----------
    data
        The chunk file.
    shape
        Voxels along x, y, z and the number of channels.
    dtype
        The type of a voxel.

    Returns
    -------
    ndarray
        [x, y, z, channel], Fortran-ordered, native byte order; read-only where `data` is.

    Raises
    ------
    DecodeError
        When the length of `data` is not exactly that of the voxels.

    Examples
    --------
    >>> decode(bytes([1, 0, 2, 0]), (2, 1, 1, 1), "uint16").ravel()
    array([1, 2], dtype=uint16)
    """
    stored = np.dtype(dtype).newbyteorder("<")
    expected, found = math.prod(shape) * stored.itemsize, memoryview(data).nbytes
    if found != expected:
        x, y, z, channels = shape
        raise DecodeError(
            f"a raw chunk of {x} x {y} x {z} voxels with {channels} x {stored.name} has {expected} bytes, found {found}"
        )
    voxels: NDArray[Any] = np.ndarray(shape, stored, buffer=data, order="F")
    return voxels.astype(stored.newbyteorder("="), copy=False)
