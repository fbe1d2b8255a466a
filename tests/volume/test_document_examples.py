"""The examples of TensorStore's driver document: the same requests, the same JSON, the same printed forms."""

from __future__ import annotations

import uuid

import numpy as np
import pytest
import tensorstore

import ngprecomp as ng

DRIVER = {"driver": "neuroglancer_precomputed"}
DOMAIN = {"inclusive_min": [20, 30, 40, 0], "shape": [1000, 2000, 3000, 2]}


@pytest.fixture
def bucket():
    """The document's bucket; here it is a volume in memory."""
    return f"memory://{uuid.uuid4().hex}/path/to/volume/"


@pytest.fixture
def volume(bucket):
    for size, resolution in (([80, 100, 10], [4, 4, 40]), ([40, 50, 10], [8, 8, 40])):
        ng.open(
            {
                **DRIVER,
                "kvstore": bucket,
                "multiscale_metadata": {"type": "segmentation", "data_type": "uint64", "num_channels": 1},
                "scale_metadata": {
                    "size": size,
                    "encoding": "compressed_segmentation",
                    "compressed_segmentation_block_size": [8, 8, 8],
                    "chunk_size": [64, 64, 64],
                    "resolution": resolution,
                },
            },
            create=True,
        )
    return {**DRIVER, "kvstore": bucket}


@pytest.mark.parametrize(
    ("members", "key"),
    [
        ({}, "4_4_40"),
        ({"scale_index": 1}, "8_8_40"),
        ({"scale_metadata": {"resolution": [4, 4, 40]}}, "4_4_40"),
        ({"schema": {"dimension_units": ["4nm", "4nm", "40nm", None]}}, "4_4_40"),
        ({"schema": {"dimension_units": ["8nm", "8nm", "40nm", None]}}, "8_8_40"),
        ({"scale_metadata": {"key": "4_4_40"}}, "4_4_40"),
    ],
)
def test_opening_a_scale(volume, members, key):
    assert ng.open({**volume, **members}).key == key


SCALE = {
    "size": [40000, 50000, 10000],
    "encoding": "compressed_segmentation",
    "compressed_segmentation_block_size": [8, 8, 8],
    "chunk_size": [64, 64, 64],
    "resolution": [8, 8, 40],
}


def test_creating_a_scale_in_an_existing_volume(bucket):
    ng.open(
        bucket,
        create=True,
        dtype="uint64",
        shape=[80000, 100000, 10000, 1],
        dimension_units=["4nm", "4nm", "40nm", None],
    )
    added = ng.open({**DRIVER, "kvstore": bucket, "scale_metadata": SCALE}, create=True)
    assert (added.scale_index, added.key, added.shape) == (1, "8_8_40", (40000, 50000, 10000, 1))


def test_creating_a_volume(bucket):
    multiscale = {"type": "segmentation", "data_type": "uint64", "num_channels": 1}
    spec = {**DRIVER, "kvstore": bucket, "multiscale_metadata": multiscale, "scale_metadata": SCALE}
    made = ng.open(spec, create=True)
    assert made.info["type"] == "segmentation"
    assert made.dtype == np.uint64
    with pytest.raises(ValueError, match="already has"):
        ng.open(spec, create=True)


def metadata_and_schema(bucket, multiscale, scale, **keywords):
    spec = {**DRIVER, "kvstore": bucket, "multiscale_metadata": multiscale, "scale_metadata": scale}
    made = ng.open(spec, create=True, **keywords)
    return made.info, ng.open({**DRIVER, "kvstore": bucket}).schema.to_json()


def info_of(data_type, volume_type, **scale):
    return {
        "@type": "neuroglancer_multiscale_volume",
        "data_type": data_type,
        "num_channels": 2,
        "scales": [{"key": "8_8_8", "resolution": [8.0, 8.0, 8.0], "voxel_offset": [20, 30, 40], **scale}],
        "type": volume_type,
    }


def schema_of(dtype, chunk_layout, codec, exclusive_max):
    return {
        "chunk_layout": {"grid_origin": [20, 30, 40, 0], "inner_order": [3, 2, 1, 0], **chunk_layout},
        "codec": {**DRIVER, **codec},
        "dimension_units": [[8.0, "nm"], [8.0, "nm"], [8.0, "nm"], None],
        "domain": {
            "exclusive_max": exclusive_max,
            "inclusive_min": [20, 30, 40, 0],
            "labels": ["x", "y", "z", "channel"],
        },
        "dtype": dtype,
        "rank": 4,
    }


def test_unsharded_raw(bucket):
    info, schema = metadata_and_schema(
        bucket,
        {"num_channels": 2, "data_type": "uint8"},
        {
            "resolution": [8, 8, 8],
            "chunk_size": [100, 200, 300],
            "sharding": None,
            "size": [1000, 2000, 3000],
            "voxel_offset": [20, 30, 40],
        },
    )
    assert info == info_of("uint8", "image", chunk_sizes=[[100, 200, 300]], encoding="raw", size=[1000, 2000, 3000])
    chunk = {"shape": [100, 200, 300, 2]}
    layout = {"read_chunk": chunk, "write_chunk": chunk}
    assert schema == schema_of("uint8", layout, {"encoding": "raw"}, [1020, 2030, 3040, 2])


def test_unsharded_compressed_segmentation(bucket):
    info, schema = metadata_and_schema(
        bucket,
        {"num_channels": 2, "data_type": "uint64"},
        {
            "resolution": [8, 8, 8],
            "chunk_size": [100, 200, 300],
            "sharding": None,
            "size": [1000, 2000, 3000],
            "voxel_offset": [20, 30, 40],
            "encoding": "compressed_segmentation",
        },
    )
    assert info == info_of(
        "uint64",
        "segmentation",
        chunk_sizes=[[100, 200, 300]],
        compressed_segmentation_block_size=[8, 8, 8],
        encoding="compressed_segmentation",
        size=[1000, 2000, 3000],
    )
    chunk = {"shape": [100, 200, 300, 2]}
    layout = {"codec_chunk": {"shape": [8, 8, 8, 1]}, "read_chunk": chunk, "write_chunk": chunk}
    assert schema == schema_of("uint64", layout, {"encoding": "compressed_segmentation"}, [1020, 2030, 3040, 2])


def test_sharded_raw(bucket):
    info, schema = metadata_and_schema(
        bucket,
        {"num_channels": 2, "data_type": "uint8"},
        {
            "resolution": [8, 8, 8],
            "chunk_size": [64, 64, 64],
            "size": [34432, 39552, 51508],
            "voxel_offset": [20, 30, 40],
        },
        chunk_layout=ng.ChunkLayout(write_chunk_elements=8000000000),
    )
    sharding = {
        "@type": "neuroglancer_uint64_sharded_v1",
        "data_encoding": "gzip",
        "hash": "identity",
        "minishard_bits": 6,
        "minishard_index_encoding": "gzip",
        "preshift_bits": 9,
        "shard_bits": 15,
    }
    assert info == info_of(
        "uint8", "image", chunk_sizes=[[64, 64, 64]], encoding="raw", sharding=sharding, size=[34432, 39552, 51508]
    )
    layout = {"read_chunk": {"shape": [64, 64, 64, 2]}, "write_chunk": {"shape": [2048, 2048, 2048, 2]}}
    codec = {"encoding": "raw", "shard_data_encoding": "gzip"}
    assert schema == schema_of("uint8", layout, codec, [34452, 39582, 51548, 2])


def test_domain(bucket):
    scale = {
        "resolution": [8, 8, 8],
        "chunk_size": [64, 64, 64],
        "size": [1000, 2000, 3000],
        "voxel_offset": [20, 30, 40],
    }
    spec = {**DRIVER, "kvstore": bucket, "multiscale_metadata": {"num_channels": 2, "data_type": "uint8"}}
    assert ng.open({**spec, "scale_metadata": scale}, create=True).schema.domain.to_json() == {
        "exclusive_max": [1020, 2030, 3040, 2],
        "inclusive_min": [20, 30, 40, 0],
        "labels": ["x", "y", "z", "channel"],
    }


@pytest.mark.parametrize(
    ("keywords", "printed"),
    [
        (
            {"dtype": "uint16"},
            "ChunkLayout({\n"
            "  'grid_origin': [20, 30, 40, 0],\n"
            "  'inner_order': [3, 2, 1, 0],\n"
            "  'read_chunk': {'shape': [81, 81, 81, 2]},\n"
            "  'write_chunk': {'shape': [81, 81, 81, 2]},\n"
            "})",
        ),
        (
            {"dtype": "uint32", "codec": ng.CodecSpec({**DRIVER, "encoding": "compressed_segmentation"})},
            "ChunkLayout({\n"
            "  'codec_chunk': {'shape': [8, 8, 8, 1]},\n"
            "  'grid_origin': [20, 30, 40, 0],\n"
            "  'inner_order': [3, 2, 1, 0],\n"
            "  'read_chunk': {'shape': [81, 81, 81, 2]},\n"
            "  'write_chunk': {'shape': [81, 81, 81, 2]},\n"
            "})",
        ),
        (
            {
                "dtype": "uint16",
                "chunk_layout": ng.ChunkLayout(
                    chunk_aspect_ratio=[2, 1, 1, 0], read_chunk_elements=2000000, write_chunk_elements=1000000000
                ),
            },
            "ChunkLayout({\n"
            "  'grid_origin': [20, 30, 40, 0],\n"
            "  'inner_order': [3, 2, 1, 0],\n"
            "  'read_chunk': {'shape': [159, 79, 79, 2]},\n"
            "  'write_chunk': {'shape': [1113, 1264, 632, 2]},\n"
            "})",
        ),
        (
            {
                "dtype": "uint16",
                "chunk_layout": ng.ChunkLayout(read_chunk_shape=[64, 64, 64, 2], write_chunk_shape=[512, 512, 512, 2]),
            },
            "ChunkLayout({\n"
            "  'grid_origin': [20, 30, 40, 0],\n"
            "  'inner_order': [3, 2, 1, 0],\n"
            "  'read_chunk': {'shape': [64, 64, 64, 2]},\n"
            "  'write_chunk': {'shape': [512, 512, 512, 2]},\n"
            "})",
        ),
    ],
)
def test_selection_of_the_chunk_layout(bucket, keywords, printed):
    made = ng.open({**DRIVER, "kvstore": bucket}, create=True, domain=ng.IndexDomain(**DOMAIN), **keywords)
    assert repr(made.chunk_layout) == printed


@pytest.mark.parametrize(
    "keywords",
    [
        {"fill_value": 42},
        {"codec": {"driver": "zarr"}},
        {"dimension_units": ["8m", None, None, None]},
        {"dimension_units": [None, None, None, "nm"]},
        {"dtype": "int64"},
        {"chunk_layout": ng.ChunkLayout(codec_chunk_shape=[8, 8, 8, 1])},
    ],
)
def test_what_the_document_calls_an_error(bucket, keywords):
    with pytest.raises(ValueError, match=r"fill_value|driver|nm|int64|codec_chunk|channel"):
        ng.open({**DRIVER, "kvstore": bucket}, create=True, **{"dtype": "uint8", **keywords}, domain=DOMAIN)


def test_where_a_write_chunk_is_no_box_it_is_the_whole_volume(bucket):
    sharding = {
        "@type": "neuroglancer_uint64_sharded_v1",
        "hash": "murmurhash3_x86_128",
        "preshift_bits": 0,
        "minishard_bits": 1,
        "shard_bits": 1,
    }
    scale = {"size": [100, 100, 100], "chunk_size": [64, 64, 64], "sharding": sharding}
    made = ng.open(
        {**DRIVER, "kvstore": bucket, "scale_metadata": scale}, create=True, dtype="uint8", shape=[100] * 3 + [1]
    )
    assert made.chunk_layout.write_chunk.shape == (128, 128, 128, 1)


def test_delete_existing_clears_the_prefix(bucket):
    first = ng.open(bucket, create=True, dtype="uint8", shape=[8, 8, 8, 1])
    first[...] = 1
    first.place.store.put("foreign.txt", b"gone")
    second = ng.open(bucket, create=True, delete_existing=True, dtype="uint16", shape=[4, 4, 4, 1])
    assert list(second.place.store.list()) == ["info"]


def test_zeros_are_stored_when_asked(bucket):
    spec = {**DRIVER, "kvstore": bucket, "store_data_equal_to_fill_value": True}
    made = ng.open(spec, create=True, dtype="uint8", shape=[8, 8, 8, 1])
    made[...] = 0
    assert sorted(made.place.store.list()) == ["1_1_1/0-8_0-8_0-8", "info"]
    strict = ng.open({**DRIVER, "kvstore": bucket, "fill_missing_data_reads": False})
    assert not strict[...].any()
    made.place.store.delete(["1_1_1/0-8_0-8_0-8"])
    with pytest.raises(KeyError, match="absent"):
        strict[...]


def test_the_newer_rule_for_chunks_is_one_option(bucket):
    keywords = {"create": True, "dtype": "uint16", "domain": DOMAIN, "chunk_rule": "at_most"}
    assert ng.open(bucket, **keywords).chunk_layout.read_chunk.shape == (80, 80, 80, 2)
    made = ng.create(f"{bucket}x", shape=(1000, 2000, 3000, 2), dtype="uint16", chunk_rule="at_most")
    assert made.scale.chunk_size == (80, 80, 80)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"domain": [1, 2]}, "IndexDomain"),
        ({"domain": "x"}, "IndexDomain"),
        (
            {"chunk_layout": ng.ChunkLayout(chunk_shape=[6, 0, 0, 0]), "chunk_size": [5, 5, 5]},
            r'read_chunk shape of \[6, .* is not "chunk_size" of \[5, 5, 5\]',
        ),
    ],
)
def test_wrong_values_are_named(bucket, keywords, message):
    spec = {**DRIVER, "kvstore": bucket, "scale_metadata": {"size": [10, 10, 10]}}
    spec["multiscale_metadata"] = {"num_channels": 1}
    if "chunk_size" in keywords:
        spec["scale_metadata"]["chunk_size"] = keywords.pop("chunk_size")
    with pytest.raises(ValueError, match=message):
        ng.open(spec, create=True, dtype="uint8", **keywords)


def test_a_sharding_that_differs_says_where(bucket):
    made = ng.create(bucket, shape=(64, 64, 64), dtype="uint8", chunk_size=8, shard_size=32)
    sharding = {**made.scales[0]["sharding"], "shard_bits": 4}
    with pytest.raises(ValueError, match=r'expected "sharding.shard_bits" of 4, found 3'):
        ng.open({**DRIVER, "kvstore": bucket, "scale_metadata": {"sharding": sharding}})
    with pytest.raises(ValueError, match=r'expected "sharding" to be null \(unsharded\), found \{"@type"'):
        ng.open({**DRIVER, "kvstore": bucket, "scale_metadata": {"sharding": None}})


def test_values_of_tensorstore_are_taken(bucket):
    layout = tensorstore.ChunkLayout(read_chunk_shape=[16, 16, 16, 1])
    made = ng.open(bucket, create=True, dtype=tensorstore.uint16, chunk_layout=layout, shape=[64, 64, 64, 1])
    theirs = tensorstore.Schema(made.schema.to_json())
    assert ng.open(bucket, schema=theirs, domain=theirs.domain).scale.chunk_size == (16, 16, 16)
