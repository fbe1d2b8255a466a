from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ngprecomp.errors import OptionError
from ngprecomp.format.box import Box
from ngprecomp.sources.axes import parse_axes
from tests.sources.reading import noise, xyzc
from tests.strategies import boxes_in

ORDERS = ["".join(p) for n in (2, 3, 4) for p in itertools.permutations("xyzc", n) if {"x", "y"} <= set(p)]


@given(st.data(), st.sampled_from(ORDERS))
@settings(max_examples=50)
def test_region_and_voxels_agree_with_the_whole_array(data: st.DataObject, letters: str) -> None:
    shape = tuple(data.draw(st.lists(st.integers(1, 6), min_size=len(letters), max_size=len(letters))))
    array = noise(shape)
    axes = parse_axes(letters, shape, "array")
    expected = xyzc(array, letters)
    box = data.draw(boxes_in(Box.of_size(expected.shape[:3])).filter(lambda box: not box.empty))
    assert axes.shape(shape) == expected.shape
    np.testing.assert_array_equal(axes.voxels(array), expected)
    np.testing.assert_array_equal(axes.voxels(array[axes.region(box, shape)]), expected[box.slices])


def test_zyx_and_czyx_need_no_copy() -> None:
    for letters, shape in (("zyx", (2, 3, 4)), ("czyx", (2, 3, 4, 5)), ("yx", (3, 4)), ("tzyx", (1, 2, 3, 4))):
        array = noise(shape)
        voxels = parse_axes(letters, shape, "array").voxels(array)
        assert voxels.flags.f_contiguous
        assert np.shares_memory(voxels, array)


def test_capital_letters_mean_the_same() -> None:
    assert str(parse_axes("ZYX", (1, 2, 3), "array")) == "zyx"


@pytest.mark.parametrize(
    ("letters", "shape", "message"),
    [
        ("zyq", (1, 2, 3), "each letter at most once"),
        ("zyy", (1, 2, 3), "each letter at most once"),
        ("zy", (1, 2), "expected x and y"),
        ("", (), "expected x and y"),
        ("z,y,x", (1, 2, 3), "each letter at most once"),
        ("zyx", (1, 2, 3, 4), "name 3 axes, but .* shape"),
        ("tzyx", (2, 2, 3, 4), "2 points in time"),
    ],
)
def test_what_does_not_fit_is_refused(letters: str, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        parse_axes(letters, shape, "array")
