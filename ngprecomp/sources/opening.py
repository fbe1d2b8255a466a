"""Opening whatever holds voxels: a path, a folder, a glob, a list of files, an array, an open dataset."""

from __future__ import annotations

import glob
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from ngprecomp.errors import NotFoundError, OptionError, SourceError

if TYPE_CHECKING:
    from ngprecomp.sources.protocol import Source
    from ngprecomp.sources.stacks.placing import Gaps
    from ngprecomp.sources.stored import StoredSource

# The readers' modules and their libraries are imported where they are needed: 0.3 s that most calls save.

NPY = b"\x93NUMPY"
TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
GAPS = ("error", "close", "blank")


def open_source(source: Any, *, dataset: str | None = None, axes: str | None = None, gaps: str = "error") -> Source:
    """Return a source of voxels; headers are read and checked, voxels are not.

    Parameters
    ----------
    source
        ``file.h5:path/in/file`` (any suffix, files are known by their signatures), a TIFF, npy, npz, NIfTI or
        MRC file, a Zarr or N5 folder (``a.zarr:path/in/it``), a folder, glob or list of TIFF, PNG or JPEG slices,
        an array, an object of h5py, zarr or xarray, or a `tifffile.TiffFile`.
    dataset
        The dataset of an HDF5 file, the array of an npz, Zarr or N5, or the number of a TIFF series, in place of
        the part after the colon.
    axes
        The order of the stored axes, slowest first: ``zyx``, ``xyz``, ``czyx``, ``zyxc`` ... A minus turns an
        axis round (``z,-y,x``), ``t=2,z,y,x`` takes one point in time. None takes what the file says, else ``zyx``
        or ``czyx`` for HDF5, npy, Zarr and N5. An array needs it.
    gaps
        What to do about missing numbers in a stack of slices: ``error``, ``close`` or ``blank``.

    Raises
    ------
    NotFoundError
        The file or the dataset does not exist.
    SourceError
        The source is damaged, ambiguous or of a kind that cannot be converted.
    OptionError
        `axes` does not fit, `dataset` is given twice, or `gaps` is none of the three words.
    """
    if gaps not in GAPS:
        raise OptionError(f"gaps={gaps!r}: expected one of {', '.join(GAPS)}")
    if isinstance(source, str | os.PathLike):
        return _open_path(os.fspath(source), dataset, axes, cast("Gaps", gaps))
    if isinstance(source, list | tuple):
        return _open_list(_paths(source), dataset, axes, cast("Gaps", gaps))
    return _open_object(source, dataset, axes)


def locate(source: str) -> tuple[str, str | None]:
    """Split ``file:path/in/file`` at a colon whose left side exists; a path that exists is taken whole.

    Raises
    ------
    NotFoundError
        Neither the whole nor a part before a colon exists.
    """
    if os.path.exists(source):
        return source, None
    colons = (at for at in range(len(source) - 1, 0, -1) if source[at] == ":")
    for at in colons:
        if os.path.exists(source[:at]):
            return source[:at], source[at + 1 :] or None
    raise NotFoundError(f"there is no file or folder {source}")


def _open_path(source: str, dataset: str | None, axes: str | None, gaps: Gaps) -> StoredSource:
    source = source.removeprefix("file://")
    if "://" in source:
        raise SourceError(f"{source}: sources are files and folders of this machine, not addresses")
    if glob.has_magic(source) and not os.path.exists(source) and (matches := glob.glob(source)):
        return _open_stack(matches, source, dataset, axes, gaps)
    path, inner = locate(source)
    if dataset is not None and inner is not None and dataset != inner:
        raise OptionError(f"dataset={dataset!r} and {source} name two different datasets")
    if os.path.isdir(path):
        return _open_folder(path, dataset if dataset is not None else inner, axes, gaps)
    return _open_file(path, dataset if dataset is not None else inner, axes)


def _open_folder(path: str, dataset: str | None, axes: str | None, gaps: Gaps) -> StoredSource:
    """Open a folder as Zarr or N5 if it holds their metadata, else as a stack of the slices in it."""
    from ngprecomp.sources.zarr.choice import is_zarr_folder
    from ngprecomp.sources.zarr.n5 import is_n5_folder, open_n5

    if is_zarr_folder(path):
        from ngprecomp.sources.zarr.source import open_zarr

        return open_zarr(path, dataset, axes)
    if is_n5_folder(path):
        return open_n5(path, dataset, axes)
    if dataset and os.path.isdir(within := os.path.join(path, dataset)):  # not every writer marks the groups around
        return _open_folder(within, None, axes, gaps)
    inside = [os.path.join(path, entry) for entry in os.listdir(path)]
    return _open_stack(inside, f"the folder {path}", dataset, axes, gaps)


def _paths(listed: list[Any] | tuple[Any, ...]) -> list[str]:
    """Return the paths in a list of slices, which holds nothing else."""
    for place, path in enumerate(listed):
        if not isinstance(path, str | os.PathLike):
            raise SourceError(
                f"a list is a list of paths, one TIFF slice each, but number {place} is a {type(path).__name__}; "
                "stack arrays into one (numpy.stack) and give its axes"
            )
    return [os.fspath(path) for path in listed]


def _open_list(paths: list[str], dataset: str | None, axes: str | None, gaps: Gaps) -> StoredSource:
    """Open a list of slices, which is as often an unsorted listing as an order."""
    from ngprecomp.sources.stacks.slice_names import natural_key

    opened = _open_stack(paths, f"the list of {len(paths)} files", dataset, axes, gaps)
    if paths == sorted(paths, key=natural_key):
        return opened
    return replace(opened, notes=(*opened.notes, "the list had another order than the natural one, which is not kept"))


def _open_stack(paths: list[str], name: str, dataset: str | None, axes: str | None, gaps: Gaps) -> StoredSource:
    from ngprecomp.sources.stacks.pictures import open_pictures
    from ngprecomp.sources.stacks.slice_names import PICTURES, choose_kind
    from ngprecomp.sources.stacks.slices import open_slices

    if dataset is not None:
        raise OptionError(f"dataset={dataset!r}: {name} is a stack of slices and has no datasets")
    open_kind = open_pictures if choose_kind(paths, name) == PICTURES else open_slices
    return open_kind(paths, name, axes, gaps)


def _open_file(path: str, dataset: str | None, axes: str | None) -> StoredSource:
    """Open one file as what its first bytes say it is; HDF5 may start with a block of the user's."""
    if not os.path.isfile(path):
        raise SourceError(f"{path} is neither a file nor a folder")
    with open(path, "rb") as file:
        start = file.read(8)
    if start.startswith(TIFF):
        from ngprecomp.sources.tiff.file import open_tiff

        return open_tiff(path, dataset, axes)
    if start.startswith(NPY):
        from ngprecomp.sources.npy import open_npy

        if dataset is not None:
            raise OptionError(f"dataset={dataset!r}: {path} is a npy file and holds one array")
        return open_npy(path, axes)
    import h5py

    if h5py.is_hdf5(path):
        from ngprecomp.sources.hdf5.file import open_hdf5

        return open_hdf5(path, dataset, axes)
    from ngprecomp.sources.signatures import open_signed

    return open_signed(path, dataset, axes)


def _open_object(source: Any, dataset: str | None, axes: str | None) -> StoredSource:
    """Open an array or an object of h5py, zarr, xarray or tifffile, known by its class without importing either."""
    classes = {f"{kind.__module__.partition('.')[0]}.{kind.__name__}" for kind in type(source).__mro__}
    if classes & {"h5py.Dataset", "h5py.Group"}:
        from ngprecomp.sources.hdf5.file import open_hdf5_object

        return open_hdf5_object(source, dataset, axes)
    if classes & {"zarr.Array", "zarr.Group"}:
        from ngprecomp.sources.zarr.source import open_zarr_object

        return open_zarr_object(source, dataset, axes)
    if "tifffile.TiffFile" in classes:
        path = source.filehandle.path
        if not os.path.isfile(path):
            raise SourceError("a TiffFile that is no file on a disk cannot be read in parts; give its asarray()")
        return _open_file(path, dataset, axes)
    if "xarray.DataArray" in classes:
        from ngprecomp.sources.labelled import open_labelled

        return open_labelled(source, axes)
    if all(hasattr(source, name) for name in ("shape", "dtype", "__getitem__")):
        from ngprecomp.sources.arrays import open_array

        if dataset is not None:
            raise OptionError(f"dataset={dataset!r}: an array has no datasets")
        return open_array(source, axes)
    raise SourceError(
        f"a {type(source).__name__} holds no voxels; expected a path, a list of slices, an array, "
        "a h5py.Dataset, a zarr.Array or a tifffile.TiffFile"
    )
