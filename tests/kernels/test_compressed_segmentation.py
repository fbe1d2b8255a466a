"""The compiled loops beside their naive twin, channel by channel."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ngprecomp.kernels import compressed_segmentation as kernels
from tests.naive import compressed_segmentation as naive

EIGHT = (8, 8, 8)
shapes = st.tuples(st.integers(1, 20), st.integers(1, 20), st.integers(1, 20))
blocks = st.one_of(st.just(EIGHT), st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9)))
dtypes = st.sampled_from((np.uint32, np.uint64))


@st.composite
def channels(draw):
    """Labels [z, y, x]: constant runs or noise of up to 600 labels, near zero or at the top of the type."""
    dtype = draw(dtypes)
    shape = draw(shapes)
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    count = draw(st.sampled_from((1, 2, 3, 4, 5, 15, 16, 17, 18, 40, 256, 257, 600)))
    palette = random.integers(0, np.iinfo(dtype).max, count, dtype, endpoint=True)
    if draw(st.booleans()):
        palette = np.iinfo(dtype).max - np.arange(count, dtype=dtype)
    repeat = draw(st.sampled_from((1, 1, 3, 8)))
    coarse = random.integers(0, count, [-(-side // repeat) for side in shape])
    for axis in range(3):
        coarse = coarse.repeat(repeat, axis)
    return palette[coarse[: shape[0], : shape[1], : shape[2]]].copy()


def encoded(voxels, block, lo=(0, 0, 0), size=None):
    size = voxels.shape if size is None else size
    guard = 16
    words = kernels.words_needed(size, block, voxels.itemsize)
    out = np.full(words + guard, 0xA5A5A5A5, np.uint32)
    end, fault = kernels.encode_channel(voxels, lo, size, block, out)
    assert fault == kernels.ENCODED
    assert (out[words:] == 0xA5A5A5A5).all(), "written beyond the words that were said to be needed"
    return out[:end]


@settings(max_examples=50, deadline=None)
@given(channels(), blocks)
def test_encode_equals_the_naive_twin(voxels, block):
    expected = naive.encode_channel(voxels.T, block[::-1])
    assert encoded(voxels, block).tolist() == expected


@settings(max_examples=40, deadline=None)
@given(channels(), blocks)
def test_decode_returns_what_was_encoded(voxels, block):
    out = np.empty_like(voxels)
    words = encoded(voxels, block)
    assert kernels.decode_channel(words, voxels.shape, block, out, (0, 0, 0), (0, 0, 0), voxels.shape) == (0, 0)
    np.testing.assert_array_equal(out, voxels)


@settings(max_examples=40, deadline=None)
@given(channels(), blocks, st.data())
def test_boxes_are_encoded_and_decoded_in_place(voxels, block, data):
    lo = tuple(data.draw(st.integers(0, side - 1)) for side in voxels.shape)
    size = tuple(data.draw(st.integers(1, side - start)) for start, side in zip(lo, voxels.shape, strict=True))
    box = tuple(slice(start, start + side) for start, side in zip(lo, size, strict=True))
    cut = np.ascontiguousarray(voxels[box])
    assert encoded(voxels, block, lo, size).tolist() == encoded(cut, block).tolist()

    margin = (1, 2, 3)
    canvas = np.full([side + 4 for side in size], 99, voxels.dtype)
    expected = canvas.copy()
    expected[tuple(slice(start, start + side) for start, side in zip(margin, size, strict=True))] = cut
    words = encoded(voxels, block)
    assert kernels.decode_channel(words, voxels.shape, block, canvas, margin, lo, size) == (0, 0)
    np.testing.assert_array_equal(canvas, expected)


@pytest.mark.parametrize("dtype", [np.uint32, np.uint64])
@pytest.mark.parametrize("count", range(1, 20))
def test_blocks_of_every_number_of_labels_near_sixteen(dtype, count):
    palette = np.iinfo(dtype).max - np.random.default_rng(count).permutation(count).astype(dtype)
    voxels = palette[np.arange(512) % count].reshape(EIGHT)
    assert encoded(voxels, EIGHT).tolist() == naive.encode_channel(voxels.T, EIGHT)


@pytest.mark.parametrize("dtype", [np.uint32, np.uint64])
def test_a_block_of_65536_labels_is_encoded_and_of_one_more_refused(dtype):
    block = (1, 1, 65537)
    voxels = np.random.default_rng(0).permutation(65537).astype(dtype).reshape(block)
    out = np.empty(kernels.words_needed(block, block, voxels.itemsize), np.uint32)
    assert kernels.encode_channel(voxels, (0, 0, 0), block, block, out) == (0, kernels.TOO_MANY_LABELS)

    voxels[0, 0, 7] = voxels[0, 0, 8]
    decoded = np.empty_like(voxels)
    kernels.decode_channel(encoded(voxels, block), block, block, decoded, (0, 0, 0), (0, 0, 0), block)
    np.testing.assert_array_equal(decoded, voxels)


def test_labels_of_equal_hash_do_not_share_a_table():
    """Upper and lower halves are swapped or shared between labels; tables differ in one word only."""
    halves = np.array([0, 1, 2, 2**31, 2**32 - 1], np.uint64)
    palette = (halves[:, None] << np.uint64(32) | halves).ravel()
    voxels = np.repeat(palette, 8 * 64).reshape(-1, 8, 8)
    voxels[::8, 0, 0] = 5
    assert encoded(voxels, EIGHT).tolist() == naive.encode_channel(voxels.T, EIGHT)


def test_one_compiled_version_per_dtype_for_read_only_and_writable_input():
    voxels = np.arange(512, dtype=np.uint32).reshape(EIGHT)
    encoded(voxels, EIGHT)
    before = len(getattr(kernels.encode_blocks, "signatures", ()))
    voxels.flags.writeable = False
    encoded(voxels, EIGHT)
    assert len(getattr(kernels.encode_blocks, "signatures", ())) == before


DECODING = """
import sys
import numpy as np
from ngprecomp.kernels.compressed_segmentation import decode_channel
labels, words = np.load(sys.argv[1]), np.load(sys.argv[2])
out = np.zeros_like(labels)
decode_channel(words, labels.shape, (8, 8, 8), out, (0, 0, 0), (0, 0, 0), labels.shape)
sys.exit(not np.array_equal(out, labels))
"""


@pytest.mark.parametrize("dtype", [np.uint32, np.uint64])
def test_processors_that_cannot_look_labels_up_decode_the_same(dtype, tmp_path):
    random = np.random.default_rng(1)
    counts = np.array([1, 2, 3, 4, 5, 8, 9, 16]).repeat(8)
    labels = np.zeros((8, 8, 64), dtype) + (random.integers(0, counts, (8, 8, 64)) * 2**27).astype(dtype)
    np.save(tmp_path / "labels.npy", labels)
    np.save(tmp_path / "words.npy", encoded(labels, EIGHT))
    plain = {**os.environ, "NUMBA_CPU_NAME": "generic", "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    command = [sys.executable, "-c", DECODING, str(tmp_path / "labels.npy"), str(tmp_path / "words.npy")]
    assert subprocess.run(command, env=plain, check=False).returncode == 0
