"""A source as the base of the first round: at its place, in the type of the volume."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from ngprecomp.errors import OptionError
from ngprecomp.pipeline.command import fingerprint
from ngprecomp.pipeline.conversion.choices import Choices, in_type
from ngprecomp.pipeline.conversion.volume_source import VolumeSource
from ngprecomp.sources.arrays import lies_in_memory

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from ngprecomp.format.box import Box
    from ngprecomp.pipeline.engine.task_pools import TaskPool
    from ngprecomp.sources.protocol import Source

Voxels = NDArray[Any]


@dataclass(frozen=True, slots=True)
class ConvertedSource:
    """The voxels of a source in absolute coordinates, as they are chosen to be stored."""

    source: Source
    choices: Choices

    def read(self, box: Box, pool: Executor | None = None) -> Voxels:
        """Return a box of voxels [x, y, z, channel]."""
        voxels = self.source.read(box.relative_to(self.choices.voxel_offset), pool)
        return in_type(voxels, self.choices, f"{self.source.name} at {box}")

    @property
    def absent(self) -> int:
        """Absent chunks so far, where the source is a volume."""
        return self.source.absent if isinstance(self.source, VolumeSource) else 0

    @property
    def decoded_bytes(self) -> int:
        """Bytes that the source has decoded so far."""
        return self.source.decoded_bytes

    def close(self) -> None:
        """Close the source."""
        self.source.close()


def refuse_unshared(given: Any, source: Source, pool: TaskPool | None, *, parts: bool) -> None:
    """Refuse a source that other processes or machines would not find as it was given.

    Raises
    ------
    OptionError
        It is an array of this process, or named by a path that begins in its working folder.
    """
    paths = [given] if isinstance(given, str | os.PathLike) else given if isinstance(given, list | tuple) else []
    if pool is not None and not pool.on_machine and source.files and not all(map(os.path.isabs, paths)):
        raise OptionError(
            f"{source.name} is named from the working folder of this process, and workers have others: give the whole "
            f"path, {source.files[0]}"
        )
    unseen = pool is not None and not pool.in_process and lies_in_memory(source)
    # Nothing tells whether arrays of several processes are the same, dask's neither.
    if unseen or (parts and fingerprint(source) is None):
        raise OptionError(
            f"{source.name} lies in the memory of this process: save it as a .npy file, which other processes open "
            "(executors also take a dask array)"
        )
