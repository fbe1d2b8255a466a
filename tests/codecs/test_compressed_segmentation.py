"""Chunks of labels: golden files, the reference package, every layout of input, damaged data."""

from __future__ import annotations

import json
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ngprecomp.codecs.compressed_segmentation import decode, decode_into, encode, encode_region
from ngprecomp.errors import DecodeError, EncodeError, OptionError, OutOfBoundsError
from tests.naive import compressed_segmentation as naive

GOLDEN = Path(__file__).parents[1] / "golden" / "cseg"
CASES = json.loads((GOLDEN / "index.json").read_text())["cases"]
EIGHT = (8, 8, 8)

dtypes = st.sampled_from(("uint32", "uint64"))
blocks = st.one_of(st.just(EIGHT), st.tuples(*(3 * [st.integers(1, 12)])))
seeds = st.integers(0, 2**32)


def labels(shape, dtype, seed=0, count=6, run=3):
    """Random labels [x, y, z, ...] in cubes of `run` voxels, half of them at the top of the type."""
    random = np.random.default_rng(seed)
    palette = np.arange(count, dtype=dtype)
    palette = np.concatenate([palette, np.iinfo(dtype).max - palette])
    coarse = random.integers(0, len(palette), [-(-side // run) for side in shape])
    for axis in range(len(shape)):
        coarse = coarse.repeat(run, axis)
    return np.asfortranarray(palette[coarse[tuple(slice(side) for side in shape)]])


def golden(case):
    voxels = np.frombuffer((GOLDEN / f"{case['name']}.raw").read_bytes(), np.dtype(case["dtype"]))
    return voxels.reshape(case["shape"], order="F"), (GOLDEN / f"{case['name']}.cseg").read_bytes()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_golden_chunks(case):
    voxels, data = golden(case)
    decoded = decode(data, case["shape"], case["dtype"], case["block_size"])
    np.testing.assert_array_equal(decoded, voxels)
    assert decoded.dtype == voxels.dtype
    assert decoded.flags.f_contiguous
    if 32 in case["encoded_bits_used"]:
        with pytest.raises(EncodeError, match="more than 65536 labels"):
            encode(voxels, case["block_size"])
    else:
        assert encode(voxels, case["block_size"]) == data


@settings(max_examples=40, deadline=None)
@given(st.tuples(*(3 * [st.integers(1, 19)])), dtypes, blocks, seeds, st.sampled_from((1, 3, 40)))
def test_same_bytes_as_the_reference_package(shape, dtype, block, seed, count):
    package = pytest.importorskip("compressed_segmentation")
    voxels = labels(shape, dtype, seed, count)
    assert encode(voxels, block) == package.compress(voxels, block_size=block, order="F")
    np.testing.assert_array_equal(
        package.decompress(encode(voxels, block), shape, dtype, block_size=block, order="F"), voxels
    )


@settings(max_examples=40, deadline=None)
@given(st.tuples(*(3 * [st.integers(0, 17)]), st.integers(1, 3)), dtypes, blocks, seeds, st.integers(1, 40))
def test_channels_equal_the_naive_twin_both_ways(shape, dtype, block, seed, count):
    voxels = labels(shape, dtype, seed, count)
    data = encode(voxels, block)
    assert data == naive.encode(voxels, block)
    for decoded in (decode(data, shape, dtype, block), naive.decode(data, shape, dtype, block)):
        np.testing.assert_array_equal(decoded, voxels)


@pytest.mark.parametrize("dtype", ["uint32", "uint64"])
@pytest.mark.parametrize(
    "shape", [(9, 17, 5), (9, 17, 5, 2), (11, 1, 1), (1, 1, 11), (1, 1, 1, 3), (0, 4, 4), (4, 4, 0, 2)]
)
def test_every_layout_of_the_same_voxels_gives_the_same_bytes(dtype, shape):
    voxels = labels(shape, dtype)
    expected = encode(voxels)
    swapped = voxels.astype(voxels.dtype.newbyteorder())
    read_only = voxels.copy(order="F")
    read_only.flags.writeable = False
    doubled = np.repeat(voxels, 2, axis=0)[::2]
    unaligned = np.frombuffer(b"_" + voxels.tobytes(order="F"), np.uint8)[1:].view(dtype).reshape(shape, order="F")
    for other in (np.ascontiguousarray(voxels), swapped, read_only, doubled, unaligned, voxels[::-1][::-1]):
        assert encode(other) == expected
    for data in (expected, bytearray(expected), memoryview(expected), memoryview(b"_" + expected)[1:]):
        decoded = decode(data, shape, dtype)
        assert decoded.shape == shape
        assert decoded.flags.f_contiguous
        np.testing.assert_array_equal(decoded, voxels)
    np.testing.assert_array_equal(decode(expected, shape, np.dtype(dtype).newbyteorder()), voxels)


def test_an_empty_chunk_is_its_channel_offsets():
    assert encode(np.zeros((0, 8, 8, 2), np.uint64)) == struct.pack("<2I", 2, 2)


@settings(max_examples=30, deadline=None)
@given(st.data(), dtypes, blocks, seeds)
def test_a_region_is_encoded_and_decoded_in_place(data, dtype, block, seed):
    shape = (23, 20, 18, 2)
    voxels = labels(shape, dtype, seed)
    lo = [data.draw(st.integers(0, side)) for side in shape[:3]]
    size = [data.draw(st.integers(0, side - start)) for start, side in zip(lo, shape, strict=False)]
    box = tuple(slice(start, start + side) for start, side in zip(lo, size, strict=True))
    assert encode_region(voxels, lo, size, block) == encode(voxels[box], block)

    at = [data.draw(st.integers(0, 3)) for _ in range(3)]
    out = np.full((28, 25, 22, 2), 7, dtype, order="F")
    expected = out.copy()
    expected[tuple(slice(start, start + side) for start, side in zip(at, size, strict=True))] = voxels[box]
    decode_into(encode(voxels, block), shape, block, out, at, lo, size)
    np.testing.assert_array_equal(out, expected)


def test_only_the_touched_blocks_are_looked_at():
    voxels = labels((16, 8, 8), "uint64")
    data = bytearray(encode(voxels))
    data[12 + 3] = 7  # the encoded bits of the second block
    out = np.zeros((8, 8, 8, 1), np.uint64, order="F")
    decode_into(data, voxels.shape, EIGHT, out, (0, 0, 0), (0, 0, 0), (8, 8, 8))
    np.testing.assert_array_equal(out[..., 0], voxels[:8])
    with pytest.raises(DecodeError, match=r"block 1,0,0 of channel 0: .* found 7"):
        decode_into(data, voxels.shape, EIGHT, out, (0, 0, 0), (8, 0, 0), (8, 8, 8))


@pytest.mark.parametrize("dtype", ["uint32", "uint64"])
def test_offsets_beyond_24_bits_are_refused(dtype):
    """Random labels: values and tables grow until the first block that no offset reaches, which is named."""
    width = np.dtype(dtype).itemsize // 4
    voxels = np.random.default_rng(0).integers(0, 2**32, (256, 256, 256 // width + 16), dtype)
    with pytest.raises(EncodeError, match=r"block \d+,\d+,\d+ of channel 0 .* chunks smaller than 256,256"):
        encode(voxels)


@pytest.mark.parametrize("block", [(0, 8, 8), (8, 8, -1), (8, 8), (1 << 17, 1, 1), (1 << 16, 1 << 16, 1)])
def test_absurd_blocks_are_refused(block):
    voxels = np.zeros(EIGHT, np.uint32)
    with pytest.raises(OptionError, match="three edges from 1 to 65536"):
        encode(voxels, block)
    with pytest.raises(OptionError, match="three edges from 1 to 65536"):
        decode(encode(voxels), EIGHT, "uint32", block)


@pytest.mark.parametrize("dtype", ["int64", "uint16", "float32"])
def test_other_dtypes_are_refused(dtype):
    with pytest.raises(EncodeError, match=dtype):
        encode(np.zeros(EIGHT, dtype))
    with pytest.raises(OptionError, match=dtype):
        decode(encode(np.zeros(EIGHT, "uint32")), EIGHT, dtype)


def test_boxes_that_leave_an_array_are_refused():
    voxels = labels((*EIGHT, 1), "uint32")
    out = np.zeros((4, 4, 4, 1), np.uint32, order="F")
    data = encode(voxels)
    with pytest.raises(OutOfBoundsError, match="leaves the array"):
        encode_region(voxels, (1, 0, 0), EIGHT)
    with pytest.raises(OutOfBoundsError, match="leaves the chunk"):
        decode_into(data, EIGHT, EIGHT, out, (0, 0, 0), (-1, 0, 0), (4, 4, 4))
    with pytest.raises(OutOfBoundsError, match="leaves the array"):
        decode_into(data, EIGHT, EIGHT, out, (0, 0, 1), (0, 0, 0), (4, 4, 4))
    with pytest.raises(OptionError, match="Fortran-ordered"):
        decode_into(data, EIGHT, EIGHT, np.zeros((4, 4, 4, 1), np.uint32), (0, 0, 0), (0, 0, 0), (4, 4, 4))
    with pytest.raises(OptionError, match="of 1 channels"):
        decode_into(data, EIGHT, EIGHT, np.zeros((4, 4, 4, 2), np.uint32, "F"), (0, 0, 0), (0, 0, 0), (4, 4, 4))


def words_of(data):
    return list(struct.unpack(f"<{len(data) // 4}I", data))


def packed(words):
    return struct.pack(f"<{len(words)}I", *words)


def one_block(bits, table, values, rest):
    """Return a chunk of one channel and one block of 8x8x8 uint32."""
    return packed([1, table | bits << 24, values, *rest])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b"", "found 0 bytes", id="empty"),
        pytest.param(one_block(0, 2, 2, [5])[:-1], "found 15 bytes", id="length"),
        pytest.param(packed([2]), "start at a word from 1 to 1, found 2", id="channel offset"),
        pytest.param(packed([0, 2, 2, 5]), "start at a word from 1 to 4, found 0", id="channel in its own table"),
        pytest.param(packed([1, 2]), "has 1 words, its block headers alone need 2", id="headers cut"),
        pytest.param(one_block(7, 2, 2, 600 * [0]), "0, 1, 2, 4, 8, 16 or 32 encoded bits, found 7", id="bits 7"),
        pytest.param(one_block(64, 2, 2, 600 * [0]), "encoded bits, found 64", id="bits 64"),
        pytest.param(one_block(0, 3, 2, [5]), "lookup table .* found its offset 3", id="table past end"),
        pytest.param(one_block(0, 1, 2, [5]), "lookup table .* found its offset 1", id="table in headers"),
        pytest.param(one_block(1, 18, 4, 17 * [0]), "values of 1 bits .* offset 4", id="values past end"),
        pytest.param(one_block(1, 18, 1, 17 * [0]), "values of 1 bits .* offset 1", id="values in headers"),
        pytest.param(one_block(1, 18, 2, [*(16 * [0xFFFFFFFF]), 5]), "points beyond", id="index of 1 bit"),
        pytest.param(one_block(2, 34, 2, [*(32 * [0xFFFFFFFF]), 5]), "points beyond", id="index of 2 bits"),
        pytest.param(one_block(4, 66, 2, [*(64 * [0xFFFFFFFF]), 5]), "points beyond", id="index of 4 bits"),
        pytest.param(one_block(8, 130, 2, [*(128 * [0xFFFFFFFF]), 5]), "points beyond", id="index of 8 bits"),
        pytest.param(one_block(16, 258, 2, [*(256 * [0xFFFFFFFF]), 5]), "points beyond", id="index of 16 bits"),
        pytest.param(one_block(32, 514, 2, [*(512 * [0xFFFFFFFF]), 5]), "points beyond", id="index of 32 bits"),
    ],
)
def test_damage_is_named(data, message):
    with pytest.raises(DecodeError, match=message):
        decode(data, EIGHT, "uint32")


def test_a_table_of_uint64_needs_both_words():
    with pytest.raises(DecodeError, match="lookup table"):
        decode(one_block(0, 2, 2, [5]), EIGHT, "uint64")


def test_padding_may_hold_any_index():
    """Positions outside the chunk are not looked at, whatever an encoder left there."""
    data = one_block(1, 18, 2, [*(16 * [0xFFFFFFFE]), 5])
    assert decode(data, (1, 1, 1), "uint32").tolist() == [[[5]]]


@settings(max_examples=200, deadline=None)
@given(st.data(), st.sampled_from([case for case in CASES if case["bytes"] < 20_000]))
def test_damaged_chunks_decode_or_raise(data, case):
    """Every flip, cut and overwritten word gives an array or a DecodeError."""
    _, chunk = golden(case)
    damaged = bytearray(chunk)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, min(len(damaged), 400) - 1))
        damaged[at] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        del damaged[data.draw(st.integers(0, len(damaged))) :]
    try:
        decoded = decode(damaged, case["shape"], case["dtype"], case["block_size"])
    except DecodeError:
        return
    assert decoded.shape == tuple(case["shape"])


def test_threads_share_nothing():
    chunks = [labels((24, 17, 9, 2), dtype, seed) for seed in range(4) for dtype in ("uint32", "uint64")]
    expected = [encode(chunk) for chunk in chunks]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            assert list(pool.map(encode, chunks)) == expected
            decoded = pool.map(lambda data, chunk: decode(data, chunk.shape, chunk.dtype), expected, chunks)
            assert all((one == chunk).all() for one, chunk in zip(decoded, chunks, strict=True))
