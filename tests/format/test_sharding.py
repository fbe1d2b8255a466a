import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import tensorstore as ts
from hypothesis import given, settings
from hypothesis import strategies as st

from ngprecomp.errors import MetadataError
from ngprecomp.format.box import triple
from ngprecomp.format.grid import ceil_div, positions_in
from ngprecomp.format.shard_location import locate
from ngprecomp.format.sharding import (
    Sharding,
    chunks_per_shard,
    max_chunks_per_minishard,
    parse_sharding,
    shard_count,
    shard_positions,
    sharding_to_json,
    write_chunk_shape,
)
from ngprecomp.kernels.morton import compressed_morton_code
from tests.naive.sharding import chunks_of, place_of, shards_of

SHARDS = Path(__file__).parents[1] / "golden/shards"
GOLDEN = json.loads((SHARDS / "index.json").read_text())["cases"]
WHERE = "scales[0].sharding"

hashes = st.sampled_from(["identity", "murmurhash3_x86_128"])
shardings = st.builds(Sharding, st.integers(0, 9), hashes, st.integers(0, 4), st.integers(0, 6))
small_grids = st.tuples(*[st.integers(1, 9)] * 3)


def document(**changes):
    doc = {
        "@type": "neuroglancer_uint64_sharded_v1",
        "preshift_bits": 1,
        "hash": "identity",
        "minishard_bits": 2,
        "shard_bits": 3,
        "minishard_index_encoding": "gzip",
        "data_encoding": "raw",
    }
    return {name: value for name, value in {**doc, **changes}.items() if value != "absent"}


def problems_of(doc):
    with pytest.raises(MetadataError) as error:
        parse_sharding(doc, WHERE)
    return [str(problem).removeprefix(WHERE) for problem in error.value.problems]


def test_document_round_trip():
    sharding = parse_sharding(document(), WHERE)
    assert sharding == Sharding(1, "identity", 2, 3, "gzip", "raw")
    assert sharding_to_json(sharding) == document()


def test_encodings_are_raw_by_default():
    sharding = parse_sharding(document(minishard_index_encoding="absent", data_encoding="absent"), WHERE)
    assert (sharding.minishard_index_encoding, sharding.data_encoding) == ("raw", "raw")


@pytest.mark.parametrize("bits", [(64, 0, 64), (64, 32, 32), (0, 0, 0), (9.0, 6.0, 15.0)])
def test_limits_and_whole_floats(bits):
    preshift, minishard, shard = bits
    sharding = parse_sharding(document(preshift_bits=preshift, minishard_bits=minishard, shard_bits=shard), WHERE)
    found = sharding.preshift_bits, sharding.minishard_bits, sharding.shard_bits
    assert found == bits
    assert all(isinstance(count, int) for count in found)


@pytest.mark.parametrize(
    "changes",
    [
        {"preshift_bits": 65},
        {"preshift_bits": -1},
        {"preshift_bits": True},
        {"minishard_bits": 33},
        {"minishard_bits": 60},
        {"minishard_bits": "2"},
        {"shard_bits": 63},
        {"minishard_bits": 32, "shard_bits": 33},
        {"shard_bits": 3.5},
        {"shard_bits": None},
        {"shard_bits": float("nan")},
        {"shard_bits": "absent"},
        {"preshift_bits": "absent"},
        {"hash": "absent"},
        {"hash": "murmur"},
        {"hash": 1},
        {"@type": "absent"},
        {"@type": "x"},
        {"data_encoding": "lz4"},
        {"minishard_index_encoding": None},
        {"extra": 1},
    ],
    ids=str,
)
def test_each_problem_is_found(changes):
    (problem,) = problems_of(document(**changes))
    assert problem.startswith(f".{[*changes][-1]}: ")


def test_all_problems_are_listed():
    doc = document(preshift_bits=65, minishard_bits=-1, hash="x", data_encoding=0, extra=1, **{"@type": "absent"})
    paths = [problem.split(":")[0] for problem in problems_of(doc)]
    assert sorted(paths) == [
        ".@type",
        ".data_encoding",
        ".extra",
        ".hash",
        ".minishard_bits",
        ".preshift_bits",
    ]


@pytest.mark.parametrize("doc", [None, "raw", [], 3])
def test_only_an_object_is_a_sharding(doc):
    assert len(problems_of(doc)) == 1


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: case["name"])
def test_chunks_lie_where_tensorstore_and_cloudvolume_put_them(case):
    sharding = parse_sharding(case["sharding"])
    for writer in ("tensorstore", "cloudvolume"):
        for name in case[f"{writer}_files"]:
            chunks = chunks_of((SHARDS / case["name"] / writer / name).read_bytes(), case["sharding"])
            shards, minishards = locate(sharding, np.array([*chunks], np.uint64))
            assert set(shards.tolist()) == {int(name.removesuffix(".shard"), 16)}
            assert minishards.tolist() == [minishard for minishard, _ in chunks.values()]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.integers(0, 2**64 - 1), max_size=20),
    st.builds(Sharding, st.integers(0, 64), hashes, st.integers(0, 32), st.integers(0, 32)),
)
def test_locate_is_naive(ids, sharding):
    shards, minishards = locate(sharding, np.array(ids, np.uint64))
    assert shards.dtype == minishards.dtype == np.uint64
    expected = [place_of(chunk_id, sharding_to_json(sharding)) for chunk_id in ids]
    assert list(zip(shards.tolist(), minishards.tolist(), strict=True)) == expected


def test_locate_with_all_64_bits():
    ids = np.array([0, 2**63, 2**64 - 1], np.uint64)
    assert locate(Sharding(0, "identity", 0, 64), ids)[0].tolist() == ids.tolist()
    assert locate(Sharding(64, "identity", 32, 32), ids)[0].tolist() == [0, 0, 0]
    shards, minishards = locate(Sharding(0, "identity", 32, 32), ids)
    assert shards.tolist() == [0, 2**31, 2**32 - 1]
    assert minishards.tolist() == [0, 0, 2**32 - 1]


@settings(max_examples=50, deadline=None)
@given(small_grids, shardings)
def test_shards_are_boxes_or_not(grid, sharding):
    shards = shards_of(grid, sharding_to_json(sharding))
    shape = chunks_per_shard(sharding, grid)
    if shape is None:
        assert len(shards) <= shard_count(sharding, grid)
        return
    assert len(shards) == shard_count(sharding, grid)
    for number, positions in shards.items():
        box = shard_positions(sharding, grid, number)
        assert sorted(positions_in(box)) == sorted(positions)
        assert all(lo % step == 0 for lo, step in zip(box.lo, shape, strict=True))
        assert all(count <= step for count, step in zip(box.size, shape, strict=True))
    assert shard_positions(sharding, grid, 0).size == shape


@settings(max_examples=30, deadline=None)
@given(small_grids, shardings)
def test_no_minishard_lists_more_than_its_most(grid, sharding):
    ids = compressed_morton_code(list(itertools.product(*map(range, grid))), grid)
    places = list(zip(*(numbers.tolist() for numbers in locate(sharding, ids)), strict=True))
    fullest = max(places.count(place) for place in set(places))
    assert fullest <= max_chunks_per_minishard(sharding, grid) <= len(ids)


def test_most_chunks_of_a_minishard():
    assert max_chunks_per_minishard(Sharding(9, "identity", 6, 15), (538, 618, 805)) == 512
    assert max_chunks_per_minishard(Sharding(2, "identity", 1, 1), (8, 8, 8)) == 4 * 2**5
    assert max_chunks_per_minishard(Sharding(2, "murmurhash3_x86_128", 1, 1), (8, 8, 7)) == 448


def test_a_shard_number_outside_the_grid_has_no_chunks():
    sharding = Sharding(3, "identity", 0, 6)
    assert shard_positions(sharding, (5, 5, 5), 0b111111).empty
    assert shard_count(sharding, (5, 5, 5)) == 27


@pytest.mark.parametrize(
    ("sharding", "size", "chunk", "write"),
    [
        (None, (1000, 2000, 3000), (81, 81, 81), (81, 81, 81)),
        (Sharding(9, "identity", 6, 15), (34432, 39552, 51508), (64, 64, 64), (2048, 2048, 2048)),
        (Sharding(9, "identity", 1, 4), (1000, 2000, 3000), (159, 79, 79), (1113, 1264, 632)),
        (Sharding(3, "identity", 2, 1), (300, 200, 500), (64, 64, 64), (320, 256, 512)),
        (Sharding(0, "identity", 0, 64), (300, 200, 500), (64, 64, 64), (64, 64, 64)),
        (Sharding(64, "identity", 0, 0), (300, 200, 500), (64, 64, 64), (320, 256, 512)),
        (Sharding(3, "murmurhash3_x86_128", 2, 9), (300, 200, 500), (64, 64, 64), (320, 256, 512)),
        (Sharding(0, "identity", 0, 0), (0, 200, 500), (64, 64, 64), (64, 256, 512)),
    ],
    ids=str,
)
def test_write_chunk_shape(sharding, size, chunk, write):
    assert write_chunk_shape(sharding, triple(map(ceil_div, size, chunk)), chunk, size) == write


@settings(max_examples=30, deadline=None)
@given(st.tuples(*[st.integers(1, 900)] * 3), shardings)
def test_write_chunk_shape_is_tensorstores(size, sharding):
    chunk = (64, 33, 100)
    spec = {
        "driver": "neuroglancer_precomputed",
        "kvstore": "memory://",
        "multiscale_metadata": {"data_type": "uint8", "num_channels": 1},
        "scale_metadata": {
            "size": size, "resolution": [1, 1, 1], "chunk_size": chunk, "sharding": sharding_to_json(sharding),
        },
    }  # fmt: skip
    theirs = ts.open(spec, create=True).result().chunk_layout.write_chunk.shape[:3]
    assert write_chunk_shape(sharding, triple(map(ceil_div, size, chunk)), chunk, size) == theirs
