from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import tensorstore as ts

from ngprecomp.errors import OptionError
from ngprecomp.format.chunk_layout import ChunkLayout
from ngprecomp.format.codec_spec import CodecSpec
from ngprecomp.format.domain import IndexDomain
from ngprecomp.format.schema import Schema
from ngprecomp.format.units import Unit

DRIVER = "neuroglancer_precomputed"
DOCUMENTS: list[Any] = [
    {},
    {"dtype": "uint8"},
    {"rank": 4},
    {"dimension_units": ["4nm", None]},
    {"dimension_units": [None, None], "rank": 2},
    {"dimension_units": []},
    {"domain": {"rank": 2}},
    {"domain": {"inclusive_min": [5], "labels": ["x"]}},
    {"chunk_layout": {}},
    {"chunk_layout": {"rank": 2, "read_chunk": {"elements": 5}}},
    {"chunk_layout": {"read_chunk": {"shape": [64, 64]}}, "codec": {"driver": DRIVER, "encoding": "raw"}},
    {"dtype": "uint8", "fill_value": 5},
    {"domain": {"shape": [3, 4]}, "rank": 3},
    {"domain": {"shape": [3]}, "dimension_units": [None, "nm"]},
    {"dtype": "UINT8"},
    {"dtype": None},
    {"dtype": 8},
    {"rank": 33},
    {"rank": "4"},
    {"rank": None},
    {"domain": None},
    {"codec": None},
    {"chunk_layout": None},
    {"dimension_units": None},
    {"dimension_units": "nm"},
    {"dimension_units": [True]},
    {"shape": [3]},
    {"foo": 1},
]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_documents_mean_what_tensorstore_means(document: Any) -> None:
    try:
        theirs = ts.Schema(document)
    except ValueError:
        with pytest.raises(OptionError, match=r"invalid schema|is both|differ"):
            Schema(document)
        return
    ours = Schema(document)
    assert ours.to_json() == theirs.to_json()
    assert repr(ours) == repr(theirs)
    assert ours.rank == theirs.rank
    assert pickle.loads(pickle.dumps(ours)) == ours == Schema(ours) == Schema(ours.to_json())
    assert hash(Schema(ours)) == hash(ours)


def test_keywords_are_values_or_their_json() -> None:
    layout, codec = {"read_chunk": {"shape": [4, 0]}}, {"driver": DRIVER, "encoding": "raw"}
    schema = Schema(
        dtype="uint8", domain={"shape": [3, 4]}, chunk_layout=layout, codec=codec, dimension_units=["4nm", None]
    )
    assert schema == Schema(
        dtype=np.uint8,
        shape=[3, 4],
        chunk_layout=ChunkLayout(layout),
        codec=CodecSpec(codec),
        schema=Schema(dimension_units=[Unit("4nm"), None]),
    )
    assert (schema.rank, schema.dtype, schema.domain) == (2, "uint8", IndexDomain(shape=[3, 4]))
    assert schema.dimension_units == (Unit(4, "nm"), None)


@pytest.mark.parametrize("dtype", ["uint16", np.uint16, np.dtype(">u2")])
def test_data_types(dtype: Any) -> None:
    assert Schema(dtype=dtype).dtype == np.uint16
    assert Schema(dtype=dtype).to_json() == {"dtype": "uint16"}


@pytest.mark.parametrize("dtype", ["int64", "byte", "bool", "float64", int, "u2", "nothing", 5])
def test_data_types_that_the_format_does_not_have(dtype: Any) -> None:
    with pytest.raises(OptionError, match="expected the dtype to be one of uint8, "):
        Schema(dtype=dtype)


@pytest.mark.parametrize(
    ("one", "two", "message"),
    [
        ({"rank": 3}, {"shape": [3]}, "rank is both 3 and 1"),
        ({"dtype": "uint8"}, {"dtype": "uint16"}, "dtype is both uint8 and uint16"),
        ({"shape": [3]}, {"shape": [4]}, "differ in dimension 0"),
        ({"dimension_units": ["4nm"]}, {"dimension_units": ["5nm"]}, "dimension_units of .* differ"),
        ({"fill_value": 1}, {"fill_value": 2}, "fill_value is both 1 and 2"),
        (
            {"codec": {"driver": DRIVER, "encoding": "raw"}},
            {"codec": {"driver": DRIVER, "encoding": "png"}},
            '"encoding"',
        ),
        (
            {"chunk_layout": {"read_chunk": {"shape": [4]}}},
            {"chunk_layout": {"read_chunk": {"shape": [5]}}},
            "read_chunk.shape of 4 and of 5 differ",
        ),
    ],
)
def test_schemas_that_differ_do_not_merge(one: dict[str, Any], two: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        Schema(**one, schema=Schema(**two))
    with pytest.raises(OptionError, match=r"differ|is both"):
        Schema(**two).merged(Schema(**one))
    assert Schema(**one).merged(Schema(**one)) == Schema(**one)
