"""Files that a cutout is written to: which format a path means, and a file that appears whole or not at all."""

from __future__ import annotations

import os
import re
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from ngprecomp.errors import ExistsError, OptionError, StorageError
from ngprecomp.storage.files import create
from ngprecomp.storage.temporary import temporary_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

    from ngprecomp.format.box import Triple
    from ngprecomp.format.members import Resolution
    from ngprecomp.volume.resources import Resources

Voxels = NDArray[Any]

SUFFIXES = {".tif": "tiff", ".tiff": "tiff", ".h5": "hdf5", ".hdf5": "hdf5", ".npy": "npy", ".nii": "nifti"}
# The first one is the default.
COMPRESSIONS = {"tiff": ("deflate", "none", "lzw", "zstd"), "hdf5": ("deflate", "none"), "npy": ("none",)}
DEFLATE = ("deflate", "zlib", "gzip")  # the same algorithm in three wrappings, of which each format knows one
DATASET = "data"

_HDF5_PATH = re.compile(r"(.+\.(?:h5|hdf5)):(.*)", re.IGNORECASE | re.DOTALL)
_ATTEMPTS = 1000


@dataclass(frozen=True, slots=True)
class Output:
    """A file to be made: its format (tiff, hdf5, npy or nifti), the dataset in an HDF5 file, the compression."""

    path: str
    format: str
    compression: str
    dataset: str = DATASET

    @property
    def folder(self) -> str:
        """The folder of the file."""
        return os.path.dirname(os.path.abspath(self.path))


@dataclass(frozen=True, slots=True)
class Contents:
    """What a file will hold: voxels along x, y, z, channels, type, voxel size (nm) and offset (voxels).

    It comes in slabs along z; all but the last have a multiple of `depth` planes.
    """

    size: Triple
    num_channels: int
    dtype: np.dtype[Any]
    resolution: Resolution
    voxel_offset: Triple
    depth: int = 1

    @property
    def plane_bytes(self) -> int:
        """Bytes of one plane of one channel."""
        return self.size[0] * self.size[1] * self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all voxels."""
        return self.plane_bytes * self.size[2] * self.num_channels


def parse_output(path: str | os.PathLike[str], format: str | None = None, compression: str | None = None) -> Output:
    """Return what is to be made: the format is told by the suffix unless it is named.

    Raises
    ------
    OptionError
        The format is not known or has no such compression.

    Examples
    --------
    >>> parse_output("cut.h5:volumes/raw")
    Output(path='cut.h5', format='hdf5', compression='deflate', dataset='volumes/raw')
    """
    text = os.path.expanduser(os.fspath(path).removeprefix("file://"))
    inner = _HDF5_PATH.fullmatch(text) if format in (None, "hdf5") else None
    file, dataset = (inner[1], inner[2].strip("/") or DATASET) if inner else (text, DATASET)
    gzipped = file.lower().endswith(".gz")
    suffix = os.path.splitext(file.lower().removesuffix(".gz"))[1]
    chosen = format or SUFFIXES.get(suffix)
    if chosen is None or (gzipped and chosen != "nifti"):
        raise OptionError(
            f"{text} names no format that can be written: expected .tif, .tiff, .h5, .hdf5, .npy, .nii or .nii.gz"
        )
    if chosen not in SUFFIXES.values():
        raise OptionError(f"the format is one of {', '.join(dict.fromkeys(SUFFIXES.values()))}, found {chosen!r}")
    possible = COMPRESSIONS.get(chosen, ("deflate",) if gzipped else ("none",))
    asked = compression or possible[0]
    asked = "deflate" if asked in DEFLATE else asked
    if asked not in possible:
        raise OptionError(f"{os.path.basename(file)} is compressed with {' or '.join(possible)}, not {compression!r}")
    return Output(file, chosen, asked, dataset)


def write_file(path: str, output: Output, contents: Contents, slabs: Iterator[Voxels], threads: Resources) -> str:
    """Write all slabs to `path` as `output` says, and return a sentence on what the file is like."""
    # Their libraries take 0.2 s to import, and only one is needed.
    if output.format == "tiff":
        from ngprecomp.pipeline.sinks.tiff import write_tiff

        return write_tiff(path, contents, slabs, output, threads)
    if output.format == "hdf5":
        from ngprecomp.pipeline.sinks.hdf5 import write_hdf5

        return write_hdf5(path, contents, slabs, output, threads)
    if output.format == "npy":
        from ngprecomp.pipeline.sinks.npy import write_npy

        return write_npy(path, contents, slabs)
    from ngprecomp.pipeline.sinks.nifti import write_nifti

    return write_nifti(path, contents, slabs, gzipped=output.compression == "deflate")


def check_output(output: Output, *, overwrite: bool) -> None:
    """Refuse what would fail only after all voxels have been read.

    Raises
    ------
    ExistsError
        There is a file, and it must not be replaced.
    OptionError
        A library is missing.
    StorageError
        There is a folder.
    """
    _refuse_existing(output.path, overwrite=overwrite)
    if output.format == "nifti":
        from ngprecomp.pipeline.sinks.nifti import import_nibabel

        import_nibabel()


def depth_of(output: Output, planes: int) -> int:
    """Return how many planes a file takes at once where at most `planes` fit into memory."""
    if output.format != "hdf5":
        return 1
    from ngprecomp.pipeline.sinks.hdf5 import CHUNK_DEPTH

    return min(CHUNK_DEPTH, planes)


@contextmanager
def appearing(path: str, *, overwrite: bool) -> Iterator[str]:
    """Give the path of a temporary file beside `path`; it takes that name when all went well, else it vanishes.

    Raises
    ------
    ExistsError
        There is a file, and it must not be replaced.
    StorageError
        There is a folder.
    """
    _refuse_existing(path, overwrite=overwrite)
    temporary = _new_file_beside(path)
    try:
        yield temporary
        _refuse_existing(path, overwrite=overwrite)
        os.replace(temporary, path)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(temporary)


def _refuse_existing(path: str, *, overwrite: bool) -> None:
    if os.path.isdir(path):
        raise StorageError(f"{path} is a folder, not a file")
    if os.path.lexists(path) and not overwrite:
        raise ExistsError(f"{path} exists; overwrite replaces the whole file")


def _new_file_beside(path: str) -> str:
    """Return the path of a new, empty file; the folders above it are made."""
    folder, name = os.path.split(os.path.abspath(path))
    for number in range(_ATTEMPTS):
        temporary = os.path.join(folder, temporary_name(name, number))
        with suppress(FileExistsError):  # another thread's, or left behind by a process that died
            os.close(create(temporary, os.O_WRONLY | os.O_EXCL))
            return temporary
    raise StorageError(f"{folder} holds {_ATTEMPTS} temporaries of {name}: remove those of dead processes")
