"""NumPy's own files: z, y, x, or channel, z, y, x."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ngprecomp.pipeline.sinks.raw import write_raw

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ngprecomp.pipeline.sinks.output import Contents, Voxels


def write_npy(path: str, contents: Contents, slabs: Iterator[Voxels]) -> str:
    """Write a file in C order; it has no place for voxel size and offset, which the sentence says."""
    shape = contents.size[::-1] if contents.num_channels == 1 else (contents.num_channels, *contents.size[::-1])
    header = {"descr": np.lib.format.dtype_to_descr(contents.dtype), "fortran_order": False, "shape": shape}
    with open(path, "r+b") as file:
        np.lib.format.write_array_header_1_0(file, header)
        write_raw(file, contents, slabs)
    axes = "z, y, x" if contents.num_channels == 1 else "channel, z, y, x"
    return f"npy: an array {axes} of shape {shape}; npy holds neither voxel size nor offset"
