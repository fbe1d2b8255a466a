"""TensorStore reads what we write and we read what TensorStore writes."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorstore as ts
from hypothesis import given, settings
from hypothesis import strategies as st

import ngprecomp as ng
from ngprecomp.chunks.shard_writing import ShardWriter
from ngprecomp.codecs.compression import compress
from ngprecomp.format.sharding import parse_sharding
from ngprecomp.storage.local import LocalStore
from tests.naive.sharding import place_of
from tests.strategies import seeds, voxels
from tests.volume.shadows import creations, write_randomly

GOLDEN = Path(__file__).parents[1] / "golden"


def opened(folder, **spec):
    kvstore = {"driver": "file", "path": f"{folder}/"}
    return ts.open({"driver": "neuroglancer_precomputed", "kvstore": kvstore, **spec}).result()


def tensorstore_spec(creation):
    """Return the spec members by which TensorStore creates the volume that `ng.create` makes of the same."""
    scale = {
        "size": list(creation["shape"]),
        "voxel_offset": list(creation["voxel_offset"]),
        "chunk_size": list(creation["chunk_size"]),
        "resolution": [1, 1, 1],
        "encoding": creation["encoding"],
        "key": creation["key"],
        "sharding": creation["sharding"],
    }
    if creation["encoding"] == "compressed_segmentation":
        scale["compressed_segmentation_block_size"] = list(creation["compressed_segmentation_block_size"])
    return {
        "multiscale_metadata": {"data_type": creation["dtype"], "num_channels": creation["num_channels"]},
        "scale_metadata": scale,
        "create": True,
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tensorstore") / "v"


@given(creations(), st.data())
def test_random_writes_equal_a_shadow_read_by_tensorstore(folder, creation, data):
    shutil.rmtree(folder, ignore_errors=True)
    vol = ng.create(folder, **creation)
    shadow = np.zeros(vol.shape, vol.dtype)
    write_randomly(data, vol, shadow)
    assert np.array_equal(vol[...], shadow)
    judge = opened(folder)
    assert np.array_equal(judge.read().result(), shadow)
    assert judge.domain.origin == (*vol.voxel_offset, 0)


@given(creations(), seeds)
def test_volumes_of_tensorstore_are_read(folder, creation, seed):
    shutil.rmtree(folder, ignore_errors=True)
    store = opened(folder, **tensorstore_spec(creation))
    random = np.random.default_rng(seed)
    dtype = np.dtype(creation["dtype"])
    top = 100 if dtype.kind == "f" else np.iinfo(dtype).max
    palette = np.array([0, top, 1, top // 2 + 1], dtype)
    written = palette[random.integers(0, 4, store.shape)]
    written[: store.shape[0] // 2] = 0
    store[...] = written
    vol = ng.open(folder)
    assert np.array_equal(vol[...], written)
    assert (vol.shape, vol.dtype) == (store.shape, dtype)


@given(creations(min_side=1), st.data())
@settings(max_examples=12)
def test_tensorstore_and_we_take_turns(folder, creation, data):
    shutil.rmtree(folder, ignore_errors=True)
    vol = ng.create(folder, **creation)
    shadow = np.zeros(vol.shape, vol.dtype)
    write_randomly(data, vol, shadow, times=1)
    # Never zero: whole shards of zeros that TensorStore writes leave the old ones (FORMAT.md 4.6).
    ones = np.ones(vol.shape, vol.dtype)
    half = vol.shape[0] // 2 + 1
    opened(folder)[ts.d[0].translate_to[0]][:half] = ones[:half]
    shadow[:half] = 1
    write_randomly(data, vol, shadow, times=2)
    assert np.array_equal(vol[...], shadow)
    assert np.array_equal(opened(folder).read().result(), shadow)


@given(creations())
def test_info_is_byte_for_byte_that_of_tensorstore(folder, creation):
    shutil.rmtree(folder, ignore_errors=True)
    ng.create(folder, **creation)
    ours = (folder / "info").read_bytes()
    shutil.rmtree(folder)
    opened(folder, **tensorstore_spec(creation))
    assert ours == (folder / "info").read_bytes()


@pytest.mark.parametrize(
    "creation",
    [
        {"shape": (100, 200, 300), "dtype": "uint8", "num_channels": 2, "resolution": (8, 8.5, 1 / 3)},
        {"shape": (64, 64, 2), "dtype": "uint64", "encoding": "compressed_segmentation"},
        {"shape": (5, 0, 3), "dtype": "float32"},
        {"shape": (300, 200, 100), "dtype": "uint8", "num_channels": 3, "encoding": "jpeg"},
        {"shape": (300, 200, 100), "dtype": "uint16", "encoding": "png", "png_level": 3, "type": "segmentation"},
    ],
    ids=lambda creation: creation.get("encoding", creation["dtype"]),
)
def test_defaults_are_those_of_tensorstore(folder, creation):
    shutil.rmtree(folder, ignore_errors=True)
    vol = ng.create(folder, **creation)
    ours = (folder / "info").read_bytes()
    shutil.rmtree(folder)
    multiscale = {"data_type": creation["dtype"], "num_channels": creation.get("num_channels", 1)}
    scale = {"size": list(creation["shape"]), "resolution": list(vol.resolution)}
    # The newest TensorStore has another rule for chunks (FORMAT.md 0), so it is told which.
    scale["chunk_size"] = list(vol.scale.chunk_size)
    scale |= {name: creation[name] for name in ("encoding", "png_level") if name in creation}
    if "type" in creation:
        multiscale["type"] = creation["type"]
    opened(folder, multiscale_metadata=multiscale, scale_metadata=scale, create=True)
    assert ours == (folder / "info").read_bytes()


def test_adding_a_scale_gives_the_bytes_of_tensorstore(tmp_path):
    wild = {
        "type": "image",
        "data_type": "uint8",
        "num_channels": 1,
        "mesh": "m",
        "scales": [
            {
                "key": "8_8_8",
                "size": [10.0, 10, 10],
                "resolution": [8, "8", 8],
                "chunk_sizes": [[8, 8, 8]],
                "encoding": "raw",
                "hidden": True,
            }
        ],
    }
    for folder in (tmp_path / "ours", tmp_path / "theirs"):
        folder.mkdir()
        (folder / "info").write_text(json.dumps(wild))
    size = {"size": [5, 5, 5], "resolution": [16, 16, 16], "chunk_size": [4, 4, 4]}
    ng.create(
        tmp_path / "ours", shape=(5, 5, 5), dtype="uint8", resolution=(16, 16, 16), chunk_size=(4, 4, 4), exist="add"
    )
    opened(tmp_path / "theirs", scale_metadata=size, create=True)
    assert (tmp_path / "ours/info").read_bytes() == (tmp_path / "theirs/info").read_bytes()
    assert ng.open(tmp_path / "ours").info["mesh"] == "m"


@given(
    images=voxels(data_type=st.just("uint8"), channels=st.sampled_from((1, 3))),
    quality=st.integers(60, 100),
)
@settings(max_examples=15)
def test_jpeg_voxels_are_those_that_tensorstore_decodes(folder, images, quality):
    shutil.rmtree(folder, ignore_errors=True)
    *shape, channels = images.shape
    vol = ng.create(
        folder, shape=shape, dtype="uint8", num_channels=channels, encoding="jpeg", jpeg_quality=quality, key="s"
    )
    vol[...] = images
    assert np.array_equal(vol[...], opened(folder).read().result())


SHARDS = json.loads((GOLDEN / "shards/index.json").read_text())
VALUES = {int(at): bytes.fromhex(value) for at, value in SHARDS["values"].items() if value}


@pytest.mark.parametrize("case", SHARDS["cases"], ids=lambda case: case["name"])
def test_golden_chunks_rewritten_by_us_are_read_by_tensorstore(tmp_path, case):
    document = case["sharding"]
    shards = {}
    for at, value in VALUES.items():
        shards.setdefault(place_of(at, document)[0], []).append((at, value))
    store = LocalStore(str(tmp_path))
    for number, chunks in shards.items():
        with ShardWriter(store, f"{number:x}.shard", parse_sharding(document)) as writer:
            for at, value in reversed(chunks):
                writer.add(at, compress(value, "gzip") if document["data_encoding"] == "gzip" else value)
    judge = ts.KvStore.open(
        {"driver": "neuroglancer_uint64_sharded", "base": f"file://{tmp_path}/", "metadata": document}
    ).result()
    assert {int.from_bytes(key, "big"): judge.read(key).result().value for key in judge.list().result()} == VALUES


@given(creations())
def test_what_we_report_opens_in_tensorstore(folder, creation):
    """Our spec and our schema describe the volume to TensorStore; a shard that the volume cuts is excepted."""
    shutil.rmtree(folder, ignore_errors=True)
    vol = ng.create(folder, **creation)
    judge = ts.open(vol.spec()).result()
    assert judge.dtype.name == vol.dtype.name
    assert judge.schema.to_json() == vol.schema.to_json()
    assert judge.spec().to_json() == vol.spec()
    assert judge.spec(minimal_spec=True).to_json() == vol.spec(minimal=True)
    written = vol.chunk_layout.write_chunk.shape[:3]
    if 0 in vol.shape:
        return
    cut = vol.scale.sharding is not None and any(side > n for side, n in zip(written, vol.shape, strict=False))
    if not cut:
        assert opened(folder, schema=vol.schema.to_json()).spec().to_json() == vol.spec()


def test_the_same_keywords_open_the_same_scale(tmp_path):
    for resolution in ((4, 4, 40), (8, 8, 40)):
        ng.create(tmp_path / "v", shape=(40, 40, 8), dtype="uint64", resolution=resolution, exist="add")
    for keywords in (
        {"dimension_units": ["8nm", "8nm", "40nm", None]},
        {"dtype": "uint64"},
        {"chunk_layout": {"read_chunk": {"shape": [40, 40, 8, 1]}}},
        {"schema": {"rank": 4, "dimension_units": ["8nm", None, None, None]}},
        {"codec": {"driver": "neuroglancer_precomputed", "encoding": "raw"}},
        {"domain": {"inclusive_min": [0, 0, 0, 0], "shape": [40, 40, 8, 1]}},
    ):
        theirs = {name: ts.ChunkLayout(value) if name == "chunk_layout" else value for name, value in keywords.items()}
        theirs = {name: ts.CodecSpec(value) if name == "codec" else value for name, value in theirs.items()}
        theirs = {name: ts.Schema(value) if name == "schema" else value for name, value in theirs.items()}
        theirs = {name: ts.IndexDomain(json=value) if name == "domain" else value for name, value in theirs.items()}
        spec = {"driver": "neuroglancer_precomputed", "kvstore": f"file://{tmp_path}/v/"}
        assert ng.open(spec, **keywords).spec() == ts.open(spec, **theirs).result().spec().to_json()
