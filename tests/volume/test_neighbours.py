"""Raw chunks that are read two at a time: neighbours along x."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ngprecomp as ng
from ngprecomp.errors import DecodeError, MissingChunkError
from ngprecomp.format.box import Box
from tests.strategies import boxes_in

SHAPE, OFFSET = (35, 9, 6), (-7, 3, 0)
DOMAIN = Box.of_size(SHAPE, OFFSET)
ABSENT = [(-3, 3, 0), (13, 7, 4), (-7, 7, 0)]  # the first voxels of chunks
SHARDS = {"preshift_bits": 2, "hash": "identity", "minishard_bits": 1, "shard_bits": 2}
KINDS = {
    "files": {},
    "raw shards": {"sharding": {"@type": "neuroglancer_uint64_sharded_v1", **SHARDS}},
    "gzip shards": {"sharding": {"@type": "neuroglancer_uint64_sharded_v1", **SHARDS, "data_encoding": "gzip"}},
}


def filled(kind, dtype, channels):
    """Return a volume of ten chunks along x, the last of which is cut, and its voxels; some chunks are absent."""
    vol = ng.create(
        "memory://neighbours", shape=SHAPE, dtype=dtype, num_channels=channels, voxel_offset=OFFSET,
        chunk_size=(4, 4, 4), key="s", exist="replace", **KINDS[kind],
    )  # fmt: skip
    voxels = np.random.default_rng(1).integers(1, 100, vol.shape).astype(dtype)
    for x, y, z in ABSENT:
        first = [at - start for at, start in zip((x, y, z), OFFSET, strict=True)]
        voxels[tuple(slice(at, at + 4) for at in first)] = 0
    vol[...] = voxels
    return vol, voxels


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("dtype", "channels"), [("uint8", 1), ("uint16", 3), ("float32", 1)])
def test_any_box_holds_the_same_voxels(kind, dtype, channels):
    vol, voxels = filled(kind, dtype, channels)

    @settings(max_examples=20, deadline=None)
    @given(box=boxes_in(DOMAIN), channel=st.integers(0, channels - 1))
    def check(box, channel):
        at, local = box.slices, box.relative_to(OFFSET).slices
        np.testing.assert_array_equal(vol[at], voxels[local])
        np.testing.assert_array_equal(vol[(*at, channel)], voxels[(*local, channel)])

    check()
    read, absent = vol.read(DOMAIN.slices)
    np.testing.assert_array_equal(read, voxels)
    assert absent == len(ABSENT)


@pytest.mark.parametrize("kind", KINDS)
def test_absence_is_told_of_the_chunk_that_is_absent(kind):
    vol, _ = filled(kind, "uint8", 1)
    with pytest.raises(MissingChunkError, match=r"^chunk 13:17,7:11,4:6 of scale 's'"):
        vol.read((slice(9, 17), slice(7, 11), slice(4, 6)), missing="error")


@pytest.mark.parametrize("damaged", [0, 1])
def test_damage_is_told_of_the_chunk_that_is_damaged(damaged):
    vol, _ = filled("files", "uint8", 1)
    name = ["1-5", "5-9"][damaged]
    vol.place.store.put(f"s/{name}_3-7_0-4", b"short")
    with pytest.raises(DecodeError, match=f"^chunk {name.replace('-', ':')},3:7,0:4 of scale 's'"):
        vol[1:9, 3:7, 0:4]
