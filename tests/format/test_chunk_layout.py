from __future__ import annotations

import pickle
from typing import Any

import pytest
import tensorstore as ts
from hypothesis import given
from hypothesis import strategies as st

from ngprecomp.errors import OptionError
from ngprecomp.format.chunk_layout import ChunkLayout

KEYWORDS: list[dict[str, Any]] = [
    {},
    {"rank": 3},
    {"chunk_aspect_ratio": [2, 1, 1, 0], "read_chunk_elements": 2000000, "write_chunk_elements": 1000000000},
    {"read_chunk_shape": [64, 64, 64, 2], "write_chunk_shape": [512, 512, 512, 2]},
    {"read_chunk_shape": [64, 0, None, -1], "grid_origin": [1, None, 3, 4], "inner_order": [0, 1, 2, 3]},
    {"chunk_shape": [4, 5], "read_chunk_shape_soft_constraint": [4, 6]},
    {"chunk_shape_soft_constraint": [4, 5], "read_chunk_shape_soft_constraint": [4, 6]},
    {"read_chunk_shape_soft_constraint": [4, 6], "read_chunk_shape": [0, 7]},
    {"inner_order": [0, 1], "inner_order_soft_constraint": [1, 0]},
    {"grid_origin_soft_constraint": [5, -1], "grid_origin": [None, -1]},
    {"chunk_elements_soft_constraint": 5, "read_chunk_elements_soft_constraint": 6},
    {"chunk_elements": 0},
    {"chunk_aspect_ratio": [None, 2.5]},
    {"grid_origin": [None, None]},
    {"chunk_shape": [0, 0]},
    {"read_chunk_shape": [2**62 - 2]},
    {"chunk_shape": [4, 5], "read_chunk_shape": [4, 6]},
    {"rank": 2, "chunk_shape": [1]},
    {"chunk_shape": [1], "grid_origin": [1, 2]},
    {"inner_order": [0, 0]},
    {"inner_order": [5]},
    {"inner_order": [0, 1], "inner_order_soft_constraint": [1, 0, 2]},
    {"read_chunk_shape": [-2]},
    {"read_chunk_shape": [2**62 - 1]},
    {"read_chunk_shape": [1.5]},
    {"chunk_elements": -1},
    {"chunk_elements": 5, "read_chunk_elements": 6},
    {"chunk_aspect_ratio": [-1]},
    {"chunk_aspect_ratio": [float("nan")]},
    {"grid_origin": [2**62]},
    {"foo": 1},
]


@pytest.mark.parametrize("keywords", KEYWORDS)
def test_keywords_mean_what_tensorstore_means(keywords: dict[str, Any]) -> None:
    try:
        theirs = ts.ChunkLayout(**keywords)
    except (ValueError, TypeError):
        with pytest.raises(OptionError):
            ChunkLayout(**keywords)
        return
    assert_same(ChunkLayout(**keywords), theirs)


def test_whole_grids_are_keywords() -> None:
    theirs = ts.ChunkLayout(
        chunk=ts.ChunkLayout.Grid(aspect_ratio=[3, 4]), read_chunk=ts.ChunkLayout.Grid(shape=[0, 3], elements=7)
    )
    grid = ChunkLayout.Grid({"aspect_ratio": [3, 4]})
    assert_same(ChunkLayout(chunk=grid, read_chunk={"shape": [0, 3], "elements": 7}), theirs)
    assert ChunkLayout(chunk=grid).read_chunk == grid == ChunkLayout.Grid(aspect_ratio=[3, 4])
    assert (grid.rank, ChunkLayout.Grid(elements=3).rank) == (2, None)


def test_codec_chunk_shape_is_that_of_the_codec_chunk() -> None:
    # TensorStore's Python keyword sets the read chunk.
    assert ChunkLayout(codec_chunk_shape=[8, 8]).to_json() == {"codec_chunk": {"shape": [8, 8]}}


def assert_same(ours: ChunkLayout, theirs: ts.ChunkLayout) -> None:
    assert repr(ours) == repr(theirs)
    assert ours.to_json() == theirs.to_json()
    assert (ours.rank is None, ours.rank or 0) == (theirs.rank == -1, max(0, theirs.rank))
    for name in ("inner_order", "grid_origin"):
        if theirs.rank > 0:
            assert getattr(ours, name) in (getattr(theirs, name), None), name
    for chunk in ("read_chunk", "write_chunk", "codec_chunk"):
        for member in ("shape", "aspect_ratio", "elements"):
            for name in (member, f"{member}_soft_constraint"):
                wanted = getattr(getattr(theirs, chunk), name)
                found = getattr(getattr(ours, chunk), name)
                assert found == wanted or (found is None and not any(wanted)), (chunk, name)
    again = pickle.loads(pickle.dumps(ours))
    assert again == ours == ChunkLayout(ours) == ChunkLayout(ours.to_json())
    assert hash(again) == hash(ours)


SIZES = st.lists(st.sampled_from([0, None, -1, 1, 8, 64, 700]), min_size=2, max_size=2)
RATIOS = st.lists(st.sampled_from([0, None, 1, 2.5]), min_size=2, max_size=2)
COUNTS = st.sampled_from([0, 1, 5, 10**9])
GRIDS = st.fixed_dictionaries(
    {},
    optional={
        f"{name}{soft}": values
        for name, values in (("shape", SIZES), ("aspect_ratio", RATIOS), ("elements", COUNTS))
        for soft in ("", "_soft_constraint")
    },
)
ORIGINS = st.lists(st.sampled_from([0, None, -1, -7, 20]), min_size=2, max_size=2)
ORDERS = st.sampled_from([[0, 1], [1, 0], [1, 0, 2], [1, 1], None])
LAYOUTS = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("chunk", "read_chunk", "write_chunk", "codec_chunk"), GRIDS),
        **dict.fromkeys(("grid_origin", "grid_origin_soft_constraint"), ORIGINS),
        **dict.fromkeys(("inner_order", "inner_order_soft_constraint"), ORDERS),
        "rank": st.just(2),
    },
)


@given(LAYOUTS)
def test_documents_mean_what_tensorstore_means(document: dict[str, Any]) -> None:
    try:
        theirs = ts.ChunkLayout(document)
    except ValueError:
        with pytest.raises(OptionError):
            ChunkLayout(document)
        return
    assert_same(ChunkLayout(document), theirs)


@given(LAYOUTS, LAYOUTS)
def test_merging_means_what_tensorstore_means(one: dict[str, Any], two: dict[str, Any]) -> None:
    try:
        theirs = ts.ChunkLayout(one)
        other = ts.ChunkLayout(two)
    except ValueError:
        return
    try:
        merged = ts.Schema(chunk_layout=theirs, schema=ts.Schema(chunk_layout=other)).chunk_layout
    except ValueError:
        with pytest.raises(OptionError, match=r"differ|one number of dimensions"):
            ChunkLayout(one).merged(ChunkLayout(two))
        return
    assert ChunkLayout(one).merged(ChunkLayout(two)).to_json() == (merged.to_json() if merged else {})


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"read_chunk": {"foo": 1}}, "read_chunk.foo: is not a member of read_chunk"),
        ({"read_chunk": {"shape": [4, "5"]}}, "read_chunk.shape: expected an integer from -1"),
        ({"read_chunk": {"shape": []}}, "read_chunk.shape: expected a list with one item for each dimension"),
        ({"write_chunk": 5}, "write_chunk: expected an object, found 5"),
        ({"chunk": {"elements": None}}, "chunk.elements: expected an integer, found null"),
        ({"grid_origin": {}}, "grid_origin: expected a list"),
        ({"read_chunk": {"aspect_ratio": ["2"]}}, "read_chunk.aspect_ratio: expected a number of at least 0"),
        (5, "ChunkLayout is made of keywords or of one JSON object, not of 5"),
    ],
)
def test_wrong_members_are_named(document: Any, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        ChunkLayout(document)
