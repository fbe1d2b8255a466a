"""Shapes of chunks, blocks and shards, chosen as TensorStore chooses them.

The rules are those of its driver document; nothing in the format itself demands them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from ngprecomp.errors import OptionError
from ngprecomp.format.box import Triple, triple
from ngprecomp.format.grid import ceil_div
from ngprecomp.format.sharding import ShardEncoding, Sharding
from ngprecomp.kernels.morton_bits import low_bits, morton_bits

if TYPE_CHECKING:
    from collections.abc import Sequence

Rule = Literal["closest", "at_most"]

CHUNK_ELEMENTS = 2**20
BLOCK_ELEMENTS = 512
WHOLE = -1
"""In a shape: the whole extent."""
FREE = (0, 0, 0)
"""A shape that leaves everything open."""
CHUNK_BITS_OF_A_MINISHARD = 9
# A shard index of 16 MiB; TensorStore has no such limit and may ask for more bits than it can read again.
MAX_WRITTEN_MINISHARD_BITS = 20
_SHRUNK_BY_GZIP = ("raw", "compressed_segmentation", "compresso")


def choose_shape(
    extents: Sequence[int],
    *,
    elements: int,
    fixed: Sequence[int] | None = None,
    aspect: Sequence[float] | None = None,
    rule: Rule = "closest",
) -> tuple[int, ...]:
    """Return the shape of about `elements` elements with a given aspect ratio, no larger than the extents.

    Parameters
    ----------
    extents
        Elements along each of any number of dimensions.
    elements
        Elements wanted.
    fixed
        Sizes that are not to be chosen: 0 where free, -1 for the whole extent.
    aspect
        Sizes relative to each other; 0 counts as 1.
    rule
        Of the last two shapes of a bisection take the one with the number of elements closest to `elements`
        (TensorStore to 0.1.40, and its document), or the one with at most that many (since then).

    Examples
    --------
    >>> choose_shape((1000, 2000, 3000, 2), elements=2**20, fixed=(0, 0, 0, 2))
    (81, 81, 81, 2)
    >>> choose_shape((1000, 2000, 3000, 2), elements=2000000, fixed=(0, 0, 0, 2), aspect=(2, 1, 1, 0))
    (159, 79, 79, 2)
    """
    rank = len(extents)
    wanted = [
        max(1, extent) if size == WHOLE else size for size, extent in zip(fixed or [0] * rank, extents, strict=True)
    ]
    ratios = [ratio or 1.0 for ratio in aspect or [1.0] * rank]
    caps = [float(min(elements, max(1, extent))) for extent in extents]
    free = [axis for axis in range(rank) if not wanted[axis]]
    if not free:
        return tuple(wanted)

    def shape(factor: float) -> tuple[int, ...]:
        chosen = list(wanted)
        for axis in free:
            chosen[axis] = max(1, int(min(ratios[axis] * factor, caps[axis])))
        return tuple(chosen)

    step = min(1 / ratios[axis] for axis in free) / 2
    low, high = step, 2 * max(caps[axis] / ratios[axis] for axis in free)
    below, above = shape(low), shape(high)
    while low + step < high:
        middle = low + (high - low) / 2
        found = shape(middle)
        count = math.prod(found)
        if count >= elements:
            high, above = middle, found
        if count <= elements:
            low, below = middle, found
    if rule == "closest":
        return below if abs(math.prod(below) - elements) <= abs(math.prod(above) - elements) else above
    return above if math.prod(above) == elements else below


def choose_chunk_size(
    size: Triple,
    num_channels: int,
    *,
    elements: int | None = None,
    fixed: Sequence[int] = FREE,
    aspect: Sequence[float] = FREE,
    rule: Rule = "closest",
) -> Triple:
    """Return the chunk size of a volume of `size` voxels; the elements of a chunk include all channels.

    Without wishes a chunk has 2**20 elements and is as cubic as the volume allows.

    Examples
    --------
    >>> choose_chunk_size((1000, 2000, 3000), 1), choose_chunk_size((64, 10000, 1), 1, fixed=(0, 128, 0))
    ((102, 102, 102), (64, 128, 1))
    """
    return triple(
        choose_shape(
            (*size, num_channels),
            elements=CHUNK_ELEMENTS if elements is None else elements,
            fixed=(*fixed, num_channels),
            aspect=(*aspect, 0),
            rule=rule,
        )[:3]
    )


def choose_block_size(
    chunk_size: Triple,
    *,
    elements: int | None = None,
    fixed: Sequence[int] = FREE,
    aspect: Sequence[float] = FREE,
    rule: Rule = "closest",
) -> Triple:
    """Return the block size of compressed_segmentation: unasked 512 voxels, as cubic as the chunk allows.

    Examples
    --------
    >>> choose_block_size((64, 64, 64)), choose_block_size((64, 64, 2))
    ((8, 8, 8), (16, 16, 2))
    """
    wanted = BLOCK_ELEMENTS if elements is None else elements
    return triple(choose_shape(chunk_size, elements=wanted, fixed=fixed, aspect=aspect, rule=rule))


def choose_sharding(
    size: Triple,
    chunk: Triple,
    *,
    elements: int = 0,
    shape: Sequence[int] = FREE,
    hard: Sequence[bool] = (False, False, False),
    encoding: str = "raw",
    data_encoding: ShardEncoding | None = None,
) -> Sharding | None:
    """Return the sharding whose shards come nearest to a wish, or None if single chunks do.

    Shards grow by doubling along x, y and z in turn. The one is taken whose shape differs least from `shape`
    (the sum of relative differences); among equal ones the largest that does not pass `elements`, rounded to
    a power of two of chunks.

    Parameters
    ----------
    size, chunk
        Voxels of the volume and of a chunk, along x, y, z.
    elements
        Voxels wanted in a shard, channels not counted; 0 for no wish.
    shape, hard
        Voxels wanted along each axis (0 for no wish, -1 for the whole axis); whether nothing else will do.
    encoding
        Of the chunks, which decides whether they are gzipped.
    data_encoding
        Decides that in its place, and asks for shards even of single chunks.

    Raises
    ------
    OptionError
        No shard has the hard shape, or chunk ids would exceed 64 bits.

    Examples
    --------
    >>> sharding = choose_sharding((34432, 39552, 51508), (64, 64, 64), elements=8 * 10**9)
    >>> sharding.preshift_bits, sharding.minishard_bits, sharding.shard_bits, sharding.data_encoding
    (9, 6, 15, 'gzip')
    """
    bits = morton_bits(triple(map(ceil_div, size, chunk)))
    within = _within_shard_bits(bits, chunk, elements, shape, hard)
    if not within and data_encoding is None:
        return None
    return _sharding(within, sum(bits), encoding, data_encoding)


def sharding_for_shard_size(
    size: Triple, chunk: Triple, shard_size: Triple, encoding: str, data_encoding: ShardEncoding | None = None
) -> Sharding:
    """Return the sharding whose shards come nearest to `shard_size` voxels, even if they hold one chunk each.

    Raises
    ------
    OptionError
        Chunk ids would exceed 64 bits.

    Examples
    --------
    >>> sharding = sharding_for_shard_size((1000, 2000, 3000), (64, 64, 64), (500, 500, 500), "jpeg")
    >>> sharding.preshift_bits, sharding.minishard_bits, sharding.shard_bits, sharding.data_encoding
    (9, 0, 6, 'raw')
    """
    bits = morton_bits(triple(map(ceil_div, size, chunk)))
    within = _within_shard_bits(bits, chunk, 0, shard_size, (False, False, False))
    return _sharding(within, sum(bits), encoding, data_encoding)


def default_data_encoding(encoding: str) -> ShardEncoding:
    """Return how chunks of an encoding are compressed inside shards: gzip, unless they are compressed already."""
    return "gzip" if encoding in _SHRUNK_BY_GZIP else "raw"


def _sharding(within: int, total: int, encoding: str, data_encoding: ShardEncoding | None) -> Sharding:
    """Return shards of 2**within chunks, in minishards of 2**9 unless there would be too many of them."""
    minishard_bits = min(max(0, within - CHUNK_BITS_OF_A_MINISHARD), MAX_WRITTEN_MINISHARD_BITS)
    return Sharding(
        preshift_bits=within - minishard_bits,
        hash="identity",
        minishard_bits=minishard_bits,
        shard_bits=total - within,
        minishard_index_encoding="gzip",
        data_encoding=data_encoding or default_data_encoding(encoding),
    )


def _within_shard_bits(bits: Triple, chunk: Triple, elements: int, shape: Sequence[int], hard: Sequence[bool]) -> int:
    """Return how many low bits of the chunk ids stay within a shard."""
    target = _target_bits(sum(bits), math.prod(chunk), elements)
    whole = [step << bit for step, bit in zip(chunk, bits, strict=True)]
    best, least = 0, math.inf
    for within in range(sum(bits) + 1):
        shard = [step << bit for step, bit in zip(chunk, low_bits(bits, within), strict=True)]
        cost = _difference(shard, whole, shape, hard)
        if cost < least or (cost == least and within <= target):
            best, least = within, cost
    if least == math.inf:
        raise OptionError(
            f"no shard of chunks of {'x'.join(map(str, chunk))} voxels has the shape {tuple(shape)}: "
            "shards grow by doubling along x, y and z in turn"
        )
    return best


def _target_bits(total: int, chunk_elements: int, elements: int) -> int:
    """Return the bits of the number of chunks, a power of two, that is nearest to `elements`."""
    chunks = (elements + chunk_elements // 2) // chunk_elements
    bits = min(total, max(0, chunks - 1).bit_length())
    if bits and 2**bits - chunks > chunks - 2 ** (bits - 1):
        bits -= 1
    return bits


def _difference(shard: Sequence[int], whole: Sequence[int], shape: Sequence[int], hard: Sequence[bool]) -> float:
    """Return how far `shard` is from `shape`, infinitely far where a hard wish is not met."""
    total = 0.0
    for axis, wish in enumerate(shape):
        wanted = whole[axis] if wish == WHOLE else wish
        if not wanted or shard[axis] == wanted:
            continue
        if hard[axis] and wish != WHOLE:
            return math.inf
        total += abs(shard[axis] - wanted) / wanted
    return total
