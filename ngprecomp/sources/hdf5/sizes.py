"""Voxel sizes in the attributes of HDF5 files: which keys hold one, in which unit and which order of axes."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ngprecomp.format.lengths import nanometres
from ngprecomp.sources.hdf5.axes import text, vigra_tags

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import h5py

    from ngprecomp.sources.axes import Axes

    Attributes = Mapping[str, Any]

Three = tuple[float, float, float]

KEY = re.compile(r"(resolution|element_?size|voxel_?size|pixel_?size|spacing)(?:_(nm|um|mm))?", re.IGNORECASE)
UNIT_KEYS = ("units", "unit", "voxel_unit", "voxel_units")
CREMI = "resolution"  # this name alone means nanometres where nothing says otherwise
SMALLEST = 1.0  # nm; no microscope that writes such files has smaller voxels: less means another unit
EQUIDISTANT = 1e-3  # of a step: what single precision leaves of equal steps


@dataclass(frozen=True, slots=True)
class ToldSize:
    """A voxel size (nm; x, y, z) that something in the file tells, or why it cannot be used.

    `scales` are the nanometres per unit (x, y, z) in which an offset beside it counts; None where that is open.
    """

    origin: str
    size: Three | None = None
    problem: str = ""
    scales: Three | None = None


def sizes_in_attributes(attributes: Attributes, where: str, order: Axes) -> list[ToldSize]:
    """Return what the attributes of a dataset or group say, CREMI's first."""
    matches = [match for match in map(KEY.fullmatch, attributes) if match]
    matches.sort(key=lambda match: match[0] != CREMI)
    return [_size_of(attributes, match, where, order) for match in matches]


def size_in_tags(dataset: h5py.Dataset, name: str, order: Axes) -> list[ToldSize]:
    """Return what the axistags say: one length per axis, 0 where it is not known."""
    origin = "attribute axistags"
    try:
        tags = dict(zip(order.letters, vigra_tags(dataset, name) or (), strict=False))
        lengths = {letter: float(tag.get("resolution") or 0) for letter, tag in tags.items() if letter in "xyz"}
    except ValueError as error:  # a SourceError is one too: the caller has named the axes in place of broken tags
        return [ToldSize(origin, problem=str(error))]
    if not any(lengths.values()):
        return []
    if len(lengths) < 3 or min(lengths.values()) <= 0:
        return [ToldSize(origin, problem=f"it tells the voxel size along some axes only: {_listed(lengths)}")]
    beside = _axis_units(dataset.attrs)
    units = [
        str(tags[letter].get("unit") or beside.get(letter) or tags[letter].get("description") or "") for letter in "xyz"
    ]
    return [_in_units(origin, (lengths["x"], lengths["y"], lengths["z"]), units)]


def size_in_scales(dataset: h5py.Dataset, order: Axes) -> list[ToldSize]:
    """Return the steps of equidistant dimension scales, in their attribute ``units``."""
    steps: dict[str, float] = {}
    units: dict[str, str] = {}
    for letter, dimension in zip(order.letters, dataset.dims, strict=True):
        scale = dimension[0] if len(dimension) else None
        if letter not in "xyz" or scale is None or _is_bare(scale):
            continue
        step = _step(np.asarray(scale[()], np.float64)) if scale.dtype.kind in "iuf" else None
        if step is None:
            return [ToldSize("dimension scales", problem=f"the scale of {letter} has no equal, ascending steps")]
        steps[letter] = step
        units[letter] = text(scale.attrs.get("units", ""))
    if not steps:
        return []
    if len(steps) < 3:
        return [ToldSize("dimension scales", problem=f"there is none for some axes, only {_listed(steps)}")]
    return [_in_units("dimension scales", (steps["x"], steps["y"], steps["z"]), [units[letter] for letter in "xyz"])]


def numbers_along(value: Any, order: Axes) -> tuple[Three | None, str]:
    """Return an attribute's numbers as x, y, z, or None and why not.

    Three numbers belong to z, y, x as the dataset orders them, as many as it has axes belong to all of these.
    """
    try:
        numbers = np.asarray(value, np.float64).ravel()
    except (TypeError, ValueError):
        return None, f"expected three numbers, found {value!r}"
    spatial = [letter for letter in order.letters if letter in "xyz"]
    named = spatial if len(spatial) == 3 else list("zyx") if order.letters == "yx" else []
    if len(numbers) == len(order.letters) > 3 and named:
        named = list(order.letters)
    if len(numbers) != len(named) or not np.isfinite(numbers).all():
        return None, f"expected three numbers, found {value}"
    along = dict(zip(named, map(float, numbers), strict=True))
    return (along["x"], along["y"], along["z"]), ""


def _size_of(attributes: Attributes, match: re.Match[str], where: str, order: Axes) -> ToldSize:
    key = match[0]
    origin = f"attribute {key} of {where}, read in the order of its axes"
    lengths, problem = numbers_along(attributes[key], order)
    if lengths is None:
        return ToldSize(origin, problem=problem)
    if min(lengths) <= 0:
        return ToldSize(origin, problem=f"expected positive numbers, found {attributes[key]}")
    if match[2]:
        told = _in_units(origin, lengths, [match[2]] * 3)
        return ToldSize(told.origin, told.size)
    unit_key = next((unit for unit in (f"{key}_unit", f"{key}_units", *UNIT_KEYS) if unit in attributes), None)
    if unit_key is not None:
        return _in_units(origin, lengths, _units_along(attributes[unit_key], order))
    if key != CREMI:
        return ToldSize(origin, problem=f"{_told(lengths)} have no unit (in nm: --resolution {_told(lengths)})")
    if min(lengths) < SMALLEST:
        return ToldSize(origin, problem=f"{_told(lengths)} have no unit and are too small for nanometres")
    return ToldSize(f"{origin}, in nm as CREMI does", lengths, scales=(1.0, 1.0, 1.0))


def _in_units(origin: str, lengths: Three, units: Sequence[str]) -> ToldSize:
    """Return lengths in nm if every unit is a length that we know."""
    scales = [nanometres(unit) for unit in units]
    unknown = [unit for unit, scale in zip(units, scales, strict=True) if scale is None]
    if unknown:
        what = f"unit {unknown[0]!r}" if unknown[0] else "no unit"
        return ToldSize(origin, problem=f"{_told(lengths)} have {what}")
    x, y, z = (scale for scale in scales if scale is not None)
    nm = (_product(lengths[0], x), _product(lengths[1], y), _product(lengths[2], z))
    return ToldSize(origin, nm, scales=(x, y, z))


def _units_along(value: Any, order: Axes) -> list[str]:
    """Return the units of x, y, z: one for all, or one for each number."""
    units = [text(unit) for unit in np.ravel(value)]
    spatial = [letter for letter in order.letters if letter in "xyz"]
    if len(units) == 1:
        return units * 3
    named = spatial if len(units) == len(spatial) else list(order.letters)
    along = dict(zip(named, units, strict=False))
    return [along.get(letter, "") for letter in "xyz"]


def _axis_units(attributes: Attributes) -> dict[str, Any]:
    """Return the units that lie beside axistags, a JSON object of one per axis."""
    try:
        units = json.loads(attributes.get("axis_units", "{}"))
    except (TypeError, ValueError):
        return {}
    return units if isinstance(units, dict) else {}


def _is_bare(scale: h5py.Dataset) -> bool:
    """Whether a dimension scale of netCDF only names its dimension and holds no coordinates."""
    return text(scale.attrs.get("NAME", "")).startswith("This is a netCDF dimension but not a netCDF variable")


def _step(places: np.ndarray[Any, Any]) -> float | None:
    """Return the distance of equidistant, ascending places; one place alone has none."""
    if len(places) < 2:
        return None
    step = float(places[-1] - places[0]) / (len(places) - 1)
    even = np.allclose(np.diff(places), step, rtol=0, atol=abs(step) * EQUIDISTANT)
    return step if even and step > 0 else None


def _product(length: float, scale: float) -> float:
    """Multiply without the binary tail that 0.004 * 1000 has: it would end up in keys."""
    return float(f"{length * scale:.12g}")


def _told(lengths: Three) -> str:
    return ",".join(f"{length:g}" for length in lengths)


def _listed(lengths: Mapping[str, float]) -> str:
    return ", ".join(f"{letter} {length:g}" for letter, length in lengths.items())
