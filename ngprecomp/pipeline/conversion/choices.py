"""Type, data type, voxel size and offset of a volume that is made from a source, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ngprecomp.errors import OptionError, SourceError
from ngprecomp.format.box import Triple, triple
from ngprecomp.format.encodings import DATA_TYPES
from ngprecomp.format.lengths import LengthsLike, have_unit, parse_lengths, whole_voxels
from ngprecomp.pipeline.conversion.contrast import Contrast, choose_contrast, remarks
from ngprecomp.pipeline.conversion.detection import detect_type
from ngprecomp.pipeline.conversion.lossless import IMAGE_TYPES, LABEL_TYPES, lossless, survives
from ngprecomp.volume.creating import parse_data_type, parse_resolution

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ngprecomp.sources.protocol import Source

Voxels = NDArray[Any]
Resolution = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the caller said about the volume; None where nothing."""

    type: str | None = None
    dtype: DTypeLike | None = None
    resolution: LengthsLike | None = None
    voxel_offset: LengthsLike | None = None
    range: Sequence[float] | None = None
    percentile: Sequence[float] | None = None

    @property
    def contrast(self) -> str:
        """Which of the two keywords asks for a contrast, or none."""
        return "range" if self.range is not None else "percentile" if self.percentile is not None else ""


@dataclass(frozen=True, slots=True)
class Choices:
    """What was decided; `rounding` allows floats to lose digits because the caller asked for their type."""

    type: str
    dtype: np.dtype[Any]
    resolution: Resolution
    voxel_offset: Triple
    rounding: bool
    notes: tuple[str, ...]
    contrast: Contrast | None = None


def choose(source: Source, wishes: Wishes, samples: list[Voxels]) -> Choices:
    """Return what a volume made from `source` will be; its percentiles are read here if they are asked for.

    Raises
    ------
    OptionError
        A wish is impossible.
    SourceError
        No data type of the viewer can hold such voxels, or a sampled value does not survive in it.
    """
    kind, why_kind = _type(source, wishes, samples)
    dtype, why_dtype = _dtype(source, wishes, kind, samples)
    resolution, why_resolution = choose_resolution(source, wishes.resolution)
    offset, why_offset = _voxel_offset(source, wishes.voxel_offset, resolution)
    notes = [*source.notes, f"type {kind}: {why_kind}", f"data type {dtype}: {why_dtype}"]
    contrast = None
    if wishes.contrast:
        contrast, why = choose_contrast(source, dtype, wishes.range, wishes.percentile)
        notes += [*why, *remarks(contrast, samples)]
    if why_resolution:
        notes.append(f"voxel size {','.join(f'{step:g}' for step in resolution)} nm: {why_resolution}")
    if why_offset:
        notes.append(f"voxel offset {','.join(map(str, offset))}: {why_offset}")
    choices = Choices(kind, dtype, resolution, offset, wishes.dtype is not None, tuple(notes), contrast)
    for sample in samples:
        in_type(sample, choices, source.name)
    return choices


def _type(source: Source, wishes: Wishes, samples: list[Voxels]) -> tuple[str, str]:
    wish = wishes.type
    if wish not in (None, "image", "segmentation"):
        raise OptionError(f'type is "image" or "segmentation", found {wish!r}')
    asked_float = wishes.dtype is not None and parse_data_type(wishes.dtype) == "float32"
    if wish is None and asked_float:
        return "image", "float32 is asked for"
    kind, why = (wish, "as asked") if wish else detect_type(source, samples)
    if kind == "segmentation" and wishes.contrast:
        raise OptionError(
            f"{wishes.contrast} sets the contrast of grey values, and {source.name} is a segmentation ({why}); "
            "--type image if its voxels are grey values"
        )
    if kind == "segmentation" and asked_float:
        raise OptionError("labels are integers, float32 is for grey values: --dtype uint32, uint64, or --type image")
    return kind, why


def _dtype(source: Source, wishes: Wishes, kind: str, samples: list[Voxels]) -> tuple[np.dtype[Any], str]:
    name = source.dtype.name
    if wishes.dtype is not None:
        return np.dtype(parse_data_type(wishes.dtype)), "as asked"
    if wishes.contrast:
        return np.dtype("uint8"), f"the usual one for {wishes.contrast}"
    table = LABEL_TYPES if kind == "segmentation" else IMAGE_TYPES
    if name in table:
        types = [np.dtype(candidate) for candidate in table[name]]
        fits = (dtype for dtype in types if all(survives(sample, dtype) for sample in samples))
        return next(fits, types[0]), f"from {name}, if every value survives"
    if name in DATA_TYPES:
        return source.dtype, "that of the source"
    raise SourceError(
        f"{source.name} holds {name}, which the viewer cannot show: expected one of {', '.join(DATA_TYPES)}, or one "
        f"that converts to them without loss ({', '.join(IMAGE_TYPES)}); --type image --dtype float32 rounds it"
    )


def choose_resolution(source: Source, wish: LengthsLike | None) -> tuple[Resolution, str]:
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


def _voxel_offset(source: Source, wish: LengthsLike | None, resolution: Resolution) -> tuple[Triple, str]:
    """Return the first voxel's coordinates; a wish with units is rounded to whole voxels, and the reason says so."""
    if wish is None:
        return (source.voxel_offset, "") if source.voxel_offset is not None else ((0, 0, 0), "")
    lengths = parse_lengths(wish)
    if not have_unit(wish):
        if any(step != int(step) for step in lengths):
            raise OptionError(f"voxel_offset is three integers, x, y, z, or lengths with units; found {wish!r}")
        return triple(lengths), "as asked"
    asked = f"{','.join(f'{nm:g}' for nm in lengths)} nm, as asked"
    voxels, moved = whole_voxels(lengths, resolution)
    if moved is None:
        return voxels, asked
    by = ",".join(f"{nm:g}" for nm in moved)
    return voxels, f"{asked}, is no multiple of the voxel and was rounded to the nearest one, which moves it by {by} nm"


def in_type(voxels: Voxels, choices: Choices, where: str) -> Voxels:
    """Return voxels in the chosen contrast and type.

    Raises
    ------
    SourceError
        A value does not survive; the sentence says `where`, and which option would allow it.
    """
    if choices.contrast is not None:
        return choices.contrast.of(voxels)
    if voxels.dtype == choices.dtype:
        return voxels
    if np.can_cast(voxels.dtype, choices.dtype, "safe"):
        return voxels.astype(choices.dtype, order="F")
    labels = choices.type == "segmentation"
    return lossless(voxels, choices.dtype, rounding=choices.rounding, labels=labels, where=where)
