from __future__ import annotations

import pickle
from typing import Any

import pytest
import tensorstore as ts

from ngprecomp.errors import OptionError
from ngprecomp.format.units import Unit, merged_units, parse_units, resolution_of, units_of, units_to_json

VALUES = [
    "4nm", " 4 nm ", "nm", "4", "4e3 um", "", "4.5nm", "-4nm", "+4nm", ".5nm", "4 nm s", "1e", "4e", "inf nm", "0x10nm",
    "1_000nm", "4.nm", "4e-1nm", "1e-3e", "e5", "4 5nm", "4E3nm", "4 e3nm", "4e 3", "4\tnm", "4\nnm", (4, "nm"),
    [4, "nm"], 5, 5.5, 0, (4, " nm "), (0.1, "nm"), 1e6, (1e-7, "nm"), (4,), ("4", "nm"), None, (4, "nm", 1), {"a": 1},
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES)
def test_units_mean_what_tensorstore_means(value: Any) -> None:
    try:
        theirs = ts.Unit(value)
    except (TypeError, ValueError):
        with pytest.raises(OptionError):
            Unit(value)
        return
    ours = Unit(value)
    assert (ours.multiplier, ours.base_unit) == (theirs.multiplier, theirs.base_unit)
    assert ours.to_json() == theirs.to_json()
    assert (str(ours), repr(ours)) == (str(theirs), repr(theirs))
    assert pickle.loads(pickle.dumps(ours)) == ours == Unit(ours) == Unit(ours.to_json())


def test_a_multiplier_is_finite() -> None:
    with pytest.raises(OptionError, match="finite"):
        Unit(float("nan"), "nm")


def test_units_of_dimensions() -> None:
    units = parse_units(["4nm", (4.5, "nm"), Unit(40, "nm"), None])
    assert units_to_json(units) == [[4.0, "nm"], [4.5, "nm"], [40.0, "nm"], None]
    assert resolution_of(units) == (4.0, 4.5, 40.0)
    assert units_of((4.0, 4.5, 40.0)) == units
    assert resolution_of((None, Unit("8nm"), None, None)) == (None, 8.0, None)


@pytest.mark.parametrize("values", ["4nm", {"x": 1}, 4, [[1, 2, 3]]])
def test_what_is_no_list_of_units(values: Any) -> None:
    with pytest.raises(OptionError):
        parse_units(values)


@pytest.mark.parametrize("units", [["4um", None, None, None], [4, None, None, None], [None, None, None, "nm"]])
def test_units_that_the_format_does_not_have(units: list[Any]) -> None:
    with pytest.raises(OptionError, match="dimension_units of "):
        resolution_of(parse_units(units))


def test_merging_units() -> None:
    one, two = parse_units(["4nm", None]), parse_units([None, "8nm"])
    assert merged_units(one, two) == merged_units(two, one) == parse_units(["4nm", "8nm"])
    assert merged_units(None, one) == merged_units(one, None) == one
    for other in (["5nm", None], ["4nm"]):
        with pytest.raises(OptionError, match="differ"):
            merged_units(one, parse_units(other))
