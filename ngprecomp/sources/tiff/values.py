"""What the values of TIFF pages mean: brightness, colours, indices, inks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tifffile

from ngprecomp.errors import SourceError
from ngprecomp.sources.tiff.pages import JPEG

if TYPE_CHECKING:
    from collections.abc import Mapping

PHOTOMETRIC = tifffile.PHOTOMETRIC
NO_LIGHT = {
    PHOTOMETRIC.SEPARATED: "inks (CMYK)",
    PHOTOMETRIC.CIELAB: "CIE L*a*b* colours",
    PHOTOMETRIC.ICCLAB: "ICC L*a*b* colours",
    PHOTOMETRIC.ITULAB: "ITU L*a*b* colours",
    PHOTOMETRIC.LOGL: "logarithmic luminance",
    PHOTOMETRIC.LOGLUV: "logarithmic luminance",
}
TRANSPARENT = {tifffile.EXTRASAMPLE.ASSOCALPHA, tifffile.EXTRASAMPLE.UNASSALPHA}


def value_notes(keyframe: Any, imagej: Mapping[str, Any] | None, name: str) -> tuple[str, ...]:
    """Return sentences about values that mean something else than brightness.

    Raises
    ------
    SourceError
        Their colours are of a kind that no viewer shows as they are.
    """
    kind = keyframe.photometric
    if kind in NO_LIGHT:
        raise SourceError(f"{name} holds {NO_LIGHT[kind]}, which cannot be shown: convert it to gray or RGB first")
    if kind == PHOTOMETRIC.YCBCR and keyframe.compression not in JPEG:
        raise SourceError(f"{name} holds YCbCr colours that are not JPEG-compressed: convert it to gray or RGB first")
    notes = []
    if kind == PHOTOMETRIC.MINISWHITE:
        notes.append("the file says that 0 is white; values are taken as stored")
    if kind == PHOTOMETRIC.PALETTE:
        notes.append("the file holds indices into a colour table; they are taken as stored")
    if set(keyframe.extrasamples) & TRANSPARENT:
        notes.append(f"one of the {keyframe.samplesperpixel} channels is transparency (alpha); it is taken as stored")
    if keyframe.tags.valueof("Orientation", 1) != 1:
        notes.append("the file says that its first row is not the top one (tag Orientation); rows are taken as stored")
    line = (imagej or {}).get("c0", 0), (imagej or {}).get("c1", 1)
    if (imagej or {}).get("cf") == 0 and line != (0, 1):
        notes.append(
            f"ImageJ's calibration says value = {line[0]:g} + {line[1]:g} * stored; values are taken as stored"
        )
    return tuple(notes)
