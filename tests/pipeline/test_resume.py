"""A job that stops, for whatever reason, goes on: the volume is the same, byte for byte, as if nothing had happened."""

from __future__ import annotations

import os
import time
from contextlib import suppress

import h5py
import numpy as np
import pytest

import ngprecomp as ng
from ngprecomp.errors import ExistsError, OptionError
from ngprecomp.pipeline.engine import units
from ngprecomp.storage.local import LocalStore
from ngprecomp.storage.temporary import temporary_name
from tests.pipeline.faulty_store import FaultyStore
from tests.pipeline.killed import SMALL_UNITS, convert_slowly, half_noise, trees
from tests.pipeline.killing import assert_same, kill_at_random_moments

JOURNAL = "ngprecomp-journal.json"
SMALL = {"chunk_size": 8, "memory": "8MB", "workers": 10}  # many threads, hence many cells, rounds and footprints
LAYOUTS = {
    "plain": {**SMALL, "shard_size": None, "compress": "gzip"},
    "sharded": {**SMALL, "shard_size": 16, "checksums": True},
    "hashed": {
        **SMALL,
        "checksums": True,
        "sharding": {
            "@type": "neuroglancer_uint64_sharded_v1",
            "hash": "murmurhash3_x86_128",
            "preshift_bits": 1,
            "minishard_bits": 1,
            "shard_bits": 3,
        },
    },
    "thin strides": {**SMALL, "method": "stride", "voxel_offset": (1, -3, 5), "shard_size": 16, "skip_empty": True},
    "empty left out": {**SMALL, "shard_size": None, "skip_empty": True, "checksums": True},
    "exact": {**SMALL, "shard_size": 16, "exact": True, "checksums": True},
    "lossy": {**SMALL, "shard_size": None, "encoding": "jpeg", "type": "image"},
    "lossy shards": {**SMALL, "shard_size": 16, "encoding": "jpeg", "type": "image", "checksums": True},
}


@pytest.fixture(autouse=True)
def _small_units(monkeypatch):
    """Let small volumes have many footprints."""
    for name, value in SMALL_UNITS.items():
        monkeypatch.setattr(units, name, value)


class StopError(Exception):
    """What ends a job in these tests."""


def stop_after(count):
    """Return a progress that ends the job when it is called the next time."""
    left = [count]

    def progress(done, total):
        left[0] -= 1
        if left[0] < 0:
            raise StopError

    return progress


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    return half_noise(tmp_path_factory.mktemp("source"))


@pytest.fixture(scope="module")
def whole(source, tmp_path_factory):
    """Return, for a layout, the folder and the report of a conversion that nobody disturbed."""
    made = {}

    def get(layout):
        if layout not in made:
            folder = tmp_path_factory.mktemp("whole") / "out"
            made[layout] = folder, ng.convert(source, folder, **LAYOUTS[layout])
        return made[layout]

    return get


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_job_that_stops_again_and_again_goes_on(layout, source, whole, tmp_path):
    out = tmp_path / "out"
    expected, undisturbed = whole(layout)
    all_at_once = layout == "hashed" or "lossy" in layout  # hashed shards, and lossless copies, are finished together
    stops = 0
    while True:
        try:
            progress = stop_after(8 + (25 if all_at_once else 3) * stops)
            report = ng.convert(source, out, **LAYOUTS[layout], progress=progress)
            break
        except StopError:
            stops += 1
            assert not (out / "info").exists()
    assert stops > 1
    assert_same(out, expected)
    assert report.scales == undisturbed.scales
    assert report.files == undisturbed.files
    if not all_at_once:
        assert report.resumed > 0
        assert f"continued: {report.resumed} footprint" in str(report)


@pytest.mark.parametrize("layout", ["plain", "sharded"])
def test_it_goes_on_with_other_memory_and_workers(layout, source, whole, tmp_path):
    for number, other in enumerate(({"memory": "1GB"}, {"memory": "4MB", "workers": 1})):
        out = tmp_path / f"out{number}"
        with pytest.raises(StopError):
            ng.convert(source, out, **LAYOUTS[layout], progress=stop_after(15))
        report = ng.convert(source, out, **{**LAYOUTS[layout], **other})
        assert report.resumed > 0
        assert_same(out, whole(layout)[0])


def test_too_little_memory_to_go_on_changes_nothing(source, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(StopError):
        ng.convert(source, out, **LAYOUTS["sharded"], progress=stop_after(15))
    before = trees(out)
    with pytest.raises(OptionError, match=r"too little to go on: round 1 of \d, .* needs \d+ bytes"):
        ng.convert(source, out, **{**LAYOUTS["sharded"], "memory": "1MB", "workers": 1})
    assert trees(out) == before


@pytest.mark.parametrize(
    ("layout", "damage"), [("plain", "remove"), ("plain", "empty"), ("plain", "cut"), ("sharded", "empty")]
)
def test_what_is_gone_is_made_again(layout, damage, source, whole, tmp_path):
    """As after a loss of power, when the last files that were written are missing, empty or cut."""
    out = tmp_path / "out"
    with pytest.raises(StopError):
        ng.convert(source, out, **LAYOUTS[layout], progress=stop_after(15))
    written = sorted(path for path in (out / "1_1_1").iterdir())
    for path in written[::3]:
        if damage == "remove":
            path.unlink()
        else:
            path.write_bytes(b"" if damage == "empty" else path.read_bytes()[:-1])
    ng.convert(source, out, **LAYOUTS[layout])
    assert_same(out, whole(layout)[0])


def test_another_command_is_refused_and_both_are_shown(source, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(StopError):
        ng.convert(source, out, **SMALL, levels=2, progress=stop_after(15))
    before = trees(out)
    with pytest.raises(ExistsError, match=r"em\.h5:/raw .*levels=2.*; this is convert .*levels=1.*differ in levels;"):
        ng.convert(source, out, **SMALL, levels=1)
    with pytest.raises(ExistsError, match="differ in encoding, shard_size;"):
        ng.convert(source, out, **SMALL, levels=2, encoding="png", shard_size=None)
    assert trees(out) == before
    ng.convert(source, out, **{**SMALL, "chunk_size": (8, 8, 8)}, levels=2)  # the same in other words


def test_a_source_that_was_written_since_is_another_one(tmp_path):
    voxels = np.arange(32**3, dtype=np.uint16).reshape(32, 32, 32)
    np.save(tmp_path / "a.npy", voxels)
    with pytest.raises(StopError):
        ng.convert(tmp_path / "a.npy", tmp_path / "out", **SMALL, progress=stop_after(15))
    time.sleep(0.02)
    np.save(tmp_path / "a.npy", voxels[::-1])
    with pytest.raises(ExistsError, match="differ in the source, which was written since;"):
        ng.convert(tmp_path / "a.npy", tmp_path / "out", **SMALL)
    report = ng.convert(tmp_path / "a.npy", tmp_path / "out", **SMALL, overwrite=True)
    assert report.resumed == 0
    np.testing.assert_array_equal(ng.open(tmp_path / "out")[..., 0].T, voxels[::-1])


def test_overwrite_leaves_nothing_of_an_unfinished_volume(source, whole, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    with pytest.raises(StopError):
        ng.convert(source, out, resolution=(7, 7, 7), **{**SMALL, "chunk_size": 4}, progress=stop_after(15))
    assert (out / "7_7_7").exists()
    ng.convert(source, out, **LAYOUTS["plain"], overwrite=True)
    (out / "notes.txt").unlink()
    assert_same(out, whole("plain")[0])


def test_the_same_command_goes_on_where_it_overwrites(source, whole, tmp_path):
    out = tmp_path / "out"
    ng.convert(source, out, **{**SMALL, "chunk_size": 4}, levels=1)
    options = {**LAYOUTS["sharded"], "overwrite": True}
    with pytest.raises(StopError):
        ng.convert(source, out, **options, progress=stop_after(15))
    assert ng.convert(source, out, **options).resumed > 0
    assert_same(out, whole("sharded")[0])
    assert ng.convert(source, out, **options).resumed == 0


@pytest.mark.parametrize("restart", ["no resume", "array"])
def test_it_begins_anew(restart, source, whole, tmp_path):
    """If it is told to; and from an array, because nothing tells whether that has changed."""
    out = tmp_path / "out"
    given, options = source, {**LAYOUTS["plain"], "resume": False}
    if restart == "array":
        with h5py.File(source.removesuffix(":raw")) as file:
            given, options = file["raw"][...], {**LAYOUTS["plain"], "axes": "zyx"}
    with pytest.raises(StopError) as stopped:
        ng.convert(given, out, **options, progress=stop_after(15))
    assert any(("begins anew" in note) == (restart == "array") for note in stopped.value.__notes__)
    assert ng.convert(given, out, **options).resumed == 0
    assert_same(out, whole("plain")[0])


def test_a_volume_is_continued_from(source, tmp_path):
    ng.convert(source, tmp_path / "a", **SMALL, levels=0)
    with suppress(StopError):
        ng.convert(tmp_path / "a", tmp_path / "b", **LAYOUTS["sharded"], progress=stop_after(15))
    assert ng.convert(tmp_path / "a", tmp_path / "b", **LAYOUTS["sharded"]).resumed > 0
    ng.convert(tmp_path / "a", tmp_path / "c", **LAYOUTS["sharded"])
    assert_same(tmp_path / "b", tmp_path / "c")


def test_temporary_files_of_killed_jobs_are_removed(source, tmp_path):
    spool = tmp_path / "spool"
    left, others = spool / temporary_name("ngprecomp-rounds", 0), spool / ".foreign.tmp"
    dead = spool / left.name.replace(f".{os.getpid()}.", ".4194305.")  # no process has this number
    for folder in (dead, others):
        folder.mkdir(parents=True)
        (folder / "0").write_text("voxels")
    ng.convert(source, tmp_path / "out", **LAYOUTS["lossy"], spool_dir=spool)
    assert list(spool.iterdir()) == [others]


def test_two_at_the_same_time_are_refused(source, tmp_path):
    def intrude(done, total):
        with pytest.raises(ExistsError, match=r"no job can begin at .* is locked by another thread or process"):
            ng.convert(source, tmp_path / "out", **SMALL)
        raise StopError

    with pytest.raises(StopError):
        ng.convert(source, tmp_path / "out", **SMALL, progress=intrude)


def test_a_journal_that_nobody_understands(source, tmp_path):
    (tmp_path / "out").mkdir()
    for text in ("{", "[]", "{}", '{"source": "em.h5", "info": {}}'):
        (tmp_path / "out" / JOURNAL).write_text(text)
        with pytest.raises(ExistsError, match="unfinished volume of another command"):
            ng.convert(source, tmp_path / "out", **SMALL)
    ng.convert(source, tmp_path / "out", **SMALL, overwrite=True)
    assert not (tmp_path / "out" / JOURNAL).exists()


@pytest.mark.parametrize("layout", ["plain", "sharded", "lossy"])
def test_a_failure_of_any_store_operation(layout, source, tmp_path, monkeypatch):
    options = {**LAYOUTS[layout], "box": ((0, 16), (12, 28), (0, 8)), "levels": 1, "workers": 1}
    ng.convert(source, tmp_path / "whole", **options)
    at, failed = 0, True
    while failed:
        at += 1
        out = tmp_path / f"out{at}"
        store = FaultyStore(LocalStore(str(out)), at)
        with monkeypatch.context() as patch:
            patch.setattr("ngprecomp.pipeline.convert.open_store", lambda url, store=store: store)
            try:
                ng.convert(source, out, **options)
                failed = False
            except (OSError, ExistsError):
                pass
        if (out / "info").exists() and not (out / JOURNAL).exists():
            assert not failed
        else:
            ng.convert(source, out, **options)
        assert_same(out, tmp_path / "whole")
    assert at > 30


@pytest.mark.parametrize("layout", ["plain", "sharded"])
def test_killed_at_random_moments(layout, source, whole, tmp_path):
    """Ten kills each, by the signals that end a process; volumes that are finished on the way are begun again."""
    out = kill_at_random_moments(convert_slowly, (source, LAYOUTS[layout]), tmp_path, whole(layout)[0], 10)
    ng.convert(source, out, **LAYOUTS[layout])
    assert_same(out, whole(layout)[0])
