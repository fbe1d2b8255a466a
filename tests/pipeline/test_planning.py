"""Rounds and units: what they hold keeps within the memory, what they decode is counted and little."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ngprecomp.errors import OptionError
from ngprecomp.format.box import Box
from ngprecomp.format.grid import Grid
from ngprecomp.pipeline.engine.planning import later_demand, split_rounds
from ngprecomp.pipeline.engine.rounds import Round, Target, tiles
from ngprecomp.pipeline.engine.units import TOLERATED, Demand, amplification, choose_unit, round_bytes, unit_voxels
from tests.pipeline.test_rounds import rounds


def pyramid(size, chunk, count, factor=(2, 2, 2)):
    """Targets of a volume that begins at voxel 0."""
    targets = [Target(Grid(Box.of_size(size), chunk), (1, 1, 1), ())]
    for _ in range(count - 1):
        size = tuple(-(-n // f) for n, f in zip(size, factor, strict=True))
        targets.append(Target(Grid(Box.of_size(size), chunk), factor, ()))
    return targets


def plan_of(size, block, memory, *, voxel_bytes=1, chunk=(64, 64, 64), count=5, workers=2):
    """The first round, its unit, and how often that decodes a block."""
    demand = Demand(voxel_bytes, workers, block, held_bytes=voxel_bytes)
    first = split_rounds(Box.of_size(size), pyramid(size, chunk, count), "mean", demand, memory)[0]
    unit = choose_unit(first, demand, memory)
    return first, unit, amplification(first, unit, demand)


@given(rounds(), st.integers(0, 10**6), st.tuples(*[st.integers(1, 100)] * 3))
def test_a_unit_keeps_within_the_memory(job, spare, block):
    demand = Demand(1, 2, block)
    memory = round_bytes(job, (1, 1, 1), demand) + spare
    assert round_bytes(job, choose_unit(job, demand, memory), demand) <= memory


@given(rounds(), st.tuples(*[st.sampled_from([1, 2, 4])] * 3))
def test_a_unit_needs_no_more_voxels_than_the_model_says(job, unit):
    most = unit_voxels(job, unit)
    for part in tiles(job.cells, unit):
        assert all(size <= bound for size, bound in zip(job.needed(part)[0].size, most, strict=True))


@given(
    rounds(factors=st.just((2, 2, 2))),
    st.tuples(*[st.sampled_from([1, 2, 4])] * 3),
    st.tuples(*[st.integers(1, 40)] * 3),
    st.tuples(*[st.integers(-50, 0)] * 3),
)
def test_decoded_blocks_are_those_that_units_touch(job, unit, block, origin):
    """Exact where scales begin at whole windows; where units have halos it is an upper bound."""
    assume(not job.base.empty)
    origin = tuple(lo + o for lo, o in zip(job.base.lo, origin, strict=True))

    def touched(box):
        return math.prod(
            -(-(hi - o) // b) - (lo - o) // b for lo, hi, o, b in zip(box.lo, box.hi, origin, block, strict=True)
        )

    read = [job.needed(part)[0] for part in tiles(job.cells, unit)]
    times = sum(touched(box) for box in read if not box.empty) / touched(job.base)
    said = amplification(job, unit, Demand(1, 2, block, origin=origin))
    if all(lo % 2 ** len(job.targets) == 0 for lo in job.base.lo) and len(read) * math.prod(unit) >= 1:
        assert said == pytest.approx(times)
    assert said >= times - 1e-9


def test_chunks_of_the_source_are_decoded_once_and_make_three_scales():
    first, _, times = plan_of((4096, 4096, 4096), (64, 64, 64), 10**9)
    assert len(first.targets) == 3
    assert times == 1


def test_slabs_of_whole_pages_where_the_memory_holds_them():
    first, unit, times = plan_of((2048, 2048, 1024), (2048, 2048, 1), 512 * 10**6)
    assert unit_voxels(first, unit)[:2] == (2048, 2048)
    assert len(first.targets) == 1, "slabs for two scales would be twice as thick"
    assert times == 1


def test_more_memory_makes_more_scales_of_a_slab():
    depths = [len(plan_of((2048, 2048, 1024), (2048, 2048, 1), memory)[0].targets) for memory in (512e6, 2e9, 4e9)]
    assert depths == sorted(depths)
    assert depths[-1] == 3


def test_strips_are_read_in_bands():
    first, unit, times = plan_of((32000, 4096, 4096), (32000, 64, 1), 10**9)
    assert unit_voxels(first, unit)[0] == 32000
    assert times <= TOLERATED


def test_pages_that_are_too_large_are_decoded_often():
    _, _, times = plan_of((8192, 8192, 1024), (8192, 8192, 1), 10**9)
    assert times >= 2


def test_a_unit_has_cells_for_every_thread():
    first, unit, _ = plan_of((4096, 4096, 4096), (64, 64, 64), 64 * 10**9, workers=32)
    assert math.prod(unit) >= 4 * 32
    assert len(first.targets) == 3


def test_rounds_follow_each_other():
    targets = pyramid((4096, 4096, 4096), (64, 64, 64), 7)
    split = split_rounds(Box.of_size((4096, 4096, 4096)), targets, "mean", Demand(1, 2, (64, 64, 64)), 10**9)
    assert [target for job in split for target in job.targets] == targets
    assert all(later.base == earlier.targets[-1].grid.domain for earlier, later in itertools.pairwise(split))


def test_later_rounds_read_chunks():
    job = Round(Box.of_size((512, 512, 512)), tuple(pyramid((512, 512, 512), (64, 64, 64), 2)), "mean")
    before = Demand(4, 2, (512, 512, 1), origin=(7, 7, 7), source_bytes=8, held_bytes=20)
    assert later_demand(before, job) == Demand(4, 2, (64, 64, 64), held_bytes=4, apart=True)


def test_too_little_memory_says_what_is_needed():
    with pytest.raises(OptionError, match=r"memory of 1000000 bytes is too little: .* need \d+ bytes with 2 workers"):
        plan_of((512, 512, 512), (64, 64, 64), 10**6)


def test_a_petavoxel_is_planned_on_paper():
    first, _, times = plan_of((100_000, 100_000, 100_000), (1024, 1024, 64), 16 * 10**9, workers=16)
    assert times <= TOLERATED
    assert len(first.targets) == 3
