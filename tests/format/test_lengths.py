import numpy as np
import pytest

from ngprecomp.errors import OptionError
from ngprecomp.format.lengths import have_unit, nanometres, parse_lengths, whole_voxels


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ((4, 4, 40), (4, 4, 40)),
        ([1 / 3, 1, 1e-9], (1 / 3, 1, 1e-9)),
        (np.array([4, 4, 40], "uint8"), (4, 4, 40)),
        (np.float32(0.5), (0.5, 0.5, 0.5)),
        (("4nm", "4nm", "0.04um"), (4, 4, 40)),
        ((4, 4, "40nm"), (4, 4, 40)),
        (("4", "4", "40 nm"), (4, 4, 40)),
        ((0.5, 0.5, "2um"), (500, 500, 2000)),
        ("8nm,8nm,0.04um", (8, 8, 40)),
        (" 1e-3mm , .5 \u03bcm, 5e2 nm", (1000, 500, 500)),
        ("0.07\u00b5m", (70, 70, 70)),
        ("-4,0,4", (-4, 0, 4)),
        ("3.5angstrom", (0.35, 0.35, 0.35)),
    ],
)
def test_lengths(value, expected):
    assert parse_lengths(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        "",
        "4,4",
        (4, 4),
        (4,),
        "4,4,4,4",
        "4,4,4px",
        "1_0,4,4",
        ("a", 4, 4),
        None,
        (None, 4, 4),
        {},
        "nan",
        (4, 4, float("inf")),
    ],
)
def test_no_lengths(value):
    with pytest.raises(OptionError, match=r"expected lengths x,y,z such as 8,8,40 or 8nm,8nm,0\.04um, found"):
        parse_lengths(value)


@pytest.mark.parametrize("value", ["4nm,4,40", "4,4nm,40", "4nm,4nm,40", "4nm,4,40nm", (4, "4um", "4um")])
def test_units_at_some_only(value):
    with pytest.raises(OptionError, match="a unit at each of the three lengths, at the last, or nowhere"):
        parse_lengths(value)


def test_units():
    assert nanometres(" MM ") == 1e6
    assert nanometres("\\u00B5m") == 1000
    assert nanometres("") is nanometres("s") is None
    assert have_unit((4, 4, "4nm"))
    assert not have_unit(("4", 4, 4))


def test_offsets_in_whole_voxels():
    assert whole_voxels((80.0, -40.0, 400.0), (4, 4, 40)) == ((20, -10, 10), None)
    assert whole_voxels((1.2, 0.0, 0.0), (0.4, 1, 1)) == ((3, 0, 0), None)  # 1.2 / 0.4 is not quite 3
    assert whole_voxels((5.0, -41.0, 430.0), (4, 4, 40)) == ((1, -10, 11), (-1, 1, 10))
