"""Portions: each thread reads chunks for itself, and what comes out is what units give."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngprecomp.chunks.place import Place
from ngprecomp.format.box import Box
from ngprecomp.format.grid import positions_in
from ngprecomp.format.layout import sharding_for_shard_size
from ngprecomp.format.scale import Scale
from ngprecomp.pipeline.engine.cells import make_cell
from ngprecomp.pipeline.engine.descent import descend
from ngprecomp.pipeline.engine.footprints import cut_rounds
from ngprecomp.pipeline.engine.portions import choose_group, choose_portion, portion_bytes
from ngprecomp.pipeline.engine.rounds import Round, Target
from ngprecomp.pipeline.engine.units import Demand
from ngprecomp.pipeline.pyramids.levels import Level
from ngprecomp.storage.memory import MemoryStore

FACTORS = st.sampled_from([(2, 2, 1), (2, 2, 2), (1, 2, 1), (1, 1, 2), (4, 1, 2)])
BLOCK = (64, 64, 64)


def pyramid(size, lo, chunk, factors, method, *, shard=None, name="portions"):
    """A round of a volume whose scales lie in a memory store."""
    base = Box.of_size(size, lo)
    level, targets = Level(base, (1, 1, 1)), []
    for index, factor in enumerate([(1, 1, 1), *factors]):
        level = level.coarser(factor, method) if index else level
        sharding = sharding_for_shard_size(level.box.size, chunk, shard, "raw") if shard else None
        scale = Scale(str(index), level.box.size, level.box.lo, (1, 1, 1), (chunk,), "raw", sharding=sharding)
        place = Place(MemoryStore(name), scale.key, scale, "uint8", 1, store_zeros=True)
        targets.append(Target(scale.grid, level.factor, (place,)))
    return Round(base, tuple(targets), method)


def objects(job):
    store = job.targets[0].places[0].store
    return {key: store.get(key).data for key in store.list("")}


@st.composite
def nested_rounds(draw):
    factors = draw(st.lists(FACTORS, max_size=2))
    lo = tuple(16 * n for n in draw(st.tuples(*[st.integers(-2, 2)] * 3)))
    size = draw(st.tuples(*[st.integers(1, 70)] * 3))
    chunk = draw(st.sampled_from([(8, 8, 8), (16, 8, 4)]))
    shard = draw(st.none() | st.just((32, 32, 32)))
    return pyramid(size, lo, chunk, factors, draw(st.sampled_from(["mean", "mode", "max", "stride"])), shard=shard)


@given(nested_rounds(), st.integers(0, 2), st.booleans())
def test_portions_give_what_units_give(job, number, skip_empty):
    number = min(number, len(job.targets) - 1)
    voxels = np.random.default_rng(0).integers(0, 3, job.base.size, "uint8")[..., np.newaxis]
    voxels[:8] = 0
    voxels = np.asfortranarray(voxels)
    reads = []

    def read(box):
        reads.append(box)
        return np.asfortranarray(voxels[box.relative_to(job.base.lo).slices])

    for position in positions_in(job.cells):
        cell = Box.of_size((1, 1, 1), position)
        expected = make_cell(job, cell, voxels, job.base.lo, skip_empty=skip_empty)
        stored = objects(job)
        made = descend(job, number, cell, read=read, skip_empty=skip_empty)
        assert made.sharded == expected.sharded
        assert made.counts == expected.counts
        assert objects(job) == stored
    assert sum(math.prod(box.size) for box in reads) == math.prod(job.base.size), "every voxel is read once"


def test_a_thread_reads_by_itself_where_blocks_lie_in_chunks():
    job = pyramid((256, 256, 256), (0, 0, 0), (64, 64, 64), [(2, 2, 2)] * 2, "mean")
    together = Demand(1, 2, BLOCK)
    assert choose_portion(job, together, 10**9) is None
    apart = replace(together, apart=True)
    assert choose_portion(job, apart, 10**9) == 0
    assert choose_portion(job, replace(apart, block=(128, 128, 128)), 10**9) == 1
    assert choose_portion(job, replace(apart, block=(256, 256, 1)), 10**9) == 2
    assert choose_portion(job, replace(apart, block=(512, 512, 1)), 10**9) == 2, "pages end where the volume does"
    larger = pyramid((512, 512, 512), (0, 0, 0), (64, 64, 64), [(2, 2, 2)] * 2, "mean")
    assert choose_portion(larger, replace(apart, block=(96, 96, 96)), 10**9) is None
    assert choose_portion(job, replace(apart, block=(1, 1, 1)), 10**9) is None
    assert choose_portion(job, apart, 10**5) is None


@pytest.mark.parametrize(
    "changed",
    [{"lo": (1, 0, 0)}, {"chunk": (64, 64, 63)}, {"method": "stride", "lo": (0, 0, 3)}],
    ids=["windows are cut", "chunks are odd", "strides begin inside"],
)
def test_chunks_that_do_not_nest_are_made_of_units(changed):
    given = {"size": (256, 256, 256), "lo": (0, 0, 0), "chunk": (64, 64, 64), "method": "mean", **changed}
    job = pyramid(factors=[(2, 2, 2)], **given)
    assert choose_portion(job, Demand(1, 2, given["chunk"], origin=given["lo"], apart=True), 10**9) is None


def test_thin_reads_whole_cells():
    job = pyramid((256, 256, 256), (0, 0, 0), (64, 64, 64), [(2, 2, 2)], "thin")
    assert choose_portion(job, Demand(1, 2, BLOCK, apart=True), 10**9) == 1


def test_a_group_keeps_within_the_memory_and_is_as_large_as_a_unit():
    job = pyramid((4096, 4096, 64), (0, 0, 0), (64, 64, 64), [], "mean")
    demand = Demand(1, 2, BLOCK, apart=True)
    large = choose_group(job, 0, demand, 10**9)
    assert large == (32, 32, 1)
    sharded = pyramid((4096, 4096, 64), (0, 0, 0), (64, 64, 64), [], "mean", shard=(64, 64, 64))
    little = portion_bytes(sharded, 0, (4, 4, 1), demand)
    assert choose_group(sharded, 0, demand, little) == (4, 4, 1)


def test_memory_does_not_grow_with_what_is_begun_together():
    targets = pyramid((1024, 1024, 1024), (0, 0, 0), (64, 64, 64), [(2, 2, 2)] * 2, "mode").targets
    (cut,) = cut_rounds(Box.of_size((1024, 1024, 1024)), targets, "mode", Demand(8, 2, BLOCK, apart=True), 4 << 30)
    assert cut.portion == 0
    assert cut.read_voxels == (64, 64, 64)
    assert cut.amplification(Demand(8, 2, BLOCK)) == 1
    assert math.prod(cut.unit) >= 8
    assert cut.nbytes(Demand(8, 2, BLOCK)) < 1 << 30
