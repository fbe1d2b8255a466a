from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngprecomp.errors import OutOfBoundsError
from ngprecomp.format.box import Box
from ngprecomp.format.grid import Grid, positions_in
from ngprecomp.volume.indexing import Selection, box_selection, parse_index
from tests.strategies import boxes_in, shapes

DOMAIN = Box((-5, -3, 9), (6, 4, 14))
CHANNELS = 2


def ranges(index):
    return parse_index(index, DOMAIN, CHANNELS).ranges


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        ((), (range(-5, 6), range(-3, 4), range(9, 14), range(2))),
        (..., (range(-5, 6), range(-3, 4), range(9, 14), range(2))),
        (slice(-5, -1), (range(-5, -1), range(-3, 4), range(9, 14), range(2))),
        ((..., 1), (range(-5, 6), range(-3, 4), range(9, 14), range(1, 2))),
        ((-1, ..., slice(0, 1)), (range(-1, 0), range(-3, 4), range(9, 14), range(1))),
        ((slice(None), -3, 13, 0, ...), (range(-5, 6), range(-3, -2), range(13, 14), range(1))),
        ((slice(None, None, 3),), (range(-5, 6, 3), range(-3, 4), range(9, 14), range(2))),
        ((slice(None, None, -2),), (range(5, -6, -2), range(-3, 4), range(9, 14), range(2))),
        ((slice(3, -5, -4),), (range(3, -5, -4), range(-3, 4), range(9, 14), range(2))),
        ((slice(3, None, -4),), (range(3, -6, -4), range(-3, 4), range(9, 14), range(2))),
        ((slice(0, 0), slice(4, 4)), (range(0, 0), range(4, 4), range(9, 14), range(2))),
        ((np.uint8(3), np.array(2)), (range(3, 4), range(2, 3), range(9, 14), range(2))),
        ((slice(np.int64(-2), np.int8(4)),), (range(-2, 4), range(-3, 4), range(9, 14), range(2))),
    ],
)
def test_coordinates_are_absolute(index, expected):
    assert ranges(index) == expected


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (6, r"coordinate 6 is out of the domain along x: the domain is -5:6,-3:4,9:14, channels 0:2"),
        (-6, r"coordinate -6 .* along x"),
        ((0, -4), r"coordinate -4 .* along y"),
        ((..., -1), r"coordinate -1 .* along channel"),
        ((slice(None), slice(None), slice(8, 10)), r"8:10 is out of the domain along z"),
        (slice(0, 7), r"0:7 is out of the domain along x"),
        (slice(100, 100), r"100:100 is out"),
        (slice(6, None, -1), r"6::-1 is out"),
        (slice(2, -7, -1), r"2:-7:-1 is out"),
        (slice(3, 1), r"3:1 ends before it begins"),
        (slice(1, 3, -1), r"1:3:-1 ends before it begins"),
        (slice(None, None, 0), r"step of a slice must not be 0"),
        ((0, 0, 9, 0, 0), r"4 axes \(x, y, z, channel\), found an index of 5 terms"),
        ((..., 0, ...), r"one Ellipsis"),
    ],
)
def test_what_is_out_of_the_domain_is_an_index_error(index, message):
    with pytest.raises(IndexError, match=message) as caught:
        parse_index(index, DOMAIN, CHANNELS)
    assert isinstance(caught.value, OutOfBoundsError)


@pytest.mark.parametrize(
    "index",
    [True, None, "x", 1.5, [0, 1], np.array([0, 1]), np.zeros((11, 7, 5, 2), bool), np.bool_(True), slice(0.5, 2)],
    ids=repr,
)
def test_other_terms_are_type_errors(index):
    for term in (index, (0, index)):
        with pytest.raises(TypeError):
            parse_index(term, DOMAIN, CHANNELS)


def test_an_empty_slice_is_legal_in_an_empty_volume():
    nothing = Box((3, 3, 3), (3, 8, 3))
    assert parse_index(..., nothing, 1).shape == (0, 5, 0, 1)
    with pytest.raises(OutOfBoundsError):
        parse_index(3, nothing, 1)


def test_dropped_axes():
    selection = parse_index((1, slice(0, 2), 9), DOMAIN, CHANNELS)
    assert selection.dropped == (True, False, True, False)
    assert (selection.shape, selection.kept_shape) == ((1, 2, 1, 2), (2, 2))


RANGES = st.tuples(st.integers(-20, 20), st.integers(0, 9), st.sampled_from((-3, -2, -1, 1, 2, 5))).map(
    lambda drawn: range(drawn[0], drawn[0] + drawn[1] * drawn[2], drawn[2])
)


@given(st.tuples(*[RANGES] * 3), boxes_in(Box((-20, -20, -20), (29, 29, 29))), shapes(max_side=9))
def test_parts_of_chunks(selected, domain, chunk):
    selection = Selection((*selected, range(2)))
    grid = Grid(domain, chunk)
    parts = selection.parts(grid, grid.positions)
    for position in islice(positions_in(grid.positions), 20):
        cell, part = grid.cell(position), parts.at(position)
        inside = [[at for at in selected[d] if cell.lo[d] <= at < cell.hi[d]] for d in range(3)]
        for axis in range(3):
            assert list(selected[axis][part.of_selection[axis]]) == inside[axis]
            assert list(range(cell.lo[axis], cell.hi[axis])[part.of_chunk[axis]]) == inside[axis]
        assert part.empty == (not all(inside))


@given(st.tuples(*[RANGES] * 3))
def test_the_box_of_a_selection_is_the_smallest(selected):
    selection = Selection((*selected, range(2)))
    if all(map(len, selected)):
        assert selection.box.lo == tuple(map(min, selected))
        assert selection.box.hi == tuple(max(each) + 1 for each in selected)
    else:
        assert selection.box.empty


def test_a_box_is_dense():
    assert box_selection(DOMAIN, 2).dense
    assert box_selection(DOMAIN, 2) == parse_index(..., DOMAIN, 2)
    assert not parse_index(slice(None, None, 2), DOMAIN, 2).dense
