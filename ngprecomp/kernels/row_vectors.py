"""Rows of voxels a vector at a time, as LLVM code for kernels: loops whose last vector overlaps the one before.

Machine code that was cached before this file changed stays right: a kernel's meaning lies in its own file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Row(NamedTuple):
    """A row of results."""

    results: Any  # where they go
    align: int  # bytes of one of them
    count: Any
    streams: Any  # whether no cache holds the arrays


class Part(NamedTuple):
    """The part of a row that one vector fills."""

    first: Any  # its place in the row
    lanes: int
    is_last: Any
    is_alone: Any  # whether no other vector of the row overlaps it


def moved(builder: Any, vector: Any, places: Sequence[int]) -> Any:
    """Return the lanes of a vector in another order."""
    order = ir.Constant(ir.VectorType(ir.IntType(32), len(places)), list(places))
    return builder.shuffle_vector(vector, ir.Constant(vector.type, ir.Undefined), order)


def fill_row(builder: Any, row: Row, at_least: Any, widths: Sequence[int], fill: Callable[[Part], None]) -> None:
    """Call `fill` for the parts of a row, as wide as the first of the descending `widths` that is not above `at_least`.

    The last of the widths is taken if all are above.
    """
    if len(widths) == 1:
        _fill_parts(builder, row, widths[0], fill)
        return
    with builder.if_else(builder.icmp_signed(">=", at_least, row.count.type(widths[0]))) as (enough, too_few):
        with enough:
            _fill_parts(builder, row, widths[0], fill)
        with too_few:
            fill_row(builder, row, at_least, widths[1:], fill)


def _fill_parts(builder: Any, row: Row, lanes: int, fill: Callable[[Part], None]) -> None:
    """Call `fill` from the first to the last part; if the row streams, all between them begin with a cache line."""
    count, index = row.count, row.count.type
    place = builder.udiv(builder.ptrtoint(row.results, index), index(row.align))
    too_far = builder.select(row.streams, builder.urem(place, index(lanes)), index(0))
    last, width = builder.sub(count, index(lanes)), index(lanes)
    with cgutils.for_range_slice(builder, index(0), builder.add(count, too_far), width, index) as (at, _):
        wanted = builder.select(builder.icmp_signed("==", at, index(0)), at, builder.sub(at, too_far))
        is_last = builder.icmp_signed(">=", wanted, last)
        first = builder.select(is_last, last, wanted)
        before = builder.or_(builder.icmp_signed("==", too_far, index(0)), builder.icmp_signed(">", at, width))
        after = builder.or_(
            builder.icmp_signed("<=", builder.add(wanted, width), last), builder.icmp_signed("==", wanted, last)
        )
        fill(Part(first, lanes, is_last, builder.and_(before, after)))
