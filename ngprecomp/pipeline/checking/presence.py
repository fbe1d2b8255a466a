"""Which chunks of a grid are there: 8 bytes for each of them, none for those that are absent."""

from __future__ import annotations

import itertools
import math
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from ngprecomp.format.box import Box, Triple
    from ngprecomp.format.grid import Grid


@dataclass(frozen=True, slots=True)
class Presence:
    """The chunks of a grid of `shape` that are there, by their row-major numbers, ascending.

    `repeated` are the numbers of those that were named more than once.
    """

    shape: Triple
    numbers: NDArray[Any]
    repeated: NDArray[Any]

    @classmethod
    def of(cls, shape: Triple, positions: Iterable[Triple]) -> Presence:
        """Return the presence of chunks at these positions.

        Examples
        --------
        >>> present = Presence.of((2, 2, 1), [(1, 0, 0), (0, 0, 0), (1, 0, 0)])
        >>> present.count, present.absent, list(present.first_absent(5)), (1, 0, 0) in present
        (2, 2, [(0, 1, 0), (1, 1, 0)], True)
        """
        named = Named(shape)
        for position in positions:
            named.add(position)
        return named.presence()

    @property
    def count(self) -> int:
        """How many chunks are there."""
        return len(self.numbers)

    @property
    def absent(self) -> int:
        """How many are not."""
        return math.prod(self.shape) - self.count

    @property
    def twins(self) -> Iterator[Triple]:
        """The positions of chunks that were named more than once."""
        return (position_at(self.shape, int(number)) for number in self.repeated)

    def __contains__(self, position: Triple) -> bool:
        number = number_of(self.shape, position)
        at = int(np.searchsorted(self.numbers, number))
        return at < len(self.numbers) and self.numbers[at] == number

    def __iter__(self) -> Iterator[Triple]:
        """Yield the positions of the chunks that are there, x fastest."""
        for number in self.numbers:
            yield position_at(self.shape, int(number))

    def sample(self, most: int) -> list[Triple]:
        """Return at most so many positions of chunks that are there, evenly spread; the first and the last included."""
        steps = min(most, self.count)
        at = [index * (self.count - 1) // max(1, steps - 1) for index in range(steps)]
        return [position_at(self.shape, int(self.numbers[index])) for index in at]

    def first_absent(self, most: int) -> Iterator[Triple]:
        """Yield the first positions, at most so many, of chunks that are absent."""
        expected, given = 0, 0
        for end in itertools.chain(self.numbers, [math.prod(self.shape)]):
            for number in range(expected, min(int(end), expected + most - given)):
                yield position_at(self.shape, number)
                given += 1
            if given >= most:
                return
            expected = int(end) + 1


class Named:
    """Positions of a grid of `shape` as they are met: 8 bytes for each, in grids of less than 2**63 chunks."""

    def __init__(self, shape: Triple) -> None:
        self._shape = shape
        self._numbers: array[int] | list[int] = array("q") if math.prod(shape) < 2**63 else []

    def add(self, position: Triple) -> None:
        """Note that a chunk is named."""
        self._numbers.append(number_of(self._shape, position))

    def presence(self) -> Presence:
        """Return which chunks were named."""
        dtype = np.int64 if isinstance(self._numbers, array) else object
        numbers, counts = np.unique(np.array(self._numbers, dtype), return_counts=True)
        return Presence(self._shape, numbers, numbers[counts > 1])


def position_of(grid: Grid, box: Box) -> Triple | None:
    """Return the position of the chunk that holds exactly the voxels of `box`, None if the grid has no such chunk.

    Examples
    --------
    >>> from ngprecomp.format.box import Box
    >>> from ngprecomp.format.grid import Grid
    >>> grid = Grid(Box((-5, 0, 0), (6, 8, 8)), (4, 4, 4))
    >>> position_of(grid, Box((3, 4, 0), (6, 8, 4))), position_of(grid, Box((3, 4, 0), (7, 8, 4)))
    ((2, 1, 0), None)
    """
    x, y, z = ((lo - start) // step for lo, start, step in zip(box.lo, grid.domain.lo, grid.chunk, strict=True))
    inside = all(0 <= at < count for at, count in zip((x, y, z), grid.shape, strict=True))
    return (x, y, z) if inside and grid.cell((x, y, z)) == box else None


def number_of(shape: Triple, position: Triple) -> int:
    """Return the row-major number of a chunk in a grid, x fastest."""
    return position[0] + shape[0] * (position[1] + shape[1] * position[2])


def position_at(shape: Triple, number: int) -> Triple:
    """Return the position of the chunk that has a row-major number."""
    rest, x = divmod(number, shape[0])
    z, y = divmod(rest, shape[1])
    return x, y, z
