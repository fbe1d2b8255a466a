"""Voxel sizes in TIFF files, as OME, ImageJ, the programs of microscopes and plain resolution tags tell them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from ngprecomp.format.lengths import nanometres

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import tifffile

Size = tuple[float, float, float]
RESOLUTION_UNITS = {2: "inch", 3: "cm", 4: "mm", 5: "um"}
INCH, CM = 2.54e7, 1e7
MOST_DOTS = 2400.5  # per inch; whole numbers up to what scanners and printers have describe paper, not tissue


@dataclass(frozen=True, slots=True)
class ToldLengths:
    """What one part of a file says about x, y and z, each with its unit; None where it says nothing."""

    origin: str
    lengths: tuple[float | None, float | None, float | None]
    units: tuple[str, str, str]


def read_voxel_size(file: tifffile.TiffFile, keyframe: Any, number: int) -> tuple[Size | None, tuple[str, ...]]:
    """Return the voxel size in nm of series `number` if the file tells it whole, and sentences on what it tells."""
    shaped = file.shaped_metadata or ()
    if number < len(shaped) and "PhysicalSizeX" in shaped[number]:
        told: ToldLengths | None = _ome_lengths(shaped[number])
    elif file.is_ome:
        told = _ome(file.ome_metadata or "", number)
    elif file.is_imagej:
        told = _imagej(keyframe, file.imagej_metadata or {})
    else:
        told = _microscope(file) or _tags(keyframe)
    return (None, ()) if told is None else concluded(told)


def concluded(told: ToldLengths) -> tuple[Size | None, tuple[str, ...]]:
    """Return a voxel size if all of it is told in units of length, else the sentence that asks for it.

    Examples
    --------
    >>> concluded(ToldLengths("ImageJ", (4, 4, 0.04), ("nm", "nm", "um")))[0]
    (4.0, 4.0, 40.0)
    >>> concluded(ToldLengths("ImageJ", (4, 4, None), ("nm", "nm", "")))[1]
    ('ImageJ says 4 x 4 nm (x, y) and nothing about z: give the resolution 4,4,Z',)
    """
    known = [(length, unit) for length, unit in zip(told.lengths, told.units, strict=True) if length is not None]
    numbers = " x ".join(f"{length:g}" for length, _ in known)
    if not all(math.isfinite(length) and length > 0 for length, _ in known):
        return None, (f"{told.origin} says {numbers}, which is no voxel size: give the resolution",)
    scales = [nanometres(unit) for _, unit in known]
    if None in scales:
        if all(length == 1 for length, _ in known):
            return None, ()
        unit = next(unit for (_, unit), scale in zip(known, scales, strict=True) if scale is None)
        what = f"unit {unit!r}, which is no length" if unit else "no unit"
        return None, (f"{told.origin} says {numbers} with {what}: give the resolution",)
    nm = [float(f"{length * (scale or 0):.9g}") for (length, _), scale in zip(known, scales, strict=True)]
    numbers = " x ".join(f"{length:g}" for length in nm)
    if told.lengths[2] is None and len(nm) == 2:
        asked = ",".join(f"{length:g}" for length in nm)
        return None, (f"{told.origin} says {numbers} nm (x, y) and nothing about z: give the resolution {asked},Z",)
    if len(nm) < 3:
        return None, (f"{told.origin} says {numbers} nm along {len(nm)} axes only: give the resolution",) if nm else ()
    return (nm[0], nm[1], nm[2]), (f"voxel size {numbers} nm (x, y, z): {told.origin}",)


def _ome(text: str, number: int) -> ToldLengths | None:
    """Return PhysicalSizeX, Y and Z of an image, in micrometres where no unit is named."""
    try:
        told = [
            _ome_lengths(item.attrib) for item in ElementTree.fromstring(text).iter() if item.tag.endswith("}Pixels")
        ]
    except (ElementTree.ParseError, ValueError):
        return None
    if len(set(told)) == 1:
        return told[0]
    return told[number] if number < len(told) else None


def _ome_lengths(attributes: Mapping[str, str]) -> ToldLengths:
    x, y, z = (attributes.get(f"PhysicalSize{axis}") for axis in "XYZ")
    units = tuple(attributes.get(f"PhysicalSize{axis}Unit", "µm") for axis in "XYZ")
    lengths = tuple(None if length is None else float(length) for length in (x, y, z))
    return ToldLengths("OME PhysicalSize", lengths, units)  # type: ignore[arg-type]


def _imagej(page: Any, metadata: Mapping[str, Any]) -> ToldLengths | None:
    """Return 1 / XResolution, 1 / YResolution and spacing in the unit of the description."""
    unit = str(metadata.get("unit", ""))
    x, y = (_per_unit(page, tag) for tag in ("XResolution", "YResolution"))
    if not unit or _is_print(x, y, unit):
        return _tags(page)
    spacing = metadata.get("spacing")
    units = (unit, str(metadata.get("yunit", unit)), str(metadata.get("zunit", unit)))
    z = float(spacing) if isinstance(spacing, int | float) else None
    return ToldLengths("ImageJ resolution and spacing", (x, y, z), units)


def _tags(page: Any) -> ToldLengths | None:
    """Return what the resolution tags say, unless they only say how large the image looks on paper or a screen."""
    unit = RESOLUTION_UNITS.get(int(page.tags.valueof("ResolutionUnit") or 0))
    x, y = (_per_unit(page, tag) for tag in ("XResolution", "YResolution"))
    if unit is None or x is None or y is None or _is_print(x, y, unit):
        return None
    return ToldLengths("the resolution tag", (x, y, None), (unit, unit, ""))


def _is_print(x: float | None, y: float | None, unit: str) -> bool:
    """Whether pixels have the size of dots on paper or a screen, 72 or 300 to the inch, in inches or centimetres."""
    scale = nanometres(unit)
    if scale not in (INCH, CM) or x is None or y is None:
        return False
    dots = [INCH / (length * scale) for length in (x, y)]
    return all(count <= MOST_DOTS and math.isclose(count, round(count), rel_tol=1e-3) for count in dots)


def _per_unit(page: Any, tag: str) -> float | None:
    """Return the length of a pixel, which the tag holds as pixels per unit."""
    value = page.tags.valueof(tag)
    if not isinstance(value, tuple) or len(value) != 2 or 0 in value:
        return None
    return float(value[1] / value[0])


def _microscope(file: tifffile.TiffFile) -> ToldLengths | None:
    """Return what the program of a microscope wrote that tifffile knows."""
    if file.is_lsm:
        return lsm_lengths(file.lsm_metadata or {})
    if file.is_stk:
        return stk_lengths(file.stk_metadata or {})
    if file.is_micromanager:
        return micromanager_lengths(file.micromanager_metadata or {})
    if file.is_sem:
        return zeiss_sem_lengths(file.sem_metadata or {})
    if file.is_fei:
        return fei_lengths(file.fei_metadata or {})
    return None


def lsm_lengths(metadata: Mapping[str, Any]) -> ToldLengths:
    """Return what Zeiss LSM writes: metres."""
    return _told("Zeiss LSM VoxelSize", [metadata.get(f"VoxelSize{axis}") for axis in "XYZ"], "m")


def stk_lengths(metadata: Mapping[str, Any]) -> ToldLengths:
    """Return what MetaMorph writes: calibration in its own unit, distances between planes in micrometres."""
    unit = str(metadata.get("CalibrationUnits", ""))
    distances = {float(distance) for distance in metadata.get("ZDistance", ())}
    z = distances.pop() if len(distances) == 1 else None
    told = _told("MetaMorph calibration", [metadata.get("XCalibration"), metadata.get("YCalibration"), z], unit)
    return ToldLengths(told.origin, told.lengths, (unit, unit, "um"))


def micromanager_lengths(metadata: Mapping[str, Any]) -> ToldLengths:
    """Return what Micro-Manager writes into its summary: micrometres."""
    summary = metadata.get("Summary") or {}
    pixel = summary.get("PixelSize_um")
    return _told("Micro-Manager PixelSize_um and z-step_um", [pixel, pixel, summary.get("z-step_um")], "um")


def zeiss_sem_lengths(metadata: Mapping[str, Any]) -> ToldLengths:
    """Return what Zeiss SmartSEM writes: name, length and unit."""
    value: Sequence[Any] = metadata.get("ap_image_pixel_size") or metadata.get("ap_pixel_size") or ("", None, "")
    length, unit = (*value, None, "")[1:3]
    return _told("Zeiss SEM pixel size", [length, length, None], str(unit))


def fei_lengths(metadata: Mapping[str, Any]) -> ToldLengths:
    """Return what FEI and Thermo Fisher write: metres."""
    scan = metadata.get("Scan") or {}
    return _told("FEI pixel size", [scan.get("PixelWidth"), scan.get("PixelHeight"), None], "m")


def _told(origin: str, values: Sequence[Any], unit: str) -> ToldLengths:
    """Return lengths in one unit; 0 is how these programs say that they do not know."""
    x, y, z = (float(value) if value else None for value in values)
    return ToldLengths(origin, (x, y, z), (unit, unit, unit))
