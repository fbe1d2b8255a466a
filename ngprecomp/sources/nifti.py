"""NIfTI-1 and NIfTI-2 images: one file (.nii, .nii.gz) or a pair (.hdr, .img)."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any

import numpy as np

from ngprecomp.errors import NotFoundError, SourceError
from ngprecomp.sources.axes import asked_axes_note, parse_axes
from ngprecomp.sources.extras import needed
from ngprecomp.sources.nifti_orientation import read_orientation
from ngprecomp.sources.packed import array_in_file
from ngprecomp.sources.scaled import ScaledArray
from ngprecomp.sources.stored import StoredArray, StoredSource, check_array

if TYPE_CHECKING:
    from ngprecomp.sources.axes import Axes

LETTERS = "xyztc"  # the first five dimensions; the fifth holds the parts of a vector
HEADER_BYTES = 544
MAGIC = {344: (b"n+1\0", b"ni1\0"), 4: (b"n+2\0", b"ni2\0")}
LEAST_OFFSET = {b"n+1": 352, b"n+2": 544}  # of the voxels in the file of their header; some writers leave 0
COLOURS = {3: "RGB", 4: "RGB and alpha"}


def is_nifti(head: bytes) -> bool:
    """Whether the first 544 bytes of a file are a NIfTI header."""
    return any(head[at : at + 4] in magic for at, magic in MAGIC.items())


def open_nifti(path: str, head: bytes, axes: str | None) -> StoredSource:
    """Open an image by its header file; `head` is that file's first bytes, unpacked.

    Voxels stay in the order of the file, whatever way its axes point; notes tell the orientation.

    Raises
    ------
    SourceError
        nibabel is not installed, the header is damaged, or the file is cut off.
    OptionError
        `axes` does not fit, or there are several points in time and `axes` chooses none.
    """
    header = _parse(head, path)
    shape, file_dtype = _values(header)
    check_array(path, shape, file_dtype)
    order, axes_note = _order(shape, header, path, axes)
    stored = _stored(path, header, shape, file_dtype)
    notes = [axes_note]
    if header.get_data_dtype().names:
        notes.append(f"channels: {COLOURS[shape[0]]} of the file's data type")
    slope, intercept = header.get_slope_inter()
    if slope is not None and (slope, intercept) != (1, 0):
        stored = ScaledArray(stored, slope, intercept)
        notes.append(f"values are {slope:g} * stored + {intercept:g} as float32: scl_slope and scl_inter of the file")
    if header.get_intent()[0] == "label":
        notes.append("the file's intent is label: a segmentation")
    orientation = read_orientation(header, order, shape)
    all_notes = (*notes, *orientation.notes)
    return StoredSource(path, stored, order, orientation.resolution, orientation.voxel_offset, all_notes)


def _parse(head: bytes, path: str) -> Any:
    """Return nibabel's header of either version and byte order."""
    nifti = needed("nibabel", "nifti", "NIfTI")
    pair = nifti.Nifti2Pair if any(head[4:8] == magic for magic in MAGIC[4]) else nifti.Nifti1Pair
    kind = pair.header_class
    quiet = logging.Logger("NIfTI")  # nibabel prints what it mends, such as a qfac of 0
    quiet.addHandler(logging.NullHandler())
    try:
        header = kind(head[: kind.sizeof_hdr], check=False)
        header.check_fix(logger=quiet)
        header.get_slope_inter(), header.get_best_affine(), int(header["vox_offset"])  # which look closer
    except (nifti.spatialimages.HeaderDataError, OverflowError, ValueError) as error:
        raise SourceError(f"{path} has a damaged NIfTI header: {error}") from error
    return header


def _values(header: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return shape and type of the values; colours become a first axis, which is the fastest in the file."""
    shape = tuple(int(size) for size in header.get_data_shape())
    while len(shape) > len(LETTERS) - 2 and shape[-1] == 1:
        shape = shape[:-1]
    dtype = np.dtype(header.get_data_dtype())
    if dtype.names is not None:
        return (len(dtype.names), *shape), dtype[0]
    return shape, dtype


def _order(shape: tuple[int, ...], header: Any, path: str, axes: str | None) -> tuple[Axes, str]:
    if axes is not None:
        order = parse_axes(axes, shape, path)
        return order, asked_axes_note(order, shape)
    colours = "c" if header.get_data_dtype().names else ""
    if len(shape) - len(colours) > len(LETTERS):
        raise SourceError(f"{path} has {len(shape)} dimensions, shape {shape}; NIfTI names the first five only")
    letters = colours + LETTERS[: len(shape) - len(colours)]
    return parse_axes(letters, shape, path), f"axes {letters}: NIfTI's own order, the first one fastest in the file"


def _stored(path: str, header: Any, shape: tuple[int, ...], file_dtype: np.dtype[Any]) -> StoredArray:
    """Return the values behind the header, in Fortran order: here or in the second file of a pair."""
    magic = bytes(header["magic"])[:3]
    offset = max(int(header["vox_offset"]), LEAST_OFFSET.get(magic, 0))
    if magic not in LEAST_OFFSET:
        path = _data_file(path)
    return array_in_file(path, shape, file_dtype, offset, "F")


def _data_file(path: str) -> str:
    """Return the file that holds the values of a pair, compressed or not."""
    stem = path.removesuffix(".gz").removesuffix(".hdr")
    found = [stem + suffix for suffix in (".img", ".img.gz") if os.path.isfile(stem + suffix)]
    if not found:
        raise NotFoundError(f"{path} is the header of a NIfTI pair whose voxels are missing: there is no {stem}.img")
    return found[0]


def header_file(path: str) -> str | None:
    """Return the header that lies beside an ``.img`` file, None if there is none or the name is another."""
    stem = path.removesuffix(".gz")
    if not stem.endswith(".img"):
        return None
    beside = [stem.removesuffix(".img") + suffix for suffix in (".hdr", ".hdr.gz")]
    return next((header for header in beside if os.path.isfile(header)), None)
