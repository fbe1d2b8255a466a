"""The order in which a file holds its axes, and the way from there to ``[x, y, z, channel]``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ngprecomp.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ngprecomp.format.box import Box, Triple
    from ngprecomp.sources.protocol import Voxels

Region = tuple[slice, ...]
LETTERS = "xyzct"
COLOURS = 4  # a last axis of so few is likely the samples of a voxel, not a row
MEANING = "x, y, z, c (channel) and t (time, one point only), slowest first, such as zyx, xyz, czyx or zyxc"


@dataclass(frozen=True, slots=True)
class Axes:
    """One letter per axis of the stored array, slowest first; an axis without a letter has one voxel.

    Examples
    --------
    >>> from ngprecomp.format.box import Box
    >>> zyx = Axes("zyx")
    >>> zyx.shape((20, 512, 256))
    (256, 512, 20, 1)
    >>> zyx.region(Box((1, 2, 3), (4, 5, 6)), (20, 512, 256))
    (slice(3, 6, None), slice(2, 5, None), slice(1, 4, None))
    """

    letters: str

    def __str__(self) -> str:
        return self.letters

    def shape(self, stored: Sequence[int]) -> tuple[int, int, int, int]:
        """Return the voxels along x, y, z and the number of channels of an array of shape `stored`."""
        x, y, z, c = (self._along(letter, stored) for letter in "xyzc")
        return x, y, z, c

    def spatial(self, stored: Sequence[int]) -> Triple:
        """Return what a tuple in stored order, one number per axis, says about x, y and z."""
        x, y, z = (self._along(letter, stored) for letter in "xyz")
        return x, y, z

    def region(self, box: Box, stored: Sequence[int]) -> Region:
        """Return the index of a box, with all its channels, in an array of shape `stored`."""
        ranges = dict(zip("xyz", box.slices, strict=True))
        return tuple(ranges.get(letter, slice(0, size)) for letter, size in zip(self.letters, stored, strict=True))

    def voxels(self, region: Voxels) -> Voxels:
        """Return the view ``[x, y, z, channel]`` of an array in stored order."""
        order = [self.letters.index(letter) for letter in LETTERS if letter in self.letters]
        index = [slice(None) if letter in self.letters else np.newaxis for letter in "xyzc"]
        time = [0] if "t" in self.letters else []
        return region.transpose(order)[(*index, *time)]

    def _along(self, letter: str, stored: Sequence[int]) -> int:
        return stored[self.letters.index(letter)] if letter in self.letters else 1


def parse_axes(text: str, shape: Sequence[int], name: str) -> Axes:
    """Return the order that `text` names for an array of `shape`; `name` is the source, for messages.

    Raises
    ------
    OptionError
        A letter is unknown or comes twice, x or y is missing, the number of letters is not the number of
        axes, or there is more than one point in time.
    """
    letters = text.lower()
    if not set(letters) <= set(LETTERS) or len(set(letters)) < len(letters) or not {"x", "y"} <= set(letters):
        raise OptionError(f"axes {text!r} of {name}: expected x and y, each letter at most once, from {MEANING}")
    if len(letters) != len(shape):
        raise OptionError(f"axes {text!r} name {len(letters)} axes, but {name} has {len(shape)}: shape {tuple(shape)}")
    if "t" in letters and shape[letters.index("t")] != 1:
        raise OptionError(f"axes {text!r}: {name} has {shape[letters.index('t')]} points in time, a volume holds one")
    return Axes(letters)


def default_axes(ndim: int) -> str | None:
    """Return the order of an array in a file that names none, None where custom gives no guide."""
    return {2: "yx", 3: "zyx", 4: "czyx"}.get(ndim)


def channel_last_notes(shape: Sequence[int]) -> tuple[str, ...]:
    """Return a sentence where an array in a file that names no axes looks as if its last one were the channel.

    Examples
    --------
    >>> channel_last_notes((20, 512, 256, 3))
    ('the last of the 4 axes has 3 voxels only: if it is the channel, axes zyxc says so',)
    >>> channel_last_notes((3, 20, 512, 256))
    ()
    """
    if len(shape) != 4 or not 2 <= shape[-1] <= COLOURS or shape[0] <= shape[-1]:
        return ()
    return (f"the last of the 4 axes has {shape[-1]} voxels only: if it is the channel, axes zyxc says so",)
