"""Every so manyth voxel along each axis."""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import config, types
from numba.extending import intrinsic

from ngprecomp.kernels import streaming
from ngprecomp.kernels.aligned import CACHE_LINE
from ngprecomp.kernels.jit import kernel
from ngprecomp.kernels.row_vectors import Part, Row, fill_row, moved

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

# Unsigned indices: Numba would test signed ones for being negative.
U = np.uintp
ROWS_AHEAD = 3


def _picked_windows() -> Callable[..., Any]:
    """Return a function (values, index, ahead, out, to, count, streams, known_width): first voxels of windows in a row.

    A row that is read later lies `ahead` of this one. LLVM makes gathers or single loads of a loop over windows: these
    vectors are 2 to 7 times as fast.
    """

    def interpreted(
        values: NDArray[Any], index: int, _ahead: int, out: NDArray[Any], to: int, count: int, _streams: bool,
        known_width: Any,
    ) -> None:  # fmt: skip
        out[to : to + count] = values[index : index + count * len(known_width) : len(known_width)]

    def compiled(
        _context: Any, values: Any, _index: Any, _ahead: Any, out: Any, _to: Any, _count: Any, _streams: Any,
        known_width: Any,
    ) -> Any:  # fmt: skip
        width, align = len(known_width), values.dtype.bitwidth // 8

        def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            source, index, ahead, target, to, count, streams = arguments[:7]
            line = builder.gep(context.make_array(values)(context, builder, source).data, [index])
            results = builder.gep(context.make_array(out)(context, builder, target).data, [to])
            with builder.if_then(streams):
                streaming.prefetch(builder, builder.gep(line, [ahead]), builder.mul(count, count.type(width * align)))

            def fill(part: Part) -> None:
                row = ir.VectorType(line.type.pointee, width * part.lanes)
                start = builder.gep(line, [builder.mul(part.first, count.type(width))])
                voxels = builder.load(builder.bitcast(start, row.as_pointer()), align=align)
                picked = moved(builder, voxels, range(0, width * part.lanes, width))
                # Past the caches it would take up to twice the time.
                place = builder.bitcast(builder.gep(results, [part.first]), picked.type.as_pointer())
                builder.store(picked, place, align=align)

            row = Row(results, align, count, streams=ir.IntType(1)(0))
            fill_row(builder, row, count, [CACHE_LINE // align, 1], fill)
            return context.get_dummy_value()

        index = types.intp
        return types.void(values, index, index, out, index, index, types.boolean, known_width), generate

    return interpreted if config.DISABLE_JIT else intrinsic(compiled)  # type: ignore[attr-defined]


picked_windows = _picked_windows()


@kernel
def pick_voxels(voxels, start, out, at, size, window, streams, known_width):
    """Copy the first voxel of each window of unsigned words; `streams` tells that no cache holds the arrays.

    `known_width` is a tuple as long as the window is wide, or empty: the length of a tuple belongs to its type, so that
    rows of such windows are vectors.
    """
    values, results = voxels.reshape(-1), out.reshape(-1)
    pitch, plane = voxels.shape[2], voxels.shape[1] * voxels.shape[2]
    # The last window may be cut.
    whole = min(size[2], (pitch - start[2]) // window[2]) if len(known_width) > 0 else 0
    ahead = ROWS_AHEAD * window[1] * pitch
    for k in range(size[0]):
        for j in range(size[1]):
            line = (start[0] + window[0] * k) * plane + (start[1] + window[1] * j) * pitch + start[2]
            to = ((at[0] + k) * out.shape[1] + at[1] + j) * out.shape[2] + at[2]
            if len(known_width) > 0:
                picked_windows(values, line, ahead, results, to, whole, streams, known_width)
            for i in range(whole, size[2]):
                results[U(to + i)] = values[U(line + window[2] * i)]
