"""A copy in a process of its own, to be killed there."""

from __future__ import annotations

import signal

import ngprecomp as ng
from ngprecomp.pipeline.engine import units
from tests.pipeline.killed import SMALL_UNITS, slowly


def copy_slowly(source, destination, options):
    """Copy as the command line does: a request to terminate is an interrupt."""
    for name, value in SMALL_UNITS.items():
        setattr(units, name, value)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    ng.copy(source, destination, **options, progress=slowly)
