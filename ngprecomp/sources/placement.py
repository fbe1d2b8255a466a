"""Voxel size and offset as a file tells them, and the sentences that say where they came from."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ngprecomp.format.lengths import Lengths, whole_voxels

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ngprecomp.format.box import Triple
    from ngprecomp.sources.axes import Axes


@dataclass(frozen=True, slots=True)
class Placement:
    """Voxel size (nm) and offset (voxels), x, y, z, as far as the file tells them, and the notes on both."""

    resolution: Lengths | None = None
    voxel_offset: Triple | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """Lengths in nm, one for each stored axis (those of channel and time mean nothing), and where they were found."""

    lengths: Sequence[float]
    origin: str


def placed(order: Axes, size: Told, start: Told | None = None) -> Placement:
    """Return the placement of an array whose axes have voxels of `size` and whose first voxel lies at `start`.

    A size that is not positive and finite is none; a start without a size cannot be counted in voxels.

    Examples
    --------
    >>> from ngprecomp.sources.axes import Axes
    >>> for note in placed(Axes("zyx"), Told((40, 4, 4), "scale"), Told((50, 0, 8), "translate")).notes:
    ...     print(note)
    voxel size 4 x 4 x 40 nm (x, y, z): scale
    voxel offset 2, 0, 1 (x, y, z): translate; rounded to the nearest voxel, which moves it by 0, 0, -10 nm
    """
    steps = _spatial(order, size.lengths)
    if not all(math.isfinite(step) and step > 0 for step in steps.values()):
        told = _numbers(steps[letter] for letter in "xyz" if letter in steps)
        return Placement(notes=(f"voxel size is not used: {size.origin} says {told}; give the resolution",))
    thin = "" if "z" in steps else "; z, which is not told, as x"
    # 12 digits: the binary tail of 0.004 * 1000 would end up in keys
    x, y, z = (float(f"{steps.get(letter, steps['x']):.12g}") for letter in "xyz")
    notes = (f"voxel size {x:g} x {y:g} x {z:g} nm (x, y, z): {size.origin}{thin}",)
    if start is None:
        return Placement((x, y, z), None, notes)
    at = {"z": 0.0} | _spatial(order, start.lengths)
    if not all(map(math.isfinite, at.values())):
        told = f"{start.origin} says {_numbers(at[letter] for letter in 'xyz')}"
        return Placement((x, y, z), None, (*notes, f"voxel offset is not used: {told}; give the offset"))
    voxels, moved = whole_voxels((at["x"], at["y"], at["z"]), (x, y, z))
    note = f"voxel offset {', '.join(map(str, voxels))} (x, y, z): {start.origin}"
    if moved is not None:
        note += f"; rounded to the nearest voxel, which moves it by {_numbers(moved)} nm"
    return Placement((x, y, z), voxels, (*notes, note))


def _spatial(order: Axes, numbers: Sequence[float]) -> dict[str, float]:
    """Return the numbers of x, y and z as far as the array has these axes."""
    along = dict(zip(order.letters, map(float, numbers), strict=True))
    return {letter: along[letter] for letter in "xyz" if letter in along}


def _numbers(values: Iterable[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)
