"""One dataset of an HDF5 file as an array in its own order."""

from __future__ import annotations

import contextlib
import importlib
import math
import os
import threading
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from ngprecomp.errors import SourceError
from ngprecomp.sources.hdf5.chunks import ChunkReader, chunk_coding, filter_codes, naming_damage
from ngprecomp.sources.hdf5.links import linked_files, own_name
from ngprecomp.sources.stored import check_array, native, row_block, sizes
from ngprecomp.sources.tally import Tally

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from numpy.typing import DTypeLike

    from ngprecomp.sources.axes import Region
    from ngprecomp.sources.protocol import Voxels

WRITER = ("already open for write", "unable to lock file", "Resource temporarily unavailable")


def checked_array(
    dataset: h5py.Dataset,
    *,
    owned: bool,
    shape: tuple[int, ...] | None = None,
    dtype: DTypeLike | None = None,
) -> Hdf5Array:
    """Return a dataset as an array after checking it as far as its header tells.

    It closes its file if that is `owned`. `shape` cuts off what a format pads at the ends; `dtype`, of the same
    size, is what the stored bits mean where the format says so.

    Raises
    ------
    SourceError
        It holds no numbers or none at all, its voxels lie in files that are missing, or a filter is missing.
    """
    inner = own_name(dataset)
    name = f"{dataset.file.filename}:{inner}"
    if dataset.shape is None:
        raise SourceError(f"{name} is empty: it has no dataspace")
    if dataset.file.swmr_mode:
        raise SourceError(f"{name} is open in SWMR mode and may still grow; open it again when it is finished")
    check_array(name, dataset.shape, dataset.dtype)
    if dataset.ndim < 2:
        raise SourceError(f"{name} has {dataset.ndim} dimensions, shape {dataset.shape}; a volume has 3, a slice 2")
    linked = linked_files(dataset, name)
    _check_filters(dataset, name)
    return Hdf5Array(
        dataset, inner, linked, owned=owned, shape=shape or dataset.shape, dtype=np.dtype(dtype or dataset.dtype)
    )


class Hdf5Array:
    """One dataset in its own order; its file is opened when it is first needed, also after unpickling."""

    def __init__(
        self,
        dataset: h5py.Dataset,
        inner: str,
        linked: tuple[str, ...],
        *,
        owned: bool,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
    ) -> None:
        self._path: str = dataset.file.filename  # of the file it lies in, where a link led there
        self._dataset = inner
        self._owned = owned
        self._file: h5py.File | None = dataset.file
        self._reader: ChunkReader | None = None
        self._lock = threading.Lock()
        self._decoded = Tally()
        self._stored_dtype = native(dataset.dtype)
        self.name = f"{self._path}:{inner}"
        self.files = (os.path.abspath(self._path), *linked)
        self.shape = shape
        self.dtype: np.dtype[Any] = native(dtype)
        self.unwritten_chunks = _count_unwritten(dataset)
        chunks = dataset.chunks or row_block(shape, dataset.dtype.itemsize)
        self.block: tuple[int, ...] = tuple(map(min, chunks, shape))
        self.notes = _storage_notes(dataset, self)

    @property
    def decoded_bytes(self) -> int:
        """Bytes of the chunks decoded so far, or of the regions where there are none."""
        return self._decoded.total

    def read(self, region: Region, pool: Executor | None) -> Voxels:
        """Return a region in stored order."""
        dataset, reader = self._opened()
        if reader is not None:
            return reader.read(region, pool).view(self.dtype)
        voxels = np.empty(sizes(region), self._stored_dtype)
        with naming_damage(self.name):
            dataset.read_direct(voxels, region)
        self._decoded.add(_decoded_bytes(dataset, region))
        return voxels.view(self.dtype)

    def close(self) -> None:
        """Close the file unless the caller opened it."""
        with self._lock:
            if self._file is not None and self._owned:
                self._file.close()
            self._file = self._reader = None

    def __getstate__(self) -> dict[str, Any]:
        kept = {"_file": None, "_reader": None, "_lock": None, "_owned": True}
        return {**self.__dict__, **kept}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.Lock())

    def _opened(self) -> tuple[h5py.Dataset, ChunkReader | None]:
        with self._lock:
            if self._file is None:
                self._file = open_file(self._path)
                self._owned = True
            dataset = self._file[self._dataset]
            if self._reader is None and (coding := chunk_coding(dataset)) is not None:
                self._reader = ChunkReader(dataset, coding, self.name, self._decoded)
            return dataset, self._reader


def open_file(path: str) -> h5py.File:
    """Open an HDF5 file for reading.

    Raises
    ------
    SourceError
        It is damaged, or another program is writing it.
    """
    try:
        return h5py.File(path, "r")
    except OSError as error:
        if any(sign in str(error) for sign in WRITER):
            raise SourceError(
                f"{path} is being written by another program, or one that wrote it died (then h5clear -s mends it); "
                f"convert it when it is closed ({error})"
            ) from error
        raise SourceError(f"{path} does not open as HDF5: {error}") from error


def _check_filters(dataset: h5py.Dataset, name: str) -> None:
    """Refuse a dataset that needs a filter which is not there, even after asking hdf5plugin for it."""
    missing = [code for code in filter_codes(dataset) if not h5py.h5z.filter_avail(code)]
    if not missing:
        return
    with contextlib.suppress(ImportError):
        importlib.import_module("hdf5plugin")  # registers its filters when it is imported
    properties = dataset.id.get_create_plist()
    for index, code in enumerate(filter_codes(dataset)):
        if not h5py.h5z.filter_avail(code):
            filter_name = properties.get_filter(index)[3].decode(errors="replace") or "unnamed"
            raise SourceError(
                f"{name} is compressed with HDF5 filter {code} ({filter_name}), which is not installed; "
                "pip install hdf5plugin"
            )


def _decoded_bytes(dataset: h5py.Dataset, region: Region) -> int:
    """Return the bytes of the chunks that a region touches."""
    steps = dataset.chunks or (1,) * dataset.ndim
    touched = (-(-part.stop // step) - part.start // step for part, step in zip(region, steps, strict=True))
    return int(math.prod(touched) * math.prod(steps) * dataset.dtype.itemsize)


def _count_unwritten(dataset: h5py.Dataset) -> int:
    """Return how many chunks inside the dataset were never stored."""
    if not dataset.chunks:
        return 0
    grid = 1
    for size, step in zip(dataset.shape, dataset.chunks, strict=True):
        grid *= -(-size // step)
    return grid - int(dataset.id.get_num_chunks())


def _storage_notes(dataset: h5py.Dataset, array: Hdf5Array) -> tuple[str, ...]:
    if array.unwritten_chunks:
        return (
            f"{array.unwritten_chunks} chunks of {array.block} were never written "
            f"and read as the fill value {dataset.fillvalue}",
        )
    contiguous = not (dataset.chunks or dataset.is_virtual or dataset.external)
    if contiguous and dataset.id.get_storage_size() == 0:
        return (f"the dataset was never written: all voxels read as the fill value {dataset.fillvalue}",)
    return ()
