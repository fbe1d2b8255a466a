from __future__ import annotations

from collections import Counter
from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngprecomp.format.box import Box
from ngprecomp.format.grid import Grid, ceil_div, positions_in
from tests.format.test_box import voxels_of
from tests.strategies import boxes, boxes_in, shapes

GRIDS = st.builds(Grid, boxes(max_side=6), shapes(max_side=4))


@given(st.integers(-(2**70), 2**70), st.integers(1, 2**63))
def test_ceil_div_is_exact(value: int, by: int) -> None:
    assert ceil_div(value, by) == ceil(Fraction(value, by))


@given(GRIDS)
def test_the_cells_hold_every_voxel_of_the_domain_once(grid: Grid) -> None:
    held = Counter(voxel for at in positions_in(grid.positions) for voxel in voxels_of(grid.cell(at)))
    assert set(held) == voxels_of(grid.domain)
    assert set(held.values()) <= {1}


@given(GRIDS)
def test_the_grid_starts_at_the_domain_and_only_its_end_is_cut(grid: Grid) -> None:
    for at in positions_in(grid.positions):
        for d, (lo, hi) in enumerate(zip(grid.cell(at).lo, grid.cell(at).hi, strict=True)):
            assert lo == grid.domain.lo[d] + at[d] * grid.chunk[d]
            assert hi == min(lo + grid.chunk[d], grid.domain.hi[d])


@given(GRIDS, st.data())
def test_touched_positions_are_those_that_share_a_voxel(grid: Grid, data: st.DataObject) -> None:
    larger = Box(*[tuple(v + by for v in end) for end, by in ((grid.domain.lo, -2), (grid.domain.hi, 2))])
    box = data.draw(boxes_in(larger))
    touched = set(positions_in(grid.touched(box)))
    assert touched == {at for at in positions_in(grid.positions) if not grid.cell(at).intersection(box).empty}


@given(GRIDS, st.data())
def test_the_cells_of_a_box_of_positions_are_the_hull_of_each(grid: Grid, data: st.DataObject) -> None:
    positions = data.draw(boxes_in(grid.positions))
    together = set().union(*(voxels_of(grid.cell(at)) for at in positions_in(positions)))
    if not positions.empty:
        assert voxels_of(grid.cells(positions)) == together


def test_positions_run_with_x_fastest() -> None:
    assert list(positions_in(Box((0, 5, 0), (2, 7, 1)))) == [(0, 5, 0), (1, 5, 0), (0, 6, 0), (1, 6, 0)]


@pytest.mark.parametrize("size", [(0, 4, 4), (0, 0, 0)])
def test_an_empty_domain_has_no_chunk(size: tuple[int, int, int]) -> None:
    grid = Grid(Box.of_size(size, (-7, 2, 2**61)), (64, 64, 64))
    assert list(positions_in(grid.positions)) == []
    assert grid.touched(grid.domain).empty
