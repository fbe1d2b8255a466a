"""Cells, units and footprints: every chunk has one owner, every voxel it needs is at hand."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from ngprecomp.chunks.place import Place
from ngprecomp.format.box import Box
from ngprecomp.format.grid import Grid, positions_in
from ngprecomp.format.layout import sharding_for_shard_size
from ngprecomp.format.scale import Scale
from ngprecomp.format.shard_location import locate
from ngprecomp.kernels.morton import compressed_morton_code
from ngprecomp.pipeline.engine.planning import split_rounds
from ngprecomp.pipeline.engine.rounds import Round, Target, in_morton_order, made_together, tiles, windows
from ngprecomp.pipeline.engine.units import Demand, choose_unit, footprint_cells, round_bytes, unit_voxels
from ngprecomp.pipeline.pyramids.levels import Level
from ngprecomp.storage.memory import MemoryStore

FACTORS = st.sampled_from([(2, 2, 1), (2, 2, 2), (1, 2, 1), (1, 1, 2), (4, 1, 2)])


@st.composite
def rounds(draw, factors=FACTORS):
    base = Box.of_size(draw(st.tuples(*[st.integers(1, 90)] * 3)), draw(st.tuples(*[st.integers(-50, 50)] * 3)))
    chunk = draw(st.tuples(*[st.integers(3, 16)] * 3))
    shard = draw(st.none() | st.tuples(*[st.integers(1, 100)] * 3))
    level, targets = Level(base, (1, 1, 1)), []
    method = draw(st.sampled_from(["mean", "stride", "thin"]))
    for index in range(draw(st.integers(1, 3))):
        if index:
            coarser = level.coarser(draw(factors), method)
            if coarser.box.empty:
                break
            level = coarser
        sharding = sharding_for_shard_size(level.box.size, chunk, shard, "raw") if shard else None
        scale = Scale(str(index), level.box.size, level.box.lo, (1, 1, 1), (chunk,), "raw", sharding=sharding)
        place = Place(MemoryStore("rounds"), scale.key, scale, "uint8", 1)
        targets.append(Target(scale.grid, level.factor, (place,)))
    return Round(base, tuple(targets), method)


@given(rounds(), st.tuples(*[st.sampled_from([1, 2, 4])] * 3))
def test_every_chunk_has_one_owner_and_its_voxels_at_hand(job, unit):
    owned = [[] for _ in job.targets]
    for footprint in tiles(job.cells, footprint_cells(job, unit)):
        for part in tiles(footprint, unit):
            base, *boxes = job.needed(part)
            assert job.base.contains(base)
            above = base
            for index, (target, box) in enumerate(zip(job.targets, boxes, strict=True)):
                positions = job.owned(index, part)
                owned[index] += positions_in(positions)
                assert box.contains(target.grid.cells(positions))
                domain = job.targets[index - 1].grid.domain if index else job.base
                assert above.contains(windows(box, target.factor).intersection(domain))
                assert made_together(box, target.factor, job.method).intersection(target.grid.domain) == box
                above = box
    for positions, target in zip(owned, job.targets, strict=True):
        assert sorted(positions) == sorted(positions_in(target.grid.positions))


@given(rounds())
def test_no_shard_lies_in_two_footprints(job):
    for index, target in enumerate(job.targets):
        sharding = target.places[0].scale.sharding
        if sharding is None:
            continue
        seen = {}
        for number, footprint in enumerate(tiles(job.cells, job.shard_cells())):
            positions = list(positions_in(job.owned(index, footprint)))
            if positions:
                shards, _ = locate(sharding, compressed_morton_code(positions, target.grid.shape))
                for shard in shards.tolist():
                    assert seen.setdefault(shard, number) == number


@given(st.tuples(*[st.integers(0, 6)] * 3), st.tuples(*[st.sampled_from([1, 2, 4])] * 3))
def test_tiles_cut_a_box_into_parts(size, tile):
    box = Box.of_size(size)
    positions = [position for part in tiles(box, tile) for position in positions_in(part)]
    assert sorted(positions) == sorted(positions_in(box))


@given(rounds(), st.tuples(*[st.sampled_from([1, 2, 4])] * 3))
def test_no_unit_needs_more_than_is_planned_for(job, unit):
    planned = unit_voxels(job, unit)
    for part in tiles(job.cells, unit):
        assert all(size <= most for size, most in zip(job.needed(part)[0].size, planned, strict=True))


def test_tiles_reach_beyond_chunks_only_where_they_are_not_aligned():
    def halo(chunk, lo):
        grid = Grid(Box.of_size((500, 500, 500), lo), chunk)
        return Round(Box.of_size((1000, 1000, 1000)), (Target(grid, (2, 2, 1), ()),), "thin").tile_halo

    assert halo((64, 64, 16), (0, -16, 32)) == (0, 0, 0)
    assert halo((64, 60, 16), (3, 0, 0)) == (30, 30, 0)


def test_morton_order():
    assert in_morton_order(Box((0, 0, 0), (2, 2, 1)), (4, 4, 4)) == [(0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1, 0)]


def target(size, chunk, factor):
    grid = Grid(Box.of_size(size), chunk)
    return Target(grid, factor, ())


def test_three_scales_come_from_one_reading_where_there_are_cells_for_all_threads():
    size = (4096, 4096, 4096)
    targets = [target(tuple(n >> k for n in size), (64, 64, 64), (2, 2, 2) if k else (1, 1, 1)) for k in range(7)]
    demand = Demand(1, 2, (64, 64, 64))
    split = split_rounds(Box.of_size(size), targets, "mean", demand, 10**9)
    assert [len(job.targets) for job in split] == [3, 3, 1]
    assert all(later.base == earlier.targets[-1].grid.domain for earlier, later in itertools.pairwise(split))
    little = split_rounds(Box.of_size(size), targets, "mean", demand, 10**7)
    assert len(little[0].targets) == 1


def test_other_chunks_begin_a_round():
    targets = [target((512, 512, 512), (64, 64, 64), (1, 1, 1)), target((256, 256, 256), (32, 32, 32), (2, 2, 2))]
    assert len(split_rounds(Box.of_size((512, 512, 512)), targets, "mean", Demand(1, 1, (1, 1, 1)), 10**9)) == 2


def test_units_of_slices_are_slabs():
    job = Round(Box.of_size((4096, 4096, 512)), (target((4096, 4096, 512), (64, 64, 64), (1, 1, 1)),), "mean")
    demand = Demand(1, 2, (4096, 4096, 1))
    unit = choose_unit(job, demand, 3 * 10**9)
    assert unit[:2] == (64, 64)
    assert round_bytes(job, unit, demand) <= 3 * 10**9


@given(rounds(), st.integers(1, 10**6), st.tuples(*[st.integers(1, 100)] * 3))
def test_a_unit_keeps_within_the_memory(job, spare, block):
    demand = Demand(1, 2, block)
    memory = round_bytes(job, (1, 1, 1), demand) + spare
    assert round_bytes(job, choose_unit(job, demand, memory), demand) <= memory
