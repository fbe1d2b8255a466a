"""Which coarser scales a pyramid gets, and what they cover."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ngprecomp.errors import OptionError
from ngprecomp.format.box import Box, Triple, triple
from ngprecomp.kernels.downsample import METHODS, downsampled_box

if TYPE_CHECKING:
    import numpy as np

    from ngprecomp.format.scale import Scale

Resolution = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Level:
    """One scale of a pyramid: its voxels, their size in nm, and the factor from the level above (1,1,1: none)."""

    box: Box
    resolution: Resolution
    factor: Triple = (1, 1, 1)

    def coarser(self, factor: Triple, method: str = "mean") -> Level:
        """Return the level that windows of `factor` voxels make; windows are aligned to absolute voxel 0.

        Examples
        --------
        >>> Level(Box((1, 0, 0), (8, 4, 4)), (8, 8, 40)).coarser((3, 2, 1))
        Level(box=Box(lo=(0, 0, 0), hi=(3, 2, 4)), resolution=(24, 16, 40), factor=(3, 2, 1))
        """
        box = Box(*downsampled_box(self.box.lo, self.box.hi, factor, method))
        x, y, z = (r * f for r, f in zip(self.resolution, factor, strict=True))
        return Level(box, (x, y, z), factor)


def level_of(scale: Scale) -> Level:
    """Return a stored scale as a level."""
    return Level(scale.box, scale.resolution)


def choose_method(wish: str | None, kind: str, dtype: np.dtype[np.generic], *, exact: bool = False) -> str:
    """Return the wished method, else mode for a segmentation and mean for an image.

    Raises
    ------
    OptionError
        There is no such method, or it does not fit the data type or the exact form.

    Examples
    --------
    >>> import numpy as np
    >>> choose_method(None, "segmentation", np.dtype("uint64"))
    'mode'
    """
    method = wish or ("mode" if kind == "segmentation" else "mean")
    if method not in METHODS:
        raise OptionError(f"the method is one of {', '.join(METHODS)}, found {method!r}")
    if method == "thin" and dtype.kind == "f":
        raise OptionError(f'the method "thin" keeps labels, which are integers; these voxels are {dtype}')
    if method == "thin" and exact:
        raise OptionError('the method "thin" goes from scale to scale: exact is for the other methods')
    return method


def plan_levels(
    base: Level, chunk_size: Triple, *, count: int | None = None, factor: Triple | None = None, method: str = "mean"
) -> list[Level]:
    """Return the levels below `base`, finest first.

    Each step halves every axis whose voxel is smaller than twice the smallest voxel and whose size exceeds one chunk;
    if none qualifies, every axis that exceeds a chunk; the pyramid ends when one chunk holds all. `factor` fixes the
    steps instead. `count` fixes their number: beyond the level that one chunk holds, axes are halved down to one voxel.

    Raises
    ------
    OptionError
        `count` is negative, or `factor` is no triple of integers >= 1 with one above 1.
    """
    if count is not None and count < 0:
        raise OptionError(f"levels counts the coarser scales and must be 0 or more, found {count}")
    if factor is not None and (min(factor) < 1 or max(factor) < 2):
        raise OptionError(f"a downsampling factor needs integers of at least 1, one of them above 1, found {factor}")
    levels: list[Level] = []
    level = base
    while count is None or len(levels) < count:
        step = _step(level, chunk_size, factor)
        if step is None and count is not None:
            step = _step(level, (1, 1, 1), factor)
        if step is None:
            break
        coarser = level.coarser(step, method)
        if coarser.box.empty or (count is None and coarser.box == level.box):
            break  # no multiple of the stride inside; or two voxels around absolute voxel 0, which never become one
        level = coarser
        levels.append(level)
    return levels


def _step(level: Level, chunk_size: Triple, factor: Triple | None) -> Triple | None:
    size = level.box.size
    large = [extent > chunk for extent, chunk in zip(size, chunk_size, strict=True)]
    if level.box.empty or not any(large):
        return None
    if factor is not None:
        return factor if any(large[axis] and factor[axis] > 1 for axis in range(3)) else None
    smallest = min(level.resolution)
    fine = [voxel < 2 * smallest for voxel in level.resolution]
    chosen = [a and b for a, b in zip(large, fine, strict=True)]
    return triple(2 if halve else 1 for halve in (chosen if any(chosen) else large))


def factor_between(fine: Level, coarse: Level, method: str) -> Triple:
    """Return the integer factor from one existing scale to the next.

    Raises
    ------
    OptionError
        The ratio of the voxel sizes is no integer, or the coarse scale reaches outside of the fine one.
    """
    ratios = [b / a for a, b in zip(fine.resolution, coarse.resolution, strict=True)]
    factor = triple(max(1, round(ratio)) for ratio in ratios)
    if any(not math.isclose(ratio, f, rel_tol=1e-3) for ratio, f in zip(ratios, factor, strict=True)):
        raise OptionError(
            f"a scale of resolution {coarse.resolution} cannot be made from one of {fine.resolution}: "
            "the factor of each axis must be an integer"
        )
    reachable = fine.coarser(factor, method).box
    if not reachable.contains(coarse.box):
        raise OptionError(
            f"a scale of resolution {coarse.resolution} over {coarse.box} reaches outside of what "
            f"the scale of {fine.resolution} covers there, {reachable}"
        )
    return factor
