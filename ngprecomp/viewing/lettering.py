"""Text in pictures: the few letters that captions need, 5 by 7 pixels each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

WIDTH, HEIGHT = 5, 7

# Seven rows from the top; the highest of five bits is the leftmost pixel.
_LETTERS = {
    "0": (14, 17, 19, 21, 25, 17, 14),
    "1": (4, 12, 4, 4, 4, 4, 14),
    "2": (14, 17, 1, 2, 4, 8, 31),
    "3": (31, 2, 4, 2, 1, 17, 14),
    "4": (2, 6, 10, 18, 31, 2, 2),
    "5": (31, 16, 30, 1, 1, 17, 14),
    "6": (6, 8, 16, 30, 17, 17, 14),
    "7": (31, 1, 2, 4, 8, 8, 8),
    "8": (14, 17, 17, 14, 17, 17, 14),
    "9": (14, 17, 17, 15, 1, 2, 12),
    ".": (0, 0, 0, 0, 0, 12, 12),
    " ": (0, 0, 0, 0, 0, 0, 0),
    "e": (0, 0, 14, 17, 31, 16, 14),
    "m": (0, 0, 26, 21, 21, 21, 21),
    "n": (0, 0, 22, 25, 17, 17, 17),
    "x": (0, 0, 17, 10, 4, 10, 17),
    "y": (0, 0, 17, 17, 15, 1, 14),
    "z": (0, 0, 31, 2, 4, 8, 31),
    "µ": (0, 0, 17, 17, 19, 29, 16),
    "+": (0, 4, 4, 31, 4, 4, 0),
    "-": (0, 0, 0, 31, 0, 0, 0),
}


def lettered(text: str, magnify: int = 1) -> NDArray[np.bool_]:
    r"""Return a text as a mask [row, column]; each pixel of a letter becomes a square of `magnify` pixels.

    Examples
    --------
    >>> print("\n".join("".join(".#"[int(pixel)] for pixel in row) for row in lettered("2 z")))
    .###.............
    #...#............
    ....#.......#####
    ...#...........#.
    ..#...........#..
    .#...........#...
    #####.......#####
    """
    rows = np.array([[*_LETTERS[letter]] for letter in text], np.uint8)
    pixels = (rows[:, :, np.newaxis] >> np.arange(WIDTH - 1, -1, -1) & 1).astype(bool)
    spaced = np.pad(pixels, ((0, 0), (0, 0), (0, 1))).transpose(1, 0, 2).reshape(HEIGHT, -1)[:, :-1]
    return spaced.repeat(magnify, axis=0).repeat(magnify, axis=1)
