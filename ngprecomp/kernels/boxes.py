"""Boxes of voxels from one or two arrays into another, a row at a time.

NumPy calls a function for each row, and LLVM makes loops that pay for long rows only: 128 MiB in chunks of
64 x 64 x 64 voxels of uint8 take 55 ms by either, here 18. The rows of two neighbours, written behind each other, fill
cache lines that each of them touches in part: a whole read of such files took 110 ms of the processors in place of 150.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import config, types
from numba.extending import intrinsic

from ngprecomp.kernels.jit import inline, kernel, read_only

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

Triple = tuple[int, int, int]
Shape = tuple[int, int, int, int]

LONG, SHORT = 64, 8  # bytes that are moved at once: of rows of so many at least


def copy_boxes(
    sources: Sequence[NDArray[Any]], los: Sequence[Triple], target: NDArray[Any], at: Triple, sizes: Sequence[Triple]
) -> None:
    """Copy a box of one array, or one each of two, behind each other along x into `target`, where they begin at `at`.

    Parameters
    ----------
    sources, target
        C-contiguous arrays [channel, z, y, x] of one type and as many channels, that share no memory.
    los, sizes
        The first voxel and the voxels of the box in each source, z, y, x; two boxes differ in their widths only.
    at
        The first voxel in `target`, z, y, x.

    Examples
    --------
    >>> target = np.zeros((1, 1, 2, 5), "uint8")
    >>> ones, counted = np.ones((1, 1, 3, 3), "uint8"), np.arange(1, 10, dtype="uint8").reshape(1, 1, 3, 3)
    >>> copy_boxes([ones, counted], [(0, 1, 2), (0, 1, 0)], target, (0, 0, 1), [(1, 2, 1), (1, 2, 3)])
    >>> target[0, 0].tolist()
    [[0, 1, 4, 5, 6], [0, 1, 7, 8, 9]]
    """
    depth, height, _ = sizes[0]
    widths = [width for _, _, width in sizes]
    assert sizes[-1][:2] == (depth, height), f"boxes of {sizes} do not lie side by side"
    for source, lo, width in zip(sources, los, widths, strict=True):
        assert source.dtype == target.dtype, f"{source.dtype} does not go into {target.dtype}"
        assert source.shape[0] == target.shape[0], f"{source.shape[0]} channels do not go into {target.shape[0]}"
        _require_inside(lo, (depth, height, width), source)
    _require_inside(at, (depth, height, sum(widths)), target)
    if len(sources) == 1:
        sources, los, widths = [*sources, *sources], [*los, *los], [*widths, 0]
    (first, second), (lo, next_lo), (width, next_width) = sources, los, widths
    _copy_rows(
        (read_only(_octets(first)), read_only(_octets(second))), (first.shape, second.shape), (lo, next_lo),
        (width, next_width), _octets(target), target.shape, at, (depth, height), target.itemsize,
    )  # fmt: skip


def _require_inside(lo: Triple, size: Triple, voxels: NDArray[Any]) -> None:
    """Stop before the kernel, which does not look, leaves an array."""
    (z, y, x), (depth, height, width), (_, planes, rows, columns) = lo, size, voxels.shape
    inside = 0 <= z <= z + depth <= planes and 0 <= y <= y + height <= rows and 0 <= x <= x + width <= columns
    assert inside, f"the box from {lo} of size {size} leaves an array of shape {voxels.shape}"


def _octets(voxels: NDArray[Any]) -> NDArray[Any]:
    """Return C-contiguous voxels as bytes that share their memory."""
    assert voxels.flags.c_contiguous, f"the strides are {voxels.strides}"
    return voxels.reshape(-1).view(np.uint8)


def _mover(count: int) -> Callable[..., None]:
    """Return a function (source, first, target, place) that moves `count` bytes as one vector."""

    def interpreted(source: NDArray[Any], first: int, target: NDArray[Any], place: int) -> None:
        target[place : place + count] = source[first : first + count]

    def compiled(_context: Any, source: Any, _first: Any, target: Any, _place: Any) -> Any:
        def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            vector = ir.VectorType(ir.IntType(8), count).as_pointer()

            def octets(kind: Any, array: Any, index: Any) -> Any:
                data = context.make_array(kind)(context, builder, array).data
                return builder.bitcast(builder.gep(data, [index]), vector)

            moved = builder.load(octets(source, *arguments[:2]), align=1)
            builder.store(moved, octets(target, *arguments[2:]), align=1)
            return context.get_dummy_value()

        return types.void(source, types.intp, target, types.intp), generate

    return interpreted if config.DISABLE_JIT else intrinsic(compiled)  # type: ignore[attr-defined]


move_long, move_short = _mover(LONG), _mover(SHORT)


@inline
def _copy_row(source: NDArray[Any], first: int, target: NDArray[Any], place: int, row: int) -> None:
    """Copy `row` bytes; the last vector is moved back over the one before, so that every one is whole."""
    if row >= LONG:
        for octet in range(0, row - LONG, LONG):
            move_long(source, first + octet, target, place + octet)
        move_long(source, first + row - LONG, target, place + row - LONG)
    elif row >= SHORT:
        for octet in range(0, row - SHORT, SHORT):
            move_short(source, first + octet, target, place + octet)
        move_short(source, first + row - SHORT, target, place + row - SHORT)
    else:
        for octet in range(row):
            target[place + octet] = source[first + octet]


@kernel
def _copy_rows(
    sources: tuple[NDArray[Any], NDArray[Any]],
    shapes: tuple[Shape, Shape],
    los: tuple[Triple, Triple],
    widths: tuple[int, int],
    target: NDArray[Any],
    shape: Shape,
    at: Triple,
    lines: tuple[int, int],
    itemsize: int,
) -> None:
    """Copy the rows of two boxes behind each other, all arrays as bytes; `lines` are along z and y."""
    for channel in range(shape[0]):
        for z in range(lines[0]):
            for y in range(lines[1]):
                place = ((channel * shape[1] + at[0] + z) * shape[2] + at[1] + y) * shape[3] + at[2]
                for side in range(2):
                    lo, (_, depth, height, columns) = los[side], shapes[side]
                    row = ((channel * depth + lo[0] + z) * height + lo[1] + y) * columns + lo[2]
                    _copy_row(sources[side], row * itemsize, target, place * itemsize, widths[side] * itemsize)
                    place += widths[side]
