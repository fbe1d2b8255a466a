"""Voxel size, offset and orientation of a NIfTI image from its affine (NIfTI-1, "orientation information")."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ngprecomp.format.lengths import NANOMETRES
from ngprecomp.sources.extras import needed
from ngprecomp.sources.placement import Placement, Told, placed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from ngprecomp.sources.axes import Axes

ALIGNED = 1e-3  # an axis that leaves its direction by less moves 1,000 voxels on by less than one
UNITS = {1: "meter", 2: "mm", 3: "micron"}
SPACE = 7  # the bits of xyzt_units that are no unit of time
DIRECTIONS = {"R": "x", "L": "-x", "A": "y", "P": "-y", "S": "z", "I": "-z"}
OPPOSITE = dict(zip("RLAPSI", "LRPAIS", strict=True))


def read_orientation(header: Any, order: Axes, shape: Sequence[int]) -> Placement:
    """Return voxel size and offset of the image, and sentences on where its axes point.

    The offset is the translation of the affine, counted along the volume's axes: one that points to the left counts
    to the left. An oblique image has none.
    """
    scale, unit_note = _unit(header)
    colours = 1 if header.get_data_dtype().names else 0  # an axis before those of space

    def told(lengths: Iterable[float], origin: str) -> Told:
        # 7 digits: the file has single precision, whose tail would end up in keys
        nm = [1.0] * colours + [float(f"{length * scale:.7g}") for length in lengths] + [1.0] * len(shape)
        return Told(nm[: len(shape)], origin)

    zooms = [float(zoom) for zoom in header.get_zooms()[:3]]
    if int(header["sform_code"]) == 0 and int(header["qform_code"]) == 0:
        found = placed(order, told(zooms, f"pixdim{unit_note}"))
        return _with(found, "the file does not say where its axes point and has no offset")
    form = "sform" if int(header["sform_code"]) else "qform"
    affine: NDArray[np.float64] = header.get_best_affine().astype(np.float64)
    steps = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    size = told(steps, f"{form} of the file{unit_note}")
    finite = bool(np.isfinite(affine).all())
    codes: tuple[str, ...] = needed("nibabel", "nifti", "NIfTI").aff2axcodes(affine) if finite else ()
    if len(codes) < 3 or not all(codes) or not steps.all():
        return _with(placed(order, size), f"the {form} of the file is degenerate: no orientation, no offset")
    towards = affine[:3, :3] / steps
    rows = np.abs(towards).argmax(axis=0)
    cosine = float(np.abs(towards).max(axis=0).min())
    if cosine < math.sqrt(1 - ALIGNED**2):
        off = f"up to {math.degrees(math.acos(cosine)):.2g} degrees off {', '.join(codes)}"
        found = _with(placed(order, size), f"the file's axes are oblique, {off}: voxels lie as in the file, no offset")
    else:
        letters = order.letters[colours : colours + 3]
        turned = [letter in order.reversed for letter in letters]
        start = [math.copysign(1.0, towards[row, at]) * affine[row, 3] for at, row in enumerate(rows)]
        for at in map(int, np.flatnonzero(turned)):  # counted the other way, from the file's last voxel
            start[at] = -start[at] - steps[at] * (shape[colours + at] - 1)
        origin = f"translation of the {form}, to the centre of the first voxel"
        found = _with(placed(order, size, told(start, origin)), _direction_note(codes, letters, turned))
    if not np.allclose(steps[: len(zooms)], zooms, rtol=ALIGNED):
        found = _with(found, f"pixdim says {' x '.join(f'{zoom:g}' for zoom in zooms)} instead and is ignored")
    return found


def _unit(header: Any) -> tuple[float, str]:
    """Return the nanometres in a unit of the affine, and what to add to its origin."""
    unit = UNITS.get(int(header["xyzt_units"]) & SPACE)
    if unit is None:
        return NANOMETRES["mm"], ", taken as mm: its unit is unknown"
    return NANOMETRES[unit], f" in {unit}"


def _direction_note(codes: Sequence[str], letters: str, turned: Sequence[bool]) -> str:
    """Return the sentence on where the file's axes and those of the volume point."""
    file = ", ".join(codes)
    if letters != "xyz"[: len(letters)] or any(turned):
        runs = {
            letter: OPPOSITE[code] if reverse else code
            for code, letter, reverse in zip(codes, letters, turned, strict=False)
        }
        told = [runs[letter] for letter in "xyz" if letter in runs]
        return f"the file's axes point to {file}, the volume's x, y, z to {', '.join(told)}"
    axes = ",".join(DIRECTIONS[code] for code in codes)
    if axes == "x,y,z":
        return f"the file's axes point to {file} (right, anterior, superior)"
    return f"the file's axes point to {file}: nothing is mirrored or turned; axes {axes} would turn them to R, A, S"


def _with(found: Placement, note: str) -> Placement:
    return dataclasses.replace(found, notes=(*found.notes, note))
