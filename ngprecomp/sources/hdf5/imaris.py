"""Imaris files (``.ims``): a dataset per resolution, point in time and channel, padded to whole chunks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from ngprecomp.errors import SourceError
from ngprecomp.format.lengths import nanometres
from ngprecomp.sources.axes import asked_axes_note, parse_axes
from ngprecomp.sources.hdf5.array import checked_array
from ngprecomp.sources.hdf5.axes import text
from ngprecomp.sources.placement import Placement
from ngprecomp.sources.stacks.stacked import StackedArrays
from ngprecomp.sources.stored import StoredSource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ngprecomp.sources.stored import StoredArray

POINT = re.compile(r"/DataSet/ResolutionLevel \d+/TimePoint \d+")
CHANNEL = re.compile(rf"{POINT.pattern}/Channel \d+/Data")
FINEST = "DataSet/ResolutionLevel 0"


def is_imaris(group: h5py.Group) -> bool:
    """Whether a file has the layout of Imaris."""
    return FINEST in group and "DataSetInfo/Image" in group


def is_time_point(item: h5py.HLObject) -> bool:
    """Whether an object is the group of all channels of one point in time."""
    return isinstance(item, h5py.Group) and bool(POINT.fullmatch(item.name or "")) and is_imaris(item.file)


def is_channel(dataset: h5py.Dataset) -> bool:
    """Whether a dataset is a channel of such a file."""
    return bool(CHANNEL.fullmatch(dataset.name or "")) and is_imaris(dataset.file)


def only_time_point(file: h5py.Group, name: str) -> h5py.Group:
    """Return the finest resolution of the only point in time.

    Raises
    ------
    SourceError
        There are several; the message says how to name one.
    """
    points = sorted(file[FINEST], key=_number)
    if len(points) != 1:
        raise SourceError(
            f"{name} holds {len(points)} points in time, a volume holds one; name it as FILE:PATH, such as "
            f"'{name}:{FINEST}/TimePoint 0'"
        )
    return file[FINEST][points[0]]


def open_time_point(point: h5py.Group, axes: str | None, *, owned: bool) -> StoredSource:
    """Open all channels of a point in time as one source."""
    names = sorted((key for key in point if key.startswith("Channel ")), key=_number)
    return open_channels([point[key]["Data"] for key in names], axes, owned=owned)


def open_channels(channels: Sequence[h5py.Dataset], axes: str | None, *, owned: bool) -> StoredSource:
    """Open channels of one point in time, each cut to the size of the image.

    Raises
    ------
    SourceError
        The channels differ, or the file does not say how large the image is.
    """
    shape = _image_shape(channels[0])
    if any(_image_shape(channel) != shape or channel.dtype != channels[0].dtype for channel in channels):
        raise SourceError(f"{channels[0].file.filename} has channels of several sizes or types; name one as FILE:PATH")
    arrays = [checked_array(channel, owned=owned, shape=shape) for channel in channels]
    stored: StoredArray = arrays[0] if len(arrays) == 1 else StackedArrays(tuple(arrays))
    name = arrays[0].name if len(arrays) == 1 else arrays[0].name.rpartition("/Channel ")[0]
    order = parse_axes(axes or ("zyx" if len(arrays) == 1 else "czyx"), stored.shape, name)
    told = asked_axes_note(order, stored.shape) if axes else f"axes {order}: those of Imaris"
    placement = _placement(channels[0], shape)
    level, point = channels[0].name.split("/")[2:4]
    found = f"Imaris: {len(arrays)} channel{'s' * (len(arrays) > 1)} of {level}, {point}"
    notes = (found, told, *placement.notes)
    holes = tuple(note for array in arrays for note in array.notes)
    return StoredSource(name, stored, order, placement.resolution, notes=(*notes, *holes))


def _image_shape(channel: h5py.Dataset) -> tuple[int, int, int]:
    """Return the size of the image, z, y, x, without the voxels that fill up the last chunks."""
    attributes = channel.parent.attrs
    try:
        z, y, x = (int(characters(attributes[f"ImageSize{axis}"])) for axis in "ZYX")
    except (KeyError, ValueError) as error:
        raise SourceError(f"{channel.file.filename}:{channel.name} has no image size ({error})") from None
    if not all(0 < size <= stored for size, stored in zip((z, y, x), channel.shape, strict=True)):
        raise SourceError(f"{channel.file.filename}:{channel.name} of {channel.shape} has image size {(z, y, x)}")
    return z, y, x


def _placement(channel: h5py.Dataset, shape: tuple[int, int, int]) -> Placement:
    """Return the voxel size: the extent of the image over its voxels."""
    attributes = channel.file["DataSetInfo/Image"].attrs
    origin = "extent and unit in Imaris' DataSetInfo"
    try:
        low, high = ([float(characters(attributes[f"Ext{end}{axis}"])) for axis in range(3)] for end in ("Min", "Max"))
        unit = characters(attributes["Unit"])
    except (KeyError, ValueError) as error:
        return Placement(notes=(f"{origin} are not used: {error}; give the resolution",))
    scale = nanometres(unit)
    if scale is None:
        return Placement(notes=(f"{origin} are not used: unit {unit!r}; give the resolution",))
    extents = zip(low, high, shape[::-1], strict=True)
    x, y, z = (float(f"{(end - start) / size * scale:.9g}") for start, end, size in extents)
    if not min(x, y, z) > 0:
        return Placement(notes=(f"{origin} are not used: from {low} to {high}; give the resolution",))
    begins = ",".join(f"{at:g}" for at in low)
    moved = (f"the extent begins at {begins} {unit}, which is not used: give the offset",) if any(low) else ()
    return Placement((x, y, z), None, (f"voxel size {x:g} x {y:g} x {z:g} nm (x, y, z): {origin}", *moved))


def characters(value: Any) -> str:
    """Return the text of an attribute; Imaris writes it as an array of single characters.

    Examples
    --------
    >>> characters(np.array([b"1", b"2", b".", b"5"])), characters("um")
    ('12.5', 'um')
    """
    return "".join(map(text, np.ravel(value))).strip()


def _number(name: str) -> int:
    return int(name.rpartition(" ")[2])
