"""The voxels of a chunk as the pixels of one image, and back: what jpeg, png and jxl have in common.

Pixel number p, row by row, is the voxel of Fortran index p over x, y, z; channels are the components of a
pixel. The width is free, as long as width times height is the number of voxels (volume.md, "jpeg chunk
encoding").
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from ngprecomp.errors import DecodeError, EncodeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import DTypeLike, NDArray

Shape = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """What the first bytes of an image say about its pixels."""

    width: int
    height: int
    channels: int
    bits: int

    @property
    def layout(self) -> tuple[int, ...]:
        """Shape of the pixel array: height, width and, where there are several, channels."""
        return (self.height, self.width) if self.channels == 1 else (self.height, self.width, self.channels)

    def expect(self, encoding: str, shape: Shape, dtype: DTypeLike) -> None:
        """Raise `DecodeError` unless the image has one pixel for each voxel of the chunk."""
        pixels, channels, bits = math.prod(shape[:3]), shape[3], np.dtype(dtype).itemsize * 8
        if (self.width * self.height, self.channels, self.bits) != (pixels, channels, bits):
            raise DecodeError(
                f"the {encoding} chunk must have {pixels} pixels of {channels} x {bits} bits, "
                f"found {self.width} x {self.height} pixels of {self.channels} x {self.bits} bits"
            )


def image_size(shape: Shape, longest_side: int) -> tuple[int, int]:
    """Return the width and height of the image of a chunk: sx by sy * sz, unless a side would be too long.

    Raises
    ------
    EncodeError
        When the chunk has no voxel, or more than any image with such sides can hold exactly.

    Examples
    --------
    >>> image_size((64, 64, 64, 1), 65535), image_size((3, 512, 256, 1), 65535)
    ((64, 4096), (1536, 256))
    """
    x, y, z, _ = shape
    pixels = x * y * z
    divisors = (width for width in range(1, longest_side + 1) if pixels % width == 0)
    for width in chain((x, x * y), divisors):
        if 0 < width <= longest_side and 0 < pixels // width <= longest_side:
            return width, pixels // width
    raise EncodeError(
        f"{x} x {y} x {z} voxels do not fill a rectangular image with sides of 1 to {longest_side} pixels"
    )


def to_image(voxels: NDArray[Any], longest_side: int) -> NDArray[Any]:
    """Return the image of [x, y, z, channel] voxels, C-ordered: [height, width] or [..., channel]."""
    width, height = image_size(voxels.shape, longest_side)
    channels = voxels.shape[3]
    layout = ImageHeader(width, height, channels, bits=voxels.itemsize * 8).layout
    native = voxels.dtype.newbyteorder("=")
    pixels = np.ascontiguousarray(voxels.reshape((-1, channels), order="F"), dtype=native)
    # Not reshape: imagecodecs refuses the strides it leaves on axes of length 1.
    return np.ndarray(layout, native, buffer=pixels)


def to_voxels(image: NDArray[Any], shape: Shape) -> NDArray[Any]:
    """Return the [x, y, z, channel] voxels, Fortran-ordered, of a [height, width] or [..., channel] image."""
    return np.asfortranarray(image.reshape(-1, shape[3])).reshape(shape, order="F")


def decode_image(encoding: str, decoder: Callable[..., Any], data: bytes, out: NDArray[Any]) -> NDArray[Any]:
    """Decode an image into `out` by a function of imagecodecs: it checks shape and type before it decodes."""
    try:
        decoder(data, out=out)
    except (RuntimeError, ValueError) as error:
        raise DecodeError(f"the {encoding} chunk of {len(data)} bytes does not decode: {error}") from error
    return out
