"""Planes of voxels brought to another number of pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def nearest(plane: NDArray[Any], size: tuple[int, int]) -> NDArray[Any]:
    """Return a plane [row, column, ...] with `size` rows and columns: each pixel is the voxel below its centre."""
    rows, columns = (_centres(n, pixels) for n, pixels in zip(plane.shape, size, strict=False))
    return plane[rows[:, np.newaxis], columns]


def smooth(plane: NDArray[Any], size: tuple[int, int]) -> NDArray[np.float64]:
    """Return a plane [row, column, channel] with `size` rows and columns; each pixel is a mean.

    Where voxels are smaller than pixels the mean is that over the area of the pixel, else it is interpolated linearly.
    NaN and infinity count as 0.
    """
    values = np.nan_to_num(plane.astype(np.float64), posinf=0, neginf=0)
    rows, columns = (weights(n, pixels) for n, pixels in zip(plane.shape, size, strict=False))
    planes: NDArray[np.float64] = rows @ np.moveaxis(values, 2, 0) @ columns.T
    return np.moveaxis(planes, 0, 2)


def weights(voxels: int, pixels: int) -> NDArray[np.float64]:
    """Return how much each voxel of a line contributes to each pixel, as [pixel, voxel]; rows sum to 1.

    Examples
    --------
    >>> weights(3, 2).round(2).tolist()
    [[0.67, 0.33, 0.0], [0.0, 0.33, 0.67]]
    >>> weights(2, 4).tolist()
    [[1.0, 0.0], [0.75, 0.25], [0.25, 0.75], [0.0, 1.0]]
    """
    at = np.arange(voxels)
    if pixels < voxels:
        edges = np.linspace(0, voxels, pixels + 1)[:, np.newaxis]
        overlap = np.minimum(edges[1:], at + 1) - np.maximum(edges[:-1], at)
        return overlap.clip(0, None) * (pixels / voxels)
    centres = ((np.arange(pixels) + 0.5) * voxels / pixels - 0.5).clip(0, voxels - 1)
    return (1 - abs(centres[:, np.newaxis] - at)).clip(0, None)


def _centres(voxels: int, pixels: int) -> NDArray[np.intp]:
    """Return the voxel below the centre of each pixel of a line."""
    return ((2 * np.arange(pixels) + 1) * voxels) // (2 * pixels)
