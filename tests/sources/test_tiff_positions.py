"""Offsets from TIFF files: positions that whole voxels have are offsets, those of a stage are not."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from ngprecomp.sources.opening import open_source

PAGES = np.zeros((3, 8, 9), np.uint16)


@pytest.mark.parametrize(
    ("origin", "offset"), [({"xorigin": 5, "yorigin": -7}, (-5, 7, 0)), ({"zorigin": 2.0}, (0, 0, -2)), ({}, None)]
)
def test_imagej(tmp_path, origin, offset):
    told = {"axes": "ZYX", "unit": "nm", "spacing": 40.0, **origin}
    tifffile.imwrite(tmp_path / "a.tif", PAGES, imagej=True, resolution=(1 / 4, 1 / 4), metadata=told)
    assert open_source(tmp_path / "a.tif").voxel_offset == offset


@pytest.mark.parametrize(
    ("position", "unit", "offset"),
    [
        ((-8.0, 400.0, 80.0), "nm", (-2, 100, 2)),
        ((-0.008, 0.4, 0.08), "\xb5m", (-2, 100, 2)),
        ((12345.67, 400.0, 80.0), "nm", None),
        ((-8.0, 400.0, 80.0), "reference frame", None),
    ],
)
def test_ome(tmp_path, position, unit, offset):
    sizes = {f"PhysicalSize{axis}": size for axis, size in zip("XYZ", (4.0, 4.0, 40.0), strict=True)}
    units = {f"PhysicalSize{axis}Unit": "nm" for axis in "XYZ"}
    plane = {f"Position{axis}": [at] * 3 for axis, at in zip("XYZ", position, strict=True)}
    plane |= {f"Position{axis}Unit": [unit] * 3 for axis in "XYZ"}
    told = {"axes": "ZYX", **sizes, **units, "Plane": plane}
    tifffile.imwrite(tmp_path / "a.ome.tif", PAGES, ome=True, metadata=told)
    source = open_source(tmp_path / "a.ome.tif")
    assert source.voxel_offset == offset
    assert any("lies between voxels and is not used" in note for note in source.notes) == (position[0] > 0)
