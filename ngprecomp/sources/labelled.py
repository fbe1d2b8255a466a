"""xarray's labelled arrays: the names of their dimensions are their axes."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from ngprecomp.errors import SourceError
from ngprecomp.format.lengths import nanometres
from ngprecomp.sources.arrays import open_array
from ngprecomp.sources.dimension_names import letters_of
from ngprecomp.sources.placement import Placement, Told, placed

if TYPE_CHECKING:
    from ngprecomp.sources.axes import Axes
    from ngprecomp.sources.stored import StoredSource

EVEN = 1e-4  # of a step: coordinates are often float32


def open_labelled(array: Any, axes: str | None) -> StoredSource:
    """Return a `xarray.DataArray` as a source; evenly spaced coordinates with units tell voxel size and offset.

    Raises
    ------
    SourceError
        The dimensions have other names than x, y, z, channel and time, and `axes` is None.
    """
    letters = letters_of(array.dims, array.ndim)
    if axes is None and letters is None:
        names = ", ".join(map(str, array.dims))
        raise SourceError(f"a DataArray of dimensions {names} does not say which axis is x; give axes")
    # dask's array tells its chunks; of a file that xarray reads late, .data would load everything
    source = open_array(array.data if array.chunks else array, axes or letters)
    told = source.notes if axes else (f"axes {source.axes}: dimensions {', '.join(map(str, array.dims))}",)
    placement = _placement(array, source.order)
    return dataclasses.replace(
        source,
        resolution=placement.resolution,
        voxel_offset=placement.voxel_offset,
        notes=(*told, *placement.notes),
    )


def _placement(array: Any, order: Axes) -> Placement:
    """Return what the coordinates tell; nothing where one is missing, uneven or without a unit of length."""
    steps, starts = [], []
    for dimension, letter in zip(array.dims, order.letters, strict=True):
        if letter not in "xyz":
            steps.append(1.0)
            starts.append(0.0)
            continue
        if dimension not in array.coords:
            return Placement()
        coordinate = array.coords[dimension]
        values = np.asarray(coordinate.values, np.float64)
        unit = nanometres(str(coordinate.attrs.get("units", "")))
        step = float((values[-1] - values[0]) / (len(values) - 1)) if len(values) > 1 else 0.0
        if unit is None or step <= 0 or np.abs(np.diff(values) - step).max() > EVEN * step:
            return Placement(
                notes=(f"coordinates are not used: those of {dimension} have no even steps or no unit of length",)
            )
        steps.append(step * unit)
        starts.append(float(values[0]) * unit)
    return placed(order, Told(steps, "coordinates"), Told(starts, "coordinates"))
