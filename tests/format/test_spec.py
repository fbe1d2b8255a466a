from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import pytest

from ngprecomp.errors import OptionError
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
        ("gs://bucket/v.zip|zip:", "only neuroglancer-precomputed: can be read"),
        ("https://host/v?token=1", "a query or a fragment"),
        (3, "a path, a URL or a JSON spec, not by 3"),
        (None, "not by None"),
    ],
)
def test_other_texts_are_refused(spec: Any, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        parse_spec(spec)


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"kvstore": "gs://my-bucket/path/to/volume/"}, Spec("gs://my-bucket/path/to/volume/")),
        ({"kvstore": "gs://b/v/", "scale_index": 1.0}, Spec("gs://b/v/", scale_index=1)),
        (
            {"kvstore": "gs://b/v/", "scale_metadata": {"resolution": [4, 4, 40]}},
            Spec("gs://b/v/", resolution=(4.0, 4.0, 40.0)),
        ),
        ({"kvstore": "gs://b/v/", "scale_metadata": {"key": "4_4_40"}}, Spec("gs://b/v/", key="4_4_40")),
        ({"kvstore": {"driver": "memory", "path": "v/"}}, Spec("memory://v/")),
        ({"kvstore": {"driver": "memory"}}, Spec("memory://")),
        ({"kvstore": {"driver": "memory", "path": "50% a/"}}, Spec("memory://50%25%20a/")),
        ({"kvstore": {"driver": "file", "path": "/data/50%"}}, Spec("/data/50%/")),
        ({"kvstore": {"driver": "file", "path": "/data"}, "path": "v"}, Spec("/data/v/")),
        ({"kvstore": "memory://", "path": "sub/dir"}, Spec("memory://sub/dir/")),
        ({"kvstore": "memory://v", "path": "50%"}, Spec("memory://v/50%25/")),
        ({"kvstore": {"driver": "file", "path": "/data"}, "path": "50%"}, Spec("/data/50%/")),
        ({"kvstore": "memory://v", "driver": "neuroglancer-precomputed"}, Spec("memory://v/")),
    ],
)
def test_json_specs(members: dict[str, Any], expected: Spec) -> None:
    assert parse_spec({"driver": DRIVER, **members}) == expected


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"driver": "zarr"}, 'driver: expected neuroglancer_precomputed, found "zarr"'),
        ({"driver": None}, "driver: expected a string, found null"),
        ({"kvstore": None}, "kvstore: expected an object, found null"),
        (
            {"kvstore": {"driver": "s3", "bucket": "b"}},
            'kvstore.driver: expected one of file, memory, found "s3"',
        ),
        ({"kvstore": {"driver": "file"}}, "kvstore.path: expected a string, but it is missing"),
        ({"kvstore": {"driver": "memory", "x": 1}}, "kvstore.x: is not a member of the spec"),
        ({"scale_index": -1}, "scale_index: expected an integer of at least 0, found -1"),
        ({"scale_metadata": 1}, "scale_metadata: expected an object, found 1"),
        (
            {"scale_metadata": {"resolution": [1, 2]}},
            "scale_metadata.resolution: expected 3 numbers, found [1, 2]",
        ),
        ({"scale_metadata": {"hidden": True}}, "scale_metadata.hidden: is not a member of the spec"),
        ({"scale_metadata": {"size": [1, 2, 3]}}, "scale_metadata.size: is not supported yet"),
        ({"schema": {}}, "schema: is not supported yet"),
        ({"bogus": 1}, "bogus: is not a member of the spec"),
    ],
)
def test_wrong_members_are_named(members: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError) as caught:
        parse_spec({"driver": DRIVER, "kvstore": "memory://v/", **members})
    assert str(caught.value) == f"invalid spec: {message}"


def test_all_problems_of_a_spec_are_collected() -> None:
    with pytest.raises(OptionError) as caught:
        parse_spec({"kvstore": {"driver": 1}, "bogus": 1, "scale_metadata": {"key": 2, "foo": 3}})
    for name in ("driver", "kvstore.driver", "bogus", "scale_metadata.key", "scale_metadata.foo"):
        assert f"{name}: " in str(caught.value)
