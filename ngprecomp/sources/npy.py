"""NumPy's own files, read through a memory map."""

from __future__ import annotations

import numpy as np

from ngprecomp.errors import SourceError
from ngprecomp.sources.axes import channel_last_notes, default_axes, parse_axes
from ngprecomp.sources.raw import RawArray
from ngprecomp.sources.stored import StoredSource, check_array


def open_npy(path: str, axes: str | None) -> StoredSource:
    """Open a ``.npy`` file of version 1, 2 or 3, in C or Fortran order.

    Raises
    ------
    SourceError
        The header is damaged, the file is cut off, or it holds Python objects or other things than numbers.
    """
    try:
        with open(path, "rb") as file:
            version = np.lib.format.read_magic(file)
            read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, fortran, dtype = read(file)
            offset = file.tell()
    except ValueError as error:
        raise SourceError(f"{path} has a damaged npy header: {error}") from error
    if dtype.hasobject:
        raise SourceError(f"{path} holds pickled Python objects, which are never loaded; voxels are numbers")
    check_array(path, shape, dtype)
    asked = axes or default_axes(len(shape))
    if asked is None:
        raise SourceError(f"{path} has {len(shape)} dimensions, shape {shape}; name their order with axes")
    origin = "as asked" if axes else f"default for npy of {len(shape)} dimensions"
    order = parse_axes(asked, shape, path)
    notes = [f"axes {order}: {origin}", *(() if axes else channel_last_notes(shape))]
    if fortran:
        notes.append("the file holds the array in Fortran order, its first axis fastest")
    return StoredSource(path, RawArray(path, shape, dtype, offset, "F" if fortran else "C"), order, notes=tuple(notes))
