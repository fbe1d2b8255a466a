"""Voxel size and offset from the attributes of an HDF5 dataset: CREMI's and those of ilastik and Fiji."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ngprecomp.format.box import Triple, triple

if TYPE_CHECKING:
    import h5py

    from ngprecomp.sources.axes import Axes

NM_PER_UNIT = {"resolution": 1.0, "element_size_um": 1000.0}
MULTIPLE = 1e-3  # a thousandth of a voxel is rounding in the file, not an offset between voxels


@dataclass(frozen=True, slots=True)
class Placement:
    """What the attributes say, and the sentences that tell where it came from."""

    resolution: tuple[float, float, float] | None
    voxel_offset: Triple | None
    notes: tuple[str, ...]


def read_placement(dataset: h5py.Dataset, order: Axes) -> Placement:
    """Return voxel size (nm) and offset; the attributes have the order of the stored axes: z, y, x."""
    resolution, notes = _resolution(dataset, order)
    if "offset" not in dataset.attrs:
        return Placement(resolution, None, tuple(notes))
    offset = _lengths(dataset.attrs["offset"], order)
    if offset is None or resolution is None:
        reason = "it is not three numbers" if offset is None else "there is no voxel size to count it in"
        return Placement(resolution, None, (*notes, f"attribute offset ignored: {reason}"))
    voxel_offset, note = _whole_voxels(offset, resolution)
    return Placement(resolution, voxel_offset, (*notes, note))


def _resolution(dataset: h5py.Dataset, order: Axes) -> tuple[tuple[float, float, float] | None, list[str]]:
    """Return the first usable voxel size among the attributes, `resolution` before `element_size_um`."""
    found: tuple[float, float, float] | None = None
    notes = []
    for key, scale in NM_PER_UNIT.items():
        if key not in dataset.attrs:
            continue
        lengths = _lengths(dataset.attrs[key], order)
        if lengths is None or min(lengths) <= 0:
            notes.append(f"attribute {key} ignored: expected three positive numbers, found {dataset.attrs[key]}")
            continue
        x, y, z = (float(length * scale) for length in lengths)
        told = f"{x:g} x {y:g} x {z:g} nm (x, y, z)"
        if found is None:
            found = x, y, z
            notes.append(f"voxel size {told}: attribute {key} of the dataset, read in the order of its axes")
        elif not np.allclose(found, (x, y, z)):
            notes.append(f"attribute {key} says {told} instead and is ignored")
    return found, notes


def _lengths(value: Any, order: Axes) -> tuple[float, float, float] | None:
    """Return an attribute's numbers as x, y, z, or None if they are not three finite numbers."""
    try:
        numbers = np.asarray(value, np.float64).ravel()
    except (TypeError, ValueError):
        return None
    if len(numbers) != 3 or not np.isfinite(numbers).all():
        return None
    spatial = [letter for letter in order.letters if letter in "xyz"]
    if len(spatial) < 3:
        spatial = list("zyx")
    x, y, z = (float(numbers[spatial.index(letter)]) for letter in "xyz")
    return x, y, z


def _whole_voxels(offset: tuple[float, float, float], resolution: tuple[float, float, float]) -> tuple[Triple, str]:
    """Return an offset in nm as whole voxels and the sentence that says by how much it was rounded."""
    exact = [nm / size for nm, size in zip(offset, resolution, strict=True)]
    voxels = triple(round(value) for value in exact)
    x, y, z = voxels
    note = f"voxel offset {x}, {y}, {z} (x, y, z): attribute offset of the dataset, in nm"
    moved = [(whole - value) * size for whole, value, size in zip(voxels, exact, resolution, strict=True)]
    if any(abs(by) > MULTIPLE * size for by, size in zip(moved, resolution, strict=True)):
        by = ", ".join(f"{nm:g}" for nm in moved)
        note += f"; it is no multiple of the voxel and was rounded to the nearest one, which moves it by {by} nm"
    return voxels, note
