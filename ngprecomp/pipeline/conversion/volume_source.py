"""A precomputed volume as the source of a conversion."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Any

from ngprecomp.errors import OptionError
from ngprecomp.pipeline.conversion.paper import PaperSource
from ngprecomp.sources.opening import open_source
from ngprecomp.sources.tally import Tally
from ngprecomp.volume.handle import Volume
from ngprecomp.volume.opening import open_volume
from ngprecomp.volume.places import INFO_KEY
from ngprecomp.volume.reading import checked_missing

if TYPE_CHECKING:
    from concurrent.futures import Executor

    import numpy as np
    from numpy.typing import NDArray

    from ngprecomp.format.box import Box, Triple
    from ngprecomp.sources.protocol import Source
    from ngprecomp.volume.reading import Missing


class VolumeSource:
    """One scale of a volume behind the face of a source; its first voxel is 0, 0, 0 there."""

    axes = "xyzc"
    unwritten_chunks = 0
    files: tuple[str, ...] = ()

    def __init__(self, volume: Volume, missing: Missing = "zero") -> None:
        self.volume = volume
        self._missing: Missing = missing
        self._absent, self._decoded = Tally(), Tally()

    @property
    def absent(self) -> int:
        """Absent chunks so far."""
        return self._absent.total

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

    @property
    def decoded_bytes(self) -> int:
        """Bytes of the chunks that were read so far."""
        return self._decoded.total

    def read(self, box: Box, pool: Executor | None = None) -> NDArray[Any]:
        """Return a box of voxels [x, y, z, channel]; the volume's own threads read it."""
        absolute = box.shifted(self.voxel_offset)
        voxels, absent = self.volume.read(absolute, missing=self._missing)
        self._absent.add(absent)
        grid = self.volume.scale.grid
        chunks = grid.cells(grid.touched(absolute))
        self._decoded.add(math.prod(chunks.size) * self.shape[3] * self.dtype.itemsize)
        return voxels

    def close(self) -> None:
        """Let the threads go."""
        self.volume.resources.close()


def open_any(
    source: Any, *, dataset: str | None, axes: str | None, gaps: str = "error", missing: Missing = "zero"
) -> Source:
    """Return a source: a volume, one on paper, or whatever `open_source` opens.

    Raises
    ------
    OptionError
        It is a volume, whose axes nobody can choose.
    """
    if isinstance(source, PaperSource):
        return source
    volume = as_volume(source)
    if volume is None:
        return open_source(source, dataset=dataset, axes=axes, gaps=gaps)
    if dataset is not None or axes is not None:
        raise OptionError(f"{volume.url} is a precomputed volume: neither dataset nor axes can be chosen")
    return VolumeSource(volume, checked_missing(missing))


def as_volume(source: Any) -> Volume | None:
    """Return the volume that a source is or names, None if it is something else."""
    if isinstance(source, Volume):
        return source
    if isinstance(source, dict):  # not any mapping: an HDF5 file is one, too
        return open_volume(source)
    if not isinstance(source, str | os.PathLike):
        return None
    text = os.fspath(source)
    address = "://" in text and not text.startswith("file://")
    if address or "|zip:" in text or text.endswith("|neuroglancer-precomputed:"):
        return open_volume(text)
    folder = text.removeprefix("file://")
    return open_volume(source) if os.path.isfile(os.path.join(folder, INFO_KEY)) else None
