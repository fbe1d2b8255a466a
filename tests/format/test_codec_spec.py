from __future__ import annotations

import pickle
from typing import Any

import pytest
import tensorstore as ts

from ngprecomp.errors import OptionError
from ngprecomp.format.codec_spec import CodecSpec

DRIVER = "neuroglancer_precomputed"
MEMBERS: list[dict[str, Any]] = [
    {},
    {"driver": "neuroglancer-precomputed"},
    {"encoding": "raw"},
    {"encoding": "jpeg", "jpeg_quality": 50},
    {"encoding": "png", "png_level": 5.0},
    {"encoding": "compressed_segmentation", "shard_data_encoding": "gzip"},
    {"shard_data_encoding": "raw"},
    {"jpeg_quality": 50},
    {"encoding": "raw", "jpeg_quality": 50},
    {"encoding": "jpeg", "png_level": 5},
    {"encoding": "jpeg", "jpeg_quality": 101},
    {"encoding": "jpeg", "jpeg_quality": None},
    {"encoding": "png", "png_level": 10},
    {"encoding": "RAW"},
    {"encoding": None},
    {"shard_data_encoding": None},
    {"shard_data_encoding": "zstd"},
    {"compressed_segmentation_block_size": [8, 8, 8]},
    {"driver": 5},
    {"driver": "unknown"},
]


@pytest.mark.parametrize("members", MEMBERS)
def test_documents_mean_what_tensorstore_means(members: dict[str, Any]) -> None:
    document = {"driver": DRIVER, **members}
    try:
        theirs = ts.CodecSpec(document)
    except ValueError:
        with pytest.raises(OptionError, match="invalid codec"):
            CodecSpec(document)
        return
    ours = CodecSpec(document)
    assert ours.to_json() == theirs.to_json()
    assert repr(ours) == repr(theirs)
    assert pickle.loads(pickle.dumps(ours)) == ours == CodecSpec(ours) == CodecSpec(ours.to_json())
    assert hash(ours) == hash(CodecSpec(ours))


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({}, "driver: expected a string, but it is missing"),
        ({"driver": "zarr"}, 'driver: expected "neuroglancer_precomputed", found "zarr"'),
        ({"driver": DRIVER, "foo": 1}, "foo: is not a member of the codec"),
        ("raw", 'is made of keywords or of one JSON object, not of "raw"'),
    ],
)
def test_what_is_no_codec(document: Any, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        CodecSpec(document)


def test_encodings_that_we_only_read_are_codecs() -> None:
    assert CodecSpec(encoding="jxl").encoding == "jxl"


def test_merging() -> None:
    one, two = CodecSpec(encoding="jpeg"), CodecSpec(encoding="jpeg", jpeg_quality=5, shard_data_encoding="raw")
    assert one.merged(two) == two.merged(one) == two
    for other in (CodecSpec(encoding="raw"), CodecSpec(encoding="jpeg", jpeg_quality=6)):
        with pytest.raises(OptionError, match=r'" of .* and of .* differ'):
            two.merged(other)
