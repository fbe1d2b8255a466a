"""Contrast: grey values of a range mapped onto the whole range of a data type."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ngprecomp.errors import OptionError
from ngprecomp.format.box import Box, Triple, triple
from ngprecomp.kernels.rescale import look_up
from ngprecomp.pipeline.conversion.lossless import pieces
from ngprecomp.pipeline.conversion.sampling import is_constant, spread_boxes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ngprecomp.sources.protocol import Source

Voxels = NDArray[Any]
Range = tuple[float, float]

TYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "float32")
SAMPLE_BYTES = 1 << 24  # of all boxes; three times as much is held for a moment
SAMPLES = 64  # boxes, each in its own layer of z
FEWEST = 12  # where the source decodes blocks so large that more boxes would take as long as a part of the job
DECODED = 8  # times as many voxels as are wanted may be decoded for more boxes


@dataclass(frozen=True)
class Contrast:
    """A range of grey values for each channel, which becomes 0..255 of uint8, 0..1 of float32 and so on.

    Values beyond the range take the nearer end; halves are rounded to even; NaN becomes 0.
    """

    ranges: tuple[Range, ...]
    source: np.dtype[Any]
    dtype: np.dtype[Any]

    @property
    def ends(self) -> Range:
        """The values that the ends of a range become."""
        if self.dtype.kind == "f":
            return 0.0, 1.0
        limits = np.iinfo(self.dtype)
        return float(limits.min), float(limits.max)

    @cached_property
    def tables(self) -> tuple[Voxels, ...]:
        """What each value of 8 or 16 bits becomes, in the order of its bits as an unsigned word."""
        word = np.arange(1 << 8 * self.source.itemsize, dtype=f"u{self.source.itemsize}")
        values = word if self.source.kind == "b" else word.view(self.source)
        return tuple(self._computed(values, limits) for limits in self.ranges)

    def of(self, voxels: Voxels) -> Voxels:
        """Return voxels [x, y, z, channel] of the source in the new contrast and type, Fortran-ordered."""
        found = np.empty(voxels.shape, self.dtype, order="F")
        for channel, limits in enumerate(self.ranges):
            given, target = voxels[..., channel], found[..., channel]
            if self.source.itemsize <= 2:
                look_up(self.tables[channel], given.reshape(-1, order="F"), target.reshape(-1, order="F"))
                continue
            for piece, part in zip(pieces(given), pieces(target), strict=True):
                part[...] = self._computed(piece, limits)
        return found

    def _computed(self, values: Voxels, limits: Range) -> Voxels:
        (low, high), (bottom, top) = limits, self.ends
        with np.errstate(all="ignore"):
            # Multiplied before it is divided: halves come out exact, and are rounded to even.
            place = (values.astype(np.float64) - low) * (top - bottom)
            place /= high - low
            place += bottom
            if self.dtype.kind != "f":
                np.rint(place, out=place)
            np.clip(place, bottom, top, out=place)
            place[np.isnan(place)] = 0
            return place.astype(self.dtype)


def choose_contrast(
    source: Source, dtype: np.dtype[Any], limits: Sequence[float] | None, percentile: Sequence[float] | None
) -> tuple[Contrast, list[str]]:
    """Return the contrast that `limits` or `percentile` ask for, with one sentence for each channel.

    Percentiles are those of the whole source if it is small, else of 12 to 64 boxes spread over all of it. Each
    channel has its own.

    Raises
    ------
    OptionError
        Both are given, or one of them is no range; the type takes no contrast; or the percentiles are one value.
    """
    if limits is not None and percentile is not None:
        raise OptionError("range and percentile both say what the contrast is: give one of them")
    if dtype.name not in TYPES:
        raise OptionError(f"range and percentile map onto {', '.join(TYPES)}, found {dtype}")
    if limits is not None:
        ranges = [_two_numbers("range", limits, -math.inf, math.inf)] * source.shape[3]
        origins = ["as asked"]
    else:
        assert percentile is not None
        ranges, origins = _percentiles(source, _two_numbers("percentile", percentile, 0, 100))
    contrast = Contrast(tuple(ranges), source.dtype, dtype)
    bottom, top = contrast.ends
    several = len(origins) > 1
    notes = [
        f"contrast {low:.9g}..{high:.9g} -> {bottom:.0f}..{top:.0f}"
        + (f" of channel {channel}" if several else "")
        + f": {origin}"
        for channel, ((low, high), origin) in enumerate(zip(ranges, origins, strict=False))
    ]
    return contrast, notes


def remarks(contrast: Contrast, samples: list[Voxels]) -> list[str]:
    """Return what a user may want to know of voxels that have no place in the contrast."""
    sampled = sum(sample.size for sample in samples)
    nans = sum(int(np.count_nonzero(np.isnan(sample))) for sample in samples) if contrast.source.kind == "f" else 0
    found = [f"{nans} of {sampled} sampled voxels are NaN, which becomes 0"] if nans else []
    if all(map(is_constant, samples)):
        return found
    for channel, (low, high) in enumerate(contrast.ranges):
        values = [sample[..., channel] for sample in samples]
        if not (any(np.any(part > low) for part in values) and any(np.any(part < high) for part in values)):
            found.append(f"remark: all sampled voxels of channel {channel} lie on one side of {low:.9g}..{high:.9g}")
    return found


def _two_numbers(name: str, given: Sequence[float], least: float, most: float) -> Range:
    try:
        low, high = map(float, given)
    except (TypeError, ValueError):
        low = high = math.nan
    if not (least <= low < high <= most and math.isfinite(high - low)):
        within = f" between {least:g} and {most:g}" if math.isfinite(most) else ""
        raise OptionError(f"{name} is two numbers{within}, the lower one first; found {given!r}")
    return low, high


def _percentiles(source: Source, percentile: Range) -> tuple[list[Range], list[str]]:
    boxes, whole = contrast_boxes(source)
    samples = [source.read(box) for box in boxes]
    ranges, origins = [], []
    for channel in range(source.shape[3]):
        values = np.concatenate([sample[..., channel].ravel(order="K") for sample in samples])
        counted = f"all {_count(values.size)} voxels" if whole else f"{_count(values.size)} sampled voxels"
        values = values[np.isfinite(values)] if values.dtype.kind == "f" else values
        of_channel = f"channel {channel} of {source.name}" if source.shape[3] > 1 else source.name
        if not values.size:
            raise OptionError(f"{of_channel} has no percentiles: {counted} are NaN or infinite; give --range LOW,HIGH")
        # The nearest voxel's own value, so that the range that is printed can be given as --range.
        low, high = (float(end) for end in np.percentile(values, percentile, method="nearest", overwrite_input=True))
        if not low < high:
            raise OptionError(
                f"percentiles {percentile[0]:g} and {percentile[1]:g} of {of_channel} are both {low:.9g}: {counted} "
                f"lie between {values.min()} and {values.max()}; give --range LOW,HIGH or other percentiles"
            )
        ranges.append((low, high))
        origins.append(f"percentiles {percentile[0]:g}, {percentile[1]:g} of {counted}")
    return ranges, origins


def contrast_boxes(source: Source) -> tuple[list[Box], bool]:
    """Return the boxes of which the percentiles are taken, and whether they are the whole source.

    All boxes together hold `SAMPLE_BYTES` at most. They begin where blocks of the source begin, if those are smaller.
    """
    extent = triple(source.shape[:3])
    voxels = SAMPLE_BYTES // (source.dtype.itemsize * source.shape[3])
    if math.prod(extent) <= voxels:
        return [Box.of_size(extent)], True
    count = min(SAMPLES, max(FEWEST, DECODED * voxels // math.prod(source.block)))
    boxes = spread_boxes(extent, _suitable_size(extent, source.block, voxels // count), count)
    return [_aligned(box, source.block, extent) for box in boxes], False


def _aligned(box: Box, block: Triple, extent: Triple) -> Box:
    """Return a box moved to the nearest begin of a block along the axes where it holds whole blocks."""
    places = zip(box.lo, block, box.size, extent, strict=True)
    lo = (min(round(at / step) * step, whole - size) if step <= size else at for at, step, size, whole in places)
    return Box.of_size(box.size, triple(lo))


def _suitable_size(extent: Triple, block: Triple, voxels: int) -> Triple:
    """Return a size of at most `voxels` voxels: about whole blocks of the source, flat, so that layers do not mix."""
    size = [min(step, length) for step, length in zip(block, extent, strict=True)]
    while math.prod(size) > voxels:
        longest = size.index(max(size))
        size[longest] = -(-size[longest] // 2)
    while True:
        larger = [axis for axis in range(3) if size[axis] < extent[axis] and 2 * math.prod(size) <= voxels]
        if not larger:
            return triple(size)
        shortest = min(larger, key=lambda axis: (axis == 2, size[axis]))
        size[shortest] = min(2 * size[shortest], extent[shortest])


def _count(voxels: int) -> str:
    return f"{voxels / 1e6:.1f} M" if voxels >= 1e6 else f"{voxels}"
