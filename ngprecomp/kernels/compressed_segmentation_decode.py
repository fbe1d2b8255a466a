"""compressed_segmentation words to labels, one channel at a time, only the blocks that a box touches.

Everything here counts in 32-bit words from the start of the channel. Nothing that the words say is believed: what
would be read outside the buffer is returned as a fault, together with the number of the block.
"""

# mypy: disable-error-code="no-untyped-def,assignment"

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import config, types
from numba.extending import intrinsic

from ngprecomp.kernels.jit import inline, kernel
from ngprecomp.kernels.row_vectors import moved

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

DECODED = 0
HEADERS_CUT = 1  # the buffer ends before the last block header
BITS_UNKNOWN = 2  # the encoded bits are none of 0, 1, 2, 4, 8, 16 and 32
TABLE_OUTSIDE = 3  # the lookup table overlaps the headers or has no room for a label
VALUES_OUTSIDE = 4  # the encoded values overlap the headers or leave the buffer
INDEX_OUTSIDE = 5  # an encoded value points behind the end of the buffer

# Indices of inner loops are unsigned: Numba asks of signed ones whether they count from the end, 3/4 of the time.
U = np.uint64
SIDE = 8  # edge of the blocks that are written a row of eight voxels at a time
MOST = 16  # labels of such blocks
INTERPRETED = config.DISABLE_JIT  # type: ignore[attr-defined]


def _row_writer(most: int) -> Callable[..., Any]:
    """Return a function (out, index, words, octet, bits, table) that writes eight voxels.

    Their indices of so many bits begin at a byte of `words`, four of which are there; `table` holds the 32-bit words of
    at most `most` labels, and room for 16. Where the processor can it looks eight or sixteen words up in a register at
    once. A row takes the same steps whatever its bits: 1.4 to 2 times as fast as a path for each number of them.
    """

    def interpreted(out: NDArray[Any], index: int, words: Any, octet: int, bits: int, table: NDArray[Any]) -> None:
        row = int(words.view(np.uint8)[int(octet) : int(octet) + 4].view(np.uint32)[0])
        labels = table.view(out.dtype)
        for voxel in range(SIDE):
            out[int(index) + voxel] = labels[row >> int(bits) * voxel & (1 << int(bits)) - 1]

    def compiled(_context: Any, out: Any, _index: Any, words: Any, _octet: Any, _bits: Any, table: Any) -> Any:
        per_label = out.dtype.bitwidth // 32

        def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            def address(kind: Any, array: Any) -> Any:
                return context.make_array(kind)(context, builder, array).data

            target, index, source, octet, width, known = arguments
            row = builder.bitcast(builder.gep(builder.bitcast(address(words, source), OCTETS), [octet]), WORDS)
            word, bits, labels = builder.load(row, align=1), builder.trunc(width, WORD), address(table, known)
            voxel = builder.gep(address(out, target), [index])
            lanes = min(_lanes(context), SIDE * per_label)
            if lanes == 0:
                _look_up_one_by_one(builder, word, bits, builder.bitcast(labels, voxel.type), voxel)
                return context.get_dummy_value()
            place = builder.bitcast(voxel, WORDS)
            for first in range(0, SIDE * per_label, lanes):
                indices = _indices(builder, word, bits, range(first, first + lanes), per_label)
                voxels = _looked_up(builder, indices, labels, most * per_label)
                whole = builder.bitcast(builder.gep(place, [WORD(first)]), voxels.type.as_pointer())
                builder.store(voxels, whole, align=4 * per_label)
            return context.get_dummy_value()

        return types.void(out, types.uint64, words, types.uint64, types.uint64, table), generate

    return interpreted if INTERPRETED else intrinsic(compiled)


OCTETS, WORD = ir.IntType(8).as_pointer(), ir.IntType(32)
WORDS = WORD.as_pointer()


def _lanes(context: Any) -> int:
    """Return the words of the widest register that the processor puts into any order, 0 if it cannot."""
    *_, features = context.codegen().magic_tuple()
    return next((lanes for name, lanes in (("+avx512f", 16), ("+avx2", 8)) if name in features.split(",")), 0)


def _look_up_one_by_one(builder: Any, word: Any, bits: Any, labels: Any, place: Any) -> None:
    mask = builder.sub(builder.shl(WORD(1), bits), WORD(1))
    for voxel in range(SIDE):
        index = builder.and_(builder.lshr(word, builder.mul(bits, WORD(voxel))), mask)
        builder.store(builder.load(builder.gep(labels, [index]), align=4), builder.gep(place, [WORD(voxel)]))


def _indices(builder: Any, word: Any, bits: Any, places: range, per_label: int) -> Any:
    """Return which words of a table go to some places of a row."""

    def constant(values: Iterable[int]) -> Any:
        return ir.Constant(ir.VectorType(WORD, len(places)), list(values))

    def splat(value: Any) -> Any:
        first = builder.insert_element(constant([0] * len(places)), value, WORD(0))
        return moved(builder, first, [0] * len(places))

    shifts = builder.mul(splat(bits), constant(place // per_label for place in places))
    mask = splat(builder.sub(builder.shl(WORD(1), bits), WORD(1)))
    indices = builder.and_(builder.lshr(splat(word), shifts), mask)
    scaled = builder.mul(indices, constant([per_label] * len(places)))
    return builder.add(scaled, constant(place % per_label for place in places))


def _looked_up(builder: Any, indices: Any, table: Any, count: int) -> Any:
    """Return the words of a table; LLVM makes one instruction of lanes that are taken from a vector one by one."""
    lanes = indices.type.count
    within = builder.and_(indices, ir.Constant(indices.type, [lanes - 1] * lanes))
    found = []
    for first in range(0, max(count, lanes), lanes):
        part = builder.bitcast(builder.gep(table, [WORD(first)]), indices.type.as_pointer())
        known, voxels = builder.load(part, align=4), ir.Constant(indices.type, ir.Undefined)
        for lane in range(lanes):
            word = builder.extract_element(known, builder.extract_element(within, WORD(lane)))
            voxels = builder.insert_element(voxels, word, WORD(lane))
        found.append(voxels)
    while len(found) > 1:
        lanes, odd = 2 * lanes, ir.Constant(indices.type, [lanes] * indices.type.count)
        chosen = builder.icmp_unsigned("!=", builder.and_(indices, odd), ir.Constant(indices.type, None))
        found = [builder.select(chosen, high, low) for low, high in zip(found[::2], found[1::2], strict=True)]
    return found[0]


write_few, write_many = _row_writer(4), _row_writer(MOST)


@kernel
def decode_blocks(words, shape, block, out, at, lo, size):
    """Decode a box, not empty, block by block; see `decode_channel` of `compressed_segmentation`."""
    grid_z, grid_y, grid_x = -(-shape[0] // block[0]), -(-shape[1] // block[1]), -(-shape[2] // block[2])
    headers = 2 * grid_z * grid_y * grid_x
    if headers > len(words):
        return 0, HEADERS_CUT
    per_label = _words_of(out)
    flat = out.reshape(-1)
    pitch, plane = out.shape[2], out.shape[1] * out.shape[2]
    labels = np.empty(MOST * per_label, np.uint32)

    for bz in range(lo[0] // block[0], -(-(lo[0] + size[0]) // block[0])):
        z0, z1 = max(lo[0], bz * block[0]), min(lo[0] + size[0], (bz + 1) * block[0])
        for by in range(lo[1] // block[1], -(-(lo[1] + size[1]) // block[1])):
            y0, y1 = max(lo[1], by * block[1]), min(lo[1] + size[1], (by + 1) * block[1])
            row = (at[0] + z0 - lo[0]) * plane + (at[1] + y0 - lo[1]) * pitch + at[2] - lo[2]
            for bx in range(lo[2] // block[2], -(-(lo[2] + size[2]) // block[2])):
                x0, x1 = max(lo[2], bx * block[2]), min(lo[2] + size[2], (bx + 1) * block[2])
                number = bx + grid_x * (by + grid_y * bz)
                table = np.int64(words[2 * number]) & 0xFFFFFF
                bits = np.int64(words[2 * number]) >> 24
                values = np.int64(words[2 * number + 1])
                if bits > 32 or bits & (bits - 1) != 0:
                    return number, BITS_UNKNOWN
                entries = (len(words) - table) // per_label
                if table < headers or entries < 1:
                    return number, TABLE_OUTSIDE
                if bits > 0:
                    needed = (bits * block[0] * block[1] * block[2] + 31) // 32
                    if values < headers or values + needed > len(words):
                        return number, VALUES_OUTSIDE
                else:
                    values = 0  # encoders write anything here

                corner = row + x0
                extent = (z1 - z0, y1 - y0, x1 - x0)
                first = (z0 - bz * block[0], y0 - by * block[1], x0 - bx * block[2])
                places = (block, first, extent)
                target = (flat, corner, pitch, plane)
                rows = block == (SIDE, SIDE, SIDE) and extent[2] == SIDE and bits <= 4
                # A row of fewer than 32 bits is read with bytes that follow.
                if rows and entries >= 1 << bits and values + 16 * bits < len(words):
                    for i in range(U(per_label << bits)):
                        labels[i] = words[U(table) + i]
                    _write_rows(words, values, bits, labels, places, target)
                    continue
                known = _look_up(words, table, entries, values, bits, places, target)
                if not known:
                    return number, INDEX_OUTSIDE
    return 0, DECODED


@inline
def _words_of(labels):
    """Return how many words a label has, as a constant of the type."""
    return np.iinfo(labels.dtype).bits // 32


@inline
def _label(words, position, per_label):
    """Return the label at a position of the words."""
    if per_label == 1:
        return U(words[position])
    return U(words[position]) | U(words[position + U(1)]) << U(32)


@inline
def _write_rows(words, values, bits, labels, places, target):
    """Write the whole rows of a block of 8x8x8, or of a part of it, of at most 16 labels."""
    _, first, extent = places
    flat, corner, pitch, plane = target
    width, line_step = U(bits), U(pitch)
    for z in range(extent[0]):
        line = U(corner + z * plane)
        octet = U(4 * values + bits * (first[1] + SIDE * (first[0] + z)))
        if bits < 4:
            for _ in range(extent[1]):
                write_few(flat, line, words, octet, width, labels)
                line += line_step
                octet += width
        else:
            for _ in range(extent[1]):
                write_many(flat, line, words, octet, width, labels)
                line += line_step
                octet += width


@inline
def _look_up(words, table, entries, values, bits, places, target):
    """Write a part of a block label by label; return whether all of its indices lie in the buffer."""
    block, first, extent = places
    flat, corner, pitch, plane = target
    per_label = U(_words_of(flat))
    base, limit = U(table), U(entries)
    width, mask = U(bits), (U(1) << U(bits)) - U(1)
    for z in range(extent[0]):
        for y in range(extent[1]):
            line = U(corner + z * plane + y * pitch)
            bit = U(32 * values + bits * (first[2] + block[2] * (first[1] + y + block[1] * (first[0] + z))))
            for x in range(U(extent[2])):
                index = U(words[bit >> U(5)]) >> (bit & U(31)) & mask
                if index >= limit:
                    return False
                flat[line + x] = _label(words, base + per_label * index, per_label)
                bit += width
    return True
