"""What OME-Zarr (NGFF 0.1 to 0.5) says about an array of a multiscales image."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ngprecomp.errors import SourceError
from ngprecomp.format.lengths import nanometres
from ngprecomp.sources.axes import LETTERS
from ngprecomp.sources.placement import Placement, Told, placed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ngprecomp.sources.axes import Axes

BY_TYPE = {"channel": "c", "time": "t"}
EARLY = {"0.1", "0.2"}  # versions without axes, whose arrays are always tczyx


@dataclass(frozen=True, slots=True)
class OmeLevel:
    """One resolution of an image: the path of its array within the group, and what the group says about it."""

    path: str
    number: int
    levels: int
    axes: str | None
    units: tuple[str | None, ...]
    transforms: tuple[Any, ...]

    def placement(self, order: Axes, shape: Sequence[int]) -> Placement:
        """Return voxel size and offset: the transforms of the level, then those of the whole image.

        A size without a unit is no size in nm: it is only told.
        """
        if not self.transforms:
            return Placement(notes=("OME-Zarr tells no voxel size",))
        composed = _compose(self.transforms, len(shape))
        if composed is None:
            return Placement(notes=("voxel size is not used: OME-Zarr coordinateTransformations that are not numbers",))
        scale, translation, moved = composed
        named = self.units if len(self.units) == len(shape) else (None,) * len(shape)
        spatial = [at for at, letter in enumerate(order.letters) if letter in "xyz"]
        nm = [nanometres(unit or "") if at in spatial else 1.0 for at, unit in enumerate(named)]
        if None in nm:
            told = " x ".join(f"{scale[at]:g}" for at in spatial)
            units = ", ".join(sorted({named[at] or "none" for at in spatial}))
            note = f"voxel size is not used: OME-Zarr says {told} ({order}) in unit {units}; give the resolution"
            return Placement(notes=(note,))
        size = Told([a * (unit or 1.0) for a, unit in zip(scale, nm, strict=True)], "OME-Zarr scale")
        start = Told([b * (unit or 1.0) for b, unit in zip(translation, nm, strict=True)], "OME-Zarr translation")
        return placed(order, size, start if moved else None)


def ome_members(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the members of OME-Zarr among a group's attributes: since 0.5 they lie under ``ome``."""
    inner = attributes.get("ome")
    return inner if isinstance(inner, dict) else attributes


def ome_levels(attributes: Mapping[str, Any], name: str) -> list[list[OmeLevel]]:
    """Return the levels of each image of a group, finest first; none if it is no multiscales group.

    Raises
    ------
    SourceError
        The metadata are damaged.
    """
    members = ome_members(attributes)
    try:
        return [list(_levels(image, members)) for image in members.get("multiscales", ())]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise SourceError(f"{name} has damaged OME-Zarr multiscales: {error!r}") from error


def _levels(image: Mapping[str, Any], members: Mapping[str, Any]) -> Iterator[OmeLevel]:
    """Yield the datasets of one image."""
    axes, units = _axes(image, str(image.get("version", members.get("version", ""))))
    for number, dataset in enumerate(image["datasets"]):
        transforms = (*dataset.get("coordinateTransformations", ()), *image.get("coordinateTransformations", ()))
        path = posixpath.normpath(dataset["path"])
        yield OmeLevel(path, number, len(image["datasets"]), axes, units, transforms)


def _axes(image: Mapping[str, Any], version: str) -> tuple[str | None, tuple[str | None, ...]]:
    """Return a letter and a unit for each axis; None where the image names none or others than ours."""
    axes = image.get("axes")
    if axes is None:
        return ("tczyx" if version in EARLY else None), ()
    described = [{"name": axis} if isinstance(axis, str) else axis for axis in axes]
    letters = "".join(BY_TYPE.get(axis.get("type", ""), str(axis["name"]).lower()) for axis in described)
    units = tuple(axis.get("unit") for axis in described)
    return (letters if len(letters) == len(described) and set(letters) <= set(LETTERS) else None), units


def _compose(transforms: Sequence[Any], ndim: int) -> tuple[list[float], list[float], bool] | None:
    """Return scale and translation of all transforms in a row, and whether there was any translation."""
    scale, translation, moved = [1.0] * ndim, [0.0] * ndim, False
    for transform in transforms:
        kind = transform.get("type")
        numbers = transform.get(kind)
        if kind == "identity":
            continue
        if kind not in ("scale", "translation") or not isinstance(numbers, list) or len(numbers) != ndim:
            return None
        if kind == "scale":
            scale = [a * float(by) for a, by in zip(scale, numbers, strict=True)]
            translation = [b * float(by) for b, by in zip(translation, numbers, strict=True)]
        else:
            translation = [b + float(by) for b, by in zip(translation, numbers, strict=True)]
            moved = True
    return scale, translation, moved
