"""The rule by which a pyramid gets its scales."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngprecomp.errors import OptionError
from ngprecomp.format.box import Box
from ngprecomp.pipeline.pyramids.levels import Level, factor_between, plan_levels


def planned(size, resolution, chunk, offset=(0, 0, 0), **options):
    base = Level(Box.of_size(size, offset), resolution)
    return [(level.factor, level.box.size) for level in plan_levels(base, chunk, **options)]


def test_fine_axes_are_halved_until_voxels_are_isotropic():
    assert planned((1024, 1024, 20), (4.6, 4.6, 50), (128, 128, 16)) == [
        ((2, 2, 1), (512, 512, 20)),
        ((2, 2, 1), (256, 256, 20)),
        ((2, 2, 1), (128, 128, 20)),
        ((1, 1, 2), (128, 128, 10)),
    ]
    assert [factor for factor, _ in planned((4096, 4096, 4096), (4, 4, 40), (64, 64, 64))][:4] == [(2, 2, 1)] * 3 + [
        (2, 2, 2)
    ]


def test_an_axis_that_one_chunk_holds_is_left_alone():
    assert planned((200, 60, 64), (8, 8, 8), (64, 64, 64)) == [((2, 1, 1), (100, 60, 64)), ((2, 1, 1), (50, 60, 64))]


def test_where_only_coarse_axes_are_long_they_are_halved():
    assert planned((32, 32, 200), (4, 4, 40), (64, 64, 64)) == [((1, 1, 2), (32, 32, 100)), ((1, 1, 2), (32, 32, 50))]


def test_the_number_of_levels_and_the_factor_may_be_given():
    assert planned((100, 100, 100), (1, 1, 1), (64, 64, 64), count=0) == []
    assert len(planned((100, 100, 100), (1, 1, 1), (64, 64, 64), count=3)) == 3
    assert planned((100, 100, 100), (1, 1, 1), (64, 64, 64), count=50)[-1][1] == (1, 1, 1)
    assert planned((100, 100, 5), (1, 1, 1), (64, 64, 64), factor=(3, 3, 1)) == [((3, 3, 1), (34, 34, 5))]


@pytest.mark.parametrize("options", [{"count": -1}, {"factor": (1, 1, 1)}, {"factor": (0, 2, 2)}])
def test_impossible_wishes(options):
    with pytest.raises(OptionError):
        planned((100, 100, 100), (1, 1, 1), (64, 64, 64), **options)


@given(
    size=st.tuples(*[st.integers(0, 500)] * 3),
    offset=st.tuples(*[st.integers(-300, 300)] * 3),
    resolution=st.tuples(*[st.sampled_from([1, 4, 4.6, 40, 50])] * 3),
    chunk=st.tuples(*[st.integers(1, 64)] * 3),
    method=st.sampled_from(["mean", "stride"]),
)
def test_every_level_covers_the_one_above_and_the_rule_ends(size, offset, resolution, chunk, method):
    level = Level(Box.of_size(size, offset), resolution)
    levels = plan_levels(level, chunk, method=method)
    assert len(levels) < 40
    for coarse in levels:
        for axis, factor in enumerate(coarse.factor):
            if method == "mean":
                assert coarse.box.lo[axis] * factor <= level.box.lo[axis]
                assert coarse.box.hi[axis] * factor >= level.box.hi[axis]
            assert coarse.resolution[axis] == pytest.approx(level.resolution[axis] * factor)
        assert factor_between(level, coarse, method) == coarse.factor
        level = coarse
