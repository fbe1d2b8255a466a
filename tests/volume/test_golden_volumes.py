import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import ngprecomp as ng
from ngprecomp.errors import MissingChunkError

VOLUMES = Path(__file__).parents[1] / "golden/volumes"
CASES = json.loads((VOLUMES / "index.json").read_text())["cases"]


def expected(case):
    shape = (*case["size"], case["channels"])
    return np.fromfile(VOLUMES / f"{case['name']}.raw", case["dtype"]).reshape(shape, order="F")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_golden_volumes_read_equal(case):
    vol = ng.open(VOLUMES / case["name"])
    assert np.array_equal(vol[...], expected(case))
    assert list(vol.voxel_offset) == case["voxel_offset"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_absent_chunk_is_counted(case):
    vol = ng.open(VOLUMES / case["name"])
    voxels, absent = vol.read(vol.box)
    chunks = [vol.place.grid.cell(at) for at in np.ndindex(*vol.place.grid.shape)]
    zero = [not voxels[chunk.relative_to(vol.voxel_offset).slices].any() for chunk in chunks]
    assert absent == sum(zero)
    for chunk, all_zero in zip(chunks, zero, strict=True):
        if all_zero:
            with pytest.raises(MissingChunkError, match=f"chunk {chunk} of scale 's' in file://.* is absent"):
                vol.read(chunk, missing="error")
        else:
            assert vol.read(chunk, missing="error")[1] == 0


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_golden_volumes_rewritten_in_place_stay_equal(case, tmp_path):
    folder = tmp_path / "v"
    shutil.copytree(VOLUMES / case["name"], folder)
    vol = ng.open(folder)
    before = {path.name for path in folder.rglob("*")}
    vol[2:, :, ::-2] = vol[2:, :, ::-2]
    assert np.array_equal(vol[...], expected(case))
    assert {path.name for path in folder.rglob("*")} == before
