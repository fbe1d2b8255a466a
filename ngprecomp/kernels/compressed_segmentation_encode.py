"""Labels to compressed_segmentation words, one channel at a time.

Everything here is little endian and counts in 32-bit words from the start of the channel. Blocks of 8x8x8, which
nearly all volumes have, are found constant or split into few labels by comparing whole rows and slabs with one
label: the equality masks that come out are the bit planes of the encoded values. Blocks of other sizes, and those of
more than 16 labels, go through a hash table voxel by voxel.
"""

# mypy: disable-error-code="no-untyped-def,assignment"

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import config, types
from numba.extending import intrinsic

from ngprecomp.kernels.jit import inline, kernel

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

ENCODED = 0
OFFSET_TOO_LARGE = 1  # a table or the values of a block would start at word 2**24 or later
TOO_MANY_LABELS = 2  # a block holds more than 65536 labels

OFFSET_LIMIT = 1 << 24
LABEL_LIMIT = 1 << 16

# Indices of inner loops are unsigned: Numba asks of signed ones whether they count from the end, 15 % of the time.
U = np.uint64
INTERPRETED = config.DISABLE_JIT  # type: ignore[attr-defined]
SIDE = 8  # edge of the blocks that masks are made for: a row of voxels is a byte, a slab of 8 rows a 64-bit word
SLAB = 64
FEW = 16  # labels that are taken off a block one by one before the hash table is faster
NONE = np.uint32(0xFFFF_FFFF)
LOW_HALF = U(0xFFFF_FFFF)
HASH_LOW, HASH_HIGH, HASHED_BITS = U(0x9E37_79B1), U(0x85EB_CA77), U(0x7FFF_FFFF)


def _address(context: Any, builder: Any, array_type: Any, array: Any, index: Any, pointee: Any) -> Any:
    """Return the address of an element as a pointer to another type."""
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), pointee.as_pointer())


def _equality(lanes: int) -> Callable[..., Any]:
    """Return a function (values, index, label) whose bit i is set where ``values[index + i] == label``.

    One vector comparison whose lanes become the bits of an integer. LLVM turns no loop into that, and lowers it well
    everywhere: a mask register on AVX-512, packs and movmskb on AVX2, adds on ARM.
    """

    def interpreted(values: NDArray[Any], index: Any, label: Any) -> Any:
        bits = np.packbits(values[int(index) : int(index) + lanes] == label, bitorder="little")
        return U(int.from_bytes(bits.tobytes(), "little"))

    def compiled(_context: Any, values: Any, _index: Any, _label: Any) -> Any:
        def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            array, index, label = arguments
            vector = ir.VectorType(context.get_data_type(values.dtype), lanes)
            found = builder.load(
                _address(context, builder, values, array, index, vector), align=values.dtype.bitwidth // 8
            )
            alone = builder.insert_element(ir.Constant(vector, ir.Undefined), label, ir.IntType(32)(0))
            zeros = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes)
            every = builder.shuffle_vector(alone, ir.Constant(vector, ir.Undefined), zeros)
            bits = builder.bitcast(builder.icmp_unsigned("==", found, every), ir.IntType(lanes))
            return bits if lanes == SLAB else builder.zext(bits, ir.IntType(SLAB))

        return types.uint64(values, types.intp, values.dtype), generate

    return interpreted if INTERPRETED else intrinsic(compiled)


def _row_copy() -> Callable[..., Any]:
    """Return a function (values, index, target, position) that copies eight voxels as one vector.

    A loop would not become one, as LLVM cannot know that the two arrays do not overlap.
    """

    def interpreted(values: NDArray[Any], index: int, target: NDArray[Any], position: int) -> None:
        target[position : position + SIDE] = values[index : index + SIDE]

    def compiled(_context: Any, values: Any, _index: Any, target: Any, _position: Any) -> Any:
        def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            vector = ir.VectorType(context.get_data_type(values.dtype), SIDE)
            source = _address(context, builder, values, arguments[0], arguments[1], vector)
            place = _address(context, builder, target, arguments[2], arguments[3], vector)
            align = values.dtype.bitwidth // 8
            builder.store(builder.load(source, align=align), place, align=align)
            return context.get_dummy_value()

        return types.void(values, types.intp, target, types.intp), generate

    return interpreted if INTERPRETED else intrinsic(compiled)


def _prefetcher() -> Callable[..., Any]:
    """Return a function (values, index) that asks for an element to be brought into the second-level cache."""

    def interpreted(values: NDArray[Any], index: int) -> None:
        """Do nothing: a hint changes no result."""

    def compiled(_context: Any, values: Any, _index: Any) -> Any:
        def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            word = ir.IntType(32)
            address = _address(context, builder, values, arguments[0], arguments[1], ir.IntType(8))
            kind = ir.FunctionType(ir.VoidType(), [address.type, word, word, word])
            hint = builder.module.declare_intrinsic("llvm.prefetch", [address.type], kind)
            read, second_level, data = word(0), word(2), word(1)
            builder.call(hint, [address, read, second_level, data])
            return context.get_dummy_value()

        return types.void(values, types.intp), generate

    return interpreted if INTERPRETED else intrinsic(compiled)


def _trailing_zeros() -> Callable[..., Any]:
    """Return a function of a 64-bit word, not 0, that returns the number of its lowest set bit."""

    def interpreted(word: np.uint64) -> int:
        return (int(word) & -int(word)).bit_length() - 1

    def compiled(_context: Any, _word: Any) -> Any:
        def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            return builder.cttz(arguments[0], ir.IntType(1)(1))

        return types.uint64(types.uint64), generate

    return interpreted if INTERPRETED else intrinsic(compiled)


row_equals, slab_equals = _equality(SIDE), _equality(SLAB)
copy_row = _row_copy()
prefetch = _prefetcher()
lowest_bit = _trailing_zeros()


@kernel
def encode_blocks(voxels, lo, size, block, out):
    """Encode a box, not empty, block by block; see `encode_channel` of `compressed_segmentation`."""
    grid_z, grid_y, grid_x = -(-size[0] // block[0]), -(-size[1] // block[1]), -(-size[2] // block[2])
    blocks = grid_z * grid_y * grid_x
    filled = min(block[0], size[0]) * min(block[1], size[1]) * min(block[2], size[2])
    eight = block[0] == SIDE and block[1] == SIDE and block[2] == SIDE
    flat = voxels.reshape(-1)
    pitch, plane = voxels.shape[2], voxels.shape[1] * voxels.shape[2]

    equal = np.empty(grid_x * SIDE if eight else 0, U)  # masks of the first label, for a row of blocks
    cube, few = np.empty(SIDE * SLAB, voxels.dtype), np.empty(FEW, voxels.dtype)
    masks, remaining, planes = np.empty(FEW * SIDE, U), np.empty(SIDE, U), np.empty(4 * SIDE, U)
    order = np.empty(FEW, U)
    table, spare = np.empty(max(filled, FEW), voxels.dtype), np.empty(filled, voxels.dtype)
    indices, ranks = np.empty(filled, np.uint32), np.empty((3, filled), np.uint32)
    slots, starts = np.empty(_power_of_two(2 * filled), np.uint32), np.empty(256, U)
    tables = np.empty(_power_of_two(2 * blocks), np.int64)  # of each table written: its labels << 24 | its offset
    tables[:] = 0

    end, number = 2 * blocks, 0
    for bz in range(grid_z):
        extent_z = min(block[0], size[0] - bz * block[0])
        for by in range(grid_y):
            extent_y = min(block[1], size[1] - by * block[1])
            row = (lo[0] + bz * block[0]) * plane + (lo[1] + by * block[1]) * pitch + lo[2]
            if eight:
                _compare_with_first(flat, row, pitch, plane, (extent_z, extent_y, size[2]), equal)
            for bx in range(grid_x):
                corner = row + bx * block[2]
                extent = (extent_z, extent_y, min(block[2], size[2] - bx * block[2]))
                values = end
                if values >= OFFSET_LIMIT:
                    return number, OFFSET_TOO_LARGE

                if eight and _all_set(equal, U(bx * SIDE)):
                    count = 1
                    table[0] = flat[corner]
                else:
                    count = FEW + 1
                    if eight:
                        _gather(flat, corner, pitch, plane, extent, cube)
                        count = _peel(cube, extent, equal, U(bx * SIDE), few, masks, remaining)
                    if count <= FEW:
                        _sort_few(few, count, order, table)
                        end = _write_planes(masks, order, count, planes, out, end)
                    else:
                        count = _index_labels(flat, corner, pitch, plane, extent, indices, table, slots)
                        if count > LABEL_LIMIT:
                            return number, TOO_MANY_LABELS
                        _sort_many(table, count, spare, ranks, starts)
                        end = _write_indices(indices, ranks[0], count, extent, block, out, end)

                offset, slot = _find_table(out, table, count, tables)
                if offset == 0:
                    offset = end
                    if offset >= OFFSET_LIMIT:
                        return number, OFFSET_TOO_LARGE
                    end = _write_table(table, count, out, end)
                    tables[slot] = count << 24 | offset
                out[2 * number] = _bits_of(count) << 24 | offset
                out[2 * number + 1] = values
                number += 1
    return end, ENCODED


@inline
def _power_of_two(least):
    """Return the least power of two that is not below `least`."""
    power = 1
    while power < least:
        power *= 2
    return power


@inline
def _words_of(labels):
    """Return how many words a label has, as a constant of the type."""
    return np.iinfo(labels.dtype).bits // 32


@inline
def _bits_of(count):
    """Return the encoded bits of a voxel in a block of `count` labels."""
    if count <= 2:
        return count - 1
    if count <= 16:
        return 2 if count <= 4 else 4
    return 8 if count <= 256 else 16


@inline
def _compare_with_first(flat, row, pitch, plane, extent, equal):
    """Set the bits of all voxels that equal the first one of their block, for a row of blocks along x.

    Voxels outside the box count as equal. The rows are compared in the order of memory; block by block would touch 64
    places far apart each time. The row of blocks behind is prefetched (20 % less time for chunks outside the caches).
    """
    full, rest = extent[2] // SIDE, extent[2] % SIDE
    rows = equal.view(np.uint8)
    if extent[0] < SIDE or extent[1] < SIDE:
        rows[:] = 255
    for z in range(extent[0]):
        for y in range(extent[1]):
            line, byte = U(row + z * plane + y * pitch), U(z * SIDE + y)
            for bx in range(U(full)):
                x = bx * U(SIDE)
                prefetch(flat, line + x + U(SIDE * pitch))
                rows[x * U(SIDE) + byte] = row_equals(flat, line + x, flat[U(row) + x])
            if rest > 0:
                last = U(full * SIDE)
                bits = 255
                for x in range(rest):
                    if flat[line + last + U(x)] != flat[U(row) + last]:
                        bits -= 1 << x
                rows[last * U(SIDE) + byte] = bits


@inline
def _all_set(masks, start):
    """Whether the eight masks from `start` are those of a block of one label."""
    together = masks[start]
    for slab in range(U(1), U(SIDE)):
        together &= masks[start + slab]
    return ~together == 0


@inline
def _gather(flat, corner, pitch, plane, extent, cube):
    """Copy a block of 8x8x8: its slices often lie a power of two apart and would fight for one cache set."""
    for z in range(extent[0]):
        for y in range(extent[1]):
            line, position = corner + z * plane + y * pitch, (z * SIDE + y) * SIDE
            if extent[2] == SIDE:
                copy_row(flat, line, cube, position)
            else:
                for x in range(extent[2]):
                    cube[position + x] = flat[line + x]


@inline
def _peel(cube, extent, equal, start, few, masks, remaining):
    """Find the labels of a block and the mask of each; return their number, above FEW for too many.

    The first voxel that has no label yet gives the next one. Voxels outside the box count as done from the start.
    """
    row = (U(1) << U(extent[2])) - U(1)
    inside = row
    for _ in range(1, extent[1]):
        inside = inside << U(SIDE) | row
    for slab in range(U(SIDE)):
        masks[slab] = equal[start + slab] & inside if slab < U(extent[0]) else U(0)
        remaining[slab] = ~equal[start + slab]
    few[0] = cube[0]
    count = 1
    for first in range(U(SIDE)):
        while remaining[first] != 0:
            if count == FEW:
                return FEW + 1
            label = cube[first * U(SLAB) + lowest_bit(remaining[first])]
            mine = U(count * SIDE)
            for slab in range(first):
                masks[mine + slab] = 0
            for slab in range(first, U(SIDE)):
                found = slab_equals(cube, slab * U(SLAB), label) & remaining[slab]
                masks[mine + slab] = found
                remaining[slab] &= ~found
            few[U(count)] = label
            count += 1
    return count


@inline
def _sort_few(few, count, order, table):
    """Sort the labels of a block without branches: the rank of a label is the number of labels below it."""
    for i in range(U(count)):
        rank = U(0)
        for j in range(U(count)):
            rank += U(few[j] < few[i])
        order[rank] = i
        table[rank] = few[i]


@inline
def _write_planes(masks, order, count, planes, out, end):
    """Append the encoded values of a block of 8x8x8 from the masks of its labels; return the new end."""
    planes[:] = 0
    for rank in range(1, count):
        mine = order[U(rank)] * U(SIDE)
        for bit in range(4):
            if rank >> bit & 1:
                for slab in range(U(SIDE)):
                    planes[U(bit * SIDE) + slab] |= masks[mine + slab]
    start = U(end)
    if count == 2:
        whole = planes.view(np.uint32)
        for word in range(U(16)):
            out[start + word] = whole[word]
        return end + 16
    if count <= 4:
        halves = planes.view(np.uint16)
        for word in range(U(32)):
            out[start + word] = _every_second(halves[word]) | _every_second(halves[U(32) + word]) << U(1)
        return end + 32
    quarters = planes.view(np.uint8)
    for word in range(U(64)):
        low = _every_fourth(quarters[word]) | _every_fourth(quarters[U(64) + word]) << U(1)
        high = _every_fourth(quarters[U(128) + word]) | _every_fourth(quarters[U(192) + word]) << U(1)
        out[start + word] = low | high << U(2)
    return end + 64


@inline
def _every_second(piece):
    """Spread 16 bits over the even bits of 32."""
    bits = U(piece)
    bits = (bits | bits << U(8)) & U(0x00FF00FF)
    bits = (bits | bits << U(4)) & U(0x0F0F0F0F)
    bits = (bits | bits << U(2)) & U(0x33333333)
    return (bits | bits << U(1)) & U(0x55555555)


@inline
def _every_fourth(piece):
    """Spread 8 bits over every fourth bit of 32."""
    bits = U(piece)
    bits = (bits | bits << U(12)) & U(0x000F000F)
    bits = (bits | bits << U(6)) & U(0x03030303)
    return (bits | bits << U(3)) & U(0x11111111)


@inline
def _hashed(label, state):
    """Mix a label into a hash of 31 bits; factors of 32 bits cannot overflow 64."""
    wide = U(label)
    mixed = ((wide ^ state) & LOW_HALF) * HASH_LOW ^ ((wide >> U(32)) ^ state) * HASH_HIGH
    return (mixed ^ mixed >> U(32)) & HASHED_BITS


@inline
def _index_labels(flat, corner, pitch, plane, extent, indices, table, slots):
    """Give the labels of a block numbers in order of appearance; return how many there are.

    More than LABEL_LIMIT is too many. `indices` receives the number of each voxel, without gaps; `slots` is an
    open-addressing table of the numbers.
    """
    slots[:] = NONE
    last_slot = U(len(slots) - 1)
    count, voxel = U(0), U(0)
    previous, index = flat[corner], NONE
    for z in range(extent[0]):
        for y in range(extent[1]):
            line = U(corner + z * plane + y * pitch)
            for x in range(U(extent[2])):
                label = flat[line + x]
                if label != previous or index == NONE:
                    slot = _hashed(label, U(0)) & last_slot
                    while slots[slot] != NONE and table[slots[slot]] != label:
                        slot = (slot + U(1)) & last_slot
                    if slots[slot] == NONE:
                        if count == U(LABEL_LIMIT):
                            return LABEL_LIMIT + 1
                        slots[slot] = count
                        table[count] = label
                        count += U(1)
                    previous, index = label, slots[slot]
                indices[voxel] = index
                voxel += U(1)
    return np.int64(count)


@inline
def _sort_many(table, count, spare, ranks, starts):
    """Sort the labels; `ranks[0]` receives the rank of each label by its number.

    By bytes, least first; those in which all labels agree are skipped, mostly the upper half.
    """
    order, other = ranks[1], ranks[2]
    labels, others = table, spare
    differing = U(0)
    for i in range(U(count)):
        order[i] = i
        differing |= U(labels[i] ^ labels[0])
    for digit in range(table.itemsize):
        shift = U(8 * digit)
        if differing >> shift & U(255) == 0:
            continue
        starts[:] = 0
        for i in range(U(count)):
            starts[U(labels[i]) >> shift & U(255)] += U(1)
        total = U(0)
        for byte in range(U(256)):
            total, starts[byte] = total + starts[byte], total
        for i in range(U(count)):
            byte = U(labels[i]) >> shift & U(255)
            place = starts[byte]
            others[place], other[place] = labels[i], order[i]
            starts[byte] = place + U(1)
        labels, others = others, labels
        order, other = other, order
    numbered = ranks[0]
    for i in range(U(count)):
        numbered[order[i]] = i
        table[i] = labels[i]


@inline
def _write_indices(indices, ranks, count, extent, block, out, end):
    """Append the encoded values of a block of any shape from the number of each voxel; return the new end."""
    bits = _bits_of(count)
    after = end + (bits * block[0] * block[1] * block[2] + 31) // 32
    for word in range(U(end), U(after)):
        out[word] = 0
    voxel = U(0)
    for z in range(extent[0] if bits > 0 else 0):
        for y in range(extent[1]):
            bit = U(32 * end + bits * block[2] * (y + block[1] * z))
            for _ in range(extent[2]):
                out[bit >> U(5)] |= ranks[indices[voxel]] << np.uint32(bit & U(31))
                bit += U(bits)
                voxel += U(1)
    return after


@inline
def _find_table(out, table, count, tables):
    """Return the offset of an equal table that was written before, or 0, and the slot of `tables` that names it."""
    words = _words_of(table)
    state = U(count)
    for i in range(U(count)):
        state = _hashed(table[i], state)
    slot = np.int64(state) & (len(tables) - 1)
    while tables[slot] != 0:
        offset = tables[slot] & (OFFSET_LIMIT - 1)
        same = tables[slot] >> 24 == count
        i = 0
        while same and i < count:
            label = U(table[i])
            for word in range(words):
                same &= out[offset + words * i + word] == label >> U(32 * word) & LOW_HALF
            i += 1
        if same:
            return offset, slot
        slot = (slot + 1) & (len(tables) - 1)
    return 0, slot


@inline
def _write_table(table, count, out, end):
    """Append a lookup table; return the new end."""
    words = _words_of(table)
    for i in range(count):
        for word in range(words):
            out[end + words * i + word] = U(table[i]) >> U(32 * word) & LOW_HALF
    return end + words * count
