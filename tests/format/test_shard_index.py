import gzip
import itertools
import json
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ngprecomp.errors import DecodeError
from ngprecomp.format.shard_index import (
    decode_minishard_index,
    decode_shard_index,
    encode_minishard_index,
    encode_shard_index,
)
from tests.naive.sharding import chunks_of

SHARDS = Path(__file__).parents[1] / "golden/shards"
GOLDEN = json.loads((SHARDS / "index.json").read_text())
VALUES = {int(chunk_id): bytes.fromhex(value) for chunk_id, value in GOLDEN["values"].items()}
WORD = 2**64


def plain(data, encoding):
    return gzip.decompress(data) if encoding == "gzip" else data


def chunks_in(shard, sharding):
    """{id: bytes} of a shard file, through the code under test."""
    count = 2 ** sharding["minishard_bits"]
    bounds = decode_shard_index(shard[: 16 * count], count, file_bytes=len(shard))
    chunks = {}
    for start, end in bounds.tolist():
        if start < end:
            data = plain(shard[start:end], sharding["minishard_index_encoding"])
            # One of the golden values is empty.
            index = decode_minishard_index(
                data, 16 * count, max_entries=len(VALUES), file_bytes=len(shard), min_bytes=0
            )
            for chunk_id, at, size in zip(*(column.tolist() for column in index), strict=True):
                assert index.find(chunk_id) == (at, size)
                chunks[chunk_id] = plain(shard[at : at + size], sharding["data_encoding"])
    return chunks


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: case["name"])
@pytest.mark.parametrize("writer", ["tensorstore", "cloudvolume"])
def test_golden_shards_hold_the_same_chunks(case, writer):
    found = {}
    for name in case[f"{writer}_files"]:
        shard = (SHARDS / case["name"] / writer / name).read_bytes()
        chunks = chunks_in(shard, case["sharding"])
        assert chunks.keys() == chunks_of(shard, case["sharding"]).keys()
        assert not chunks.keys() & found.keys()
        found |= chunks
    assert found == VALUES


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: case["name"])
def test_indices_are_written_as_tensorstore_writes_them(case):
    sharding = case["sharding"]
    count = 2 ** sharding["minishard_bits"]
    for name in case["tensorstore_files"]:
        shard = (SHARDS / case["name"] / "tensorstore" / name).read_bytes()
        bounds = decode_shard_index(shard[: 16 * count], count, file_bytes=len(shard))
        assert encode_shard_index(bounds) == shard[: 16 * count]
        for start, end in bounds.tolist():
            if start < end:
                data = plain(shard[start:end], sharding["minishard_index_encoding"])
                index = decode_minishard_index(data, 16 * count, min_bytes=0)
                assert encode_minishard_index(*index, 16 * count) == data


def test_part_of_a_shard_index():
    whole = encode_shard_index([[64, 100], [0, 0], [300, 324], [100, 300]])
    assert decode_shard_index(whole[16:48], 2, index_bytes=64).tolist() == [[64, 64], [300, 324]]


def test_an_empty_minishard_lies_nowhere():
    # Some writers leave any number in both halves of the entry.
    entry = struct.pack("<QQ", WORD - 1, WORD - 1)
    assert decode_shard_index(entry, 1, file_bytes=16).tolist() == [[16, 16]]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (bytes(31), "expected 32 bytes of shard index for 2 minishards, found 31"),
        (bytes(48), "expected 32 bytes of shard index for 2 minishards, found 48"),
        (struct.pack("<4Q", 0, 0, 50, 20), "cannot lie from byte 82 to byte 52 in a file of 1000 bytes"),
        (struct.pack("<4Q", 0, 969, 0, 0), "cannot lie from byte 32 to byte 1001 in a file of 1000 bytes"),
        (struct.pack("<4Q", WORD - 8, 8, 0, 0), "cannot lie"),
        (struct.pack("<4Q", 0, WORD - 1, 0, 0), "cannot lie"),
        (struct.pack("<4Q", 0, 2**63, 0, 0), "cannot lie"),
    ],
)
def test_damaged_shard_index(data, message):
    with pytest.raises(DecodeError, match=message):
        decode_shard_index(data, 2, file_bytes=1000)


def test_a_file_shorter_than_its_shard_index():
    with pytest.raises(DecodeError, match="expected a shard index of 64 bytes, found a file of 40 bytes"):
        decode_shard_index(bytes(16), 1, index_bytes=64, file_bytes=40)
    with pytest.raises(DecodeError, match="expected a shard index of 64 bytes, found a file of 0 bytes"):
        decode_shard_index(bytes(64), 4, file_bytes=0)


@settings(max_examples=50, deadline=None)
@given(
    st.dictionaries(
        st.one_of(st.integers(0, 50), st.integers(0, WORD - 1)),
        st.tuples(st.integers(32, 10**12), st.integers(1, 10**9)),
        max_size=30,
    ),
    st.randoms(use_true_random=False),
)
def test_minishard_index_round_trip(chunks, random):
    order = list(chunks.items())
    random.shuffle(order)
    ids, starts, sizes = ([], [], []) if not order else zip(*((i, *place) for i, place in order), strict=True)
    index = decode_minishard_index(encode_minishard_index(ids, starts, sizes, 32), 32)
    assert index.ids.tolist() == sorted(chunks)
    assert {chunk_id: index.find(chunk_id) for chunk_id in chunks} == chunks
    assert all(index.find(chunk_id) is None for chunk_id in (7, 51, 2**63, WORD - 1) if chunk_id not in chunks)


def rows(ids, gaps, sizes):
    """Pack a minishard index from deltas, taken modulo 2**64."""
    return struct.pack(f"<{3 * len(ids)}Q", *(value % WORD for value in itertools.chain(ids, gaps, sizes)))


def test_ids_and_chunks_in_any_order():
    # Chunk 9 first, then 4 and 6, which lies before both in the file.
    index = decode_minishard_index(rows([9, -5, 2], [100, 0, -130], [10, 20, 5]), 16, file_bytes=146)
    assert index.ids.tolist() == [4, 6, 9]
    assert [index.find(chunk_id) for chunk_id in (4, 6, 9)] == [(126, 20), (16, 5), (116, 10)]


def test_encoding_takes_arrays_of_any_integers():
    expected = rows([2, 3], [0, 0], [5, 6])
    for dtype in (np.uint64, np.int64, np.uint32):
        columns = [np.array(column, dtype) for column in ([5, 2], [21, 16], [6, 5])]
        assert encode_minishard_index(*columns, 16) == expected


def test_an_index_without_chunks():
    assert encode_minishard_index([], [], [], 16) == b""
    index = decode_minishard_index(b"", 16)
    assert index.find(0) is None
    assert [len(column) for column in index] == [0, 0, 0]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (bytes(25), "expected 24 bytes of minishard index for each chunk, found 25"),
        (rows([1] * 5, [0] * 5, [1] * 5), "expected a minishard of at most 4 chunks, found 5"),
        (rows([3, 1, -1], [0] * 3, [1] * 3), "chunk 3 is listed twice in its minishard index"),
        (rows([3, 1], [0, 0], [1, 0]), "chunk 4 is listed with 0 bytes in its minishard index"),
        (
            rows([3, 1], [0, 80], [10, 11]),
            "chunk 4 is listed with 11 bytes from byte 106: expected it after the 16 bytes of the shard index "
            "in a file of 116 bytes",
        ),
        (rows([3], [-1], [10]), "chunk 3 is listed with 10 bytes from byte 15"),
        (rows([3], [-100], [10]), f"chunk 3 is listed with 10 bytes from byte {WORD - 84}"),
        (rows([3], [2**63], [10]), "chunk 3 is listed"),
        (rows([3], [0], [2**60]), "chunk 3 is listed"),
        (rows([3], [50], [WORD - 40]), "chunk 3 is listed"),
    ],
)
def test_damaged_minishard_index(data, message):
    with pytest.raises(DecodeError, match=message):
        decode_minishard_index(data, 16, max_entries=4, file_bytes=116)


def test_without_a_file_length_offsets_still_are_those_of_a_file():
    assert decode_minishard_index(rows([3], [10**15], [10]), 16).find(3) == (10**15 + 16, 10)
    with pytest.raises(DecodeError, match="chunk 3 is listed with 10 bytes from byte"):
        decode_minishard_index(rows([3], [2**63 - 20], [10]), 16)
    with pytest.raises(DecodeError, match="cannot lie"):
        decode_shard_index(struct.pack("<QQ", 0, 2**63), 1)
