"""Boxes for several writers: they cut the volume, and no stored object lies in two of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ngprecomp as ng
from ngprecomp.errors import OptionError


@given(
    shape=st.tuples(*[st.integers(0, 60)] * 3),
    offset=st.tuples(*[st.integers(-30, 30)] * 3),
    chunk=st.tuples(*[st.integers(1, 16)] * 3),
    shard=st.none() | st.tuples(*[st.integers(1, 80)] * 3),
    memory=st.none() | st.just(10**6),
)
def test_boxes_cut_the_volume_into_whole_objects(shape, offset, chunk, shard, memory):
    volume = ng.create(
        "memory://boxes", shape=shape, dtype="uint8", voxel_offset=offset, chunk_size=chunk, shard_size=shard,
        exist="replace",
    )  # fmt: skip
    seen = np.zeros(shape, int)
    grid = volume.place.grid
    owner = {}
    for number, box in enumerate(volume.write_boxes(memory)):
        local = tuple(slice(s.start - at, s.stop - at) for s, at in zip(box, offset, strict=True))
        seen[local] += 1
        corner = tuple(s.start for s in box)
        for axis in range(3):
            assert (corner[axis] - offset[axis]) % chunk[axis] == 0
        assert owner.setdefault(corner, number) == number
    assert np.all(seen == 1)
    assert grid.domain.size == shape


def test_one_box_is_one_shard():
    volume = ng.create(
        "memory://boxes/shards", shape=(256, 256, 100), dtype="uint64", chunk_size=(32, 32, 32),
        shard_size=(64, 64, 64), exist="replace",
    )  # fmt: skip
    boxes = list(volume.write_boxes())
    assert boxes[0] == (slice(0, 64), slice(0, 64), slice(0, 64))
    assert len(boxes) == 4 * 4 * 2
    assert len(list(volume.write_boxes("5MB"))) == 4 * 4
    with pytest.raises(OptionError, match="2097152 bytes"):
        list(volume.write_boxes("2MB"))
