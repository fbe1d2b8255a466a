"""Voxel sizes that programs of microscopes write into TIFF files, as tifffile hands them on."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from ngprecomp.sources.tiff.sizes import (
    ToldLengths,
    concluded,
    fei_lengths,
    lsm_lengths,
    micromanager_lengths,
    stk_lengths,
    zeiss_sem_lengths,
)

STK = {"XCalibration": Fraction(1, 8), "YCalibration": Fraction(1, 4), "CalibrationUnits": "um"}


@pytest.mark.parametrize(
    ("told", "size"),
    [
        (lsm_lengths({"VoxelSizeX": 1e-7, "VoxelSizeY": 2e-7, "VoxelSizeZ": 5e-7}), (100, 200, 500)),
        (lsm_lengths({"VoxelSizeX": 1e-7, "VoxelSizeY": 2e-7, "VoxelSizeZ": 0.0}), None),
        (stk_lengths({**STK, "ZDistance": [0.5, 0.5]}), (125, 250, 500)),
        (stk_lengths({**STK, "ZDistance": [0.5, 0.7]}), None),
        (stk_lengths({**STK, "CalibrationUnits": "", "ZDistance": [0.5]}), None),
        (micromanager_lengths({"Summary": {"PixelSize_um": 0.1, "z-step_um": 2.0}}), (100, 100, 2000)),
        (micromanager_lengths({"Summary": {"PixelSize_um": 0.1, "z-step_um": 0}}), None),
        (micromanager_lengths({}), None),
    ],
)
def test_what_microscopes_write(told: ToldLengths, size: Any) -> None:
    found, notes = concluded(told)
    assert found == size
    assert notes or not any(told.lengths)


@pytest.mark.parametrize(
    ("told", "asked"),
    [
        (zeiss_sem_lengths({"ap_image_pixel_size": ("Image Pixel Size", 4.5, "nm")}), "4.5,4.5,Z"),
        (fei_lengths({"Scan": {"PixelWidth": 4e-9, "PixelHeight": 5e-9}}), "4,5,Z"),
    ],
)
def test_electron_microscopes_know_nothing_of_z(told: ToldLengths, asked: str) -> None:
    found, notes = concluded(told)
    assert found is None
    assert notes[0].endswith(f"give the resolution {asked}")


@pytest.mark.parametrize("length", [0.0, -1.0, float("nan"), float("inf")])
def test_lengths_that_are_none(length: float) -> None:
    found, notes = concluded(ToldLengths("OME PhysicalSize", (1.0, length, 1.0), ("nm",) * 3))
    assert found is None
    assert "no voxel size" in notes[0]
