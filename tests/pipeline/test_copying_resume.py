"""A copy that stops goes on: the volume is the same, byte for byte, as if nothing had happened."""

from __future__ import annotations

import numpy as np
import pytest

import ngprecomp as ng
from ngprecomp.errors import ExistsError
from ngprecomp.pipeline import copying
from ngprecomp.pipeline.engine import units
from ngprecomp.storage.local import LocalStore
from ngprecomp.storage.locate import open_store
from tests.pipeline.killed import SMALL_UNITS, trees
from tests.pipeline.killed_copy import copy_slowly
from tests.pipeline.killing import assert_same, kill_at_random_moments
from tests.pipeline.test_resume import FaultyStore

JOURNAL = "ngprecomp-journal.json"
SMALL = {"memory": "8MB", "workers": 4}
COPIES = {
    "whole shards": SMALL,
    "files": {**SMALL, "shard_size": None},
    "other shards": {**SMALL, "shard_size": (16, 16, 32)},
    "encoded anew": {**SMALL, "encoding": "compressed_segmentation", "shard_size": None},
    "a box": {**SMALL, "box": ((8, 30), (8, 31), (16, 38)), "skip_empty": True},
}


@pytest.fixture(autouse=True)
def _small_units(monkeypatch):
    """Let small volumes have many footprints."""
    for name, value in SMALL_UNITS.items():
        monkeypatch.setattr(units, name, value)


class StopError(Exception):
    """What ends a copy in these tests."""


def stop_after(count):
    """Return a progress that ends the copy when it is called the next time."""
    left = [count]

    def progress(done, total):
        left[0] -= 1
        if left[0] < 0:
            raise StopError

    return progress


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Return a volume of three scales and 32 x 32 x 40 voxels, sharded, with a sidecar."""
    voxels = np.random.default_rng(4).integers(0, 255, (40, 32, 32), np.uint8)
    voxels[20:, 16:, :16] = 0
    path = tmp_path_factory.mktemp("source") / "a"
    ng.convert(voxels, path, axes="zyx", chunk_size=8, shard_size=16, levels=2, type="segmentation", encoding="raw")
    ng.segment_properties({"id": [3]}, path)
    return path


@pytest.fixture(scope="module")
def whole(source, tmp_path_factory):
    """Return, for a copy, the folder and the report of one that nobody disturbed."""
    made = {}

    def get(name):
        if name not in made:
            folder = tmp_path_factory.mktemp("whole") / "out"
            made[name] = folder, ng.copy(source, folder, **COPIES[name])
        return made[name]

    return get


@pytest.mark.parametrize("name", COPIES)
def test_a_copy_that_stops_again_and_again_goes_on(name, source, whole, tmp_path):
    out = tmp_path / "out"
    expected, undisturbed = whole(name)
    stops = 0
    while True:
        try:
            report = ng.copy(source, out, **COPIES[name], progress=stop_after(20 + 20 * stops))
            break
        except StopError:
            stops += 1
            assert not (out / "info").exists()
    assert stops
    assert_same(out, expected)
    assert report.scales == undisturbed.scales
    assert report.files == undisturbed.files
    assert report.resumed > 0


def test_another_copy_is_refused(source, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(StopError) as stopped:
        ng.copy(source, out, **SMALL, progress=stop_after(15))
    assert any("the same command continues" in note for note in stopped.value.__notes__)
    before = trees(out)
    with pytest.raises(ExistsError, match=r"differ in chunk_size;"):
        ng.copy(source, out, **SMALL, chunk_size=4)
    assert trees(out) == before
    ng.copy(source, out, **SMALL, chunk_size=4, overwrite=True)


@pytest.mark.parametrize("name", ["whole shards", "encoded anew"])
def test_a_failure_of_any_store_operation(name, source, tmp_path, monkeypatch):
    options = {**COPIES[name], "scales": [2], "workers": 1}
    ng.copy(source, tmp_path / "whole", **options)
    at, failed = 0, True
    while failed:
        at += 1
        out = tmp_path / f"out{at}"
        store = FaultyStore(LocalStore(str(out)), at)

        def opened(url, out=out, store=store):
            return store if url.rstrip("/").endswith(f"/{out.name}") else open_store(url)

        with monkeypatch.context() as patch:
            patch.setattr(copying, "open_store", opened)
            try:
                ng.copy(source, out, **options)
                failed = False
            except (OSError, ExistsError):
                pass
        if (out / "info").exists() and not (out / JOURNAL).exists():
            assert not failed
        else:
            ng.copy(source, out, **options)
        assert_same(out, tmp_path / "whole")
    assert at > 20


@pytest.mark.parametrize("name", ["whole shards", "files"])
def test_killed_at_random_moments(name, source, whole, tmp_path):
    """A dozen kills, by the signals that end a process; volumes that are finished on the way are begun again."""
    out = kill_at_random_moments(copy_slowly, (source, COPIES[name]), tmp_path, whole(name)[0], 12)
    ng.copy(source, out, **COPIES[name])
    assert_same(out, whole(name)[0])
