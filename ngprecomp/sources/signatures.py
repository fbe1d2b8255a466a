"""Files known by their first bytes: archives of NumPy and Zarr, NIfTI, MRC, pictures."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

from ngprecomp.errors import OptionError, SourceError

if TYPE_CHECKING:
    from ngprecomp.sources.stored import StoredSource

HEAD = 1024
ZIP = b"PK\x03\x04"
PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")
OTHERS = "npz, NIfTI, MRC, PNG, JPEG, Zarr in a zip archive"


def open_signed(path: str, dataset: str | None, axes: str | None) -> StoredSource:
    """Open a zip archive (npz, Zarr), a NIfTI or MRC file, gzipped or not, or a picture.

    Raises
    ------
    SourceError
        It is none of them, or damaged, or the library that reads it is not installed.
    OptionError
        `dataset` is given for a file that holds one array.
    """
    with open(path, "rb") as file:
        start = file.read(len(ZIP))
    if start == ZIP:
        return _open_zip(path, dataset, axes)
    found = _open_single(path, axes)
    if dataset is not None:
        found.close()
        raise OptionError(f"dataset={dataset!r}: {path} holds one array")
    return found


def _open_zip(path: str, dataset: str | None, axes: str | None) -> StoredSource:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise SourceError(f"{path} starts like a zip archive, but is damaged: {error}") from error
    from ngprecomp.sources.zarr.choice import zarr_in_zip

    if any(name.endswith(".npy") for name in names):
        from ngprecomp.sources.npz import open_npz

        return open_npz(path, dataset, axes)
    if zarr_in_zip(names) is not None:
        from ngprecomp.sources.zarr.source import open_zarr

        return open_zarr(path, dataset, axes)
    raise SourceError(f"{path} is a zip archive of {len(names)} files, neither npz nor Zarr: unpack it first")


def _open_single(path: str, axes: str | None) -> StoredSource:
    from ngprecomp.sources.mrc import is_mrc, open_mrc
    from ngprecomp.sources.nifti import header_file, is_nifti, open_nifti

    head = _head(path)
    if is_nifti(head):
        return open_nifti(path, head, axes)
    if is_mrc(head):
        return open_mrc(path, head, axes)
    if head.startswith(PICTURES):
        from ngprecomp.sources.stacks.pictures import open_picture

        return open_picture(path, axes)
    if (header := header_file(path)) is not None:
        return _open_single(header, axes)
    raise SourceError(
        f"{path} is no HDF5, TIFF or npy file, nor of another kind that is read ({OTHERS}): "
        f"it starts with the bytes {head[:8]!r}"
    )


def _head(path: str) -> bytes:
    """Return the first bytes of a file, unpacked if it is a gzip file."""
    from ngprecomp.sources.packed import GZIP, Packed

    with open(path, "rb") as file:
        head = file.read(HEAD)
    return Packed(path).head(HEAD) if head.startswith(GZIP) else head
