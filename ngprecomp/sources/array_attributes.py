"""Voxel size and offset from the attributes of Zarr and N5 arrays, as connectomics tools write them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ngprecomp.errors import OptionError
from ngprecomp.format.lengths import nanometres
from ngprecomp.format.units import Unit
from ngprecomp.sources.dimension_names import letters_of
from ngprecomp.sources.hdf5.attributes import weighed
from ngprecomp.sources.hdf5.sizes import sizes_in_attributes
from ngprecomp.sources.placement import Placement, Told, placed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ngprecomp.sources.axes import Axes


def read_array_attributes(attributes: Mapping[str, Any], where: str, order: Axes) -> Placement:
    """Return what the attributes of `where` tell.

    That is TensorStore's ``dimension_units``, COSEM's ``transform``, else sizes as in HDF5 attributes: ``resolution``
    and ``offset`` of CREMI, daisy, gunpowder and Paintera, ``voxel_size``, ``offset`` and ``units`` of funlib, which
    are lists in the order of the stored axes.
    """
    if "dimension_units" in attributes:
        return _from_units(attributes["dimension_units"], order)
    if "transform" in attributes:
        return _from_transform(attributes["transform"], order)
    told = sizes_in_attributes(attributes, where, order)
    return weighed(told, attributes, order) if told or "offset" in attributes else Placement()


def _from_units(listed: Any, order: Axes) -> Placement:
    """Return what TensorStore's units say, one such as "4 nm" for each stored axis."""
    try:
        units = [Unit(one if letter in "xyz" else 1) for one, letter in zip(listed, order.letters, strict=True)]
        spatial = [letter in "xyz" for letter in order.letters]
        scales = [nanometres(unit.base_unit) if space else 1.0 for unit, space in zip(units, spatial, strict=True)]
    except (OptionError, TypeError, ValueError):
        scales = [None]
    if None in scales:
        return Placement(notes=(f"attribute dimension_units is not used: {listed}; give the resolution",))
    lengths = [unit.multiplier * (scale or 1.0) for unit, scale in zip(units, scales, strict=True)]
    return placed(order, Told(lengths, "attribute dimension_units"))


def _from_transform(transform: Any, order: Axes) -> Placement:
    """Return what COSEM's transform says; its lists go with its own list of axes."""
    try:
        letters = letters_of(transform["axes"], len(transform["axes"])) or ""
        places = {letter: letters.index(letter) for letter in order.letters if letter in "xyz"}
        scales = {letter: nanometres(str(transform["units"][at])) for letter, at in places.items()}
        told = [
            _along(transform[key], places, {letter: scale for letter, scale in scales.items() if scale}, order)
            for key in ("scale", "translate")
        ]
    except (IndexError, KeyError, TypeError, ValueError):
        return Placement(notes=(f"attribute transform is not used: {transform}; give the resolution",))
    size, start = (Told(lengths, "attribute transform") for lengths in told)
    return placed(order, size, start)


def _along(
    numbers: Sequence[float], places: Mapping[str, int], scales: Mapping[str, float], order: Axes
) -> list[float]:
    """Return lengths in nm for each stored axis, 1 where it is none of space; KeyError if a unit is unknown."""
    return [float(numbers[places[letter]]) * scales[letter] if letter in places else 1.0 for letter in order.letters]
