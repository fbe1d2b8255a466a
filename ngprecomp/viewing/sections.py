"""The three sections through the middle of a volume, at a scale that suits a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ngprecomp.volume.scales import usable_scales

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ngprecomp.volume.handle import Volume

# Rows and columns of each section, and the axis along which it lies in the middle.
SECTIONS = {"xy": (1, 0, 2), "xz": (2, 0, 1), "yz": (1, 2, 0)}
SAMPLES = 2  # voxels along a pixel that are read; of more, some are stepped over


@dataclass(frozen=True, slots=True)
class Section:
    """Voxels [row, column, channel] and how many pixels high and wide they are shown."""

    name: str
    plane: NDArray[Any]
    size: tuple[int, int]


def extent(volume: Volume) -> tuple[float, float, float]:
    """Return the lengths of a volume along x, y, z in nanometres."""
    x, y, z = (n * step for n, step in zip(volume.shape[:3], volume.resolution, strict=True))
    return x, y, z


def fitting_scales(volume: Volume, nm_per_pixel: float) -> list[int]:
    """Return the scales whose shortest voxel side is not longer than a pixel, the coarsest first; at least one."""
    sides = {index: min(scale.resolution) for index, scale in usable_scales(volume).items()}
    coarsest_first = sorted(sides, key=lambda index: -sides[index])
    fitting = [index for index in coarsest_first if sides[index] <= nm_per_pixel * 1.001]  # sizes are rounded up
    return fitting or coarsest_first[-1:]


def read_sections(volume: Volume, nm_per_pixel: float, channels: int) -> list[Section]:
    """Return the sections xy, xz and yz through the middle; where the volume is one voxel thin, only one of them.

    No more is read than the chunks in these sections, and no more held than a few voxels for each pixel.
    """
    thin = [axis for axis in range(3) if volume.shape[axis] <= 1]
    names = [name for name, (*_, across) in SECTIONS.items() if not set(thin) - {across}]
    return [_read_section(volume, name, nm_per_pixel, channels) for name in names or ["xy"]]


def _read_section(volume: Volume, name: str, nm_per_pixel: float, channels: int) -> Section:
    row, column, across = SECTIONS[name]
    lo, size = volume.voxel_offset, volume.shape
    index: list[slice] = []
    for axis in range(3):
        step = max(1, int(nm_per_pixel / volume.resolution[axis] / SAMPLES))
        index.append(slice(lo[axis] + min(step // 2, size[axis] // 2), lo[axis] + size[axis], step))
    middle = lo[across] + size[across] // 2
    index[across] = slice(middle, min(middle + 1, lo[across] + size[across]))
    plane = volume[(*index, slice(0, channels))].transpose(row, column, across, 3)
    height, width = (max(1, round(extent(volume)[axis] / nm_per_pixel)) for axis in (row, column))
    if not plane.size:
        plane = np.zeros((1, 1, 1, channels), volume.dtype)
    return Section(name, plane[:, :, 0], (height, width))
