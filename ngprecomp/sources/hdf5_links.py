"""Where an HDF5 dataset lies: its name behind links, and other files that hold its voxels.

Those are virtual sources and external raw storage; where one is gone or too short, HDF5 reads the fill value
without a word.
"""

from __future__ import annotations

import os
from typing import Any

import h5py

from ngprecomp.errors import SourceError

MOST_NAMED = 5


def own_name(dataset: h5py.Dataset) -> str:
    """Return a name under which the file that holds the dataset finds it.

    Behind a soft link that leads into another file, h5py knows it by the name of the link, which is in the first.

    Raises
    ------
    SourceError
        No group of its file leads to it.
    """

    def name_if_same(name: str, item: h5py.HLObject) -> str | None:
        return f"/{name}" if item == dataset else None

    if dataset.name is not None and dataset.file.get(dataset.name) == dataset:
        return str(dataset.name)
    found = dataset.file.visititems(name_if_same)
    if found is None:
        raise SourceError(f"{dataset.file.filename} holds a dataset that no group leads to: it cannot be read again")
    return str(found)


def check_linked_files(dataset: h5py.Dataset, name: str) -> None:
    """Refuse a dataset whose voxels lie in files or datasets that are not there.

    Raises
    ------
    SourceError
        It names up to five of them.
    """
    missing = missing_raw_files(dataset) + missing_virtual_sources(dataset, set())
    if missing:
        rest = f" and {len(missing) - MOST_NAMED} more" if len(missing) > MOST_NAMED else ""
        raise SourceError(f"{name} keeps its voxels in files that are missing: {', '.join(missing[:MOST_NAMED])}{rest}")


def missing_raw_files(dataset: h5py.Dataset) -> list[str]:
    """Return the external raw files that do not exist or are shorter than the dataset needs."""
    missing = []
    left = dataset.nbytes
    for file_name, offset, size in dataset.external or ():
        prefix = os.fsdecode(dataset.id.get_access_plist().get_efile_prefix())
        origin = os.path.dirname(os.path.abspath(dataset.file.filename))
        path = os.path.join(prefix.replace("${ORIGIN}", origin), file_name)
        need = offset + min(size, left)
        left -= min(size, left)
        if not os.path.isfile(path):
            missing.append(path)
        elif os.path.getsize(path) < need:
            missing.append(f"{path} (expected {need} bytes, found {os.path.getsize(path)})")
    return missing


def missing_virtual_sources(dataset: h5py.Dataset, seen: set[tuple[str, str]]) -> list[str]:
    """Return the sources of a virtual dataset that are not there, and those of its sources.

    A name with ``%b`` stands for a series of files; its first is looked for.
    """
    if not dataset.is_virtual:
        return []
    missing = []
    here = os.path.abspath(dataset.file.filename)
    for mapping in dataset.virtual_sources():
        path = here if mapping.file_name == "." else _path_of_source(dataset, mapping)
        source = (path, mapping.dset_name.replace("%b", "0"))
        if source in seen:
            continue
        seen.add(source)
        missing += _missing_in(*source, seen)
    return missing


def _path_of_source(dataset: h5py.Dataset, mapping: Any) -> str:
    """Return where HDF5 looks first: below its prefix, or beside the file of the dataset."""
    prefix = os.fsdecode(dataset.id.get_access_plist().get_virtual_prefix())
    origin = os.path.dirname(os.path.abspath(dataset.file.filename))
    folder = prefix.replace("${ORIGIN}", origin) or origin
    return os.path.join(folder, mapping.file_name.replace("%b", "0").replace("%%", "%"))


def _missing_in(path: str, name: str, seen: set[tuple[str, str]]) -> list[str]:
    try:
        with h5py.File(path, "r") as file:
            if not isinstance(file.get(name), h5py.Dataset):
                return [f"{path}:{name}"]
            source = file[name]
            return missing_raw_files(source) + missing_virtual_sources(source, seen)
    except OSError:
        return [path]
