"""Units of length as files spell them."""

from __future__ import annotations

NANOMETRES = {
    "pm": 1e-3,
    "å": 0.1,
    "angstrom": 0.1,
    "nm": 1.0,
    "nanometer": 1.0,
    "nanometre": 1.0,
    "um": 1e3,
    "µm": 1e3,
    "micron": 1e3,
    "microns": 1e3,
    "micrometer": 1e3,
    "micrometre": 1e3,
    "mm": 1e6,
    "millimeter": 1e6,
    "millimetre": 1e6,
    "cm": 1e7,
    "centimeter": 1e7,
    "centimetre": 1e7,
    "inch": 2.54e7,
    "m": 1e9,
    "meter": 1e9,
    "metre": 1e9,
}


def nanometres(unit: str) -> float | None:
    r"""Return the nanometres in one `unit`, None if the unit is no length that we know.

    Examples
    --------
    >>> nanometres("micron"), nanometres("\u03bcm"), nanometres("pixel")
    (1000.0, 1000.0, None)
    """
    # ImageJ writes the micro sign as an escape; Unicode has it twice, as a sign and as a Greek letter.
    spelled = unit.strip().replace("\\u00B5", "µ").replace("\u03bc", "µ").lower()
    return NANOMETRES.get(spelled)
