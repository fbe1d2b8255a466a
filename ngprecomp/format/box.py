"""Boxes of voxels: half-open, x,y,z, absolute coordinates."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any, SupportsInt

if TYPE_CHECKING:
    from collections.abc import Iterable

Triple = tuple[int, int, int]


def triple(values: Iterable[SupportsInt]) -> Triple:
    """Return three Python ints from anything that yields three integers."""
    x, y, z = values
    return int(x), int(y), int(z)


def three(value: Any) -> Any:
    """Return what is meant for x, y and z: one number stands for three; anything else stays as it is.

    Examples
    --------
    >>> three(64), three((4, 4, 40)), three(None)
    ((64, 64, 64), (4, 4, 40), None)
    """
    return (value, value, value) if isinstance(value, Real) else value


@dataclass(frozen=True, slots=True)
class Box:
    """The voxels ``lo <= (x, y, z) < hi``.

    Examples
    --------
    >>> Box((0, 0, 0), (4, 4, 4)).intersection(Box((2, -1, 0), (9, 2, 4)))
    Box(lo=(2, 0, 0), hi=(4, 2, 4))
    """

    lo: Triple
    hi: Triple

    @classmethod
    def of_size(cls, size: Triple, at: Triple = (0, 0, 0)) -> Box:
        """Return the box of `size` voxels whose first voxel is `at`."""
        return cls(at, (at[0] + size[0], at[1] + size[1], at[2] + size[2]))

    @property
    def size(self) -> Triple:
        """Voxels along x, y and z, never negative."""
        (x0, y0, z0), (x1, y1, z1) = self.lo, self.hi
        return max(0, x1 - x0), max(0, y1 - y0), max(0, z1 - z0)

    @property
    def empty(self) -> bool:
        """Whether the box holds no voxel."""
        return 0 in self.size

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        """The box as an index of an array whose first voxel is 0, 0, 0."""
        (x0, y0, z0), (x1, y1, z1) = self.lo, self.hi
        return slice(x0, x1), slice(y0, y1), slice(z0, z1)

    def intersection(self, other: Box) -> Box:
        """Return the common voxels; where there are none the box is empty and lies at the larger `lo`."""
        lo = triple(map(max, self.lo, other.lo))
        ends = map(min, self.hi, other.hi)
        return Box(lo, triple(max(start, end) for start, end in zip(lo, ends, strict=True)))

    def hull(self, other: Box) -> Box:
        """Return the smallest box that holds both; an empty box adds nothing."""
        if self.empty or other.empty:
            return other if self.empty else self
        return Box(triple(map(min, self.lo, other.lo)), triple(map(max, self.hi, other.hi)))

    def contains(self, other: Box) -> bool:
        """Whether every voxel of `other` lies in this box."""
        return other.empty or self.intersection(other) == other

    def shifted(self, by: Triple) -> Box:
        """Return the box moved by a vector."""
        (x0, y0, z0), (x1, y1, z1), (x, y, z) = self.lo, self.hi, by
        return Box((x0 + x, y0 + y, z0 + z), (x1 + x, y1 + y, z1 + z))

    def relative_to(self, origin: Triple) -> Box:
        """Return the box in coordinates in which `origin` is 0, 0, 0."""
        return self.shifted((-origin[0], -origin[1], -origin[2]))

    def __str__(self) -> str:
        return ",".join(f"{lo}:{hi}" for lo, hi in zip(self.lo, self.hi, strict=True))
