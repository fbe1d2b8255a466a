"""A conversion in a process of its own, to be killed there."""

from __future__ import annotations

import signal
import time

import h5py
import numpy as np

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


def half_noise(folder):
    """Return the name of a dataset of 48 x 40 x 44 voxels: half noise, a part zeros."""
    rng = np.random.default_rng(4)
    voxels = rng.integers(0, 255, (44, 40, 48), np.uint8)
    voxels[:, :20] = np.arange(44, dtype=np.uint8)[:, None, None] // 4
    voxels[20:, 20:, :16] = 0
    with h5py.File(folder / "em.h5", "w") as file:
        file.create_dataset("raw", data=voxels, chunks=(8, 16, 16), compression="gzip")
    return f"{folder / 'em.h5'}:raw"
