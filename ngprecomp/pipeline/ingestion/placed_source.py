"""A source at its place in a volume that exists, checked against it before anything is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ngprecomp.errors import OptionError, OutOfBoundsError, SourceError
from ngprecomp.format.box import Box, Triple, triple
from ngprecomp.pipeline.conversion.lossless import survives
from ngprecomp.pipeline.conversion.volume_source import VolumeSource, open_any
from ngprecomp.pipeline.report import counted
from ngprecomp.volume.creating import integer_triple
from ngprecomp.volume.handle import BoxLike, as_box
from ngprecomp.volume.places import refuse_escape

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from concurrent.futures import Executor

    from ngprecomp.sources.protocol import Source
    from ngprecomp.volume.handle import Volume
    from ngprecomp.volume.reading import Missing

Voxels = NDArray[Any]


@dataclass(frozen=True, slots=True)
class PlacedSource:
    """A source whose first voxel has the coordinates `offset`; `box` is the part of it that is taken as `dtype`."""

    source: Source
    offset: Triple
    box: Box
    dtype: np.dtype[Any]

    def read(self, box: Box, pool: Executor) -> Voxels:
        """Return a box of voxels [x, y, z, channel], absolute coordinates."""
        return self._as_it_is(box, pool).astype(self.dtype, order="F", copy=False)

    def check_values(self, boxes: Iterable[Box], pool: Executor) -> str:
        """Return why every value survives as `dtype`; where the types do not say so, all of `boxes` is read.

        Raises
        ------
        SourceError
            A value does not survive.
        """
        found = self.source.dtype
        if found == self.dtype:
            return "the same"
        if np.can_cast(found, self.dtype, "safe"):
            return "every value fits"
        for box in boxes:
            voxels = self._as_it_is(box, pool)
            if not survives(voxels, self.dtype):
                raise SourceError(
                    f"{self.source.name} holds {found} values from {voxels.min()} to {voxels.max()} at {box}, which "
                    f"do not all survive in the {self.dtype} of the volume"
                )
        return "every value was found to fit"

    def _as_it_is(self, box: Box, pool: Executor) -> Voxels:
        return self.source.read(box.relative_to(self.offset), pool)


def open_for(
    target: Volume, source: Any, *, dataset: str | None, axes: str | None, gaps: str, missing: Missing
) -> Source:
    """Return the source of what shall go into `target`, which is not the same scale itself."""
    opened = open_any(source, dataset=dataset, axes=axes, gaps=gaps, missing=missing)
    if isinstance(opened, VolumeSource) and (opened.volume.url, opened.volume.key) == (target.url, target.key):
        raise OptionError(f"scale {target.key!r} of {target.url} is both source and destination")
    return opened


def place_source(source: Source, volume: Volume, offset: Sequence[int] | None, part: BoxLike | None) -> PlacedSource:
    """Return the source where it shall lie, after all that can be checked without reading it.

    Raises
    ------
    OutOfBoundsError
        It leaves the volume; the sentence names both boxes.
    SourceError
        It has another number of channels.
    OptionError
        The offset is invalid, or not given and not known.
    """
    refuse_escape(volume.scale, "write to")
    channels = source.shape[3]
    if channels != volume.shape[3]:
        raise SourceError(
            f"{source.name} has {counted(channels, 'channel')} (axes {source.axes}), the volume at {volume.url} has "
            f"{volume.shape[3]}"
        )
    whole = Box.of_size(
        triple(source.shape[:3]), _own_offset(source, volume) if offset is None else integer_triple("offset", offset)
    )
    box = whole if part is None else as_box(part, whole)
    if box.empty:
        raise OptionError(f"the box {box} holds no voxel: the source is {whole}")
    if not volume.box.contains(box):
        raise OutOfBoundsError(
            f"{source.name} would lie at {box}, which leaves scale {volume.key!r} of {volume.url}: {volume.box}"
        )
    return PlacedSource(source, whole.lo, box, volume.dtype)


def _own_offset(source: Source, volume: Volume) -> Triple:
    """Return where the source itself says that it lies, in voxels as large as those of the volume."""
    if source.voxel_offset is None:
        raise OptionError(f"{source.name} does not say where it lies: give its offset, voxels x, y, z")
    if source.resolution is not None and not np.allclose(source.resolution, volume.resolution, rtol=1e-3, atol=0):
        own, wanted = (" x ".join(f"{nm:g}" for nm in size) for size in (source.resolution, volume.resolution))
        raise OptionError(
            f"{source.name} says where it lies in voxels of {own} nm, those of scale {volume.key!r} are {wanted} nm: "
            "give its offset in these"
        )
    return source.voxel_offset
