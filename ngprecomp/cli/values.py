"""What the values of options mean: triplets x,y,z, lengths with units, boxes, names with several spellings."""

from __future__ import annotations

import argparse
import json
import re
from typing import Any

from ngprecomp.errors import OptionError
from ngprecomp.format.box import Triple, triple
from ngprecomp.format.lengths import Lengths, parse_lengths

_NUMBER = r"\s*([+-]?(?:\d+\.?\d*|\.\d+))?\s*"
_RANGE = re.compile(f"{_NUMBER}:{_NUMBER}")

METHODS = {"average": "mean", "avg": "mean", "majority": "mode", "striding": "stride"}
ENCODINGS = {"cseg": "compressed_segmentation", "jpg": "jpeg"}


def lengths(text: str) -> Lengths:
    """Return three lengths in nanometres; one alone stands for all three.

    Units are nm, um, mm and the like. Numbers without a unit are nanometres; a unit at the last one only is that of
    all three.

    Raises
    ------
    ArgumentTypeError
        These are not such lengths.

    Examples
    --------
    >>> lengths("4.6,4.6,50"), lengths("4,4,40nm"), lengths("4nm,4nm,0.04um"), lengths("0.65 um")
    ((4.6, 4.6, 50.0), (4.0, 4.0, 40.0), (4.0, 4.0, 40.0), (650.0, 650.0, 650.0))
    """
    try:
        return parse_lengths(text)
    except OptionError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def offset(text: str) -> Triple | str:
    """Return three integers, which are voxels; lengths with units stay text until the voxel size is known.

    Raises
    ------
    ArgumentTypeError
        These are neither.

    Examples
    --------
    >>> offset("20,20,-10"), offset("80nm,80nm,-400nm")
    ((20, 20, -10), '80nm,80nm,-400nm')
    """
    if not re.search(r"[^\d\s,.+-]", text):
        return integers(text)
    lengths(text)
    return text


def pair(text: str) -> tuple[float, float]:
    """Return two numbers, the ends of a range.

    Raises
    ------
    ArgumentTypeError
        These are not two numbers.

    Examples
    --------
    >>> pair("0.5,99.8"), pair("-20,4095")
    ((0.5, 99.8), (-20.0, 4095.0))
    """
    try:
        low, high = map(float, text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected two numbers such as 0,4095, found {text!r}") from None
    return low, high


def integers(text: str) -> Triple:
    """Return three integers, which may be negative.

    Raises
    ------
    ArgumentTypeError
        These are not three integers.

    Examples
    --------
    >>> integers("-5,0,120")
    (-5, 0, 120)
    """
    try:
        return triple(map(int, text.split(",")))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected integers x,y,z such as 0,0,-20, found {text!r}") from None


def sizes(text: str) -> Triple:
    """Return three integers of at least 1; one alone stands for all three.

    Raises
    ------
    ArgumentTypeError
        These are not such integers.

    Examples
    --------
    >>> sizes("128,128,16"), sizes("64")
    ((128, 128, 16), (64, 64, 64))
    """
    try:
        found = triple(map(int, _three(text)))
    except ValueError:
        found = (0, 0, 0)
    if min(found) < 1:
        raise argparse.ArgumentTypeError(f"expected integers x,y,z of at least 1 such as 64,64,64, found {text!r}")
    return found


def box(text: str) -> tuple[slice, slice, slice]:
    """Return three half-open ranges of voxels; a bound left out is that of the volume.

    Raises
    ------
    ArgumentTypeError
        These are not three ranges of integers.

    Examples
    --------
    >>> box("-5:10,:,100:")
    (slice(-5, 10, None), slice(None, None, None), slice(100, None, None))
    """
    found = ranges(text)
    if any(isinstance(bound, float) for part in found for bound in (part.start, part.stop)):
        raise argparse.ArgumentTypeError(_expected_box(text))
    return found


def ranges(text: str) -> tuple[slice, slice, slice]:
    """Return three half-open ranges of numbers; a bound left out is that of the volume.

    Raises
    ------
    ArgumentTypeError
        These are not three ranges.

    Examples
    --------
    >>> ranges("-5:10,:,100.5:")
    (slice(-5, 10, None), slice(None, None, None), slice(100.5, None, None))
    """
    found = [_RANGE.fullmatch(part) for part in text.split(",")]
    bounds = [slice(*map(_bound, match.groups())) for match in found if match]
    if len(bounds) != 3 or len(found) != 3:
        raise argparse.ArgumentTypeError(_expected_box(text))
    x, y, z = bounds
    return x, y, z


def _expected_box(text: str) -> str:
    return f"expected a box x0:x1,y0:y1,z0:z1 such as 0:512,0:512,-5:20, found {text!r}"


def _bound(text: str | None) -> float | None:
    if text is None:
        return None
    return float(text) if "." in text else int(text)


def scale(text: str) -> int | str | tuple[float, float, float]:
    """Return what names a scale: an index, a voxel size in nm or a key.

    Examples
    --------
    >>> scale("2"), scale("16,16,40nm"), scale("16_16_40")
    (2, (16.0, 16.0, 40.0), '16_16_40')
    """
    if text.isdecimal():
        return int(text)
    return lengths(text) if "," in text else text


def json_object(text: str) -> dict[str, Any]:
    """Return a JSON object.

    Raises
    ------
    ArgumentTypeError
        The text is no JSON, or no object.
    """
    try:
        value = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"expected a JSON object, found {text!r}: {error}") from None
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError(f"expected a JSON object, found {text!r}")
    return value


def method(text: str) -> str:
    """Return the name of a downsampling method; those of other tools are understood.

    Examples
    --------
    >>> method("average"), method("majority"), method("median")
    ('mean', 'mode', 'median')
    """
    return METHODS.get(text.lower(), text.lower())


def encoding(text: str) -> str:
    """Return the name of an encoding; the usual short forms are understood.

    Examples
    --------
    >>> encoding("cseg"), encoding("raw")
    ('compressed_segmentation', 'raw')
    """
    return ENCODINGS.get(text.lower(), text.lower())


def _three(text: str) -> list[str]:
    parts = text.split(",")
    return parts * 3 if len(parts) == 1 else parts
