"""HDF5 files: also NWB, netCDF 4, MATLAB 7.3, BigDataViewer, Imaris and whatever else has the signature."""

from __future__ import annotations

import h5py

from ngprecomp.errors import NotFoundError, SourceError
from ngprecomp.sources.hdf5 import big_data_viewer, imaris
from ngprecomp.sources.hdf5.array import checked_array, open_file
from ngprecomp.sources.hdf5.attributes import read_placement
from ngprecomp.sources.hdf5.axes import read_order
from ngprecomp.sources.hdf5.chunks import naming_damage
from ngprecomp.sources.hdf5.links import own_name
from ngprecomp.sources.stored import StoredSource

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
    file = open_file(path)
    try:
        with naming_damage(path):
            return _open_group(file, path, dataset, axes, owned=True)
    except BaseException:
        file.close()
        raise


def open_hdf5_object(source: h5py.Dataset | h5py.Group, dataset: str | None, axes: str | None) -> StoredSource:
    """Open a dataset, or one of an open file or group, that the caller opened and will close."""
    if isinstance(source, h5py.Dataset):
        return _open_dataset(source, axes, (), owned=False)
    return _open_group(source, source.file.filename, dataset, axes, owned=False)


def _open_group(group: h5py.Group, name: str, dataset: str | None, axes: str | None, *, owned: bool) -> StoredSource:
    """Open what is named, or what the layout of a known program or the lack of choice makes plain."""
    if dataset is not None:
        found = _named(group, name, dataset)
        if imaris.is_time_point(found):
            return imaris.open_time_point(found, axes, owned=owned)
        if not isinstance(found, h5py.Dataset):
            raise SourceError(f"{name}:{dataset} is a group, not a dataset{_listed(group)}")
        return _open_dataset(found, axes, (), owned=owned)
    if imaris.is_imaris(group):
        return imaris.open_time_point(imaris.only_time_point(group, name), axes, owned=owned)
    if big_data_viewer.is_big_data_viewer(group):
        cells, note = big_data_viewer.only_cells(group, name)
        return _open_dataset(cells, axes, (note,), owned=owned)
    only, note = _only_volume(group, name)
    return _open_dataset(only, axes, (note,), owned=owned)


def _open_dataset(dataset: h5py.Dataset, axes: str | None, notes: tuple[str, ...], *, owned: bool) -> StoredSource:
    """Check a dataset as far as its header tells; as a source it closes its file if that is `owned`."""
    dataset = dataset.file[own_name(dataset)]  # behind links it has the name of the link, and no parent
    if imaris.is_channel(dataset):
        return imaris.open_channels((dataset,), axes, owned=owned)
    cells = big_data_viewer.parse_cells(dataset)
    dtype = big_data_viewer.true_dtype(dataset) if cells else None
    array = checked_array(dataset, owned=owned, dtype=dtype)
    order, axes_notes = read_order(dataset, array.name, axes)
    placement = big_data_viewer.placement(cells) if cells else read_placement(dataset, order, array.name)
    if dtype is not None:
        notes = (*notes, big_data_viewer.UNSIGNED)
    return StoredSource(
        array.name,
        array,
        order,
        placement.resolution,
        placement.voxel_offset,
        (*notes, *axes_notes, *placement.notes, *array.notes),
    )


def _only_volume(group: h5py.Group, name: str) -> tuple[h5py.Dataset, str]:
    """Return the only dataset that looks like a volume and a note, else raise with a list of all."""
    numbers = [found for found in _datasets(group) if found.dtype.kind in "buif"]
    volumes = [found for found in numbers if found.ndim in (3, 4)] or [found for found in numbers if found.ndim == 5]
    if len(volumes) != 1:
        count = "no dataset of numbers" if not volumes else f"{len(volumes)} datasets"
        raise SourceError(f"{name} holds {count} of 3 or 4 dimensions; name one as FILE:PATH{_listed(group)}")
    dimensions = "5" if volumes[0].ndim == 5 else "3 or 4"
    return volumes[0], f"dataset {volumes[0].name}: the only one of {dimensions} dimensions"


def _named(group: h5py.Group, name: str, dataset: str) -> h5py.HLObject:
    try:
        return group[dataset]
    except KeyError:
        link = group.get(dataset, getlink=True) if dataset in group else None
        if isinstance(link, h5py.ExternalLink):
            raise NotFoundError(
                f"{name}:{dataset} is a link to {link.path} in {link.filename}, which cannot be opened"
            ) from None
        raise NotFoundError(f"{name} holds no dataset {dataset!r}{_listed(group)}") from None


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
    links = _links_elsewhere(group)
    beside = f" (and links to other files: {', '.join(links[:MOST_LISTED])})" if links else ""
    return f"; it holds {', '.join(lines[:MOST_LISTED]) or 'no datasets'}{more}{beside}"


def _links_elsewhere(group: h5py.Group) -> list[str]:
    """Return the links to datasets or groups of other files, which the list does not follow."""
    groups = [group]

    def note(_: str, item: h5py.HLObject) -> None:
        if isinstance(item, h5py.Group):
            groups.append(item)

    group.visititems(note)
    return [
        f"{one.name.rstrip('/')}/{name}"
        for one in groups
        for name in one
        if isinstance(one.get(name, getlink=True), h5py.ExternalLink)
    ]
