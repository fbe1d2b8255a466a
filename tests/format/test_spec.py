from __future__ import annotations

import pickle
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pytest
import tensorstore as ts

from ngprecomp.errors import OptionError
from ngprecomp.format.box import Box
from ngprecomp.format.domain import IndexDomain
from ngprecomp.format.kvstore import kvstore_to_json
from ngprecomp.format.open_mode import OpenMode, open_mode
from ngprecomp.format.schema import Schema
from ngprecomp.format.spec import Spec, parse_spec

DRIVER = "neuroglancer_precomputed"


@pytest.mark.parametrize(
    ("spec", "url"),
    [
        ("data/v", "data/v/"),
        ("/data/v/", "/data/v/"),
        ("odd|name", "odd|name/"),
        ("/data/50%25 #1?", "/data/50%25 #1?/"),
        (PurePosixPath("/data/v"), "/data/v/"),
        (PurePosixPath("gs:/v"), "gs:/v/"),
        ("file:///data/v", "file:///data/v/"),
        ("memory://", "memory://"),
        ("memory://v/", "memory://v/"),
        ("HTTPS://Host/v", "https://Host/v/"),
        ("http://localhost:9000/v", "http://localhost:9000/v/"),
        ("s3://bucket/v", "s3://bucket/v/"),
        ("gs://bucket", "gs://bucket/"),
        ("az://container/v", "az://container/v/"),
        ("precomputed://gs://bucket/v", "gs://bucket/v/"),
        ("precomputed:///data/v", "/data/v/"),
        ("gs://bucket/v/|neuroglancer-precomputed:", "gs://bucket/v/"),
        ("/data/v|neuroglancer-precomputed:", "/data/v/"),
    ],
)
def test_paths_and_urls(spec: Any, url: str) -> None:
    assert parse_spec(spec) == Spec(url)
    assert parse_spec({"driver": DRIVER, "kvstore": str(spec)}).url in (url, f"precomputed://{url}")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("", "the path of a volume is empty"),
        ("precomputed://", "the path of a volume is empty"),
        ("graphene://https://host/v", "scheme graphene, expected one of file, memory, http"),
        ("brain://x", "scheme brain"),
        ("gs://bucket/v.gz|gzip:", "only zip:PATH and neuroglancer-precomputed: can be read"),
        ("https://host/v?token=1", "a query or a fragment"),
        (3, "a path, a URL or a JSON spec, not by 3"),
        (None, "not by None"),
    ],
)
def test_other_texts_are_refused(spec: Any, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        parse_spec(spec)


@pytest.mark.parametrize(
    ("members", "url"),
    [
        ({"kvstore": "gs://my-bucket/path/to/volume/"}, "gs://my-bucket/path/to/volume/"),
        ({"kvstore": {"driver": "memory", "path": "v/"}}, "memory://v/"),
        ({"kvstore": {"driver": "memory"}}, "memory://"),
        ({"kvstore": {"driver": "memory", "path": "50% a/", "atomic": True}}, "memory://50%25%20a/"),
        ({"kvstore": {"driver": "file", "path": "/data/50%"}}, "/data/50%/"),
        ({"kvstore": {"driver": "file", "path": "/data"}, "path": "v"}, "/data/v/"),
        ({"kvstore": "memory://", "path": "sub/dir"}, "memory://sub/dir/"),
        ({"kvstore": "memory://v", "path": "50%"}, "memory://v/50%25/"),
        ({"kvstore": {"driver": "file", "path": "/data"}, "path": "50%"}, "/data/50%/"),
        ({"kvstore": "memory://v", "driver": "neuroglancer-precomputed"}, "memory://v/"),
        (
            {"kvstore": "memory://v", "context": {"cache_pool": {}}, "cache_pool": {"total_bytes_limit": 5}},
            "memory://v/",
        ),
        ({"kvstore": "memory://v", "recheck_cached_data": "open", "recheck_cached_metadata": False}, "memory://v/"),
    ],
)
def test_where_a_json_spec_is(members: dict[str, Any], url: str) -> None:
    assert parse_spec({"driver": DRIVER, **members}) == Spec(url)


@pytest.mark.parametrize("url", ["memory://", "memory://a%20b/", "/data/v%20/", "file:///data/v/", "gs://bucket/v/"])
def test_kvstores_go_out_and_come_back(url: str) -> None:
    again = parse_spec({"driver": DRIVER, "kvstore": kvstore_to_json(url)}).url
    assert again == url.removeprefix("file://")


def test_all_members() -> None:
    spec = parse_spec(
        {
            "driver": DRIVER,
            "kvstore": "memory://v/",
            "scale_index": 1.0,
            "multiscale_metadata": {"type": "image", "data_type": "uint8", "num_channels": 3},
            "scale_metadata": {
                "key": "k",
                "resolution": [4, "4", 40],
                "size": [100, 200, 300],
                "voxel_offset": [-1, 0, 1],
                "chunk_size": [64, 64, 64],
                "encoding": "jpeg",
                "jpeg_quality": 90,
                "sharding": None,
            },
            "schema": {"domain": {"labels": ["x", "y", "z", "channel"]}},
            "dtype": "uint8",
            "rank": 4,
            "create": True,
            "transform": {"input_rank": 4, "output": [{"input_dimension": axis} for axis in range(4)]},
            "store_data_equal_to_fill_value": True,
            "fill_missing_data_reads": False,
        }
    )
    assert (spec.scale_index, spec.key, spec.resolution) == (1, "k", (4.0, 4.0, 40.0))
    assert (spec.multiscale.num_channels, spec.scale.box) == (3, Box((-1, 0, 1), (99, 200, 301)))
    assert (spec.scale.codec.jpeg_quality, spec.scale.sharding) == (90, False)
    assert (spec.schema.dtype, spec.schema.rank) == ("uint8", 4)
    assert spec.mode == OpenMode(create=True)
    assert spec.transform == IndexDomain(4)
    assert (spec.store_data_equal_to_fill_value, spec.fill_missing_data_reads) == (True, False)
    assert pickle.loads(pickle.dumps(spec)) == spec
    assert hash(pickle.loads(pickle.dumps(spec))) == hash(spec)


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"driver": "zarr"}, 'driver: expected neuroglancer_precomputed, found "zarr"'),
        ({"driver": None}, "driver: expected a string, found null"),
        ({"kvstore": None}, "kvstore: expected an object, found null"),
        (
            {"kvstore": {"driver": "ocdbt", "base": "b"}},
            'kvstore.driver: expected one of file, memory, s3, gcs, http, zip, found "ocdbt"',
        ),
        ({"kvstore": {"driver": "file"}}, "kvstore.path: expected a string, but it is missing"),
        ({"kvstore": {"driver": "memory", "x": 1}}, "kvstore.x: is not a member of kvstore"),
        ({"scale_index": -1}, "scale_index: expected an integer of at least 0, found -1"),
        ({"scale_metadata": 1}, "scale_metadata: expected an object, found 1"),
        (
            {"scale_metadata": {"resolution": [1, 2]}},
            "scale_metadata.resolution: expected 3 numbers, found [1, 2]",
        ),
        ({"scale_metadata": {"hidden": True}}, "scale_metadata.hidden: is not a member of scale_metadata"),
        (
            {"scale_metadata": {"voxel_offset": [1, 2, 3]}},
            'scale_metadata.voxel_offset: cannot be given without "size"',
        ),
        ({"scale_metadata": {"sharding": {"foo": 1}}}, "scale_metadata.sharding.foo: is not a member of sharding"),
        ({"multiscale_metadata": {"mesh": "m"}}, "multiscale_metadata.mesh: is not a member of multiscale_metadata"),
        ({"schema": {"domain": {"shape": "x"}}}, 'schema.domain.shape: expected a list of bounds, found "x"'),
        (
            {"schema": {"chunk_layout": {"read_chunk": {"foo": 1}}}},
            "schema.chunk_layout.read_chunk.foo: is not a member of schema.chunk_layout.read_chunk",
        ),
        (
            {"schema": {"codec": {"driver": "zarr"}}},
            'schema.codec.driver: expected "neuroglancer_precomputed", found "zarr"',
        ),
        ({"rank": 3}, "rank: rank is both 3 and 4"),
        ({"dtype": "uint8", "schema": {"dtype": "int8"}}, "dtype: dtype is both int8 and uint8"),
        (
            {"dtype": "uint8", "multiscale_metadata": {"data_type": "int8"}},
            'multiscale_metadata: "data_type" of "int8" differs from "dtype" of "uint8"',
        ),
        ({"open": 1}, "open: expected true or false, found 1"),
        ({"open": True, "delete_existing": True}, "open: delete_existing needs create"),
        ({"domain": {"shape": [1, 1, 1, 1]}}, "domain: is not a member of the spec"),
        ({"cache_pool": {"bytes": 5}}, "cache_pool.bytes: is not a member of cache_pool"),
        ({"context": "x"}, 'context: expected an object, found "x"'),
        ({"recheck_cached_data": "x"}, 'recheck_cached_data: expected true, false, a number or "open", found "x"'),
        ({"transform": {"input_shape": ["x"]}}, 'transform.input_shape: expected an integer or "+inf", found "x"'),
        ({"transform": {"input_rank": 4, "x": 1}}, "transform.x: is not a member of transform"),
        (
            {"transform": {"input_rank": 1, "output": [{"input_dimension": 0, "offset": 3}]}},
            'transform.output: [{"input_dimension": 0, "offset": 3}] changes the array',
        ),
        ({"bogus": 1}, "bogus: is not a member of the spec"),
    ],
)
def test_wrong_members_are_named(members: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError) as caught:
        parse_spec({"driver": DRIVER, "kvstore": "memory://v/", **members})
    assert message in str(caught.value)


def test_all_problems_of_a_spec_are_collected() -> None:
    with pytest.raises(OptionError) as caught:
        parse_spec({"kvstore": {"driver": 1}, "bogus": 1, "scale_metadata": {"key": 2, "foo": 3}})
    for name in ("driver", "kvstore.driver", "bogus", "scale_metadata.key", "scale_metadata.foo"):
        assert f"{name}: " in str(caught.value)


@pytest.mark.parametrize(
    ("scale", "expected"),
    [
        (1, (1, None, None)),
        (np.int64(1), (1, None, None)),
        ("k", (None, "k", None)),
        ((4, 4, 40), (None, None, (4, 4, 40))),
    ],
)
def test_a_scale_is_an_index_a_key_or_a_resolution(scale: Any, expected: Any) -> None:
    spec = Spec("v/").asking(scale=scale, mode=None, schema=Schema())
    assert (spec.scale_index, spec.key, spec.resolution) == expected
    assert spec.asking(scale=scale, mode=None, schema=Schema()) == spec


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"scale": True}, "a scale is an index, a key or 3 numbers"),
        ({"scale": (1, 2)}, "a scale is an index, a key or 3 numbers"),
        ({"scale": 2}, "scale_index is 1 in the spec, but 2 is asked for"),
        ({"scale": "other"}, "key is 'k' in the spec, but 'other' is asked for"),
        ({"schema": Schema(rank=3)}, "rank is both 4 and 3"),
        ({"schema": Schema(dtype="int8")}, "dtype is both uint8 and int8"),
    ],
)
def test_keywords_that_contradict_the_spec(keywords: dict[str, Any], message: str) -> None:
    members = {"dtype": "uint8", "scale_index": 1, "scale_metadata": {"key": "k"}}
    spec = parse_spec({"driver": DRIVER, "kvstore": "memory://v/", **members})
    with pytest.raises(OptionError, match=message):
        spec.asking(**{"scale": None, "mode": None, "schema": Schema(), **keywords})


MODES: list[dict[str, bool]] = [
    {"open": True},
    {"create": True},
    {"open": True, "create": True},
    {"create": True, "open": False},
    {"create": True, "delete_existing": True},
    {"delete_existing": True},
    {"open": True, "delete_existing": True},
    {"create": True, "delete_existing": True, "open": True},
    {"assume_metadata": True},
    {"assume_cached_metadata": True},
    {"create": True, "assume_metadata": True},
    {"create": True, "assume_cached_metadata": True},
    {"open": True, "create": True, "assume_metadata": True},
]


@pytest.mark.parametrize("wishes", MODES)
def test_modes_go_together_as_in_tensorstore(wishes: dict[str, bool]) -> None:
    info = b'{"type":"image","data_type":"uint8","num_channels":1,"scales":[]}'
    context = ts.Context()
    ts.KvStore.open("memory://", context=context).result()["info"] = info
    document = {"driver": DRIVER, "kvstore": "memory://", "scale_metadata": {"size": [1, 1, 1]}}
    try:
        ts.open(document, context=context, **wishes).result()
        refused = False
    except ValueError as error:
        refused = "open mode" in str(error)
    if refused:
        with pytest.raises(OptionError, match=r"needs create|exclude each other|need open"):
            open_mode(**wishes)
    else:
        mode = open_mode(**wishes)
        assert mode is not None
        assert mode.open is ("create" not in wishes or wishes.get("open", False))
