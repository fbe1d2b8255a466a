"""TensorStore's kvstore objects and URLs: they mean the same directory, and TensorStore opens what we make of them."""

from __future__ import annotations

import pytest
import tensorstore

from ngprecomp.errors import OptionError
from ngprecomp.format.kvstore import below, kvstore_to_json, parse_kvstore, parse_url
from ngprecomp.format.spec import parse_spec
from ngprecomp.format.wishes import as_options

SAME = [
    ("s3://bucket/a%20b/", {"driver": "s3", "bucket": "bucket", "path": "a b/"}),
    ("s3://bucket/", {"driver": "s3", "bucket": "bucket"}),
    (
        "s3+http://127.0.0.1:9000/bucket/v/?region=eu-west-1",
        {
            "driver": "s3",
            "endpoint": "http://127.0.0.1:9000",
            "aws_region": "eu-west-1",
            "bucket": "bucket",
            "path": "v/",
        },
    ),
    (
        "s3://bucket/v/?credentials=anonymous",
        {"driver": "s3", "aws_credentials": {"type": "anonymous"}, "bucket": "bucket", "path": "v/"},
    ),
    ("gs://bucket/50%25/", {"driver": "gcs", "bucket": "bucket", "path": "50%/"}),
    ("https://host/v/", {"driver": "http", "base_url": "https://host/v/"}),
    ("/data/em.zip|zip:raw/", {"driver": "zip", "base": {"driver": "file", "path": "/data/em.zip"}, "path": "raw/"}),
    ("/data/em.zip|zip:", {"driver": "zip", "base": {"driver": "file", "path": "/data/em.zip"}}),
]


@pytest.mark.parametrize(("url", "document"), SAME)
def test_objects_and_urls_mean_the_same(url, document):
    assert parse_kvstore(document, "kvstore") == url
    assert kvstore_to_json(url) == document
    assert parse_url(url) == url


@pytest.mark.parametrize(("url", "document"), SAME)
def test_tensorstore_takes_the_objects(url, document):
    assert tensorstore.KvStore.Spec(document).to_json()["driver"] == document["driver"]


@pytest.mark.parametrize(
    ("document", "url"),
    [
        ({"driver": "http", "base_url": "http://host", "path": "a b"}, "http://host/a%20b/"),
        ({"driver": "s3", "bucket": "b", "endpoint": "https://host/"}, "s3+https://host/b/"),
        ({"driver": "s3", "bucket": "b", "s3_request_concurrency": 4, "context": {}}, "s3://b/"),
        ({"driver": "zip", "base": "file:///em.zip", "path": "v"}, "file:///em.zip|zip:v/"),
        ({"driver": "zip", "base": {"driver": "gcs", "bucket": "b", "path": "em.zip"}}, "gs://b/em.zip|zip:"),
    ],
)
def test_other_objects(document, url):
    assert parse_kvstore(document, "kvstore") == url


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"driver": "s3"}, "kvstore.bucket: expected a string, but it is missing"),
        ({"driver": "s3", "bucket": "b", "endpoint": "host"}, "kvstore.endpoint: expected http://HOST"),
        (
            {"driver": "s3", "bucket": "b", "aws_credentials": {"type": "profile"}},
            r"kvstore.aws_credentials.type: expected one of default, environment, anonymous, imds",
        ),
        ({"driver": "http"}, "kvstore.base_url: expected a string, but it is missing"),
        ({"driver": "http", "base_url": "http://h", "headers": []}, "kvstore.headers: is not a member"),
        ({"driver": "zip", "path": "v"}, "kvstore.base: expected a URL or an object"),
        ({"driver": "zip", "base": {"driver": "s3"}}, "kvstore.base.bucket: expected a string"),
        ({"bucket": "b"}, "kvstore.driver: expected a string, but it is missing"),
    ],
)
def test_wrong_objects_are_refused(document, message):
    with pytest.raises(OptionError, match=message):
        as_options(lambda value, _: parse_kvstore(value, "kvstore"), document)


@pytest.mark.parametrize(
    ("url", "inner"),
    [
        ("s3://bucket/v/?region=r", "s3://bucket/v/a%20b/?region=r"),
        ("/data/em.zip|zip:", "/data/em.zip|zip:a%20b/"),
        ("/data/v?/", "/data/v?/a b/"),
    ],
)
def test_directories_below(url, inner):
    assert below(url, "a b") == inner


def test_the_form_of_the_viewer():
    assert parse_spec("/data/em.zip|zip:raw/|neuroglancer-precomputed:").url == "/data/em.zip|zip:raw/"
    assert parse_spec("precomputed://s3+https://host/bucket/v").url == "s3+https://host/bucket/v/"
    assert parse_spec("fsspec+sftp://host/v").url == "fsspec+sftp://host/v/"
