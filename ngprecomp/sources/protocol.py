"""What every source can tell about itself, and the one way to read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from numpy.typing import NDArray

if TYPE_CHECKING:
    from concurrent.futures import Executor

    import numpy as np

    from ngprecomp.format.box import Box, Triple

Voxels = NDArray[Any]


class Source(Protocol):
    """A 3-D array with channels somewhere; every tuple is in x,y,z order whatever the file's own order is."""

    @property
    def name(self) -> str:
        """Path and dataset, as messages and reports print it."""

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Voxels along x, y, z and the number of channels."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type in the file, in native byte order."""

    @property
    def axes(self) -> str:
        """The order in which the file holds its axes, slowest first: ``zyx``, ``czyx``, ``z,-y,x`` ..."""

    @property
    def resolution(self) -> tuple[float, float, float] | None:
        """Voxel size in nanometres if the file says it."""

    @property
    def voxel_offset(self) -> Triple | None:
        """Coordinates of the first voxel, in voxels, if the file says it."""

    @property
    def notes(self) -> tuple[str, ...]:
        """One sentence for each choice that was made, with its origin: "axes zyx: default for HDF5"."""

    @property
    def block(self) -> Triple:
        """The natural unit of reading, in voxels: a chunk of the file, a page, a tile."""

    @property
    def unwritten_chunks(self) -> int:
        """Chunks that the file never stored; they read as its fill value. Crashed acquisitions leave them."""

    @property
    def files(self) -> tuple[str, ...]:
        """Absolute paths of the files that are read; none for an array."""

    @property
    def decoded_bytes(self) -> int:
        """Bytes of voxels read or decoded so far, each time again that it happened."""

    def read(self, box: Box, pool: Executor | None = None) -> Voxels:
        """Return a box of voxels as [x, y, z, channel], Fortran-ordered.

        The first voxel of the source is 0, 0, 0; `box` lies inside ``shape``. The threads of `pool` share the
        work with the calling one, which may itself be one of them.
        """

    def close(self) -> None:
        """Release what is open."""
