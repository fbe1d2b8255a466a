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
    from collections.abc import Callable

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
INTERPRETED = config.DISABLE_JIT  # type: ignore[attr-defined]
ROW_BITS = {1: 1, 2: 1, 4: 2, 8: 4, 16: 4}  # of an index, by the number of labels that a row is blended from


def _row_writer() -> Callable[..., Any]:
    """Return a function (out, index, row, labels) that writes eight voxels from the row of their indices.

    1, 2, 4, 8 or 16 `labels` are a tuple; an index has 1, 1, 2, 4 or 4 bits. Where eight labels fill at most a register
    the processor looks all voxels of the row up in it at once, any number of labels in the time of two. Else they are
    blended as vectors by the bits of the indices: 8 labels cost 7 blends of a whole row.
    """

    def interpreted(out: NDArray[Any], index: int, row: int, labels: tuple[Any, ...]) -> None:
        bits = ROW_BITS[len(labels)]
        for voxel in range(SIDE):
            out[index + voxel] = labels[int(row) >> bits * voxel & len(labels) - 1]

    def compiled(_context: Any, out: Any, _index: Any, _row: Any, labels: Any) -> Any:
        bits = ROW_BITS[len(labels)]

        def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            array, index, row, choices = arguments
            known = [builder.extract_value(choices, i) for i in range(len(labels))]
            rows = _splat(builder, row)
            registers = len(labels) > 2 and SIDE * out.dtype.bitwidth <= _register_bits(context)
            voxels = (_looked_up if registers else _blended)(builder, known, rows, bits)
            data = context.make_array(out)(context, builder, array).data
            target = builder.bitcast(builder.gep(data, [index]), voxels.type.as_pointer())
            builder.store(voxels, target, align=out.dtype.bitwidth // 8)
            return context.get_dummy_value()

        choices = types.UniTuple(out.dtype, len(labels))
        return types.void(out, types.intp, types.uint32, choices), generate

    return interpreted if INTERPRETED else intrinsic(compiled)


def _register_bits(context: Any) -> int:
    """Return the bits of the widest vector whose lanes the processor puts into any order, 0 if it cannot."""
    *_, features = context.codegen().magic_tuple()
    return next((bits for name, bits in (("+avx512f", 512), ("+avx2", 256)) if name in features.split(",")), 0)


def _splat(builder: Any, value: Any) -> Any:
    return moved(builder, _vector(builder, [value]), [0] * SIDE)


def _vector(builder: Any, values: list[Any]) -> Any:
    vector = ir.Constant(ir.VectorType(values[0].type, len(values)), ir.Undefined)
    for lane, value in enumerate(values):
        vector = builder.insert_element(vector, value, ir.IntType(32)(lane))
    return vector


def _bit_is_set(builder: Any, rows: Any, bits: int, bit: int) -> Any:
    probes = ir.Constant(rows.type, [1 << bits * voxel + bit for voxel in range(SIDE)])
    return builder.icmp_unsigned("!=", builder.and_(rows, probes), ir.Constant(rows.type, None))


def _blended(builder: Any, labels: list[Any], rows: Any, bits: int) -> Any:
    """Return the labels of the indices by choosing between all even and all odd ones, and so on."""
    blended = [_splat(builder, label) for label in labels]
    for bit in range(len(labels).bit_length() - 1):
        chosen = _bit_is_set(builder, rows, bits, bit)
        blended = [builder.select(chosen, high, low) for low, high in zip(blended[::2], blended[1::2], strict=True)]
    return blended[0]


def _looked_up(builder: Any, labels: list[Any], rows: Any, bits: int) -> Any:
    """Return the labels of the indices; LLVM makes one instruction of eight lanes that are taken one by one."""
    shifts, mask = [bits * voxel for voxel in range(SIDE)], min(len(labels), SIDE) - 1
    indices = builder.and_(builder.lshr(rows, ir.Constant(rows.type, shifts)), ir.Constant(rows.type, [mask] * SIDE))
    lanes = [builder.extract_element(indices, ir.IntType(32)(voxel)) for voxel in range(SIDE)]
    found = []
    for first in range(0, len(labels), SIDE):
        table = _vector(builder, (2 * labels[first : first + SIDE])[:SIDE])
        found.append(_vector(builder, [builder.extract_element(table, lane) for lane in lanes]))
    return builder.select(_bit_is_set(builder, rows, bits, 3), found[1], found[0]) if len(found) == 2 else found[0]


write_row = _row_writer()


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
    labels = np.empty(16, out.dtype)

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
                if block == (SIDE, SIDE, SIDE) and extent[2] == SIDE and bits <= 4 and entries >= 1 << bits:
                    for i in range(1 << bits):
                        labels[i] = _label(words, U(table + per_label * i), per_label)
                    if extent == block:
                        _blend(words, values, bits, labels, flat, corner, pitch, plane)
                    else:
                        _blend_rows(words, values, bits, labels, places, target)
                    continue
                if bits <= 4:
                    known = _look_up_bits(words, table, entries, values, bits, places, target)
                elif bits == 8:
                    known = _look_up(words, table, entries, words.view(np.uint8)[4 * values :], places, target)
                elif bits == 16:
                    known = _look_up(words, table, entries, words.view(np.uint16)[2 * values :], places, target)
                else:
                    known = _look_up(words, table, entries, words[values:], places, target)
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
def _blend(words, values, bits, labels, flat, corner, pitch, plane):
    """Write a whole block of 8x8x8 of at most 16 labels."""
    if bits == 0:
        only = (labels[0],)
        for z in range(SIDE):
            for y in range(SIDE):
                write_row(flat, corner + z * plane + y * pitch, np.uint32(0), only)
    elif bits == 1:
        two = (labels[0], labels[1])
        for z in range(SIDE):
            for half in range(2):
                word = words[values + 2 * z + half]
                line = corner + z * plane + 4 * half * pitch
                for y in range(4):
                    write_row(flat, line + y * pitch, word >> np.uint32(8 * y), two)
    elif bits == 2:
        four = (labels[0], labels[1], labels[2], labels[3])
        for z in range(SIDE):
            for quarter in range(4):
                word = words[values + 4 * z + quarter]
                line = corner + z * plane + 2 * quarter * pitch
                write_row(flat, line, word, four)
                write_row(flat, line + pitch, word >> np.uint32(16), four)
    else:
        together = np.uint32(0)
        for word in range(SIDE * SIDE):
            together |= words[values + word]
        eight = (labels[0], labels[1], labels[2], labels[3], labels[4], labels[5], labels[6], labels[7])
        more = (labels[8], labels[9], labels[10], labels[11], labels[12], labels[13], labels[14], labels[15])
        # A block of 5 to 8 labels, the most frequent of 4 bits, needs half the blends.
        if together & np.uint32(0x88888888) == 0:
            for z in range(SIDE):
                for y in range(SIDE):
                    write_row(flat, corner + z * plane + y * pitch, words[values + SIDE * z + y], eight)
        else:
            for z in range(SIDE):
                for y in range(SIDE):
                    write_row(flat, corner + z * plane + y * pitch, words[values + SIDE * z + y], eight + more)


@inline
def _blend_rows(words, values, bits, labels, places, target):
    """Write whole rows of a part of a block of 8x8x8 of at most 16 labels."""
    _, first, extent = places
    flat, corner, pitch, plane = target
    two, four = (labels[0], labels[1]), (labels[0], labels[1], labels[2], labels[3])
    eight = (labels[4], labels[5], labels[6], labels[7], labels[8], labels[9], labels[10], labels[11])
    sixteen = four + eight + (labels[12], labels[13], labels[14], labels[15])
    for z in range(extent[0]):
        for y in range(extent[1]):
            line, octet = corner + z * plane + y * pitch, bits * (first[1] + y + SIDE * (first[0] + z))
            row = words[values + (octet >> 2)] >> np.uint32((octet & 3) * 8)
            if bits == 0:
                write_row(flat, line, np.uint32(0), two)
            elif bits == 1:
                write_row(flat, line, row, two)
            elif bits == 2:
                write_row(flat, line, row, four)
            else:
                write_row(flat, line, row, sixteen)


@inline
def _look_up_bits(words, table, entries, values, bits, places, target):
    """Write a part of a block whose indices are parts of a byte; return whether all of them lie in the buffer."""
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


@inline
def _look_up(words, table, entries, indices, places, target):
    """Write a part of a block from indices of whole bytes; return whether all of them lie in the buffer."""
    block, first, extent = places
    flat, corner, pitch, plane = target
    per_label = U(_words_of(flat))
    base, limit = U(table), U(entries)
    for z in range(extent[0]):
        for y in range(extent[1]):
            line = U(corner + z * plane + y * pitch)
            start = U(first[2] + block[2] * (first[1] + y + block[1] * (first[0] + z)))
            for x in range(U(extent[2])):
                index = U(indices[start + x])
                if index >= limit:
                    return False
                flat[line + x] = _label(words, base + per_label * index, per_label)
    return True
