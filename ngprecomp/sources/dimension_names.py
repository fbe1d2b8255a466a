"""Names of dimensions as labelled arrays carry them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

LETTER = {
    **{letter: letter for letter in "xyzct"},
    **dict.fromkeys(("ch", "channel", "channels", "c^"), "c"),
    **dict.fromkeys(("time", "times"), "t"),
    **dict.fromkeys(("depth", "slice", "slices"), "z"),
    **dict.fromkeys(("height", "row", "rows"), "y"),
    **dict.fromkeys(("width", "column", "columns", "col", "cols"), "x"),
}


def letters_of(names: Sequence[object] | None, ndim: int) -> str | None:
    """Return one letter of x, y, z, c, t for each of `ndim` names; None if one is unknown, missing or comes twice.

    ``c^`` is what funlib calls an axis of channels.

    Examples
    --------
    >>> letters_of(["channel", "Z", "Y", "X"], 4), letters_of(["dim_0", "dim_1", "dim_2"], 3)
    ('czyx', None)
    """
    if names is None or isinstance(names, str) or len(names) != ndim:
        return None
    letters = [LETTER.get(str(name).strip().lower(), "") for name in names]
    complete = all(letters) and len(set(letters)) == ndim and {"x", "y"} <= set(letters)
    return "".join(letters) if complete else None
