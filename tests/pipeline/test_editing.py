"""Changes of ``info`` are checked as a whole, and no voxel is lost by them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

import ngprecomp as ng
from ngprecomp.errors import ExistsError, NotFoundError, OptionError
from ngprecomp.storage.local import LocalStore

if TYPE_CHECKING:
    from pathlib import Path


def pyramid(path: Path, *, sharded: bool = True) -> np.ndarray:
    """Write three scales with steps of 2, 2, 1 and return the voxels of the first."""
    shape = (64, 64, 16)
    voxels = np.random.default_rng(0).integers(0, 2**64, shape, np.uint64)
    for step in (1, 2, 4):
        vol = ng.create(
            path,
            shape=(64 // step, 64 // step, 16),
            dtype="uint64",
            type="segmentation",
            resolution=(4 * step, 4 * step, 40),
            voxel_offset=(16 // step, 0, -3),
            chunk_size=(16, 16, 16),
            shard_size=(32, 32, 16) if sharded else None,
            exist="error" if step == 1 else "add",
        )
        vol[...] = voxels[::step, ::step]
    return voxels


def test_a_resolution_moves_all_scales(tmp_path: Path) -> None:
    pyramid(tmp_path)
    document = ng.set_info(tmp_path, resolution=("4.6nm", "4.6nm", "0.05um"))
    assert [one["resolution"] for one in document["scales"]] == [[4.6, 4.6, 50], [9.2, 9.2, 50], [18.4, 18.4, 50]]
    assert ng.open(tmp_path, 2).resolution == (18.4, 18.4, 50)
    assert [one["key"] for one in document["scales"]] == ["4_4_40", "8_8_40", "16_16_40"]


def test_a_shift_moves_all_scales(tmp_path: Path) -> None:
    voxels = pyramid(tmp_path)
    ng.set_info(tmp_path, shift=(-24, 8, 5))
    assert [ng.open(tmp_path, at).voxel_offset for at in range(3)] == [(-8, 8, 2), (-4, 4, 2), (-2, 2, 2)]
    assert np.array_equal(ng.open(tmp_path)[..., 0], voxels)
    with pytest.raises(OptionError, match="none by whole voxels of scale 16_16_40, each of which holds 4, 4, 1"):
        ng.set_info(tmp_path, shift=(2, 0, 0))
    assert ng.open(tmp_path).voxel_offset == (-8, 8, 2)


def test_chunk_files_hold_the_offset(tmp_path: Path) -> None:
    pyramid(tmp_path, sharded=False)
    with pytest.raises(OptionError, match="not sharded"):
        ng.set_info(tmp_path, shift=(4, 4, 4))


def test_a_type_that_the_viewer_would_refuse(tmp_path: Path) -> None:
    ng.create(tmp_path, shape=(4, 4, 4), dtype="uint8", num_channels=3)
    with pytest.raises(OptionError, match="a segmentation has 1 channel"):
        ng.set_info(tmp_path, type="segmentation")
    with pytest.raises(OptionError, match="expected one of image, segmentation"):
        ng.set_info(tmp_path, type="picture")
    assert ng.open(tmp_path).info["type"] == "image"


def test_unknown_members_stay(tmp_path: Path) -> None:
    pyramid(tmp_path)
    document = json.loads((tmp_path / "info").read_text())
    document["scales"][1]["hidden"] = True
    (tmp_path / "info").write_text(json.dumps({**document, "mesh": "m"}))
    document = ng.set_info(tmp_path, type="image", resolution=(1, 1, 10))
    assert (document["mesh"], document["scales"][1]["hidden"], document["type"]) == ("m", True, "image")


@pytest.mark.parametrize("sharded", [True, False])
def test_a_new_key(tmp_path: Path, sharded: bool) -> None:
    voxels = pyramid(tmp_path, sharded=sharded)
    (tmp_path / "4_4_40" / "notes").write_text("mine")
    ng.set_info(tmp_path, rename_scale=("4_4_40", "full/size"))
    assert np.array_equal(ng.open(tmp_path, "full/size")[..., 0], voxels)
    assert [one.name for one in (tmp_path / "4_4_40").iterdir()] == ["notes"]


def test_a_new_key_for_one_of_two_scales_in_one_folder(tmp_path: Path) -> None:
    voxels = pyramid(tmp_path)
    document = json.loads((tmp_path / "info").read_text())
    document["scales"].append({**document["scales"][0], "resolution": [5, 5, 50]})
    (tmp_path / "info").write_text(json.dumps(document))
    ng.set_info(tmp_path, rename_scale=("4_4_40", "new"))
    for scale in ("new", "4_4_40"):
        assert np.array_equal(ng.open(tmp_path, scale)[..., 0], voxels)


def test_an_interrupted_renaming_leaves_the_old_scale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    voxels = pyramid(tmp_path)

    def fail(*_: object, **__: object) -> None:
        raise OSError("the power is gone")

    with monkeypatch.context() as broken:
        broken.setattr(LocalStore, "lock", fail)
        with pytest.raises(OSError, match="power"):
            ng.set_info(tmp_path, rename_scale=("4_4_40", "new"))
    assert np.array_equal(ng.open(tmp_path, "4_4_40")[..., 0], voxels)


def test_keys_that_cannot_be(tmp_path: Path) -> None:
    pyramid(tmp_path)
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").write_text("mine")
    for new, error in (
        ("8_8_40", ExistsError),
        ("./8_8_40/", ExistsError),
        ("taken", ExistsError),
        ("../out", OptionError),
        ("", OptionError),
        ("info", OptionError),
    ):
        with pytest.raises(error):
            ng.set_info(tmp_path, rename_scale=("4_4_40", new))
    with pytest.raises(NotFoundError):
        ng.set_info(tmp_path, rename_scale=("nowhere", "new"))
    assert len(ng.open(tmp_path).scales) == 3


def test_nothing_to_set(tmp_path: Path) -> None:
    pyramid(tmp_path)
    with pytest.raises(OptionError, match="nothing to set"):
        ng.set_info(tmp_path)
    with pytest.raises(OptionError, match="three integers"):
        ng.set_info(tmp_path, shift=(1, 2))
