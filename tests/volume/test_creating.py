import json
import re

import numpy as np
import pytest

import ngprecomp as ng
from ngprecomp.errors import ConstraintError, ExistsError, MetadataError, OptionError
from ngprecomp.volume.places import REMOVAL_KEY

SMALL = {"shape": (5, 4, 3), "dtype": "uint8"}


@pytest.mark.parametrize(
    ("asked", "chunk"),
    [
        ({"shape": (1000, 2000, 3000, 2), "dtype": "uint16"}, (81, 81, 81)),
        ({"shape": (1000, 2000, 3000), "num_channels": 2, "dtype": "uint16"}, (81, 81, 81)),
        ({"shape": (1000, 2000, 3000), "dtype": "uint8"}, (102, 102, 102)),
        ({"shape": (300, 200, 100), "dtype": "uint8"}, (102, 102, 100)),
        ({"shape": (5, 0, 3), "dtype": "uint8"}, (5, 1, 3)),
    ],
)
def test_the_default_chunk_is_that_of_the_document(memory, asked, chunk):
    vol = ng.create(memory, **asked)
    assert vol.scale.chunk_size == chunk
    assert vol.shape[:3] == asked["shape"][:3]
    assert (vol.shape[3], vol.key, vol.scale.encoding, vol.scale.sharding) == (
        2 if "uint16" in asked.values() else 1,
        "1_1_1",
        "raw",
        None,
    )


@pytest.mark.parametrize(
    ("dtype", "kind"),
    [("uint32", "segmentation"), (np.uint64, "segmentation"), (np.float32, "image"), (">i2", "image"), ("u1", "image")],
)
def test_the_type_follows_from_the_data_type(memory, dtype, kind):
    vol = ng.create(memory, shape=(1, 1, 1), dtype=dtype)
    assert vol.info["type"] == kind
    assert vol.dtype == np.dtype(dtype).newbyteorder("=")


def test_everything_that_is_asked_for_is_in_info(memory):
    vol = ng.create(
        memory,
        shape=np.array([100, 100, 100]),
        dtype="uint64",
        resolution=(8, 8.5, 40),
        voxel_offset=(-1, 2, 3),
        num_channels=np.int64(2),
        type="image",
        encoding="compressed_segmentation",
        compressed_segmentation_block_size=(4, 4, 2),
        chunk_size=(16, 16, 16.0),
        shard_size=(32, 32, 32),
        key="a/b",
    )
    assert json.loads(vol.place.store.get("info").data) == vol.info
    assert vol.info == {
        "@type": "neuroglancer_multiscale_volume",
        "type": "image",
        "data_type": "uint64",
        "num_channels": 2,
        "scales": [
            {
                "key": "a/b",
                "size": [100, 100, 100],
                "voxel_offset": [-1, 2, 3],
                "resolution": [8.0, 8.5, 40.0],
                "chunk_sizes": [[16, 16, 16]],
                "encoding": "compressed_segmentation",
                "compressed_segmentation_block_size": [4, 4, 2],
                "sharding": {
                    "@type": "neuroglancer_uint64_sharded_v1",
                    "preshift_bits": 3,
                    "hash": "identity",
                    "minishard_bits": 0,
                    "shard_bits": 6,
                    "minishard_index_encoding": "gzip",
                    "data_encoding": "gzip",
                },
            }
        ],
    }


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"dtype": "int64"}, "expected one of the data types uint8, .* found int64"),
        ({"dtype": bool}, "found bool"),
        ({"dtype": "nonsense"}, "found nonsense"),
        ({"shape": (5, 4)}, r"a shape is x, y, z"),
        ({"shape": (5, 4, 3, 2), "num_channels": 3}, r"a shape is x, y, z with 3 channels, found \(5, 4, 3, 2\)"),
        ({"shape": (5, 4, -1)}, r"shape has three integers of at least 0"),
        ({"shape": (5, 4, 1.5)}, r"shape has three integers of at least 0.*found \(5, 4, 1.5\)"),
        ({"shape": (5, 4, float("nan"))}, "shape has three integers"),
        ({"shape": "543"}, "shape has three integers"),
        ({"num_channels": 0}, "num_channels is an integer of at least 1, found 0"),
        ({"num_channels": 1.5}, "num_channels is an integer of at least 1"),
        ({"resolution": (8, 8)}, "resolution has three positive numbers"),
        ({"resolution": (8, 8, 0)}, r"resolution has three positive numbers, x, y, z in nm; found \(8, 8, 0\)"),
        ({"resolution": (8, 8, float("inf"))}, "resolution has three positive numbers"),
        ({"resolution": ("a", 8, 8)}, "resolution has three positive numbers"),
        ({"voxel_offset": (0, 0)}, "voxel_offset has three integers, x, y, z"),
        ({"voxel_offset": (0, 0, 2**62)}, "2\\*\\*62"),
        ({"chunk_size": (4, 4, 0)}, "chunk_size has three integers of at least 1"),
        ({"shape": (4096, 4096, 4096), "chunk_size": (2048, 2048, 2048)}, "chunk"),
        ({"shard_size": (4, 4, 0)}, "shard_size has three integers of at least 1"),
        ({"shard_size": (4, 4, 4), "sharding": {}}, "give one of them"),
        ({"sharding": {"hash": "sha1"}}, r"sharding\.@type: .*; sharding.hash: "),
        ({"encoding": "zip"}, 'expected one of raw, png, .* found "zip"'),
        ({"encoding": "jxl"}, "jxl can be read, not written"),
        ({"encoding": "compressed_segmentation"}, "compressed_segmentation takes uint32 or uint64, not uint8"),
        ({"encoding": "png", "dtype": "float32"}, "png takes uint8 or uint16, not float32"),
        ({"encoding": "png", "num_channels": 5}, "png takes 1, 2, 3 or 4 channels, not 5"),
        ({"encoding": "jpeg", "num_channels": 2}, "jpeg takes 1 or 3 channels, not 2"),
        ({"encoding": "jpeg", "jpeg_quality": 101}, "jpeg_quality"),
        ({"encoding": "png", "png_level": 10}, "png_level"),
        ({"jpeg_quality": 80}, 'belongs to the encoding "jpeg"'),
        ({"compressed_segmentation_block_size": (8, 8, 8)}, "compressed_segmentation"),
        ({"type": "labels"}, "type is one of image, segmentation, found 'labels'"),
        ({"exist": "overwrite"}, 'exist is "error", "replace" or "add"'),
        ({"key": ""}, "inside the volume's folder"),
        ({"key": "/etc"}, "inside the volume's folder"),
        ({"key": "../other"}, "inside the volume's folder, found '../other'"),
        ({"key": "a/../../v"}, "inside the volume's folder"),
        ({"key": "info"}, "'info' of a scale is the name of a file"),
        ({"key": "a/../provenance"}, "is the name of a file"),
    ],
)
def test_what_is_refused_leaves_nothing(where, asked, message):
    with pytest.raises(OptionError, match=message):
        ng.create(where, **{**SMALL, **asked})
    with pytest.raises(FileNotFoundError):
        ng.open(where)


def test_the_place_is_no_scale():
    spec = {"driver": "neuroglancer_precomputed", "kvstore": "memory://nowhere", "scale_metadata": {"key": "s"}}
    with pytest.raises(OptionError, match="the scale is described by arguments"):
        ng.create(spec, **SMALL)


def test_what_exists_is_not_touched_unasked(where):
    ng.create(where, **SMALL)[...] = 3
    with pytest.raises(ExistsError, match=f"a volume exists at .*{re.escape(where.split('/')[-1])}"):
        ng.create(where, shape=(9, 9, 9), dtype="float32")
    assert ng.open(where)[...].all()


def test_replace_removes_the_volume_and_keeps_foreign_files(where):
    first = ng.create(where, **SMALL, key="a")
    first[...] = 1
    coarse = {"resolution": (2, 2, 2), "key": "b", "shard_size": (2, 2, 2), "chunk_size": (2, 2, 2)}
    ng.create(where, **SMALL, **coarse, exist="add")[...] = 1
    store = first.place.store
    foreign = ["notes.txt", "a/notes.txt", "a/0.shard", "b/zz.shard", "b/notes", "mesh/0-1_0-1_0-1"]
    for key in [*foreign, "provenance", "a/0-5_0-4_0-3.gz"]:
        store.put(key, b"x")
    vol = ng.create(where, **SMALL, key="a", exist="replace")
    assert sorted(store.list()) == sorted(["info", *foreign])
    assert not vol[...].any()
    assert len(vol.scales) == 1


def test_replace_and_add_where_nothing_is(where):
    assert not ng.create(where, **SMALL, exist="replace")[...].any()
    vol = ng.create(where + "2", **SMALL, exist="add")
    assert vol.scale_index == 0
    vol.place.store.delete(vol.place.store.list())


def test_add_appends_at_the_end(where):
    ng.create(where, **SMALL, resolution=(8, 8, 8))
    finer = ng.create(where, **SMALL, resolution=(4, 4, 4), exist="add")
    finer[...] = 5
    assert (finer.scale_index, finer.key) == (1, "4_4_4")
    assert [scale["key"] for scale in ng.open(where).scales] == ["8_8_8", "4_4_4"]
    assert not ng.open(where)[...].any()
    assert ng.open(where, 1)[...].all()


@pytest.mark.parametrize(
    ("asked", "error", "message"),
    [
        ({"dtype": "uint16"}, ConstraintError, 'expected "data_type" of "uint16", found "uint8"'),
        ({"num_channels": 2}, ConstraintError, 'expected "num_channels" of 2, found 1'),
        ({"type": "segmentation"}, ConstraintError, 'expected "type" of "segmentation", found "image"'),
        ({"resolution": (8, 8, 8)}, ExistsError, 'scale 0 already has the "key" "8_8_8"'),
        ({"resolution": (9, 9, 9), "key": "8_8_8"}, ExistsError, 'scale 0 already has the "key"'),
        ({"resolution": (9, 9, 9), "key": "./x/../8_8_8/"}, ExistsError, "scale 0 already has the key '8_8_8'"),
        ({"resolution": (1e6, 1e6, 1e6)}, ExistsError, r'scale 1 already has the "key" "1e\+06_1e\+06_1e\+06"'),
        ({"resolution": (7, 7, 7)}, ExistsError, r'scale 2 already has the "resolution" \[7.0, 7.0, 7.0\]'),
    ],
)
def test_scales_that_cannot_be_added(where, asked, error, message):
    ng.create(where, **SMALL, resolution=(8, 8, 8))
    ng.create(where, **SMALL, resolution=(999999.5, 999999.5, 999999.5), exist="add")
    ng.create(where, **SMALL, resolution=(7, 7, 7), key="seven", exist="add")
    with pytest.raises(error, match=message):
        ng.create(where, **{**SMALL, **asked}, exist="add")
    assert len(ng.open(where).scales) == 3


def test_another_key_with_an_equal_resolution_can_be_added(where):
    ng.create(where, **SMALL)
    assert ng.create(where, **SMALL, key="again", exist="add").scale_index == 1


def test_unknown_members_and_broken_scales_survive_adding(where):
    store = ng.create(where, **SMALL).place.store
    info = json.loads(store.get("info").data)
    info["mesh"] = "mesh"
    info["scales"][0]["hidden"] = True
    info["scales"] += [{"key": "broken", "encoding": "fpzip", "resolution": None}, {}]
    store.put("info", json.dumps(info).encode())
    assert ng.open(where).scale_index == 0
    vol = ng.create(where, **SMALL, resolution=(2, 2, 2), exist="add")
    assert vol.scale_index == 3
    info["scales"].append(vol.scales[-1])
    assert json.loads(store.get("info").data) == info
    with pytest.raises(ExistsError, match='scale 1 already has the "key" "broken"'):
        ng.create(where, **SMALL, resolution=(3, 3, 3), key="broken", exist="add")
    with pytest.raises(ValueError, match=r"scales\[1\]"):
        ng.open(where, "broken")


def test_a_volume_that_cannot_be_understood_is_not_replaced(where):
    vol = ng.create(where, **SMALL)
    vol[...] = 1
    info = vol.info
    info["scales"].append({"key": "broken", "encoding": "fpzip"})
    vol.place.store.put("info", json.dumps(info).encode())
    with pytest.raises(MetadataError, match=r"scales\[1\]"):
        ng.create(where, **SMALL, exist="replace")
    assert ng.open(where)[...].all()


@pytest.mark.parametrize("how", ["create", "open", "remove"])
def test_a_removal_that_was_interrupted_is_finished(where, how):
    """A new volume must not show voxels of the one that was to go."""
    vol = ng.create(where, shape=(8, 8, 8), dtype="uint8", key="s")
    vol[...] = 5
    store = vol.place.store
    store.put(REMOVAL_KEY, store.get("info").data)
    assert ng.open(where)[...].all(), "nothing has gone yet"
    store.delete(["info"])
    if how == "remove":
        ng.remove(where)
        assert list(store.list()) == []
        return
    if how == "create":
        new = ng.create(where, shape=(8, 8, 8), dtype="uint8", key="s")
    else:
        spec = {"driver": "neuroglancer_precomputed", "kvstore": where, "scale_metadata": {"key": "s"}}
        new = ng.open(spec, create=True, dtype="uint8", shape=(8, 8, 8, 1), dimension_units=["1nm"] * 3 + [None])
    assert not new[...].any()
    assert list(store.list()) == ["info"]
