"""A precomputed volume as the source of a conversion."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ngprecomp.volume.handle import Volume
from ngprecomp.volume.opening import open_volume
from ngprecomp.volume.places import INFO_KEY

if TYPE_CHECKING:
    from concurrent.futures import Executor

    import numpy as np
    from numpy.typing import NDArray

    from ngprecomp.format.box import Box, Triple


class VolumeSource:
    """One scale of a volume behind the face of a source; its first voxel is 0, 0, 0 there."""

    axes = "xyzc"
    unwritten_chunks = 0

    def __init__(self, volume: Volume) -> None:
        self.volume = volume
        self.absent = 0

    @property
    def name(self) -> str:
        """URL and key of the scale."""
        return f"{self.volume.url} scale {self.volume.key}"

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Voxels along x, y, z and the number of channels."""
        return self.volume.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of a voxel."""
        return self.volume.dtype

    @property
    def resolution(self) -> tuple[float, float, float]:
        """Voxel size in nanometres."""
        return self.volume.resolution

    @property
    def voxel_offset(self) -> Triple:
        """Coordinates of the first voxel."""
        return self.volume.voxel_offset

    @property
    def notes(self) -> tuple[str, ...]:
        """Where voxel size and offset come from."""
        size = " x ".join(f"{step:g}" for step in self.resolution)
        offset = ", ".join(map(str, self.voxel_offset))
        return (f"voxel size {size} nm, voxel offset {offset}: info of the source",)

    @property
    def block(self) -> Triple:
        """A chunk."""
        return self.volume.scale.chunk_size

    def read(self, box: Box, pool: Executor | None = None) -> NDArray[Any]:
        """Return a box of voxels [x, y, z, channel]; the volume's own threads read it."""
        voxels, absent = self.volume.read(box.shifted(self.voxel_offset))
        self.absent += absent
        return voxels

    def close(self) -> None:
        """Let the threads go."""
        self.volume.resources.close()


def as_volume(source: Any) -> Volume | None:
    """Return the volume that a source is or names, None if it is something else."""
    if isinstance(source, Volume):
        return source
    if isinstance(source, Mapping):
        return open_volume(source)
    if not isinstance(source, str | os.PathLike):
        return None
    text = os.fspath(source)
    if text.startswith(("precomputed://", "memory://")) or text.endswith("|neuroglancer-precomputed:"):
        return open_volume(text)
    folder = text.removeprefix("file://")
    return open_volume(source) if os.path.isfile(os.path.join(folder, INFO_KEY)) else None
