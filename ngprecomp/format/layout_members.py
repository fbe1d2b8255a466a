"""Values of the members of a chunk layout, read from lists and numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from ngprecomp.errors import OptionError
from ngprecomp.format.bound import INFINITE, MAX_RANK
from ngprecomp.format.constraint import WHOLE
from ngprecomp.format.members import found


def read_shape(value: Any) -> tuple[int | None, ...]:
    """Return sides; 0 leaves one open, -1 is the whole extent."""
    sizes = tuple(_integer(size, WHOLE, INFINITE - 1) for size in _list(value))
    return tuple(size or None for size in sizes)


def read_origin(value: Any) -> tuple[int | None, ...]:
    """Return where a grid starts."""
    return tuple(_integer(start, 1 - INFINITE, INFINITE - 1) for start in _list(value))


def read_ratios(value: Any) -> tuple[float | None, ...]:
    """Return sides relative to each other; 0 leaves one open."""
    return tuple(None if ratio is None else _ratio(ratio) or None for ratio in _list(value))


def _ratio(value: Any) -> float:
    ratio = math.nan if isinstance(value, (bool, str)) else float(value)
    if not 0 <= ratio < math.inf:
        raise OptionError(f"expected a number of at least 0, found {found(value)}")
    return ratio


def read_count(value: Any) -> tuple[int]:
    """Return a number of elements."""
    count = _integer(value, 0, INFINITE - 1)
    if count is None:
        raise OptionError("expected an integer, found null")
    return (count,)


def read_order(value: Any) -> tuple[tuple[int, ...], ...]:
    """Return the dimensions in the order of storage; nothing where null is written."""
    if value is None:
        return ()
    order = tuple(_integer(axis, 0, MAX_RANK - 1) for axis in _list(value))
    if sorted(axis for axis in order if axis is not None) != list(range(len(order))):
        raise OptionError(f"expected each dimension once, found {found(value)}")
    return (order,)  # type: ignore[return-value]  # no None is left


def _list(value: Any) -> list[Any]:
    values = [] if isinstance(value, (str, Mapping)) or not isinstance(value, Iterable) else list(value)
    if not values:
        raise OptionError(f"expected a list with one item for each dimension, found {found(value)}")
    return values


def _integer(value: Any, low: int, high: int) -> int | None:
    if value is None:
        return None
    try:
        if isinstance(value, (bool, str)) or value != int(value) or not low <= value <= high:
            raise ValueError
        return int(value)
    except (TypeError, ValueError, OverflowError):
        raise OptionError(f"expected an integer from {low} to {high}, found {found(value)}") from None
