"""Where an image in a TIFF file lies: ImageJ's origin, OME's plane positions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from ngprecomp.format.lengths import Lengths, nanometres, whole_voxels

if TYPE_CHECKING:
    import tifffile

    from ngprecomp.format.box import Triple

Members = Mapping[str, Any]


def read_voxel_offset(
    file: tifffile.TiffFile, number: int, resolution: Lengths | None
) -> tuple[Triple | None, tuple[str, ...]]:
    """Return the coordinates of the first voxel of series `number`, and a sentence on what the file says of them.

    A position between voxels is that of a microscope's stage: it is no offset, and the sentence says so.
    """
    if resolution is None:
        return None, ()
    if file.is_imagej:
        start, origin = _imagej(file.imagej_metadata or {}, resolution), "ImageJ's origin"
    else:
        start, origin = _position(_first_plane(file, number)), "the position of the first plane"
    if start is None:
        return None, ()
    voxels, moved = whole_voxels(start, resolution)
    if moved is not None:
        return None, (f"{origin} lies between voxels and is not used: give the offset",)
    return voxels, (f"voxel offset {', '.join(map(str, voxels))} (x, y, z): {origin}",)


def _imagej(metadata: Members, resolution: Lengths) -> Lengths | None:
    """Return where the first voxel lies: the origin is position 0 in voxels of the image, and zeros are left out."""
    found = [metadata.get(f"{axis}origin", 0) for axis in "xyz"]
    if not any(found) or not all(isinstance(at, int | float) for at in found):
        return None
    x, y, z = (-at * step for at, step in zip(found, resolution, strict=True))
    return x, y, z


def _first_plane(file: tifffile.TiffFile, number: int) -> Members:
    """Return what is said of the first plane under OME's names, wherever the file has it."""
    shaped = file.shaped_metadata or ()
    if number < len(shaped):
        return dict(shaped[number])
    try:
        root = ElementTree.fromstring((file.ome_metadata if file.is_ome else None) or "<none/>")
    except ElementTree.ParseError:
        return {}
    pixels = [item for item in root.iter() if item.tag.endswith("}Pixels")]
    planes = [item for item in (pixels[number] if number < len(pixels) else ()) if item.tag.endswith("}Plane")]
    return next((plane.attrib for plane in planes if plane.attrib.get("TheZ") == "0"), {})


def _position(plane: Members) -> Lengths | None:
    """Return a position in nm; None if it is not told whole, or in no unit of length."""
    scales = [nanometres(str(plane.get(f"Position{axis}Unit", ""))) for axis in "XYZ"]
    try:
        x, y, z = (float(plane[f"Position{axis}"]) * (scale or 0) for axis, scale in zip("XYZ", scales, strict=True))
    except (KeyError, ValueError):
        return None
    return None if None in scales else (x, y, z)
