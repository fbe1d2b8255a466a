"""Boxes in voxels of any size and in lengths."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ngprecomp as ng
from ngprecomp.errors import NotFoundError, OptionError, OutOfBoundsError
from ngprecomp.format.box import Box
from ngprecomp.pipeline.boxes import voxel_box


def volume(resolution=(8, 8, 40), offset=(-20, 4, 10), size=(200, 100, 50), name="boxes"):
    url = f"memory://{name}"
    return ng.create(url, shape=size, dtype="uint8", resolution=resolution, voxel_offset=offset, exist="replace")


@pytest.mark.parametrize(
    "box",
    [
        ((-20, 30), (4, 10), (20, 60)),
        [slice(-20, 30), slice(4, 10), slice(20, 60)],
        (slice(None, 30), (None, 10), [20, None]),
        Box((-20, 4, 20), (30, 10, 60)),
    ],
)
def test_in_voxels_of_the_volume(box):
    assert voxel_box(box, volume()) == (Box((-20, 4, 20), (30, 10, 60)), ())


def test_no_box_is_the_whole_volume():
    assert voxel_box(None, volume()) == (volume().box, ())


@pytest.mark.parametrize("at", [(16, 16, 40), "16_16_40", 1])
def test_in_voxels_of_another_scale(at):
    vol = volume()
    vol[...] = 1
    ng.build_pyramid(vol, levels=1, factor=(2, 2, 1))
    vol = ng.open(vol.url)
    assert voxel_box(((-10, 15), (2, 5), (20, 60)), vol, at=at) == (Box((-20, 4, 20), (30, 10, 60)), ())
    back = ng.open(vol.url, 1)
    found, notes = voxel_box(((-19, 30), (4, 9), (20, 60)), back, at=0)
    assert found == Box((-10, 2, 20), (15, 5, 60))
    assert notes == (
        "box -19:30,4:9,20:60 in voxels of 8 x 8 x 40 nm begins or ends between voxels: "
        "rounded outward to -10:15,2:5,20:60",
    )


@pytest.mark.parametrize(("units", "nm"), [("nm", 1), ("um", 1000), ("micron", 1000)])
def test_in_lengths(units, nm):
    box = tuple((lo / nm, hi / nm) for lo, hi in ((-160, 240), (32, 80), (800, 2400)))
    assert voxel_box(box, volume(), units=units) == (Box((-20, 4, 20), (30, 10, 60)), ())


def test_rounding_of_decimal_numbers_is_no_rounding():
    vol = volume((4.6, 4.6, 50), (0, 0, 0))
    box = tuple(
        (lo * step, hi * step) for (lo, hi), step in zip(((3, 171), (7, 99), (1, 3)), vol.resolution, strict=True)
    )
    assert voxel_box(box, vol, units="nm") == (Box((3, 7, 1), (171, 99, 3)), ())


@given(
    st.tuples(*[st.integers(-400, 300)] * 3),
    st.tuples(*[st.integers(1, 300)] * 3),
    st.tuples(*[st.sampled_from([1, 3, 5, 8, 12])] * 3),
    st.tuples(*[st.sampled_from([1, 2, 3, 7, 16])] * 3),
)
def test_outward_to_whole_voxels(lo, size, at, resolution):
    vol = volume(resolution, (-10_000,) * 3, (20_000,) * 3, "boxes-large")
    box = tuple((first, first + count) for first, count in zip(lo, size, strict=True))
    found, notes = voxel_box(box, vol, at=at)
    exact = [
        [Fraction(bound * unit, step) for bound in bounds]
        for bounds, unit, step in zip(box, at, resolution, strict=True)
    ]
    assert found == Box(tuple(floor(first) for first, _ in exact), tuple(ceil(end) for _, end in exact))
    assert bool(notes) == any(bound.denominator > 1 for bounds in exact for bound in bounds)


@pytest.mark.parametrize(
    ("box", "keywords", "message"),
    [
        (((0, 10), (4, 10)), {}, r"a box is \(\(x0, x1\)"),
        (((0, 10), (4, 10), (10, 20, 2)), {}, r"a box is \(\(x0, x1\)"),
        ((slice(0, 10), slice(4, 10), slice(10, 20, 2)), {}, "without steps"),
        (((0, 10), (4, 10), "12"), {}, "a box is"),
        (((0, 10), (4, 10), (float("nan"), 12)), {}, "a box is"),
        (((0, 10), (4, 10), (20, 20)), {}, "0:10,4:10,20:20 holds no voxel"),
        (((10, 0), (4, 10), (20, 30)), {}, "10:0,4:10,20:30 holds no voxel"),
        (None, {"units": "furlong"}, "unit of length"),
        (None, {"units": "nm", "at": (8, 8, 8)}, "counts in no voxels"),
        (None, {"at": (8, 8, 0)}, "positive"),
    ],
)
def test_what_is_no_box(box, keywords, message):
    with pytest.raises(OptionError, match=message):
        voxel_box(box, volume(), **keywords)


def test_out_of_the_domain():
    with pytest.raises(OutOfBoundsError, match=r"box 0:10,0:10,10:20 leaves the domain -20:180,4:104,10:60 of scale"):
        voxel_box(((0, 10), (0, 10), (10, 20)), volume())
    with pytest.raises(OutOfBoundsError, match=r"which is -160:1440,32:832,400:2400 in nm$"):
        voxel_box(((0, 10), (0, 10), (0, 20)), volume(), units="nm")
    with pytest.raises(OutOfBoundsError, match=r"which is -10:90,2:52,10:60 in voxels of 16 x 16 x 40 nm$"):
        voxel_box(((0, 91), (2, 10), (10, 20)), volume(), at=(16, 16, 40))


def test_an_unknown_scale():
    with pytest.raises(NotFoundError, match="no scale has key '7'"):
        voxel_box(None, volume(), at="7")
