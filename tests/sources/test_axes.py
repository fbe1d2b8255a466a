from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ngprecomp.errors import OptionError
from ngprecomp.format.box import Box
from ngprecomp.sources.axes import asked_axes_note, parse_axes
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
        ("z;y;x", (1, 2, 3), "each letter at most once"),
        ("z--yx", (1, 2, 3), "each letter at most once"),
        ("zyx-", (1, 2, 3), "each letter at most once"),
        ("-c,z,y,x", (1, 2, 3, 4), "each letter at most once"),
        ("-t,z,y,x", (1, 2, 3, 4), "each letter at most once"),
        ("z=2,y,x", (3, 3, 4), "each letter at most once"),
        ("t=2,z,y,x", (2, 2, 3, 4), "2 points in time, 0 to 1"),
        ("zyx", (1, 2, 3, 4), "name 3 axes, but .* shape"),
        ("tzyx", (2, 2, 3, 4), r"2 points in time.* 0 to 1: t=0,z,y,x"),
    ],
)
def test_what_does_not_fit_is_refused(letters: str, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        parse_axes(letters, shape, "array")


@given(st.data(), st.sampled_from(ORDERS))
@settings(max_examples=50)
def test_reversed_axes_mirror_the_volume(data: st.DataObject, letters: str) -> None:
    shape = tuple(data.draw(st.lists(st.integers(1, 6), min_size=len(letters), max_size=len(letters))))
    turned = data.draw(st.sets(st.sampled_from([letter for letter in letters if letter != "c"])))
    array = noise(shape)
    axes = parse_axes(",".join("-" * (letter in turned) + letter for letter in letters), shape, "array")
    expected = np.flip(xyzc(array, letters), ["xyz".index(letter) for letter in turned])
    box = data.draw(boxes_in(Box.of_size(expected.shape[:3])).filter(lambda box: not box.empty))
    assert axes.shape(shape) == expected.shape
    np.testing.assert_array_equal(axes.voxels(array), expected)
    np.testing.assert_array_equal(axes.voxels(array[axes.region(box, shape)]), expected[box.slices])
    assert parse_axes(str(axes), shape, "array") == axes


@pytest.mark.parametrize("text", ["z,y,x", "Z, Y, X", "zyx"])
def test_commas_and_spaces_mean_nothing(text: str) -> None:
    assert str(parse_axes(text, (1, 2, 3), "array")) == "zyx"


def test_a_point_in_time_is_chosen_by_its_number() -> None:
    array = noise((3, 4, 5, 6))
    axes = parse_axes("z,t=2,-y,x", array.shape, "array")
    assert str(axes) == "z,t=2,-y,x"
    box = Box((1, 0, 1), (4, 2, 3))
    voxels = axes.voxels(array[axes.region(box, array.shape)])
    np.testing.assert_array_equal(voxels, xyzc(array[:, 2, ::-1], "zyx")[box.slices])
    assert str(parse_axes("t=0,z,y,x", (2, 2, 3, 4), "array")) == "t=0,z,y,x"


def test_the_note_says_which_voxel_comes_first() -> None:
    axes = parse_axes("-z,y,-x", (4, 5, 6), "array")
    note = asked_axes_note(axes, (4, 5, 6))
    assert note == "axes -z,y,-x: as asked; the volume's z 0 is the file's z 3; the volume's x 0 is the file's x 5"
