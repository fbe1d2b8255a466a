"""What killed jobs leave beside a volume: reported, and removed on request where nobody can go on with it."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal

import numpy as np
import pytest

import ngprecomp as ng
from ngprecomp.storage.local import LOCK_FOLDER, LocalStore
from ngprecomp.storage.temporary import temporary_name
from ngprecomp.volume.places import JOURNAL_FOLDER, JOURNAL_KEY, REMOVAL_KEY

NOTE = "hint: provenance: there is no such file (nobody can tell what made the volume)"


@pytest.fixture
def folder(tmp_path):
    ng.create(tmp_path / "v", shape=(16, 16, 16), dtype="uint8", chunk_size=(8, 8, 8))[...] = 5
    return tmp_path / "v"


def said(report):
    return [str(found) for found in report.problems if str(found) != NOTE]


def hold(folder):
    with LocalStore(str(folder)).lock("s/0-8"):
        os.kill(os.getpid(), signal.SIGKILL)


def test_locks_of_dead_processes_go_and_held_ones_stay(folder):
    process = multiprocessing.get_context("forkserver").Process(target=hold, args=(folder,))
    process.start()
    process.join()
    (dead,) = (folder / LOCK_FOLDER).iterdir()
    store = LocalStore(str(folder))
    with store.lock("another"):
        assert said(ng.check(folder)) == [
            f"hint: {LOCK_FOLDER}/{dead.name}: is a lock that nobody holds (--repair removes it)"
        ]
        report = ng.check(folder, repair=True)
        assert report.repaired == (f"removed {dead}, a lock that nobody held",)
        assert said(report) == []
        assert store.is_locked("another")
    assert not (folder / LOCK_FOLDER).exists()


def test_a_journal_that_can_go_on_is_only_reported(folder):
    (folder / JOURNAL_KEY).write_text(json.dumps({"job": "convert", "source": "em.h5", "plans": {}}))
    (folder / JOURNAL_FOLDER).mkdir()
    (folder / JOURNAL_FOLDER / "0-0-0_0_0").write_text("{}")
    unfinished = f"warning: {JOURNAL_KEY}: a job that writes this volume has not finished (run the same command again: "
    assert said(ng.check(folder, repair=True)) == [f"{unfinished}it continues)"]
    assert (folder / JOURNAL_FOLDER / "0-0-0_0_0").exists()
    with LocalStore(str(folder)).lock(JOURNAL_KEY):
        assert said(ng.check(folder)) == [
            f"warning: {JOURNAL_KEY}: a job writes this volume at this moment (check again when it has finished)"
        ]


def test_records_without_a_journal_go(folder):
    records = folder / JOURNAL_FOLDER
    records.mkdir()
    for name in ("0-0-0_0_0", "0-0-8_0_0", temporary_name("x", 0).replace(f".{os.getpid()}.", ".4194305.")):
        (records / name).write_text("{}")
    assert any("2 records of a journal that is gone (--repair removes them)" in text for text in said(ng.check(folder)))
    assert said(ng.check(folder, repair=True)) == []
    assert not records.exists()


def test_an_interrupted_removal_is_reported(folder):
    (folder / REMOVAL_KEY).write_bytes((folder / "info").read_bytes())
    assert said(ng.check(folder)) == [
        f"hint: {REMOVAL_KEY}: belongs to the removal of an earlier volume (--repair removes it)"
    ]
    assert said(ng.check(folder, repair=True)) == []
    (folder / "info").rename(folder / REMOVAL_KEY)
    assert any("the removal of a volume was interrupted" in text for text in said(ng.check(folder)))
    assert np.any([path.name == REMOVAL_KEY for path in folder.iterdir()])
