"""The order in which a file holds its axes, and the way from there to ``[x, y, z, channel]``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ngprecomp.errors import OptionError, SourceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ngprecomp.format.box import Box, Triple
    from ngprecomp.sources.protocol import Voxels

Region = tuple[slice, ...]
LETTERS = "xyzct"
PICTURE = 64  # voxels along the sides of the smallest picture that is not taken for something else
COLOURS = 4  # a last axis of so few is likely the samples of a voxel, not a row
MEANING = (
    "x, y, z, c (channel) and t (time; t=2 takes point 2), slowest first, such as zyx, xyz, czyx or zyxc; "
    "a minus turns an axis round: z,-y,x"
)
_AXIS = re.compile(r"(-?)([a-z])(?:=(\d+))?")


@dataclass(frozen=True, slots=True)
class Axes:
    """One letter per axis of the stored array, slowest first; an axis without a letter has one voxel.

    The axes in `reversed` run backwards: their voxel 0 is the last one of the file. `time` is the chosen point in
    time, None where there is only one.

    Examples
    --------
    >>> from ngprecomp.format.box import Box
    >>> Axes("zyx").shape((20, 512, 256))
    (256, 512, 20, 1)
    >>> Axes("zyx").region(Box((1, 2, 3), (4, 5, 6)), (20, 512, 256))
    (slice(3, 6, None), slice(2, 5, None), slice(1, 4, None))
    >>> turned = Axes("zyx", reversed="y")
    >>> str(turned), turned.region(Box((1, 2, 3), (4, 5, 6)), (20, 512, 256))
    ('z,-y,x', (slice(3, 6, None), slice(507, 510, None), slice(1, 4, None)))
    """

    letters: str
    reversed: str = ""
    time: int | None = None

    def __str__(self) -> str:
        if not self.reversed and self.time is None:
            return self.letters
        time = "t" if self.time is None else f"t={self.time}"
        return ",".join(
            ("-" if letter in self.reversed else "") + (time if letter == "t" else letter) for letter in self.letters
        )

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
        point = self.time or 0
        ranges["t"] = slice(point, point + 1)
        for letter in self.reversed:
            size = self._along(letter, stored)
            ranges[letter] = slice(size - ranges[letter].stop, size - ranges[letter].start)
        return tuple(ranges.get(letter, slice(0, size)) for letter, size in zip(self.letters, stored, strict=True))

    def voxels(self, region: Voxels) -> Voxels:
        """Return an array in stored order, which holds one point in time, as ``[x, y, z, channel]``.

        It is a view unless axes are reversed: copied forwards first, what follows is up to nine times as fast.
        """
        if self.reversed:
            region = region[tuple(self._run(letter) for letter in self.letters)].copy(order="K")
        order = [self.letters.index(letter) for letter in LETTERS if letter in self.letters]
        index = [slice(None) if letter in self.letters else np.newaxis for letter in "xyzc"]
        time = [0] if "t" in self.letters else []
        return region.transpose(order)[(*index, *time)]

    def _along(self, letter: str, stored: Sequence[int]) -> int:
        return stored[self.letters.index(letter)] if letter in self.letters else 1

    def _run(self, letter: str) -> slice:
        return slice(None, None, -1) if letter in self.reversed else slice(None)


def parse_axes(text: str, shape: Sequence[int], name: str) -> Axes:
    """Return the order that `text` names for an array of `shape`; `name` is the source, for messages.

    Letters may stand between commas; a minus before x, y or z reverses that axis, ``t=2`` takes point 2 in time.

    Raises
    ------
    OptionError
        A letter is unknown or comes twice, x or y is missing, the number of letters is not the number of
        axes, or there are several points in time and none is chosen.
    """
    axes = _parsed(text, name)
    if len(axes.letters) != len(shape):
        raise OptionError(
            f"axes {text!r} name {len(axes.letters)} axes, but {name} has {len(shape)}: shape {tuple(shape)}"
        )
    points = shape[axes.letters.index("t")] if "t" in axes.letters else 1
    if points != 1 and axes.time is None:
        raise OptionError(
            f"axes {text!r}: {name} has {points} points in time, a volume holds one; choose it by its number, "
            f"0 to {points - 1}: {','.join('t=0' if letter == 't' else letter for letter in axes.letters)}"
        )
    if axes.time is not None and axes.time >= points:
        raise OptionError(f"axes {text!r}: {name} has {points} points in time, 0 to {points - 1}")
    return axes


def count_axes(text: str) -> int:
    """Return how many axes a text names.

    Examples
    --------
    >>> count_axes("t=10,z,-y,x")
    4
    """
    return sum(character.isalpha() for character in text)


def _parsed(text: str, name: str) -> Axes:
    """Return the order that a text names."""
    plain = re.sub(r"[\s,]", "", text.lower())
    found = _AXIS.findall(plain)
    letters = "".join(letter for _, letter, _ in found)
    complete = "".join(sign + letter + ("=" + point if point else "") for sign, letter, point in found) == plain
    known = set(letters) <= set(LETTERS) and len(set(letters)) == len(letters) and {"x", "y"} <= set(letters)
    turned = "".join(letter for sign, letter, _ in found if sign)
    points = {letter: int(point) for _, letter, point in found if point}
    if not (complete and known) or set(turned) & {"c", "t"} or set(points) - {"t"}:
        raise OptionError(f"axes {text!r} of {name}: expected x and y, each letter at most once, from {MEANING}")
    return Axes(letters, turned, points.get("t"))


def asked_axes_note(axes: Axes, shape: Sequence[int]) -> str:
    """Return the sentence about an order that the caller named for an array of shape `shape`.

    Examples
    --------
    >>> asked_axes_note(Axes("zyx"), (20, 512, 256))
    'axes zyx: as asked'
    >>> asked_axes_note(Axes("zyx", reversed="y"), (20, 512, 256))
    "axes z,-y,x: as asked; the volume's y 0 is the file's y 511"
    """
    sizes = dict(zip(axes.letters, shape, strict=True))
    turned = [f"; the volume's {letter} 0 is the file's {letter} {sizes[letter] - 1}" for letter in axes.reversed]
    return f"axes {axes}: as asked{''.join(turned)}"


def default_axes(shape: Sequence[int], name: str) -> Axes:
    """Return the order of an array in a file that names none: y,x or z,y,x or channel,z,y,x.

    Examples
    --------
    >>> str(default_axes((3, 20, 512, 256), "a.npy"))
    'czyx'
    >>> default_axes((20, 512, 256, 3), "a.npy")
    Traceback (most recent call last):
    ngprecomp.errors.SourceError: a.npy, shape (20, 512, 256, 3), names no axes, and the custom czyx would make 20 \
channels of it: name their order with axes (zyxc if the last axis is the channel, t=0,z,y,x if the first one is time)

    Raises
    ------
    SourceError
        Custom gives no guide for so many axes, or the shape speaks against it: channels are rarely more than the
        voxels along x, y or z, and a picture of a few columns is rather one of a few colours.
    """
    letters = {2: "yx", 3: "zyx", 4: "czyx"}.get(len(shape))
    if letters is None:
        raise SourceError(f"{name} has {len(shape)} dimensions, shape {tuple(shape)}; name their order with axes")
    if len(shape) == 4 and shape[0] > min(shape[1:]):
        odd, else_order = f"{shape[0]} channels of it", _with_channel_at(min(range(1, 4), key=lambda at: shape[at]))
    elif len(shape) == 3 and 2 <= shape[2] <= COLOURS and min(shape[:2]) >= PICTURE:
        odd, else_order = f"slices of {shape[2]} columns of it", "yxc if the last axis is the channel, else zyx"
    else:
        return Axes(letters)
    raise SourceError(
        f"{name}, shape {tuple(shape)}, names no axes, and the custom {letters} would make {odd}: name their order "
        f"with axes ({else_order})"
    )


def _with_channel_at(place: int) -> str:
    """Return what four axes may be whose shortest one is not the first."""
    words = ("first", "second", "third", "last")
    letters = "zyx"[:place] + "c" + "zyx"[place:]
    return f"{letters} if the {words[place]} axis is the channel, t=0,z,y,x if the first one is time"
