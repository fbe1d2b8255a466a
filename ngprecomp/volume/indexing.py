"""From an index expression to coordinates: absolute, half-open, x,y,z,channel."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ngprecomp.errors import OutOfBoundsError
from ngprecomp.format.box import Box, Triple, triple

if TYPE_CHECKING:
    from ngprecomp.format.grid import Grid

AXES = ("x", "y", "z", "channel")
Index = Any


Slices = tuple[slice, slice, slice, slice]
Overlap = tuple[slice, slice]


@dataclass(frozen=True, slots=True)
class Part:
    """What a selection and a chunk have in common, as slices of the selection's array and of the chunk's."""

    of_selection: Slices
    of_chunk: Slices

    @property
    def empty(self) -> bool:
        """Whether they have no voxel in common."""
        return any(part.start == part.stop for part in self.of_selection)


@dataclass(frozen=True, slots=True)
class Parts:
    """What a selection has in common with each chunk that it touches: worked out once along each axis."""

    first: Triple
    along: tuple[list[Overlap], list[Overlap], list[Overlap]]
    channels: Overlap

    def at(self, position: Triple) -> Part:
        """Return what the selection has in common with the chunk at a position."""
        (x, y, z), (i, j, k), (of_x, of_y, of_z) = position, self.first, self.along
        overlaps = of_x[x - i], of_y[y - j], of_z[z - k], self.channels
        of_selection, of_chunk = zip(*overlaps, strict=True)
        return Part(of_selection, of_chunk)


@dataclass(frozen=True, slots=True)
class Selection:
    """Coordinates along the four axes, and which axes an integer index drops from the result."""

    ranges: tuple[range, range, range, range]
    dropped: tuple[bool, bool, bool, bool] = (False, False, False, False)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """The selected voxels along x, y, z and channel, dropped axes counted as 1."""
        x, y, z, channel = map(len, self.ranges)
        return x, y, z, channel

    @property
    def kept_shape(self) -> tuple[int, ...]:
        """The shape of the result: without the dropped axes."""
        return tuple(size for size, drop in zip(self.shape, self.dropped, strict=True) if not drop)

    @property
    def result_index(self) -> tuple[Any, ...]:
        """The index that takes the dropped axes from a four-dimensional array."""
        return tuple(0 if drop else slice(None) for drop in self.dropped)

    @property
    def box(self) -> Box:
        """The smallest box that holds every selected voxel."""
        if 0 in self.shape:
            return Box((0, 0, 0), (0, 0, 0))
        ends = [(min(r[0], r[-1]), max(r[0], r[-1]) + 1) for r in self.ranges[:3]]
        return Box(triple(lo for lo, _ in ends), triple(hi for _, hi in ends))

    @property
    def dense(self) -> bool:
        """Whether every voxel of the box and every channel between first and last is selected, in ascending order."""
        return all(r.step == 1 for r in self.ranges)

    def parts(self, grid: Grid, touched: Box) -> Parts:
        """Return which of the selected voxels lie in each chunk of a box of grid positions."""
        x, y, z = (self._along(axis, grid, range(touched.lo[axis], touched.hi[axis])) for axis in range(3))
        return Parts(touched.lo, (x, y, z), _overlap(self.ranges[3], 0, max(self.ranges[3], default=0) + 1))

    def _along(self, axis: int, grid: Grid, positions: range) -> list[Overlap]:
        """Return the overlaps with the chunks at some positions along one axis."""
        start, step, end = grid.domain.lo[axis], grid.chunk[axis], grid.domain.hi[axis]
        firsts = (start + position * step for position in positions)
        return [_overlap(self.ranges[axis], first, min(first + step, end)) for first in firsts]


def _overlap(selected: range, lo: int, hi: int) -> Overlap:
    """Return the part of a range with ``lo <= value < hi``: as a slice of its positions, and as offsets from `lo`."""
    step = selected.step
    if step > 0:
        first = max(0, -(-(lo - selected.start) // step))
        end = max(first, min(len(selected), -(-(hi - selected.start) // step)))
    else:
        first = max(0, -((hi - 1 - selected.start) // -step) if hi - 1 < selected.start else 0)
        end = max(first, min(len(selected), (selected.start - lo) // -step + 1))
    if first == end:
        return slice(0, 0), slice(0, 0)
    values = selected[first:end]
    start, stop = values[0] - lo, values[-1] - lo + (1 if step > 0 else -1)
    return slice(first, end), slice(start, stop if stop >= 0 else None, step)


def parse_index(index: Index, domain: Box, num_channels: int) -> Selection:
    """Return what an index expression selects.

    Coordinates are absolute and never wrap; an axis left out is taken whole; integers drop their axis.

    Raises
    ------
    OutOfBoundsError
        A coordinate lies outside of the domain, which is printed, or there are more terms than axes.
    TypeError
        A term is no integer, slice or Ellipsis.
    """
    bounds = [*zip(domain.lo, domain.hi, strict=True), (0, num_channels)]
    terms = _expanded(index)
    where = f"the domain is {domain}, channels 0:{num_channels}"
    ranges = [
        _range(term, lo, hi, f"{axis}: {where}") for term, (lo, hi), axis in zip(terms, bounds, AXES, strict=True)
    ]
    dropped = [not isinstance(term, slice) for term in terms]
    return Selection((ranges[0], ranges[1], ranges[2], ranges[3]), (dropped[0], dropped[1], dropped[2], dropped[3]))


def _expanded(index: Index) -> list[Any]:
    terms = list(index) if isinstance(index, tuple) else [index]
    ellipses = sum(term is Ellipsis for term in terms)
    if ellipses > 1:
        raise OutOfBoundsError("an index may hold one Ellipsis, found several")
    if len(terms) - ellipses > 4:
        raise OutOfBoundsError(
            f"a volume has 4 axes (x, y, z, channel), found an index of {len(terms) - ellipses} terms"
        )
    at = next((n for n, term in enumerate(terms) if term is Ellipsis), len(terms))
    fill = [slice(None)] * (4 - (len(terms) - ellipses))
    return terms[:at] + fill + terms[at + ellipses :]


def _range(term: Any, lo: int, hi: int, where: str) -> range:
    if isinstance(term, slice):
        return _slice_range(term, lo, hi, where)
    if isinstance(term, bool) or not hasattr(term, "__index__"):
        raise TypeError(f"an index of a volume is made of integers, slices and Ellipsis, found {term!r}")
    at = operator.index(term)
    if not lo <= at < hi:
        raise OutOfBoundsError(f"coordinate {at} is out of the domain along {where}")
    return range(at, at + 1)


def _slice_range(term: slice, lo: int, hi: int, where: str) -> range:
    step = 1 if term.step is None else operator.index(term.step)
    if step == 0:
        raise OutOfBoundsError("the step of a slice must not be 0")
    first, last = (lo, hi) if step > 0 else (hi - 1, lo - 1)
    start = first if term.start is None else operator.index(term.start)
    stop = last if term.stop is None else operator.index(term.stop)
    reached = (start, stop) if step > 0 else (stop + 1, start + 1)
    if not (lo <= reached[0] <= hi and lo <= reached[1] <= hi):
        raise OutOfBoundsError(f"{_text(term)} is out of the domain along {where}")
    if reached[0] > reached[1]:
        raise OutOfBoundsError(f"{_text(term)} ends before it begins, along {where}")
    return range(start, stop, step)


def _text(term: slice) -> str:
    parts = ["" if part is None else str(part) for part in (term.start, term.stop)]
    return ":".join(parts if term.step is None else [*parts, str(term.step)])


def box_selection(box: Box, num_channels: int) -> Selection:
    """Return a whole box with all its channels."""
    x, y, z = (range(lo, hi) for lo, hi in zip(box.lo, box.hi, strict=True))
    return Selection((x, y, z, range(num_channels)))
