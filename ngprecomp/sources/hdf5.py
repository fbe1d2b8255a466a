"""Datasets of HDF5 files: also NWB, MATLAB 7.3 and whatever else has the signature."""

from __future__ import annotations

import contextlib
import importlib
import threading
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from ngprecomp.errors import NotFoundError, SourceError
from ngprecomp.sources.axes import Axes, Region, channel_last_notes, default_axes, parse_axes
from ngprecomp.sources.hdf5_attributes import read_placement
from ngprecomp.sources.hdf5_chunks import ChunkReader, chunk_coding, filter_codes, naming_damage
from ngprecomp.sources.hdf5_links import check_linked_files, own_name
from ngprecomp.sources.stored import StoredSource, check_array, native, row_block, sizes

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from ngprecomp.sources.protocol import Voxels

MOST_LISTED = 20


def open_hdf5(path: str, dataset: str | None, axes: str | None) -> StoredSource:
    """Open one dataset of a file, the only one of 3 or 4 dimensions if `dataset` is None.

    Raises
    ------
    NotFoundError
        There is no such dataset; the message lists those that are there.
    SourceError
        The file does not open, several datasets could be meant, or the dataset cannot be a volume.
    """
    file = _open_file(path)
    try:
        with naming_damage(path):
            found, notes = _choose(file, path, dataset)
            return hdf5_source(found, axes, notes)
    except BaseException:
        file.close()
        raise


def open_hdf5_object(source: h5py.Dataset | h5py.Group, dataset: str | None, axes: str | None) -> StoredSource:
    """Open a dataset, or one of an open file or group, that the caller opened and will close."""
    if isinstance(source, h5py.Dataset):
        return hdf5_source(source, axes, (), owned=False)
    found, notes = _choose(source, source.file.filename, dataset)
    return hdf5_source(found, axes, notes, owned=False)


def hdf5_source(dataset: h5py.Dataset, axes: str | None, notes: tuple[str, ...], *, owned: bool = True) -> StoredSource:
    """Check a dataset as far as its header tells; as a source it closes its file if that is `owned`."""
    inner = own_name(dataset)
    name = f"{dataset.file.filename}:{inner}"
    if dataset.shape is None:
        raise SourceError(f"{name} is empty: it has no dataspace")
    check_array(name, dataset.shape, dataset.dtype)
    check_linked_files(dataset, name)
    _check_filters(dataset, name)
    order, axes_notes = _order(dataset, name, axes)
    placement = read_placement(dataset, order)
    array = Hdf5Array(dataset, inner, owned=owned)
    return StoredSource(
        name,
        array,
        order,
        placement.resolution,
        placement.voxel_offset,
        (*notes, *axes_notes, *placement.notes, *_storage_notes(dataset, array)),
    )


class Hdf5Array:
    """One dataset in its own order; its file is opened when it is first needed, also after unpickling."""

    def __init__(self, dataset: h5py.Dataset, name: str, *, owned: bool) -> None:
        self._path: str = dataset.file.filename  # of the file it lies in, where a link led there
        self._dataset = name
        self._owned = owned
        self._file: h5py.File | None = dataset.file
        self._reader: ChunkReader | None = None
        self._lock = threading.Lock()
        self.shape: tuple[int, ...] = dataset.shape
        self.dtype: np.dtype[Any] = native(dataset.dtype)
        self.unwritten_chunks = _count_unwritten(dataset)
        chunks = dataset.chunks or row_block(dataset.shape, dataset.dtype.itemsize)
        self.block: tuple[int, ...] = tuple(map(min, chunks, dataset.shape))

    def read(self, region: Region, pool: Executor | None) -> Voxels:
        """Return a region in stored order."""
        dataset, reader = self._opened()
        if reader is not None:
            return reader.read(region, pool)
        voxels = np.empty(sizes(region), self.dtype)
        with naming_damage(f"{self._path}:{self._dataset}"):
            dataset.read_direct(voxels, region)
        return voxels

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
                self._file = _open_file(self._path)
                self._owned = True
            dataset = self._file[self._dataset]
            if self._reader is None and (coding := chunk_coding(dataset)) is not None:
                self._reader = ChunkReader(dataset, coding, f"{self._path}:{self._dataset}")
            return dataset, self._reader


def _open_file(path: str) -> h5py.File:
    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise SourceError(f"{path} does not open as HDF5: {error}") from error


def _choose(group: h5py.Group, name: str, dataset: str | None) -> tuple[h5py.Dataset, tuple[str, ...]]:
    """Return the dataset that is named, or the only one that looks like a volume with a note."""
    if dataset is not None:
        return _named(group, name, dataset), ()
    volumes = [found for found in _datasets(group) if found.ndim in (3, 4) and found.dtype.kind in "buif"]
    if len(volumes) != 1:
        count = "no dataset" if not volumes else f"{len(volumes)} datasets"
        raise SourceError(f"{name} holds {count} of 3 or 4 dimensions; name one as FILE:PATH{_listed(group)}")
    return volumes[0], (f"dataset {volumes[0].name}: the only one of 3 or 4 dimensions",)


def _named(group: h5py.Group, name: str, dataset: str) -> h5py.Dataset:
    try:
        found = group[dataset]
    except KeyError:
        link = group.get(dataset, getlink=True) if dataset in group else None
        if isinstance(link, h5py.ExternalLink):
            raise NotFoundError(
                f"{name}:{dataset} is a link to {link.path} in {link.filename}, which cannot be opened"
            ) from None
        raise NotFoundError(f"{name} holds no dataset {dataset!r}{_listed(group)}") from None
    if not isinstance(found, h5py.Dataset):
        raise SourceError(f"{name}:{dataset} is a group, not a dataset{_listed(group)}")
    return found


def _datasets(group: h5py.Group) -> list[h5py.Dataset]:
    found: list[h5py.Dataset] = []

    def note(_: str, item: h5py.HLObject) -> None:
        if isinstance(item, h5py.Dataset) and item.shape is not None:
            found.append(item)

    group.visititems(note)
    return found


def _listed(group: h5py.Group) -> str:
    """Return the tail of a message that lists the datasets with their shapes and types."""
    lines = [f"{item.name} {item.shape} {item.dtype}" for item in _datasets(group)]
    more = f" and {len(lines) - MOST_LISTED} more" if len(lines) > MOST_LISTED else ""
    return f"; it holds {', '.join(lines[:MOST_LISTED])}{more}" if lines else "; it holds no datasets"


def _order(dataset: h5py.Dataset, name: str, axes: str | None) -> tuple[Axes, tuple[str, ...]]:
    if axes is not None:
        return parse_axes(axes, dataset.shape, name), (f"axes {axes.lower()}: as asked",)
    default = default_axes(dataset.ndim)
    if default is None:
        raise SourceError(f"{name} has {dataset.ndim} dimensions, shape {dataset.shape}; name their order with axes")
    note = f"axes {default}: default for HDF5 of {dataset.ndim} dimensions"
    if "MATLAB_class" in dataset.attrs:
        turned = default[:-2] + "xy"
        note += f"; MATLAB writes its rows as the last axis: an array A(y, x, z) is {turned} here"
    return parse_axes(default, dataset.shape, name), (note, *channel_last_notes(dataset.shape))


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
