from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngprecomp.format.box import Box, triple
from tests.strategies import boxes, boxes_in, voxel_offsets


def voxels_of(box: Box) -> set[tuple[int, ...]]:
    return set(itertools.product(*(range(lo, hi) for lo, hi in zip(box.lo, box.hi, strict=True))))


SMALL = boxes_in(Box((-3, -2, -1), (3, 2, 4)))


@given(SMALL, SMALL)
def test_intersection_is_that_of_the_voxels(a: Box, b: Box) -> None:
    assert voxels_of(a.intersection(b)) == voxels_of(a) & voxels_of(b)
    assert a.intersection(b).empty == voxels_of(a).isdisjoint(voxels_of(b))


@given(SMALL, SMALL)
def test_contains_is_that_of_the_voxels(a: Box, b: Box) -> None:
    assert a.contains(b) == (voxels_of(b) <= voxels_of(a))


@given(SMALL, SMALL)
def test_the_hull_of_two_boxes_is_the_smallest_that_holds_both(a: Box, b: Box) -> None:
    hull = a.hull(b)
    assert hull.contains(a)
    assert hull.contains(b)
    if not a.empty and not b.empty:
        corners = np.array(sorted(voxels_of(a) | voxels_of(b)))
        assert hull == Box(triple(corners.min(0)), triple(corners.max(0) + 1))


@given(SMALL, boxes())
def test_an_empty_box_adds_nothing_to_a_hull(a: Box, b: Box) -> None:
    empty = Box(b.lo, (b.lo[0], *b.hi[1:]))
    assert voxels_of(a.hull(empty)) == voxels_of(empty.hull(a)) == voxels_of(a)


@given(boxes(), voxel_offsets)
def test_shifting_keeps_the_size_exactly(box: Box, by: tuple[int, int, int]) -> None:
    moved = box.shifted(by)
    assert moved.size == box.size
    assert moved.relative_to(by) == box
    assert box.relative_to(box.lo) == Box.of_size(box.size)


@given(boxes())
def test_the_size_counts_voxels(box: Box) -> None:
    assert Box.of_size(box.size, box.lo) == box
    assert box.empty == (0 in box.size)


def test_slices_index_an_array() -> None:
    array = np.arange(60).reshape(3, 4, 5)
    assert array[Box((1, 0, 2), (3, 2, 5)).slices].shape == (2, 2, 3)


def test_a_box_prints_as_it_is_typed() -> None:
    assert str(Box((-5, 0, 2**62 - 2), (4, 1, 2**62 - 1))) == "-5:4,0:1,4611686018427387902:4611686018427387903"


@pytest.mark.parametrize("values", [np.array([1, 2, 3]), [1, 2, 3], (1, 2, 3), range(1, 4)])
def test_a_triple_is_three_python_ints(values: object) -> None:
    assert triple(values) == (1, 2, 3)
    assert {type(value) for value in triple(values)} == {int}


@given(st.integers(0, 5).filter(lambda count: count != 3))
def test_a_triple_has_three_values(count: int) -> None:
    with pytest.raises(ValueError, match="values to unpack"):
        triple([0] * count)
