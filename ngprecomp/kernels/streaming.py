"""Ways through arrays that no cache holds, as LLVM code for kernels which make vectors of their own.

A stream of loads that comes close behind itself, two to a cache line, has the processor fetch ahead at 25 GB/s (AMD
Zen 4); kernels which read two rows of 512 to 4096 bytes side by side get 10, whatever they prefetch. So they first pass
over each row in order (`touch`). Where rows are left out, those that come next are asked for (`prefetch`): 1.2 to 1.8
times as fast. And results that are not read again soon go to memory past the caches (`store`), which does not read a
line before it is written.

None of this changes a result, so machine code that was cached before this file changed stays right.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils

from ngprecomp.kernels.aligned import CACHE_LINE

LARGE = 2**22  # bytes that a kernel reads or writes; below, all this costs more than it gains (1 MB: up to a third)
STEP = CACHE_LINE // 2  # one load to a line is not noticed by the processor, four cost time
# Bytes of rows that are touched: longer ones leave the first cache before they are used.
SHORTEST, LONGEST = 2**9, 2**13


def touch(builder: Any, first: Any, nbytes: Any) -> None:
    """Load a byte of each half cache line of a row, unless it is very short or long."""
    byte = builder.bitcast(first, ir.IntType(8).as_pointer())
    beyond = builder.sub(nbytes, nbytes.type(SHORTEST))
    fits = builder.icmp_unsigned("<=", beyond, nbytes.type(LONGEST - SHORTEST))
    count = builder.select(fits, nbytes, nbytes.type(0))
    with cgutils.for_range_slice(builder, nbytes.type(0), count, nbytes.type(STEP), nbytes.type) as (at, _):
        # Nobody uses what it loads; LLVM keeps loads that are atomic, which those of a byte are anyway.
        builder.load_atomic(builder.gep(byte, [at]), "monotonic", 1)


def prefetch(builder: Any, first: Any, nbytes: Any) -> None:
    """Ask for a row, which may lie outside its array, to be brought to the second cache."""
    byte, word = builder.bitcast(first, ir.IntType(8).as_pointer()), ir.IntType(32)
    kind = ir.FunctionType(ir.VoidType(), [byte.type, word, word, word])
    fetch = builder.module.declare_intrinsic("llvm.prefetch", [byte.type], kind)
    read, second_cache, data = word(0), word(2), word(1)
    with cgutils.for_range_slice(builder, nbytes.type(0), nbytes, nbytes.type(CACHE_LINE), nbytes.type) as (at, _):
        builder.call(fetch, [builder.gep(byte, [at]), read, second_cache, data])


def store(builder: Any, vector: Any, place: Any, align: int, streams: Any) -> None:
    """Store a vector, past the caches if `streams` and it fills a cache line, which must not be written again soon.

    Other threads see it once the kernel has taken the interpreter's lock again, which waits for such stores.
    """
    pointer = builder.bitcast(place, vector.type.as_pointer())
    nbytes = vector.type.count * align
    if nbytes < CACHE_LINE:
        builder.store(vector, pointer, align=align)
        return
    address = builder.ptrtoint(pointer, ir.IntType(64))
    aligned = builder.icmp_unsigned("==", builder.and_(address, address.type(nbytes - 1)), address.type(0))
    with builder.if_else(builder.and_(streams, aligned)) as (past, through):
        with past:
            _pass_caches(builder, builder.store(vector, pointer, align=nbytes))
        with through:
            builder.store(vector, pointer, align=align)


def store_word(builder: Any, word: Any, place: Any, streams: Any) -> None:
    """Store one of many words of 64 bits that follow each other, past the caches if `streams`."""
    with builder.if_else(streams) as (past, through):
        with past:
            _pass_caches(builder, builder.store(word, place))
        with through:
            builder.store(word, place)


def _pass_caches(builder: Any, stored: Any) -> None:
    stored.set_metadata("nontemporal", builder.module.add_metadata([ir.IntType(32)(1)]))
