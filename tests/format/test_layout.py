import json
import math
from pathlib import Path

import pytest
import tensorstore as ts
from hypothesis import given, settings
from hypothesis import strategies as st

from ngprecomp.errors import OptionError
from ngprecomp.format.box import triple
from ngprecomp.format.grid import ceil_div
from ngprecomp.format.layout import (
    FREE,
    choose_block_size,
    choose_chunk_size,
    choose_shape,
    choose_sharding,
    sharding_for_shard_size,
)
from ngprecomp.format.sharding import chunks_per_shard, parse_sharding, sharding_to_json, write_chunk_shape

# What TensorStore created: "closest" by release 0.1.40, "at_most" by 0.1.86 where that differs; null where it refused.
CASES = json.loads((Path(__file__).parent / "layout_cases.json").read_text())


def wishes(case, name):
    wish = case.get(name, {})
    return {
        "elements": wish.get("elements"),
        "fixed": wish.get("shape", FREE),
        "aspect": wish.get("aspect", FREE),
    }


def layout(case, rule):
    """Chunk size, block size, write chunk and sharding that are chosen for a case."""
    size = triple(case["size"])
    chunk = choose_chunk_size(size, case["num_channels"], **wishes(case, "read"), rule=rule)
    chunk = triple(case.get("chunk_size", chunk))
    block = choose_block_size(chunk, **wishes(case, "block"), rule=rule)
    if "sharding" in case:
        sharding = parse_sharding(case["sharding"]) if case["sharding"] else None
    else:
        wish = case.get("write", {})
        hard = [wish.get("hard", False)] * 3
        sharding = choose_sharding(
            size, chunk, elements=wish.get("elements", 0), shape=wish.get("shape", FREE), hard=hard,
            encoding=case["encoding"],
        )  # fmt: skip
    grid = triple(map(ceil_div, size, chunk))
    return {
        "chunk": list(chunk),
        "block": list(case.get("block_size", block)),
        "write": list(write_chunk_shape(sharding, grid, chunk, size)),
        "sharding": sharding
        and [sharding.preshift_bits, sharding.minishard_bits, sharding.shard_bits, sharding.data_encoding],
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
@pytest.mark.parametrize("rule", ["closest", "at_most"])
def test_layout_is_tensorstores(case, rule):
    expected = case.get(rule, case["closest"])
    if expected is None:
        with pytest.raises(OptionError, match="no shard of chunks of"):
            layout(case, rule)
    else:
        assert {name: value for name, value in layout(case, rule).items() if name in expected} == expected


@pytest.mark.parametrize(
    ("extents", "wish", "closest", "at_most"),
    [
        ((1000, 2000, 3000, 2), {}, (81, 81, 81, 2), (80, 80, 80, 2)),
        ((1000, 2000, 3000, 1), {}, (102, 102, 102, 1), (101, 101, 101, 1)),
        ((300, 200, 100, 1), {}, (102, 102, 100, 1), (102, 102, 100, 1)),
        ((0, 5, 7, 1), {}, (1, 5, 7, 1), (1, 5, 7, 1)),
        ((300, 200, 100, 1), {"fixed": (-1, 7, -1, 1)}, (300, 7, 100, 1), (300, 7, 100, 1)),
        ((100,), {"elements": 10}, (10,), (10,)),
    ],
)
def test_worked_examples(extents, wish, closest, at_most):
    wish = {
        "elements": 2**20,
        "fixed": (*[0] * (len(extents) - 1), extents[-1] if len(extents) == 4 else 0),
        **wish,
    }
    assert choose_shape(extents, **wish) == closest
    assert choose_shape(extents, **wish, rule="at_most") == at_most


def test_block_size_by_either_rule():
    fixed = (16, 0, 0)
    assert choose_block_size((64, 64, 64), fixed=fixed) == (16, 6, 6)
    assert choose_block_size((64, 64, 64), fixed=fixed, rule="at_most") == (16, 5, 5)
    assert choose_block_size((64, 64, 64), aspect=(1, 1, 4), elements=1000) == (6, 6, 27)
    assert choose_block_size((5, 4, 3)) == (5, 4, 3)


def create_in_tensorstore(size, num_channels, chunk_layout, scale=None):
    spec = {
        "driver": "neuroglancer_precomputed",
        "kvstore": "memory://",
        "multiscale_metadata": {"data_type": "uint8", "num_channels": num_channels},
        "scale_metadata": {"size": size, "resolution": [1, 1, 1], **(scale or {})},
        "schema": {"chunk_layout": chunk_layout},
    }
    return ts.open(spec, create=True).result()


@settings(max_examples=40, deadline=None)
@given(
    size=st.tuples(*[st.integers(1, 5000)] * 3),
    num_channels=st.integers(1, 5),
    elements=st.integers(1, 10**7),
    aspect=st.tuples(*[st.sampled_from([0, 0.25, 1, 1.5, 3, 10])] * 3),
)
def test_chunk_size_is_tensorstores(size, num_channels, elements, aspect):
    wish = {"elements": elements, "aspect_ratio": [*aspect, 0]}
    theirs = create_in_tensorstore(size, num_channels, {"read_chunk": wish}).chunk_layout.read_chunk.shape[:3]
    assert choose_chunk_size(size, num_channels, elements=elements, aspect=aspect, rule="at_most") == theirs


@settings(max_examples=40, deadline=None)
@given(
    size=st.tuples(*[st.integers(1, 5000)] * 3),
    elements=st.sampled_from([0, 10**5, 10**7, 10**9]),
    shape=st.tuples(*[st.sampled_from([0, 0, -1, 64, 100, 500, 512, 3000])] * 3),
)
def test_sharding_is_tensorstores(size, elements, shape):
    chunk = (64, 32, 17)
    wish = {"elements": elements, "shape_soft_constraint": [*shape, 0]}
    theirs = create_in_tensorstore(size, 1, {"write_chunk": wish}, {"chunk_size": chunk})
    ours = choose_sharding(size, chunk, elements=elements, shape=shape)
    assert (ours and sharding_to_json(ours)) == theirs.spec().to_json()["scale_metadata"]["sharding"]
    grid = triple(map(ceil_div, size, chunk))
    assert write_chunk_shape(ours, grid, chunk, size) == theirs.chunk_layout.write_chunk.shape[:3]


def test_asking_for_a_shard_encoding_shards_single_chunks():
    sharding = choose_sharding((100, 100, 100), (64, 64, 64), data_encoding="raw")
    assert (sharding.preshift_bits, sharding.minishard_bits, sharding.shard_bits) == (0, 0, 3)
    assert choose_sharding((100, 100, 100), (64, 64, 64)) is None


def test_hard_and_soft_axes():
    size, chunk = (2000, 3000, 500), (64, 64, 64)
    hard_y = choose_sharding(size, chunk, shape=(300, 512, 0), hard=(False, True, False))
    assert chunks_per_shard(hard_y, (32, 47, 8)) == (8, 8, 4)
    with pytest.raises(OptionError, match=r"no shard of chunks of 64x64x64 voxels has the shape \(0, 500, 0\)"):
        choose_sharding(size, chunk, shape=(0, 500, 0), hard=(False, True, False))


def test_too_many_bits_for_a_chunk_id():
    with pytest.raises(OptionError, match="69 bits"):
        choose_sharding((2**23,) * 3, (1, 1, 1), elements=10**6)


@pytest.mark.parametrize(
    ("encoding", "data_encoding"),
    [("raw", "gzip"), ("compressed_segmentation", "gzip"), ("jpeg", "raw"), ("png", "raw"), ("jxl", "raw")],
)
def test_shards_of_images_are_not_gzipped(encoding, data_encoding):
    assert sharding_for_shard_size((500,) * 3, (64,) * 3, (256,) * 3, encoding).data_encoding == data_encoding


@pytest.mark.parametrize(
    ("shard_size", "chunks"),
    [
        ((64, 64, 64), (1, 1, 1)),
        ((1, 1, 1), (1, 1, 1)),
        ((500, 500, 500), (8, 8, 8)),
        ((2048, 2048, 512), (32, 32, 8)),
        ((10**6, 10**6, 10**6), (32, 47, 8)),
    ],
)
def test_nearest_reachable_shard(shard_size, chunks):
    sharding = sharding_for_shard_size((2000, 3000, 500), (64, 64, 64), shard_size, "raw")
    assert chunks_per_shard(sharding, (32, 47, 8)) == chunks


def test_a_writer_makes_few_minishards_of_huge_shards():
    # TensorStore chooses 41 minishard bits here and cannot open its own volume again.
    sharding = choose_sharding((2**40, 2**20, 1), (1, 1, 1), elements=10**15)
    assert (sharding.preshift_bits, sharding.minishard_bits, sharding.shard_bits) == (30, 20, 10)


@settings(max_examples=50, deadline=None)
@given(st.tuples(*[st.integers(1, 10**5)] * 3), st.integers(1, 10**6))
def test_a_chunk_never_exceeds_the_volume(size, elements):
    chunk = choose_chunk_size(size, 1, elements=elements)
    assert all(step <= count for step, count in zip(chunk, size, strict=True))
    assert math.prod(choose_chunk_size(size, 1, elements=elements, rule="at_most")) <= elements


def test_no_elements_at_all_is_a_wish():
    """As in TensorStore: nothing but the number 1 is left for each free side."""
    assert choose_chunk_size((10, 1000, 1000), 1, elements=0) == (1, 1, 1)
    assert choose_chunk_size((10, 1000, 1000), 1, elements=0, fixed=(5, 0, 0), rule="at_most") == (5, 1, 1)
    assert choose_block_size((64, 64, 64), elements=0) == (1, 1, 1)
