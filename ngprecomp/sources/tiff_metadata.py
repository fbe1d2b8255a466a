"""What TIFF files say besides pages: how many images they hold, and voxel sizes of ImageJ and OME."""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from ngprecomp.errors import SourceError
from ngprecomp.sources.units import nanometres

if TYPE_CHECKING:
    import tifffile

Size = tuple[float, float, float]


def check_promises(file: tifffile.TiffFile, path: str) -> None:
    """Refuse a file that was cut off between pages: tifffile then reads those that are left.

    Raises
    ------
    SourceError
        The chain of pages ends in the void, or there are fewer images than ImageJ or tifffile wrote there.
    """
    chain_end = file.pages.next_page_offset
    if chain_end is not None:
        file.filehandle.seek(chain_end)
        pointer = file.filehandle.read(file.tiff.offsetsize)
        if len(pointer) < file.tiff.offsetsize or struct.unpack(file.tiff.offsetformat, pointer)[0] != 0:
            raise SourceError(f"{path} is cut off at byte {file.filehandle.size}: page {len(file.pages)} is missing")
    images = (file.imagej_metadata or {}).get("images", 1)
    pages = sum(math.prod(series.shape) // math.prod(series.keyframe.shape) for series in file.series)
    if images > pages * file.series[0].keyframe.shaped[0]:  # separate samples may be counted as images
        raise SourceError(f"{path} is cut off: ImageJ wrote {images} images, {pages} are left")
    promised = sum(math.prod(told["shape"]) for told in file.shaped_metadata or () if "shape" in told)
    found = sum(math.prod(series.shape) for series in file.series)
    if promised > found:
        raise SourceError(f"{path} is cut off: its description promises {promised} values, {found} are left")


def read_voxel_size(file: tifffile.TiffFile, keyframe: Any, number: int) -> tuple[Size | None, tuple[str, ...]]:
    """Return the voxel size in nm if ImageJ or OME tell it whole, and a sentence with its origin."""
    if file.is_ome:
        size, origin = _ome_size(file.ome_metadata or "", number), "OME PhysicalSize"
    elif file.is_imagej:
        size, origin = _imagej_size(keyframe, file.imagej_metadata or {}), "ImageJ resolution and spacing"
    else:
        return None, ()
    if size is None:
        return None, ()
    x, y, z = size
    return size, (f"voxel size {x:g} x {y:g} x {z:g} nm (x, y, z): {origin}",)


def _imagej_size(page: Any, metadata: dict[str, object]) -> Size | None:
    """Return 1 / XResolution, 1 / YResolution and spacing in the unit of the description."""
    units = [str(metadata.get(key, metadata.get("unit", ""))) for key in ("unit", "yunit", "zunit")]
    scales = [nanometres(unit) for unit in units]
    spacing = metadata.get("spacing")
    per_unit = [_rational(page, tag) for tag in ("XResolution", "YResolution")]
    if None in scales or None in per_unit or not isinstance(spacing, int | float):
        return None
    return _usable([1 / per_unit[0], 1 / per_unit[1], float(spacing)], scales)  # type: ignore[operator]


def _rational(page: Any, tag: str) -> float | None:
    value = page.tags.valueof(tag)
    if not isinstance(value, tuple) or len(value) != 2 or 0 in value:
        return None
    return float(value[0] / value[1])


def _ome_size(text: str, index: int) -> Size | None:
    """Return PhysicalSizeX, Y and Z of an image, in micrometres where no unit is named."""
    try:
        pixels = [item for item in ElementTree.fromstring(text).iter() if item.tag.endswith("}Pixels")]
        told = pixels[index].attrib
        lengths = [float(told[f"PhysicalSize{axis}"]) for axis in "XYZ"]
    except (ElementTree.ParseError, IndexError, KeyError, ValueError):
        return None
    return _usable(lengths, [nanometres(told.get(f"PhysicalSize{axis}Unit", "µm")) for axis in "XYZ"])


def _usable(lengths: list[float], scales: list[float | None]) -> Size | None:
    """Return lengths in nm if all are positive and finite and every unit is known."""
    known = [length * scale for length, scale in zip(lengths, scales, strict=True) if scale is not None]
    if len(known) < 3 or not all(math.isfinite(nm) and nm > 0 for nm in known):
        return None
    x, y, z = known
    return x, y, z
