"""Where a dataset lies in space: voxel size and offset from all that an HDF5 file says, weighed against each other."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from ngprecomp.format.lengths import whole_voxels
from ngprecomp.sources.hdf5.sizes import (
    Three,
    ToldSize,
    numbers_along,
    size_in_scales,
    size_in_tags,
    sizes_in_attributes,
)
from ngprecomp.sources.placement import Placement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ngprecomp.format.box import Triple
    from ngprecomp.sources.axes import Axes

COARSER = re.compile(r"s[1-9]\d*")


def read_placement(dataset: h5py.Dataset, order: Axes, name: str) -> Placement:
    """Return voxel size (nm) and offset; the attributes have the order of the stored axes: z, y, x.

    The dataset's own attributes go before its axistags, its dimension scales and the attributes of its groups. What
    cannot be understood is not used, and a note asks for it.
    """
    told = [
        *sizes_in_attributes(dataset.attrs, "the dataset", order),
        *size_in_tags(dataset, name, order),
        *size_in_scales(dataset, order),
    ]
    holder: Mapping[str, Any] = dataset.attrs
    if not told:
        group, told = _told_by_group(dataset, order)
        holder = {**group, **dataset.attrs}
    return weighed(told, holder, order)


def weighed(told: Sequence[ToldSize], holder: Mapping[str, Any], order: Axes) -> Placement:
    """Return the first usable one of the told sizes with the offset of the same `holder`, and notes on the others."""
    problems = [f"{one.origin} is not used: {one.problem}; give the resolution" for one in told if one.size is None]
    usable = [(one, one.size) for one in told if one.size is not None]
    if not usable:
        ignored = ("attribute offset is not used: there is no voxel size to count it in",)
        return Placement(notes=(*problems, *(ignored if "offset" in holder else ())))
    chosen, size = usable[0]
    others = [
        f"{other.origin} says {_told(other_size)} nm instead and is ignored"
        for other, other_size in usable[1:]
        if not np.allclose(other_size, size)
    ]
    size_note = f"voxel size {_told(size)} nm (x, y, z): {chosen.origin}"
    offset, offset_notes = _offset(holder, chosen, size, order)
    return Placement(size, offset, (size_note, *others, *problems, *offset_notes))


def _told_by_group(dataset: h5py.Dataset, order: Axes) -> tuple[Mapping[str, Any], list[ToldSize]]:
    """Return the attributes of the nearest group around a dataset that tell a voxel size, and what they tell."""
    group = dataset.parent
    while True:
        told = sizes_in_attributes(group.attrs, f"the group {group.name}", order)
        if told:
            doubt = _doubt(dataset, group)
            return dict(group.attrs), [ToldSize(one.origin, problem=doubt) for one in told] if doubt else told
        if group.name == "/":
            return {}, []
        group = group.parent


def _doubt(dataset: h5py.Dataset, group: h5py.Group) -> str:
    """Say why what a group tells may not be meant for this dataset: it may be that of another scale."""
    if COARSER.fullmatch(dataset.name.rpartition("/")[2]) or "downsamplingFactors" in dataset.attrs:
        return f"{dataset.name} is a coarser scale"
    shapes: set[tuple[int, ...]] = set()

    def note(_: str, item: h5py.HLObject) -> None:
        if isinstance(item, h5py.Dataset) and item.shape is not None and item.ndim >= 3:
            shapes.add(item.shape[-3:])

    group.visititems(note)
    return f"the datasets in {group.name} have several shapes" if len(shapes) > 1 else ""


def _offset(
    holder: Mapping[str, Any], told: ToldSize, size: Three, order: Axes
) -> tuple[Triple | None, tuple[str, ...]]:
    """Return the attribute ``offset``, which has the unit of the voxel size, in voxels, and the sentences on it."""
    if "offset" not in holder:
        return None, ()
    start, problem = numbers_along(holder["offset"], order)
    if start is None or told.scales is None:
        return None, (f"attribute offset is not used: {problem or 'its unit is not known'}; give the offset",)
    x, y, z = (at * scale for at, scale in zip(start, told.scales, strict=True))
    voxels, moved = whole_voxels((x, y, z), size)
    note = f"voxel offset {', '.join(map(str, voxels))} (x, y, z): attribute offset, in the unit of the voxel size"
    if moved is not None:
        by = ", ".join(f"{nm:g}" for nm in moved)
        note += f"; it is no multiple of the voxel and was rounded to the nearest one, which moves it by {by} nm"
    if order.reversed:
        note += f"; reversing {', '.join(order.reversed)} leaves the volume in its place"
    return voxels, (note,)


def _told(size: Three) -> str:
    return " x ".join(f"{nm:g}" for nm in size)
