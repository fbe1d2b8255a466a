"""Fortran memory order for arrays that have another one: the axes in memory are reversed tile by tile.

NumPy walks such a copy along one array and so misses the cache with every voxel of the other. Here a square tile
is read by rows, transposed in vector registers and written by rows: 4 (uint64) to 16 times (uint8) as fast for
256x256x256 voxels, the allocation included.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import config, types
from numba.extending import intrinsic

from ngprecomp.kernels import streaming
from ngprecomp.kernels.aligned import aligned_empty
from ngprecomp.kernels.jit import inline, kernel

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

Scalar = TypeVar("Scalar", bound=np.generic)

# Tiles of a block lie close together: the first cache and its page table hold 32 rows of either array.
BLOCK = 32
MAX_RANK = 4
WORDS = {1: np.uint8, 2: np.uint16, 4: np.uint32, 8: np.uint64}


def fortran_ordered(voxels: NDArray[Scalar]) -> NDArray[Scalar]:
    """Return the same values at the same indices in Fortran memory order, first axis fastest.

    An array that is in this order already is returned itself.

    Examples
    --------
    >>> voxels = np.arange(24).reshape(2, 3, 4)
    >>> ordered = fortran_ordered(voxels)
    >>> ordered.flags.f_contiguous, np.array_equal(ordered, voxels), fortran_ordered(ordered) is ordered
    (True, True, True)
    """
    if voxels.flags.f_contiguous:
        return voxels
    ordered: NDArray[Scalar] = aligned_empty(voxels.shape, voxels.dtype)
    _copy(voxels.squeeze(), ordered.squeeze())
    return ordered


def _copy(source: NDArray[Any], target: NDArray[Any]) -> None:
    """Copy an array without axes of length 1 into one whose first axis is contiguous."""
    if source.ndim < 2:
        np.copyto(target, source)
        return
    fastest, next_fastest = np.argsort(source.strides, kind="stable")[:2]
    side = tile_side(source.itemsize)
    if fastest == 0 or source.shape[0] < side or not _suits(source):
        np.copyto(target, source)
    elif source.shape[fastest] >= side:
        _copy_by_tiles(source, target, int(fastest))
    elif next_fastest == 0:
        np.copyto(target, source)
    else:
        # Channels behind x, y, z: each is taken out first, in its own memory order, then reversed by itself.
        for channel in range(source.shape[fastest]):
            index = (slice(None),) * int(fastest) + (channel,)
            _copy(source[index].copy(order="K"), target[index])


def _copy_by_tiles(source: NDArray[Any], target: NDArray[Any], fastest: int) -> None:
    """Copy along axis 0, which is contiguous in `target`, and `fastest`, which is in `source`, by tiles."""
    axes = [0, fastest, *(axis for axis in reversed(range(1, source.ndim)) if axis != fastest)]

    def of_axes(values: Sequence[int]) -> tuple[int, int, int, int]:
        target_first, source_first, outer, inner = [*(values[axis] for axis in axes), 1, 1][:MAX_RANK]
        return target_first, source_first, outer, inner

    flat = _flat(source)
    flat.flags.writeable = False
    streams = target.nbytes >= streaming.LARGE
    _reverse(flat, _flat(target), of_axes(source.shape), of_axes(_steps(source)), of_axes(_steps(target)), streams)


def _suits(source: NDArray[Any]) -> bool:
    """Whether the compiled copy can read `source`: voxels of machine words, forwards along at most four axes."""
    return (
        source.itemsize in WORDS
        and not source.dtype.hasobject
        and source.flags.aligned
        and source.ndim <= MAX_RANK
        and min(source.strides) == source.itemsize
        and all(stride % source.itemsize == 0 for stride in source.strides)
    )


def _steps(values: NDArray[Any]) -> list[int]:
    """Return the strides in elements."""
    return [stride // values.itemsize for stride in values.strides]


def _flat(values: NDArray[Any]) -> NDArray[Any]:
    """Return the memory from the first to the last element as words: one array type for any dtype and strides."""
    last = sum((count - 1) * step for count, step in zip(values.shape, _steps(values), strict=True))
    words = values.view(WORDS[values.itemsize])
    return np.lib.stride_tricks.as_strided(words, (last + 1,), (values.itemsize,))


def tile_side(itemsize: int) -> int:
    """Return the rows and columns of a tile: 128 bits a row, but no fewer than eight voxels."""
    return 16 if itemsize == 1 else 8


_side = inline(tile_side)


def _tile_transposition() -> Callable[..., None]:
    """Return a function (source, at, step, target, target_at, target_step, streams) that transposes one tile.

    The rows of a tile are `step` apart. Each round interleaves the first half of the rows with the second; after as
    many rounds as the side has bits, rows have become columns. LLVM does not find these shuffles in a loop.
    """

    def interpreted(
        source: NDArray[Any], at: int, step: int, target: NDArray[Any], target_at: int, target_step: int,
        _streams: bool,
    ) -> None:  # fmt: skip
        side = tile_side(source.itemsize)
        for column in range(side):
            row = target_at + column * target_step
            target[row : row + side] = source[at + column : at + column + side * step : step][:side]

    def compiled(
        _context: Any, source: Any, _at: Any, _step: Any, target: Any, _to: Any, _by: Any, _streams: Any
    ) -> Any:
        def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            side = tile_side(source.dtype.bitwidth // 8)
            vector = ir.VectorType(context.get_data_type(source.dtype), side)
            align = source.dtype.bitwidth // 8

            def rows(kind: Any, array: Any, at: Any, step: Any) -> list[Any]:
                data = context.make_array(kind)(context, builder, array).data
                starts = [builder.add(at, builder.mul(step, ir.Constant(step.type, row))) for row in range(side)]
                return [builder.gep(data, [start]) for start in starts]

            mask = ir.VectorType(ir.IntType(32), side)
            pairs = [lane // 2 + lane % 2 * side for lane in range(side)]
            low, high = ir.Constant(mask, pairs), ir.Constant(mask, [lane + side // 2 for lane in pairs])
            rows_read = [builder.bitcast(row, vector.as_pointer()) for row in rows(source, *arguments[:3])]
            tile = [builder.load(row, align=align) for row in rows_read]
            for _ in range(side.bit_length() - 1):
                halves = list(zip(tile[: side // 2], tile[side // 2 :], strict=True))
                tile = [builder.shuffle_vector(*pair, part) for pair in halves for part in (low, high)]
            for column, row in zip(tile, rows(target, *arguments[3:6]), strict=True):
                streaming.store(builder, column, row, align, arguments[6])
            return context.get_dummy_value()

        index = types.intp
        return types.void(source, index, index, target, index, index, types.boolean), generate

    return interpreted if config.DISABLE_JIT else intrinsic(compiled)  # type: ignore[attr-defined]


transpose_tile = _tile_transposition()


@kernel
def _reverse(
    source: NDArray[Any],
    target: NDArray[Any],
    shape: tuple[int, int, int, int],
    steps: tuple[int, int, int, int],
    target_steps: tuple[int, int, int, int],
    streams: bool,
) -> None:
    """Copy planes of the axis that is contiguous in `target`, first, and that which is in `source`, second."""
    side = _side(source.itemsize)
    for k in range(shape[2]):
        for m in range(shape[3]):
            at = k * steps[2] + m * steps[3]
            target_at = k * target_steps[2] + m * target_steps[3]
            for i0 in range(0, shape[0], BLOCK):
                for j0 in range(0, shape[1], BLOCK):
                    for i in range(i0, min(i0 + BLOCK, shape[0]), side):
                        for j in range(j0, min(j0 + BLOCK, shape[1]), side):
                            # The last tiles are moved back over their neighbours, so that every tile is whole.
                            row, column = min(i, shape[0] - side), min(j, shape[1] - side)
                            transpose_tile(
                                source, at + row * steps[0] + column, steps[0],
                                target, target_at + column * target_steps[1] + row, target_steps[1], streams,
                            )  # fmt: skip
