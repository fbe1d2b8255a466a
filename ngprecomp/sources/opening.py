"""Opening whatever holds voxels: a path, a folder, a glob, a list of files, an array, an open dataset."""

from __future__ import annotations

import glob
import os
from typing import TYPE_CHECKING, Any, cast

from ngprecomp.errors import NotFoundError, OptionError, SourceError

if TYPE_CHECKING:
    from ngprecomp.sources.protocol import Source
    from ngprecomp.sources.slices import Gaps
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
        ``file.h5:path/in/file`` (any suffix, HDF5 is known by its signature), a TIFF or ``.npy`` file, a
        folder, glob or list of TIFF slices, an array, an `h5py.Dataset`, `h5py.File` or `tifffile.TiffFile`.
    dataset
        The dataset of an HDF5 file or the number of a TIFF series, in place of the part after the colon.
    axes
        The order of the stored axes, slowest first: ``zyx``, ``xyz``, ``czyx``, ``zyxc`` ... None takes what
        the file says, else ``zyx`` or ``czyx`` for HDF5 and npy. An array needs it.
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
        name = f"the list of {len(source)} files"
        return _open_stack(_paths(source), name, dataset, axes, cast("Gaps", gaps))
    return _open_object(source, dataset, axes)


def locate(source: str) -> tuple[str, str | None]:
    """Split ``file:path/in/file`` at a colon whose left side is a file; a path that exists is taken whole.

    Raises
    ------
    NotFoundError
        Neither the whole nor a part before a colon exists.
    """
    if os.path.exists(source):
        return source, None
    colons = (at for at in range(len(source) - 1, 0, -1) if source[at] == ":")
    for at in colons:
        if os.path.isfile(source[:at]):
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
        inside = [os.path.join(path, entry) for entry in os.listdir(path)]
        return _open_stack(inside, f"the folder {path}", dataset, axes, gaps)
    return _open_file(path, dataset if dataset is not None else inner, axes)


def _paths(listed: list[Any] | tuple[Any, ...]) -> list[str]:
    """Return the paths in a list of slices, which holds nothing else."""
    for place, path in enumerate(listed):
        if not isinstance(path, str | os.PathLike):
            raise SourceError(
                f"a list is a list of paths, one TIFF slice each, but number {place} is a {type(path).__name__}; "
                "stack arrays into one (numpy.stack) and give its axes"
            )
    return [os.fspath(path) for path in listed]


def _open_stack(paths: list[str], name: str, dataset: str | None, axes: str | None, gaps: Gaps) -> StoredSource:
    from ngprecomp.sources.slices import open_slices

    if dataset is not None:
        raise OptionError(f"dataset={dataset!r}: {name} is a stack of slices and has no datasets")
    return open_slices(paths, name, axes, gaps)


def _open_file(path: str, dataset: str | None, axes: str | None) -> StoredSource:
    """Open one file as what its first bytes say it is; HDF5 may start with a block of the user's."""
    if not os.path.isfile(path):
        raise SourceError(f"{path} is neither a file nor a folder")
    with open(path, "rb") as file:
        start = file.read(8)
    if start.startswith(TIFF):
        from ngprecomp.sources.tiff import open_tiff

        return open_tiff(path, dataset, axes)
    if start.startswith(NPY):
        from ngprecomp.sources.npy import open_npy

        if dataset is not None:
            raise OptionError(f"dataset={dataset!r}: {path} is a npy file and holds one array")
        return open_npy(path, axes)
    import h5py

    if h5py.is_hdf5(path):
        from ngprecomp.sources.hdf5 import open_hdf5

        return open_hdf5(path, dataset, axes)
    raise SourceError(f"{path} is no HDF5, TIFF or npy file: it starts with the bytes {start!r}")


def _open_object(source: Any, dataset: str | None, axes: str | None) -> StoredSource:
    """Open an array or an object of h5py or tifffile, known by its class without importing either."""
    classes = {f"{kind.__module__.partition('.')[0]}.{kind.__name__}" for kind in type(source).__mro__}
    if classes & {"h5py.Dataset", "h5py.Group"}:
        from ngprecomp.sources.hdf5 import open_hdf5_object

        return open_hdf5_object(source, dataset, axes)
    if "tifffile.TiffFile" in classes:
        path = source.filehandle.path
        if not os.path.isfile(path):
            raise SourceError("a TiffFile that is no file on a disk cannot be read in parts; give its asarray()")
        return _open_file(path, dataset, axes)
    if all(hasattr(source, name) for name in ("shape", "dtype", "__getitem__")):
        from ngprecomp.sources.arrays import open_array

        if dataset is not None:
            raise OptionError(f"dataset={dataset!r}: an array has no datasets")
        return open_array(source, axes)
    raise SourceError(
        f"a {type(source).__name__} holds no voxels; expected a path, a list of slices, an array, "
        "a h5py.Dataset or a tifffile.TiffFile"
    )
