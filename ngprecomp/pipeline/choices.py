"""Type, data type, voxel size and offset of a volume that is made from a source, each with its reason."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ngprecomp.errors import OptionError, SourceError
from ngprecomp.format.box import Triple, triple
from ngprecomp.format.encodings import DATA_TYPES
from ngprecomp.pipeline.sampling import looks_like_labels
from ngprecomp.volume.creating import parse_data_type, parse_resolution

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ngprecomp.sources.protocol import Source

Voxels = NDArray[Any]
Resolution = tuple[float, float, float]

# The type in which a volume holds what a viewer cannot show as it is, if every value survives.
IMAGE_TYPES = {"bool": "uint8", "int64": "int32", "float16": "float32", "float64": "float32"}
LABEL_TYPES = {"uint8": "uint32", "uint16": "uint32", "int32": "uint32", "int64": "uint64", "bool": "uint32"}
LABEL_NAME = re.compile("label|seg|neuron_ids|mask|instance|annot", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the caller said about the volume; None where nothing."""

    type: str | None = None
    dtype: DTypeLike | None = None
    resolution: Sequence[float] | None = None
    voxel_offset: Sequence[int] | None = None


@dataclass(frozen=True, slots=True)
class Choices:
    """What was decided; `rounding` allows floats to lose digits because the caller asked for their type."""

    type: str
    dtype: np.dtype[Any]
    resolution: Resolution
    voxel_offset: Triple
    rounding: bool
    notes: tuple[str, ...]


def choose(source: Source, wishes: Wishes, samples: list[Voxels]) -> Choices:
    """Return what a volume made from `source` will be.

    Raises
    ------
    OptionError
        A wish is impossible.
    SourceError
        No data type of the viewer can hold such voxels.
    """
    kind, why_kind = _type(source, wishes.type, samples)
    dtype, why_dtype = _dtype(source, wishes.dtype, kind)
    resolution, why_resolution = choose_resolution(source, wishes.resolution)
    offset, why_offset = _voxel_offset(source, wishes.voxel_offset)
    notes = [*source.notes, f"type {kind}: {why_kind}", f"data type {dtype}: {why_dtype}"]
    if why_resolution:
        notes.append(f"voxel size {','.join(f'{step:g}' for step in resolution)} nm: {why_resolution}")
    if why_offset:
        notes.append(f"voxel offset {','.join(map(str, offset))}: {why_offset}")
    return Choices(kind, dtype, resolution, offset, wishes.dtype is not None, tuple(notes))


def _type(source: Source, wish: str | None, samples: list[Voxels]) -> tuple[str, str]:
    if wish is not None:
        if wish not in ("image", "segmentation"):
            raise OptionError(f'type is "image" or "segmentation", found {wish!r}')
        return wish, "as asked"
    name, channels = source.dtype.name, source.shape[3]
    if source.dtype.kind not in "iub" or channels > 1:
        return "image", f"{name} voxels" + (f" with {channels} channels" if channels > 1 else "")
    if any(sample.size and sample.min() < 0 for sample in samples):
        return "image", "negative values"
    labels, named = looks_like_labels(samples), LABEL_NAME.search(source.name)
    if name in ("uint64", "int64", "uint32"):
        return "segmentation", f"{name} voxels"
    if labels and named:
        return "segmentation", f"regions of equal values, and the name says {named[0]!r}"
    return "image", f"{name} voxels (--type segmentation if they are labels)"


def _dtype(source: Source, wish: DTypeLike | None, kind: str) -> tuple[np.dtype[Any], str]:
    name = source.dtype.name
    if wish is not None:
        return np.dtype(parse_data_type(wish)), "as asked"
    table = LABEL_TYPES if kind == "segmentation" else IMAGE_TYPES
    if name in table:
        return np.dtype(table[name]), f"from {name}, if every value survives"
    if name in DATA_TYPES:
        return source.dtype, "that of the source"
    raise SourceError(
        f"{source.name} holds {name}, which the viewer cannot show: expected one of {', '.join(DATA_TYPES)}, or one "
        f"that converts to them without loss ({', '.join(IMAGE_TYPES)})"
    )


def choose_resolution(source: Source, wish: Sequence[float] | None) -> tuple[Resolution, str]:
    """Return the voxel size in nm and why; no reason where the source's own notes say it.

    Raises
    ------
    OptionError
        The wish is no voxel size.
    """
    if wish is not None:
        return parse_resolution(wish), "as asked"
    if source.resolution is not None:
        return source.resolution, ""
    return (1.0, 1.0, 1.0), "neither given (--resolution x,y,z) nor in the source"


def _voxel_offset(source: Source, wish: Sequence[int] | None) -> tuple[Triple, str]:
    if wish is not None:
        if len(wish) != 3 or any(step != int(step) for step in wish):
            raise OptionError(f"voxel_offset is three integers, x, y, z; found {tuple(wish)}")
        return triple(wish), "as asked"
    if source.voxel_offset is not None:
        return source.voxel_offset, ""
    return (0, 0, 0), ""


def in_type(voxels: Voxels, choices: Choices, where: str) -> Voxels:
    """Return voxels in the chosen type.

    Raises
    ------
    SourceError
        A value does not survive; the sentence says where.
    """
    dtype = choices.dtype
    if voxels.dtype == dtype:
        return voxels
    with np.errstate(invalid="ignore", over="ignore"):
        converted = voxels.astype(dtype, order="F")
    if np.can_cast(voxels.dtype, dtype, "safe") or (choices.rounding and dtype.kind == voxels.dtype.kind == "f"):
        return converted
    if not _same(voxels, converted):
        raise SourceError(
            f"{where} holds {voxels.dtype} values from {voxels.min()} to {voxels.max()} which do not all survive in "
            f"{dtype}; " + ("ask for dtype float32 to round them" if dtype.kind == "f" else "ask for another dtype")
        )
    return converted


def _same(voxels: Voxels, converted: Voxels) -> bool:
    """Whether both hold the same numbers; a sign that was lost shows in the comparison with zero."""
    if voxels.dtype.kind == "f":
        return bool(np.array_equal(converted.astype(voxels.dtype), voxels, equal_nan=True))
    back = converted.astype(voxels.dtype)
    return bool(np.array_equal(back, voxels) and np.array_equal(converted < 0, voxels < 0))
