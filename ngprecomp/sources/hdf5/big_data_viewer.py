"""HDF5 files of BigDataViewer and Fiji's BigStitcher: ``t00000/s00/0/cells`` beside an XML file that has the sizes."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import h5py
import numpy as np

from ngprecomp.errors import SourceError
from ngprecomp.format.lengths import nanometres
from ngprecomp.sources.placement import Placement

if TYPE_CHECKING:
    from collections.abc import Iterator

CELLS = re.compile(r"/t(\d{5,})/s(\d{2,})/(\d+)/cells")
UNSIGNED = "values are read as uint16: BigDataViewer stores their bits as int16"
MOST_LISTED = 10


@dataclass(frozen=True, slots=True)
class Cells:
    """One array of the file: its view setup (channel, angle or tile), its level, and the factor of that, x, y, z."""

    path: str
    setup: int
    level: int
    factor: tuple[float, float, float]


def is_big_data_viewer(group: h5py.Group) -> bool:
    """Whether a file has the layout of BigDataViewer."""
    return "s00/resolutions" in group and next(_all_cells(group), None) is not None


def only_cells(group: h5py.Group, name: str) -> tuple[h5py.Dataset, str]:
    """Return the finest array of the only point in time and the only setup.

    Raises
    ------
    SourceError
        There are several; the message says how to name one.
    """
    finest = [found for found in _all_cells(group) if found.name.endswith("/0/cells")]
    if len(finest) != 1:
        listed = ", ".join(f"{found.name} {found.shape}" for found in finest[:MOST_LISTED])
        more = f" and {len(finest) - MOST_LISTED} more" if len(finest) > MOST_LISTED else ""
        raise SourceError(
            f"{name} holds {len(finest)} points in time (t) and setups (s: channel, angle or tile), a volume holds "
            f"one; name it as FILE:PATH: {listed}{more}"
        )
    levels = len(finest[0].parent.parent)
    return finest[0], f"dataset {finest[0].name}: BigDataViewer's only setup, the finest of {levels} levels"


def parse_cells(dataset: h5py.Dataset) -> Cells | None:
    """Return what the name of an array in such a file says, None for any other dataset."""
    match = CELLS.fullmatch(dataset.name or "")
    if match is None or f"s{match[2]}/resolutions" not in dataset.file:
        return None
    setup, level = int(match[2]), int(match[3])
    factors = np.asarray(dataset.file[f"s{match[2]}/resolutions"], np.float64)
    if factors.ndim != 2 or factors.shape[1] != 3 or level >= len(factors):
        raise SourceError(f"{dataset.file.filename}: s{match[2]}/resolutions has no three factors of level {level}")
    x, y, z = map(float, factors[level])
    return Cells(os.path.abspath(dataset.file.filename), setup, level, (x, y, z))


def true_dtype(dataset: h5py.Dataset) -> str | None:
    """Return what the stored bits mean where the dataset does not say it: HDF5's Java library had no uint16."""
    return "uint16" if dataset.dtype.kind == "i" and dataset.dtype.itemsize == 2 else None


def placement(cells: Cells) -> Placement:
    """Return the voxel size of a setup from the XML file, times the factor of the level."""
    path = f"{os.path.splitext(cells.path)[0]}.xml"
    name = os.path.basename(path)
    if not os.path.isfile(path):
        return Placement(
            notes=(f"BigDataViewer keeps the voxel size in {name}, which is not there: give the resolution",)
        )
    try:
        size, unit = _voxel_size(ElementTree.parse(path).getroot(), cells)
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        return Placement(notes=(f"{name} tells no voxel size of setup {cells.setup} ({error}): give the resolution",))
    scale = nanometres(unit)
    if scale is None:
        told = ",".join(f"{length:g}" for length in size)
        return Placement(notes=(f"the size {told} of a voxel in {name} has unit {unit!r}: give the resolution",))
    x, y, z = (float(f"{length * scale * factor:.12g}") for length, factor in zip(size, cells.factor, strict=True))
    if not min(x, y, z) > 0:
        return Placement(notes=(f"{name} tells a voxel of {x:g},{y:g},{z:g} nm: give the resolution",))
    level = f", times {cells.factor} for level {cells.level}" if cells.level else ""
    note = f"voxel size {x:g} x {y:g} x {z:g} nm (x, y, z): setup {cells.setup} in {name}{level}"
    return Placement((x, y, z), None, (note, f"places and rotations in {name} are not applied"))


def _voxel_size(root: ElementTree.Element, cells: Cells) -> tuple[list[float], str]:
    """Return the lengths and the unit of a setup.

    Raises
    ------
    LookupError, ValueError
        The document belongs to another file or says nothing usable; the text says what.
    """
    image = root.findtext(".//ImageLoader/hdf5", "").strip()
    if os.path.basename(image) != os.path.basename(cells.path):
        raise LookupError(f"it belongs to {image or 'no HDF5 file'}")
    for setup in root.iter("ViewSetup"):
        if setup.findtext("id", "").strip() == str(cells.setup):
            lengths = [float(length) for length in setup.findtext("voxelSize/size", "").split()]
            if len(lengths) != 3:
                raise LookupError("it has no voxelSize")
            return lengths, setup.findtext("voxelSize/unit", "").strip()
    raise LookupError("it is not listed")


def _all_cells(group: h5py.Group) -> Iterator[h5py.Dataset]:
    for point in (key for key in group if re.fullmatch(r"t\d{5,}", key)):
        for setup in group[point]:
            for level in group[point][setup]:
                found = group[point][setup][level].get("cells")
                if isinstance(found, h5py.Dataset):
                    yield found
