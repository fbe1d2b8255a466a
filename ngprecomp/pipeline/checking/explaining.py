"""Whether coarse voxels are what a downsampling method makes of finer ones."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ngprecomp.chunks.coding import decode_chunk
from ngprecomp.chunks.reading import read_encoded
from ngprecomp.errors import FormatError, KeyNotFoundError
from ngprecomp.format.box import Box, Triple, triple
from ngprecomp.format.grid import ceil_div, positions_in
from ngprecomp.kernels.downsample import downsampled_box
from ngprecomp.pipeline.engine.bases import StoredVoxels
from ngprecomp.pipeline.engine.downsampled import Downsampled
from ngprecomp.pipeline.engine.rounds import windows

if TYPE_CHECKING:
    from ngprecomp.chunks.place import Place
    from ngprecomp.volume.resources import Resources

Voxels = NDArray[Any]
LOSSY = ("jpeg", "jxl")
FEWEST_VOXELS = 64  # whose mean distance tells losses of an encoding from other voxels
FLOAT_STEP = 1e-6  # of the largest value: some units in the last place of float32
UNREADABLE = (FormatError, KeyNotFoundError, OSError)


@dataclass(frozen=True, slots=True)
class Step:
    """From a scale to a coarser one: the method, the factor, what making a chunk may hold, and who reads."""

    fine: Place
    coarse: Place
    factor: Triple
    method: str
    memory: int
    reader: Resources

    @property
    def lossy(self) -> bool:
        """Whether what is stored differs from what was made."""
        return self.fine.scale.encoding in LOSSY or self.coarse.scale.encoding in LOSSY

    @property
    def whole_windows(self) -> Box:
        """The coarse voxels whose windows lie wholly in the finer scale."""
        box = self.fine.scale.box
        lo = triple(map(ceil_div, box.lo, self.factor))
        return Box(lo, triple(hi // f for hi, f in zip(box.hi, self.factor, strict=True)))

    def by(self, method: str) -> Step:
        """Return the step by another method."""
        return replace(self, method=method)

    def made(self, position: Triple) -> Voxels:
        """Return the voxels of a coarse chunk as the finer scale makes them.

        Raises
        ------
        FormatError
            A finer chunk is damaged.
        OptionError
            The memory is too little for one window.
        """
        base = StoredVoxels(self.fine, self.reader).base
        whole = Downsampled(base, self.coarse.scale.box, self.factor, self.method, self.memory)
        return whole.read(self.coarse.grid.cell(position))

    def stored(self, position: Triple) -> Voxels | None:
        """Return the voxels of a coarse chunk as they are stored, None if it is absent."""
        encoded = read_encoded(self.coarse, position, self.reader.cache)
        return None if encoded is None else decode_chunk(self.coarse, position, encoded)


@dataclass(frozen=True, slots=True)
class Difference:
    """How a coarse chunk differs from what a step makes: the share of other voxels, and the distance of voxels.

    `mean` is the mean distance over what one finer chunk stands for, where it is largest.

    `same` is exact, also for labels that floats cannot tell apart. A chunk is `telling` unless all that was made of it
    is one value, which every method makes. It differs `at_border` if only voxels do whose windows the volume cuts.
    """

    same: bool
    telling: bool
    share: float = 0.0
    mean: float = 0.0
    at_border: bool = False


def difference(step: Step, position: Triple) -> Difference | None:
    """Return how a coarse chunk differs from what the step makes; None if it or a finer chunk does not decode."""
    try:
        stored, made = step.stored(position), step.made(position)
    except UNREADABLE:
        return None
    stored = np.zeros_like(made) if stored is None else stored
    other = _differ(stored, made)
    if not other.any():
        return Difference(same=True, telling=bool(made.min() != made.max()))
    with np.errstate(invalid="ignore"):
        distances = np.abs(stored.astype(np.float64) - made)
    cell = step.coarse.grid.cell(position)
    inner = step.whole_windows.intersection(cell)
    at_border = inner.empty or not other[inner.relative_to(cell.lo).slices].any()
    return Difference(False, True, float(np.mean(other)), _largest_mean(distances, step, cell, inner), at_border)


def _largest_mean(distances: Voxels, step: Step, cell: Box, inner: Box) -> float:
    """Return the largest mean over what single finer chunks stand for: one that is absent shows, however small.

    `inner` are the voxels whose windows are whole; what a crop has cut off is not held against the others.
    """
    fine = step.fine.grid
    below = (fine.cell(position) for position in positions_in(fine.touched(windows(cell, step.factor))))
    parts = (Box(*downsampled_box(one.lo, one.hi, step.factor, "mean")).intersection(inner) for one in below)
    telling = (part for part in parts if math.prod(part.size) >= FEWEST_VOXELS)
    means = (float(distances[part.relative_to(cell.lo).slices].mean()) for part in telling)
    return max(means, default=float(distances.mean()))


def leaves_windows(step: Step, position: Triple) -> bool:
    """Whether a coarse chunk holds voxels that no average or choice of finer voxels can be.

    They are below the smallest or above the largest of their window, by more than another rounding explains.
    """
    try:
        stored = step.stored(position)
        if stored is None:
            return False
        low, high = step.by("min").made(position), step.by("max").made(position)
    except UNREADABLE:
        return False
    return _exceeds(stored, high) or _exceeds(low, stored)


def _differ(left: Voxels, right: Voxels) -> NDArray[np.bool_]:
    """Return which voxels differ; means of floats depend on the order of the sum, and NaN is NaN."""
    if left.dtype.kind == "f":
        return ~np.isclose(left, right, rtol=FLOAT_STEP, atol=FLOAT_STEP * _largest(right), equal_nan=True)
    return np.asarray(left != right, bool)


def _exceeds(left: Voxels, right: Voxels) -> bool:
    slack = 1.0 if left.dtype.kind in "iu" else 10 * FLOAT_STEP * _largest(right)
    with np.errstate(invalid="ignore"):
        return bool(np.any((left > right) & (left.astype(np.float64) - right > slack)))


def _largest(voxels: Voxels) -> float:
    return float(np.max(np.abs(voxels), initial=0, where=np.isfinite(voxels)))
