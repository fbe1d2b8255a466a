"""A pyramid that stops goes on: no half-made scale is ever taken for a whole one."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

import ngprecomp as ng
from ngprecomp.errors import ExistsError
from ngprecomp.pipeline.engine import units
from tests.pipeline.faulty_store import FaultyStore
from tests.pipeline.killed import SMALL_UNITS, trees

if TYPE_CHECKING:
    from pathlib import Path

JOURNAL = "ngprecomp-journal.json"
RUN = {"memory": "8MB", "workers": 4}
LAYOUTS: dict[str, dict[str, Any]] = {
    "plain": {"shard_size": None},
    "sharded": {"shard_size": (16, 16, 16)},
}


class StopError(Exception):
    """What ends a job in these tests."""


@pytest.fixture(autouse=True)
def _small_units(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SMALL_UNITS.items():
        monkeypatch.setattr(units, name, value)


def stop_after(count: int) -> Any:
    left = iter(range(count))

    def progress(done: int, total: int) -> None:
        if next(left, None) is None:
            raise StopError

    return progress


def base_volume(path: Path, layout: str, declared: int = 0) -> Path:
    """Write a scale of 40 x 48 x 32 voxels, and declare some coarser ones that hold nothing."""
    options = {"dtype": "uint8", "chunk_size": (8, 8, 8), **LAYOUTS[layout]}
    vol = ng.create(path, shape=(40, 48, 32), **options)
    vol[...] = np.random.default_rng(2).integers(1, 255, (40, 48, 32), np.uint8)
    for step in range(1, declared + 1):
        shape = tuple(-(-length // 2**step) for length in (40, 48, 32))
        ng.create(path, shape=shape, resolution=(2**step,) * 3, exist="add", **options)
    return path


def assert_same(path: Path, expected: Path) -> None:
    found, wanted = trees(path, expected)
    assert sorted(found) == sorted(wanted)
    assert [name for name in found if found[name] != wanted[name]] == []


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("declared", [0, 2])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_it_goes_on(layout: str, declared: int, exact: bool, tmp_path: Path) -> None:
    whole = base_volume(tmp_path / "whole", layout, declared)
    ng.build_pyramid(whole, exact=exact, **RUN)
    path = base_volume(tmp_path / "stopped", layout, declared)
    stops = 0
    while True:
        try:
            report = ng.build_pyramid(path, exact=exact, **RUN, progress=stop_after(4 + 4 * stops))
            break
        except StopError:
            stops += 1
            assert len(ng.open(path).scales) == 1 + declared
    assert stops > 1
    assert report.resumed > 0
    assert_same(path, whole)


def test_what_was_begun_otherwise_is_refused(tmp_path: Path) -> None:
    path = base_volume(tmp_path / "v", "plain")
    with pytest.raises(StopError) as stopped:
        ng.build_pyramid(path, **RUN, progress=stop_after(5))
    assert any("the same command continues" in note for note in stopped.value.__notes__)
    with pytest.raises(ExistsError, match="method"):
        ng.build_pyramid(path, method="mode", **RUN)
    ng.open(path)[0, 0, 0] = 255
    with pytest.raises(ExistsError, match="written since"):
        ng.build_pyramid(path, **RUN)
    report = ng.build_pyramid(path, method="mode", overwrite=True, **RUN)
    assert report.resumed == 0
    assert not (path / JOURNAL).exists()
    whole = base_volume(tmp_path / "whole", "plain")
    ng.open(whole)[0, 0, 0] = 255
    ng.build_pyramid(whole, method="mode", **RUN)
    assert_same(path, whole)


def test_from_the_beginning(tmp_path: Path) -> None:
    path = base_volume(tmp_path / "v", "plain")
    with pytest.raises(StopError):
        ng.build_pyramid(path, **RUN, progress=stop_after(20))
    assert ng.build_pyramid(path, resume=False, **RUN).resumed == 0


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_scale_made_anew_is_never_a_mixture(layout: str, tmp_path: Path) -> None:
    """Whatever store operation fails while a pyramid is replaced, the next call makes it whole."""
    begun = base_volume(tmp_path / "begun", layout)
    ng.build_pyramid(begun, levels=1, **RUN)
    ng.open(begun)[0:20, 0:20, 0:20] = 7
    whole = tmp_path / "whole"
    shutil.copytree(begun, whole)
    ng.build_pyramid(whole, overwrite=True, **RUN)
    at, failed = 0, True
    while failed:
        at += 7
        path = tmp_path / f"v{at}"
        shutil.copytree(begun, path)
        opened = ng.open(path)
        store = FaultyStore(opened.place.store, at)
        try:
            ng.build_pyramid(replace(opened, place=replace(opened.place, store=store)), overwrite=True, **RUN)
            failed = False
        except OSError:
            if (path / JOURNAL).exists():
                ng.build_pyramid(path, **RUN)
            else:
                ng.build_pyramid(path, overwrite=True, **RUN)
        assert not (path / JOURNAL).exists()
        assert_same(path, whole)
    assert at > 30
