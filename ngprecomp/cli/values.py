"""What the values of options mean: triplets x,y,z, lengths with units, boxes, names with several spellings."""

from __future__ import annotations

import argparse
import json
import re
from typing import Any

from ngprecomp.format.box import Triple, triple
from ngprecomp.sources.units import nanometres

_LENGTH = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([^\d\s.,+-]*)\s*")

METHODS = {"average": "mean", "avg": "mean", "majority": "mode", "striding": "stride"}
ENCODINGS = {"cseg": "compressed_segmentation", "jpg": "jpeg"}


def lengths(text: str) -> tuple[float, float, float]:
    """Return three lengths in nanometres; one alone stands for all three.

    Units are nm, um, mm and the like. Numbers without a unit are nanometres, and then nobody else may have another.

    Raises
    ------
    ArgumentTypeError
        These are not such lengths.

    Examples
    --------
    >>> lengths("4.6,4.6,50"), lengths("4nm,4nm,0.04um"), lengths("0.65 um")
    ((4.6, 4.6, 50.0), (4.0, 4.0, 40.0), (650.0, 650.0, 650.0))
    """
    found = [_LENGTH.fullmatch(part) for part in _three(text)]
    units = [nanometres(match[2] or "nm") if match else None for match in found]
    if len(found) != 3 or None in units:
        raise argparse.ArgumentTypeError(f"expected lengths x,y,z such as 8,8,40 or 8nm,8nm,0.04um, found {text!r}")
    if any(match and not match[2] for match in found) and set(units) != {1.0}:
        raise argparse.ArgumentTypeError(f"give a unit to each of the three lengths, or to none (nm), found {text!r}")
    # Rounded, because the binary tail of 0.04 * 1000 would end up in keys.
    x, y, z = (
        float(f"{float(match[1]) * unit:.12g}") for match, unit in zip(found, units, strict=True) if match and unit
    )
    return x, y, z


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
        These are not three ranges.

    Examples
    --------
    >>> box("-5:10,:,100:")
    (slice(-5, 10, None), slice(None, None, None), slice(100, None, None))
    """
    matches = [re.fullmatch(r"\s*([+-]?\d+)?\s*:\s*([+-]?\d+)?\s*", part) for part in text.split(",")]
    ranges = [slice(*(bound and int(bound) for bound in match.groups())) for match in matches if match]
    if len(ranges) != 3 or len(matches) != 3:
        raise argparse.ArgumentTypeError(f"expected a box x0:x1,y0:y1,z0:z1 such as 0:512,0:512,-5:20, found {text!r}")
    x, y, z = ranges
    return x, y, z


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
