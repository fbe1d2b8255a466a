"""What TIFF files promise: how many images they hold, and where OME keeps what it says about them."""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from ngprecomp.errors import SourceError

if TYPE_CHECKING:
    import tifffile


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
    if images > 1:
        pages = sum(math.prod(series.shape) // math.prod(series.keyframe.shape) for series in file.series)
        if images > pages * file.series[0].keyframe.shaped[0]:  # separate samples may be counted as images
            raise SourceError(f"{path} is cut off: ImageJ wrote {images} images, {pages} are left")
    promised = sum(math.prod(told["shape"]) for told in file.shaped_metadata or () if "shape" in told)
    if promised:
        found = sum(math.prod(series.shape) for series in file.series)
        if promised > found:
            raise SourceError(f"{path} is cut off: its description promises {promised} values, {found} are left")


def check_ome(file: tifffile.TiffFile, path: str) -> None:
    """Refuse a file of an OME set that leaves to another file what its pages are: z, channel or time.

    Raises
    ------
    SourceError
        It names that file.
    """
    try:
        root = ElementTree.fromstring(file.ome_metadata or "<none/>")
    except ElementTree.ParseError:
        return
    for element in root:
        if element.tag.endswith("BinaryOnly"):
            master = element.attrib.get("MetadataFile", "another file")
            raise SourceError(
                f"{path} is part of an OME set that {master} describes: convert that one if it is a TIFF file, "
                "else name the order with axes"
            )
