"""Windows of 2 x 2 x 1 and 2 x 2 x 2 voxels, those of nearly all pyramids: a vector of them at a time.

LLVM makes worse vectors of a loop over such windows, or none: for rows of 64 voxels it takes 1.3 (64 bits) to 3 times
(8 bits) as long, and longer to compile. A window that the border has cut in half counts its voxels twice, which changes
neither their mode nor their mean, median, smallest or largest: so it is read with a step of 0.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from fractions import Fraction
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import config, types
from numba.extending import intrinsic

from ngprecomp.kernels import streaming
from ngprecomp.kernels.jit import inline, kernel
from ngprecomp.kernels.row_vectors import Part, Row, fill_row, moved

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

VECTOR_BYTES = (64, 32, 16, 4, 1)  # of results at a time, the most that a row fills; 1 stands for a single window
# After these exchanges the columns of two sorted fours, laid one between the other, are sorted (odd-even merge).
MERGE_OF_FOURS = ((0, 1), (2, 3), (4, 5), (6, 7), (1, 4), (3, 6), (1, 2), (3, 4), (5, 6))


def _splat(vector: Any, value: float) -> Any:
    return ir.Constant(vector, [value] * vector.count)


def _every_second(builder: Any, row: Any, first: int) -> Any:
    return moved(builder, row, list(range(first, row.type.count, 2)))


def _compare(builder: Any, relation: str, a: Any, b: Any, dtype: Any) -> Any:
    if isinstance(dtype, types.Float):
        return builder.fcmp_ordered(relation, a, b)
    return (builder.icmp_signed if dtype.signed else builder.icmp_unsigned)(relation, a, b)


def _sorted_two(builder: Any, a: Any, b: Any, dtype: Any) -> tuple[Any, Any]:
    """Return the smaller and the larger; NaN comes after every number."""
    swap = _compare(builder, "<", b, a, dtype)
    if isinstance(dtype, types.Float):
        swap = builder.or_(swap, builder.fcmp_unordered("uno", a, a))
    return builder.select(swap, b, a), builder.select(swap, a, b)


def _sorted_windows(builder: Any, rows: list[Any], dtype: Any) -> list[Any]:
    """Return the four or eight voxels of each window in ascending order."""

    def exchanged(a: Any, b: Any) -> tuple[Any, Any]:
        return _sorted_two(builder, a, b, dtype)

    def sorted_four(upper: Any, lower: Any) -> list[Any]:
        # Voxels above each other are ordered while the row is whole: the same work before fewer changes of lanes.
        low, high = exchanged(upper, lower)
        a, c = exchanged(_every_second(builder, low, 0), _every_second(builder, low, 1))
        b, d = exchanged(_every_second(builder, high, 0), _every_second(builder, high, 1))
        return [a, *exchanged(b, c), d]

    if len(rows) == 2:
        return sorted_four(*rows)
    window = [value for pair in zip(sorted_four(*rows[:2]), sorted_four(*rows[2:]), strict=True) for value in pair]
    for i, j in MERGE_OF_FOURS:
        window[i], window[j] = exchanged(window[i], window[j])
    return window


def _mode(builder: Any, rows: list[Any], dtype: Any) -> Any:
    """Return the first value of the longest run of the sorted windows."""
    window = _sorted_windows(builder, rows, dtype)
    mode = window[0]
    for length in range(2, len(window) // 2 + 1):  # a longer run is the only one, and found as such
        for first in range(len(window) - length, -1, -1):
            run = _compare(builder, "==", window[first], window[first + length - 1], dtype)
            mode = builder.select(run, window[first], mode)
    return mode


def _median(builder: Any, rows: list[Any], dtype: Any) -> Any:
    window = _sorted_windows(builder, rows, dtype)
    return window[len(window) // 2 - 1]


def _extreme(relation: str, worst: Callable[[Any], Any]) -> Callable[..., Any]:
    """Return a reduction to the smallest or largest; NaN is passed over."""

    def extreme(builder: Any, rows: list[Any], dtype: Any) -> Any:
        def better(a: Any, b: Any) -> Any:
            return builder.select(_compare(builder, relation, b, a, dtype), b, a)

        row = reduce(better, rows, _splat(rows[0].type, worst(dtype)))
        return better(_every_second(builder, row, 0), _every_second(builder, row, 1))

    return extreme


def _mean(builder: Any, rows: list[Any], dtype: Any) -> Any:
    """Return the exact mean of integers rounded to the nearest, ties to even; floats are summed in their precision."""
    bits = len(rows).bit_length()  # of four or eight voxels
    if isinstance(dtype, types.Float):
        # Divided first, which is exact, so that large numbers do not become infinite.
        row = reduce(builder.fadd, [builder.fmul(row, _splat(row.type, 2.0**-bits)) for row in rows])
        return builder.fadd(_every_second(builder, row, 0), _every_second(builder, row, 1))
    halved = builder.ashr if dtype.signed else builder.lshr
    if dtype.bitwidth == 64:
        # Quotients and remainders are summed apart, none overflows.
        quotients = reduce(builder.add, [halved(row, _splat(row.type, bits)) for row in rows])
        rests = reduce(builder.add, [builder.and_(row, _splat(row.type, (1 << bits) - 1)) for row in rows])
        quotient, rest = (
            builder.add(_every_second(builder, part, 0), _every_second(builder, part, 1)) for part in (quotients, rests)
        )
    else:
        # Two voxels are the halves of a word of twice the bits: their sums need no change of lanes.
        kind = ir.VectorType(ir.IntType(2 * dtype.bitwidth), rows[0].type.count // 2)
        words, half = [builder.bitcast(row, kind) for row in rows], _splat(kind, dtype.bitwidth)
        evens, odds = [halved(builder.shl(word, half), half) for word in words], [halved(word, half) for word in words]
        quotient, rest = _splat(kind, 0), reduce(builder.add, evens + odds)
    kind = rest.type
    whole = builder.add(quotient, halved(rest, _splat(kind, bits)))
    # Just less than a half is added, a half where the quotient is odd.
    rest = builder.add(builder.add(rest, _splat(kind, (1 << bits - 1) - 1)), builder.and_(whole, _splat(kind, 1)))
    mean = builder.add(quotient, halved(rest, _splat(kind, bits)))
    return mean if dtype.bitwidth == 64 else builder.trunc(mean, ir.VectorType(ir.IntType(dtype.bitwidth), kind.count))


def _interpreted_mode(windows: NDArray[Any]) -> NDArray[Any]:
    counts = (windows[:, np.newaxis] == windows).sum(axis=1)
    most = np.where(counts == counts.max(axis=0), windows, np.fmax.reduce(windows))
    return np.asarray(np.fmin.reduce(most))


def _interpreted_mean(windows: NDArray[Any]) -> NDArray[Any]:
    if windows.dtype.kind == "f":
        return np.asarray((windows / len(windows)).sum(axis=0, dtype=windows.dtype))
    means = [round(Fraction(sum(map(int, values)), len(windows))) for values in windows.T]
    return np.array(means, windows.dtype)


def _interpreted_median(windows: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(np.sort(windows, axis=0)[(len(windows) - 1) // 2])


def _interpreted_extreme(choose: np.ufunc, infinity: float) -> Callable[[NDArray[Any]], NDArray[Any]]:
    def extreme(windows: NDArray[Any]) -> NDArray[Any]:
        found = choose.reduce(windows)
        return np.asarray(np.where(np.isnan(found), infinity, found) if windows.dtype.kind == "f" else found)

    return extreme


# A method is a tuple: its length belongs to its type, which is all that is known when the code is made.
METHODS = {"mode": (), "mean": (0,), "median": (0, 0), "min": (0, 0, 0), "max": (0, 0, 0, 0)}
_REDUCTIONS = (
    _mode,
    _mean,
    _median,
    _extreme("<", lambda dtype: float("inf") if isinstance(dtype, types.Float) else dtype.maxval),
    _extreme(">", lambda dtype: float("-inf") if isinstance(dtype, types.Float) else dtype.minval),
)
_INTERPRETED = (
    _interpreted_mode,
    _interpreted_mean,
    _interpreted_median,
    _interpreted_extreme(np.fmin, np.inf),
    _interpreted_extreme(np.fmax, -np.inf),
)


def _load_pairs(builder: Any, line: Any, first: Any, lanes: int, width: int, align: int, cut: Any) -> Any:
    """Load the voxels of `lanes` windows of a line; windows of one voxel, the last one if `cut`, get it twice."""
    row = ir.VectorType(line.type.pointee, width * lanes)
    # What is loaded ends with the voxel that is there, so it begins one earlier.
    start = builder.sub(builder.mul(first, first.type(width)), builder.zext(cut, first.type))
    loaded = builder.load(builder.bitcast(builder.gep(line, [start]), row.as_pointer()), align=align)
    if width == 1:
        return moved(builder, loaded, [lane // 2 for lane in range(2 * lanes)])
    return builder.select(cut, moved(builder, loaded, [*range(1, 2 * lanes), 2 * lanes - 1]), loaded)


def _windows(width: int, vector_bytes: Iterable[int]) -> Callable[..., Any]:
    """Return a function (values, index, pitch, plane, out, to, count, cut, streams, depth, method): part of a row.

    It computes `count` windows of `width` voxels (1 or 2) along x, the first at `index`, where rows and planes are
    `pitch` and `plane` apart, to `to` and on; `cut` tells that the last one, but not the first, holds one voxel, and
    `streams` that no cache holds the arrays. `depth` is a tuple as long as windows are deep.
    """

    def interpreted(
        values: NDArray[Any], index: int, pitch: int, plane: int, out: NDArray[Any], to: int, count: int, cut: bool,
        _streams: bool, depth: Any, method: Any,
    ) -> None:  # fmt: skip
        starts = [index + z * plane + y * pitch for z in range(len(depth)) for y in range(2)]
        voxels = np.arange(width * count)
        voxels[-1:] -= cut
        rows = np.stack([values[start + voxels].reshape(count, width) for start in starts])
        out[to : to + count] = _INTERPRETED[len(method)](rows.transpose(0, 2, 1).reshape(2 * len(depth) * width, count))

    def compiled(
        _context: Any, values: Any, _index: Any, _pitch: Any, _plane: Any, out: Any, _to: Any, _count: Any, _cut: Any,
        _streams: Any, depth: Any, method: Any,
    ) -> Any:  # fmt: skip
        dtype, align = values.dtype, values.dtype.bitwidth // 8

        def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            source, index, pitch, plane, target, to, count, cut, streams = arguments[:9]
            data = context.make_array(values)(context, builder, source).data
            results = builder.gep(context.make_array(out)(context, builder, target).data, [to])
            planes = [index, builder.add(index, plane)][: len(depth)]
            lines = [builder.gep(data, [row]) for start in planes for row in (start, builder.add(start, pitch))]
            with builder.if_then(streams):
                for line in lines:
                    streaming.touch(builder, line, builder.mul(count, count.type(width * align)))

            def fill(part: Part) -> None:
                place, ragged = builder.gep(results, [part.first]), builder.and_(part.is_last, cut)
                rows = [_load_pairs(builder, line, part.first, part.lanes, width, align, ragged) for line in lines]
                result = _REDUCTIONS[len(method)](builder, rows, dtype)
                streaming.store(builder, result, place, align, builder.and_(streams, part.is_alone))

            widths = sorted({max(1, nbytes // align) for nbytes in vector_bytes}, reverse=True)
            row = Row(results, align, count, streams)
            fill_row(builder, row, builder.sub(count, builder.zext(cut, count.type)), widths, fill)
            return context.get_dummy_value()

        index, truth = types.intp, types.boolean
        return types.void(values, index, index, index, out, index, index, truth, truth, depth, method), generate

    return interpreted if config.DISABLE_JIT else intrinsic(compiled)  # type: ignore[attr-defined]


whole_windows = _windows(2, VECTOR_BYTES)
single_voxels = _windows(1, VECTOR_BYTES[-1:])


@inline
def _place(first, count, length, step):
    """Return where a window of `count` voxels lies along an axis and the step to its second voxel, 0 if it is cut."""
    return max(first, 0) * step, step if first >= 0 and first + count <= length else 0


@kernel
def reduce_pairs(voxels, begin, out, at, size, streams, depth, method):
    """Reduce windows of 2 x 2 voxels, or 2 x 2 x 2 if the tuple `depth` has two members, by one of `METHODS`.

    The first window begins at `begin`, which may lie one voxel outside, and its result goes to `at`; `streams` tells
    that no cache holds the arrays.
    """
    values, results = voxels.reshape(-1), out.reshape(-1)
    pitch, plane = voxels.shape[2], voxels.shape[1] * voxels.shape[2]
    left, right = 1 if begin[2] < 0 else 0, min(size[2], (voxels.shape[2] - begin[2]) // 2)
    cut = left < right < size[2]
    right += cut
    for k in range(size[0]):
        upper, below = _place(begin[0] + len(depth) * k, len(depth), voxels.shape[0], plane)
        for j in range(size[1]):
            row, next_row = _place(begin[1] + 2 * j, 2, voxels.shape[1], pitch)
            line = upper + row + begin[2]
            to = ((at[0] + k) * out.shape[1] + at[1] + j) * out.shape[2] + at[2]
            count = right - left
            whole_windows(
                values, line + 2 * left, next_row, below, results, to + left, count, cut, streams, depth, method
            )
        if left == 0 and right == size[2]:
            continue
        # In the loop above the cut windows would cost the others a fifth of their speed.
        for j in range(size[1]):
            row, next_row = _place(begin[1] + 2 * j, 2, voxels.shape[1], pitch)
            line = upper + row + begin[2]
            to = ((at[0] + k) * out.shape[1] + at[1] + j) * out.shape[2] + at[2]
            if left == 1:
                single_voxels(values, line + 1, next_row, below, results, to, 1, False, False, depth, method)
            if right < size[2]:
                single_voxels(
                    values, line + 2 * right, next_row, below, results, to + right, 1, False, False, depth, method
                )
