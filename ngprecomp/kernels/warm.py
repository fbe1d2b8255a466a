"""Compile every kernel for every dtype it supports, so that later processes find the machine code in the cache.

Downsampling is compiled for factors of 1 and 2 along x, which pyramids have unless they are told otherwise: kernels
know the width of their windows, and each further width would take as long again.
"""

from __future__ import annotations

import itertools
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numba import config

from ngprecomp.errors import OptionError
from ngprecomp.kernels.boxes import copy_boxes
from ngprecomp.kernels.combining import KERNELS, combine
from ngprecomp.kernels.compressed_segmentation import decode_channel, encode_channel, words_needed
from ngprecomp.kernels.compresso import decode_labels
from ngprecomp.kernels.crc32c import crc32c
from ngprecomp.kernels.downsample import DTYPES, METHODS, downsample
from ngprecomp.kernels.downsample_pairs import reduce_pairs
from ngprecomp.kernels.label_statistics import label_statistics
from ngprecomp.kernels.morton import compressed_morton_code, grid_positions
from ngprecomp.kernels.murmur3 import murmurhash3_x86_128
from ngprecomp.kernels.rescale import look_up
from ngprecomp.kernels.reversal import WORDS, fortran_ordered, tile_side
from ngprecomp.kernels.searching import occurs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LABELS = ("uint32", "uint64")
SIZE = (9, 9, 9)  # whole windows and blocks, and ragged ones at the end
BLOCK = (8, 8, 8)
FACTORS = ((2, 2, 1), (2, 2, 2), (2, 1, 1), (1, 1, 2))  # each is another kernel, or one of windows of another width


def warm_kernels() -> Iterator[str]:
    """Yield the name of each subject and dtype, and compile its kernels before the next one.

    Raises
    ------
    OptionError
        Numba is told not to compile.
    """
    if config.DISABLE_JIT:  # type: ignore[attr-defined]
        raise OptionError("there is nothing to compile: NUMBA_DISABLE_JIT is set")
    for name, compile_now in _subjects():
        yield name
        compile_now()


def cache_folder() -> str:
    """Return the folder of the machine code: ``NUMBA_CACHE_DIR``, beside the sources, or the user's cache."""
    return str(reduce_pairs.stats.cache_path)  # type: ignore[attr-defined]


def _subjects() -> Iterator[tuple[str, Callable[[], None]]]:
    yield "Morton codes and hashes", _warm_chunk_ids
    yield "copies of boxes and searches", _warm_bytes
    for dtype in LABELS:
        yield f"compressed_segmentation of {dtype}", partial(_warm_compressed_segmentation, dtype)
    for itemsize in WORDS:
        yield f"axis reversal of {itemsize} bytes", partial(_warm_reversal, itemsize)
        yield f"statistics of labels of {itemsize} bytes", partial(_warm_label_statistics, itemsize)
        yield f"compresso of {itemsize} bytes", partial(_warm_compresso, itemsize)
    for itemsize, entry in itertools.product((1, 2), (1, 2, 4)):
        yield f"contrast from {itemsize} to {entry} bytes", partial(_warm_contrast, itemsize, entry)
    for dtype, mode in itertools.product(DTYPES, KERNELS):
        yield f"combining {dtype} by {mode}", partial(_warm_combining, dtype, mode)
    for dtype, method in itertools.product(DTYPES, METHODS):
        if method == "thin" and not dtype.startswith("uint"):
            continue  # the others are viewed as unsigned, or refused
        yield f"downsampling of {dtype} by {method}", partial(_warm_downsample, dtype, method)


def _warm_chunk_ids() -> None:
    grid_positions(compressed_morton_code([[0, 0, 0]], SIZE), SIZE)
    murmurhash3_x86_128([0])
    crc32c(b"")


def _warm_bytes() -> None:
    voxels = np.zeros((1, *SIZE), np.uint8)
    copy_boxes([voxels], [(0, 0, 0)], np.empty_like(voxels), (0, 0, 0), [SIZE])
    occurs(bytes(4), b"")


def _warm_compressed_segmentation(dtype: str) -> None:
    labels = np.zeros(SIZE, dtype)
    words = np.empty(words_needed(SIZE, BLOCK, labels.itemsize), np.uint32)
    encode_channel(labels, (0, 0, 0), SIZE, BLOCK, words)
    decode_channel(words, SIZE, BLOCK, labels, (0, 0, 0), (0, 0, 0), SIZE)


def _warm_reversal(itemsize: int) -> None:
    side = tile_side(itemsize)
    fortran_ordered(np.zeros((side, side, side), f"u{itemsize}"))


def _warm_label_statistics(itemsize: int) -> None:
    label_statistics(np.zeros(SIZE, f"u{itemsize}"))


def _warm_compresso(itemsize: int) -> None:
    label, one = np.zeros(1, f"u{itemsize}"), np.zeros(1, np.uint64)
    decode_labels(one, one, label, label[:0], (1, 1, 1), False, np.empty((1, 1, 1), label.dtype))


def _warm_contrast(itemsize: int, entry: int) -> None:
    look_up(np.zeros(1 << 8 * itemsize, f"u{entry}"), np.zeros(1, f"u{itemsize}"), np.empty(1, f"u{entry}"))


def _warm_combining(dtype: str, mode: str) -> None:
    combine(np.zeros(1, dtype), np.zeros(1, dtype), mode)


def _warm_downsample(dtype: str, method: str) -> None:
    for factor in FACTORS:
        downsample(np.zeros(SIZE, dtype, order="F"), factor, method)
