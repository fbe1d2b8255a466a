"""NumPy's own files, read through a memory map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO, Any

import numpy as np

from ngprecomp.errors import SourceError
from ngprecomp.sources.axes import asked_axes_note, default_axes, parse_axes
from ngprecomp.sources.raw import MemoryOrder, RawArray
from ngprecomp.sources.stored import StoredArray, StoredSource, check_array


def open_npy(path: str, axes: str | None) -> StoredSource:
    """Open a ``.npy`` file of version 1, 2 or 3, in C or Fortran order.

    Raises
    ------
    SourceError
        The header is damaged, the file is cut off, or it holds Python objects or other things than numbers.
    """
    with open(path, "rb") as file:
        header = read_npy_header(file, path)
    array = RawArray(path, header.shape, header.dtype, header.length, header.memory_order)
    return npy_source(path, array, header, axes)


@dataclass(frozen=True, slots=True)
class NpyHeader:
    """What stands before the values; they begin `length` bytes after the start of the file."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    memory_order: MemoryOrder
    length: int


def read_npy_header(file: IO[bytes], name: str) -> NpyHeader:
    """Return the header of npy data from their beginning.

    Raises
    ------
    SourceError
        It is damaged, or the data are Python objects or other things than numbers.
    """
    try:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(file)
    except ValueError as error:
        raise SourceError(f"{name} has a damaged npy header: {error}") from error
    if dtype.hasobject:
        raise SourceError(f"{name} holds pickled Python objects, which are never loaded; voxels are numbers")
    check_array(name, shape, dtype)
    return NpyHeader(shape, dtype, "F" if fortran else "C", file.tell())


def npy_source(name: str, stored: StoredArray, header: NpyHeader, axes: str | None) -> StoredSource:
    """Return the array behind a header as a source.

    Raises
    ------
    SourceError
        There is no usual order of so many axes or of such a shape, and `axes` is None.
    """
    if axes is not None:
        order = parse_axes(axes, header.shape, name)
        notes = [asked_axes_note(order, header.shape)]
    else:
        order = default_axes(header.shape, name)
        notes = [f"axes {order}: default for npy of {len(header.shape)} dimensions"]
    if header.memory_order == "F":
        notes.append("the file holds the array in Fortran order, its first axis fastest")
    return StoredSource(name, stored, order, notes=tuple(notes))
