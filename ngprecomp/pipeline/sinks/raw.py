"""Voxels one after the other: x fastest, then y, z and channels."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ngprecomp.pipeline.sinks.output import Contents, Voxels


def write_raw(file: IO[bytes], contents: Contents, slabs: Iterator[Voxels]) -> None:
    """Write all slabs from where the file stands; with one channel that is from front to back, as gzip needs it."""
    start = file.tell()
    written = 0
    for slab in slabs:
        for channel in range(contents.num_channels):
            file.seek(start + (channel * contents.size[2] + written) * contents.plane_bytes)
            file.write(np.ascontiguousarray(slab[..., channel].T).data)
        written += slab.shape[2]
