"""A conversion in a process of its own, to be killed there."""

from __future__ import annotations

import signal
import time

import ngprecomp as ng
from ngprecomp.pipeline.engine import units

SMALL_UNITS = {"UNIT_BYTES": 1, "UNIT_CELLS": 0}


def trees(*folders):
    """Return the files of volumes by name, without their provenance, which holds a date."""
    return [
        {
            str(path.relative_to(folder)): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file() and path.name != "provenance"
        }
        for folder in folders
    ]


def slowly(done, total):
    """Give whoever wants to kill the job time for it."""
    time.sleep(0.003)


def convert_slowly(source, destination, options):
    """Convert as the command line does: a request to terminate is an interrupt."""
    for name, value in SMALL_UNITS.items():
        setattr(units, name, value)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    ng.convert(source, destination, **options, progress=slowly)
