"""Zarr arrays as sources: axes, voxel size and offset from OME-Zarr, xarray, or attributes that are in use."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np

from ngprecomp.errors import SourceError
from ngprecomp.sources.array_attributes import read_array_attributes
from ngprecomp.sources.axes import Axes, asked_axes_note, default_axes, parse_axes
from ngprecomp.sources.dimension_names import letters_of
from ngprecomp.sources.stored import StoredSource, check_array
from ngprecomp.sources.zarr.arrays import ZarrArray, count_unwritten, local_files, local_root, naming_zarr_damage
from ngprecomp.sources.zarr.choice import Found, choose_array, open_hierarchy

if TYPE_CHECKING:
    from collections.abc import Sequence


def open_zarr(path: str, dataset: str | None, axes: str | None) -> StoredSource:
    """Open an array in a Zarr folder or zip archive: the one at `dataset`, or the only volume.

    Raises
    ------
    NotFoundError
        There is no group or array `dataset`.
    SourceError
        zarr is not installed, several arrays could be meant, or the metadata are damaged.
    """
    root, inner = open_hierarchy(path)
    try:
        found = choose_array(root, inner, dataset, path)
        beyond = found.array.path[len(inner) :].strip("/") if found.array.path.startswith(inner) else found.array.path
        return _source(found, f"{path}:{beyond}" if beyond else path, axes, owned=True)
    except BaseException:
        root.store.close()
        raise


def open_zarr_object(source: Any, dataset: str | None, axes: str | None) -> StoredSource:
    """Open a `zarr.Array`, or one in a `zarr.Group`; in a local folder it is found anew, with the groups around it."""
    root = local_root(source.store)
    if root is not None and os.path.isdir(root):
        return open_zarr(os.path.join(root, source.path).rstrip(os.sep), dataset, axes)
    found = choose_array(source, "", dataset, str(source.store_path))
    return _source(found, str(found.array.store_path), axes, owned=False)


def _source(found: Found, name: str, axes: str | None, *, owned: bool) -> StoredSource:
    array = found.array
    with naming_zarr_damage(name):
        shape, dtype, attributes = tuple(array.shape), np.dtype(array.dtype), array.attrs.asdict()
        check_array(name, shape, dtype)
        names = getattr(array.metadata, "dimension_names", None) or attributes.get("_ARRAY_DIMENSIONS")
        unwritten = count_unwritten(array)
        stored = ZarrArray(array, name, local_files(array), unwritten, owned)
    order, axes_notes = _order(found, names or attributes.get("axis_names"), shape, name, axes)
    if found.level is not None:
        placement = found.level.placement(order, shape)
    else:
        placement = read_array_attributes(attributes, "the array", order)
    notes = [*found.notes, *axes_notes, *placement.notes]
    if unwritten:
        kind = "shards" if array.shards else "chunks"
        notes.append(
            f"{unwritten} {kind} of {array.shards or array.chunks} are not stored and read as the fill value "
            f"{array.fill_value}: Zarr leaves them out where nothing else was written"
        )
    return StoredSource(name, stored, order, placement.resolution, placement.voxel_offset, tuple(notes))


def _order(
    found: Found, names: Sequence[str | None] | None, shape: tuple[int, ...], name: str, axes: str | None
) -> tuple[Axes, tuple[str, ...]]:
    """Return the order: as asked, of OME-Zarr, of the names of the dimensions, or the default."""
    if axes is not None:
        order = parse_axes(axes, shape, name)
        return order, (asked_axes_note(order, shape),)
    if found.level is not None:
        if found.level.axes is None:
            raise SourceError(f"{name} is part of an OME-Zarr image without axes x, y, z, c or t; name their order")
        return parse_axes(found.level.axes, shape, name), (f"axes {found.level.axes}: OME-Zarr axes",)
    letters = letters_of(names, len(shape))
    if letters is not None:
        return parse_axes(letters, shape, name), (f"axes {letters}: names of the dimensions",)
    order = default_axes(shape, name)
    unknown = f"; the names of its dimensions, {', '.join(map(str, names))}, say nothing else" if names else ""
    return order, (f"axes {order}: default for Zarr of {len(shape)} dimensions{unknown}",)
