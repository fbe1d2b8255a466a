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


def linked_files(dataset: h5py.Dataset, name: str) -> tuple[str, ...]:
    """Return the absolute paths of other files that hold voxels of the dataset.

    Raises
    ------
    SourceError
        Some of them, or datasets in them, are not there; it names up to five.
    """
    linked = Linked()
    linked.follow(dataset)
    missing = linked.missing
    if missing:
        rest = f" and {len(missing) - MOST_NAMED} more" if len(missing) > MOST_NAMED else ""
        raise SourceError(f"{name} keeps its voxels in files that are missing: {', '.join(missing[:MOST_NAMED])}{rest}")
    return tuple(path for path in linked.files if path != os.path.abspath(dataset.file.filename))


class Linked:
    """The files that datasets keep their voxels in: those that were found, and what is missing."""

    def __init__(self) -> None:
        self.files: dict[str, None] = {}
        self.missing: list[str] = []
        self._seen: set[tuple[str, str]] = set()

    def follow(self, dataset: h5py.Dataset) -> None:
        """Look for the external raw files and virtual sources of a dataset, and for those of its sources."""
        self._follow_raw(dataset)
        if dataset.is_virtual:
            self._follow_virtual(dataset)

    def _follow_raw(self, dataset: h5py.Dataset) -> None:
        left = dataset.nbytes
        for file_name, offset, size in dataset.external or ():
            prefix = os.fsdecode(dataset.id.get_access_plist().get_efile_prefix())
            origin = os.path.dirname(os.path.abspath(dataset.file.filename))
            path = os.path.abspath(os.path.join(prefix.replace("${ORIGIN}", origin), file_name))
            need = offset + min(size, left)
            left -= min(size, left)
            self.files[path] = None
            if not os.path.isfile(path):
                self.missing.append(path)
            elif os.path.getsize(path) < need:
                self.missing.append(f"{path} (expected {need} bytes, found {os.path.getsize(path)})")

    def _follow_virtual(self, dataset: h5py.Dataset) -> None:
        """Follow the sources of a virtual dataset; of a series of files (``%b``) the first is looked for."""
        here = os.path.abspath(dataset.file.filename)
        for mapping in dataset.virtual_sources():
            path = here if mapping.file_name == "." else _path_of_source(dataset, mapping)
            source = (path, mapping.dset_name.replace("%b", "0"))
            if source not in self._seen:
                self._seen.add(source)
                self._follow_source(*source)

    def _follow_source(self, path: str, name: str) -> None:
        try:
            with h5py.File(path, "r") as file:
                if isinstance(file.get(name), h5py.Dataset):
                    self.files[path] = None
                    self.follow(file[name])
                else:
                    self.missing.append(f"{path}:{name}")
        except OSError:
            self.missing.append(path)


def _path_of_source(dataset: h5py.Dataset, mapping: Any) -> str:
    """Return where HDF5 looks first: below its prefix, or beside the file of the dataset."""
    prefix = os.fsdecode(dataset.id.get_access_plist().get_virtual_prefix())
    origin = os.path.dirname(os.path.abspath(dataset.file.filename))
    folder = prefix.replace("${ORIGIN}", origin) or origin
    return os.path.abspath(os.path.join(folder, mapping.file_name.replace("%b", "0").replace("%%", "%")))
