"""Several processes that share nothing but the destination: whoever is left finishes the volume."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import h5py
import numpy as np
import pytest

import ngprecomp as ng
from ngprecomp.errors import ExistsError, OptionError
from ngprecomp.pipeline.engine import one_round, parts, units
from ngprecomp.pipeline.engine.parts import Part, make_part, parse_part
from tests.pipeline.killed import SMALL_UNITS
from tests.pipeline.killing import assert_same

SMALL = {"chunk_size": 8, "memory": "8MB", "workers": 1}
LAYOUTS = {
    "plain": {**SMALL, "shard_size": None},
    "sharded": {**SMALL, "shard_size": 16},
    "lossy": {**SMALL, "shard_size": 16, "encoding": "jpeg", "type": "image"},
}


@pytest.fixture(autouse=True)
def _small_and_impatient(monkeypatch):
    for name, value in SMALL_UNITS.items():
        monkeypatch.setattr(units, name, value)
    monkeypatch.setattr(parts, "PATIENCE", 0.5)
    monkeypatch.setattr(parts, "LONGEST_PAUSE", 0.1)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    rng = np.random.default_rng(4)
    path = tmp_path_factory.mktemp("source") / "em.h5"
    with h5py.File(path, "w") as file:
        file["raw"] = rng.integers(0, 255, (44, 40, 48), np.uint8)
    return f"{path}:raw"


@pytest.fixture(scope="module")
def whole(source, tmp_path_factory):
    made = {}

    def get(layout):
        if layout not in made:
            made[layout] = tmp_path_factory.mktemp("whole") / "out"
            ng.convert(source, made[layout], **LAYOUTS[layout])
        return made[layout]

    return get


@pytest.mark.parametrize("layout", LAYOUTS)
def test_parts_at_the_same_time(layout, source, whole, tmp_path):
    out = tmp_path / "out"
    with ThreadPoolExecutor(3) as pool:
        begun = [pool.submit(ng.convert, source, out, **LAYOUTS[layout], part=f"{number}/3") for number in (1, 2, 3)]
        reports = [one.result() for one in begun]
    assert_same(out, whole(layout))
    assert ng.check(out).ok
    assert reports[1].notes[-1] == "part 2 of 3"
    assert (out / "provenance").read_text().count('"by"') == 1


def test_one_part_alone_does_it_all_and_the_others_find_it_done(source, whole, tmp_path):
    out, layout = tmp_path / "out", "lossy"
    ng.convert(source, out, **LAYOUTS[layout], part="2/4")
    assert_same(out, whole(layout))
    report = ng.convert(source, out, **LAYOUTS[layout], part="4/4")
    assert report.scales == ()
    assert_same(out, whole(layout))
    with pytest.raises(ExistsError, match="a volume exists"):
        ng.convert(source, out, **{**LAYOUTS[layout], "levels": 1}, part="4/4")


class StopError(Exception):
    """What ends a part."""


def stop_after(count):
    left = iter(range(count))

    def progress(done, total):
        if next(left, None) is None:
            raise StopError

    return progress


@pytest.mark.parametrize("layout", ["plain", "sharded", "lossy"])
def test_a_part_that_dies_is_done_by_the_others_or_by_itself(layout, source, whole, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(StopError):
        ng.convert(source, out, **LAYOUTS[layout], part="1/2", progress=stop_after(3))
    with pytest.raises(StopError):
        ng.convert(source, out, **LAYOUTS[layout], part="2/2", progress=stop_after(3))
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(ng.convert, source, out, **LAYOUTS[layout], part="1/2")
        ng.convert(source, out, **LAYOUTS[layout], part="2/2")
        other.result()
    assert_same(out, whole(layout))


def test_what_parts_have_left_is_finished_by_one_command(source, whole, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(StopError):
        ng.convert(source, out, **LAYOUTS["plain"], part="1/2", progress=stop_after(8))
    assert ng.convert(source, out, **LAYOUTS["plain"]).resumed > 0
    assert_same(out, whole("plain"))


def test_another_command_is_no_part(source, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(StopError):
        ng.convert(source, out, **LAYOUTS["plain"], part="1/2", progress=stop_after(6))
    with pytest.raises(ExistsError, match=r"unfinished volume of another command.*differ in levels"):
        ng.convert(source, out, **LAYOUTS["plain"], levels=1, part="2/2")


def test_what_parts_cannot_do(source, tmp_path):
    voxels = np.zeros((40, 40, 40), np.uint8)
    with pytest.raises(OptionError, match="a part cannot overwrite"):
        ng.convert(source, tmp_path / "out", part="1/2", overwrite=True)
    with pytest.raises(OptionError, match="an executor gives out the parts itself"):
        ng.convert(source, tmp_path / "out", part="1/2", executor="processes")
    with pytest.raises(OptionError, match="lies in the memory of this process"):
        ng.convert(voxels, tmp_path / "out", axes="zyx", part="1/2")
    for wrong in ("0/4", "5/4", "3", "a/b"):
        with pytest.raises(OptionError, match="part is a number and how many"):
            parse_part(wrong)
    assert list(tmp_path.iterdir()) == []


def test_waiting_ends_when_the_others_come(monkeypatch):
    """Nobody makes what others are making, while entries appear."""
    monkeypatch.setattr(parts, "PATIENCE", 5.0)
    recorded, lock, makers = set(), threading.Lock(), {}
    nine = {f"f{at}": at for at in range(9)}

    def work(number, seconds):
        def make(name, _):
            time.sleep(seconds)
            with lock:
                makers.setdefault(name, []).append(number)
                recorded.add(name)

        make_part(nine, list(nine)[number::3], Part(number, 3), lambda: set(recorded), make)

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(work, range(3), (0.0, 0.01, 0.1)))
    assert makers == {f"f{at}": [at % 3] for at in range(9)}


def test_what_nobody_makes_is_made():
    recorded, made = set(), []
    six = {f"f{at}": at for at in range(6)}

    def make(name, _):
        made.append(name)
        recorded.add(name)

    make_part(six, list(six)[1::3], Part(1, 3), lambda: set(recorded), make)
    assert sorted(made) == [f"f{at}" for at in range(6)]
    assert made[:2] == ["f1", "f4"]
    make_part({"f7": 7}, ["f7"], Part(0, 1), lambda: None, make)  # the job was ended by another process
    assert "f7" not in made


def test_parts_that_begin_at_different_times_agree_on_whose_is_which(source, whole, tmp_path, monkeypatch):
    """What the first have finished before the last begin shifts nothing."""
    out, shares = tmp_path / "out", []

    def noted(footprints, own_names, *others):
        shares.append(list(own_names))
        return make_part(footprints, shares[-1], *others)

    def part(number):
        time.sleep(0.15 * number)
        return ng.convert(source, out, **LAYOUTS["sharded"], part=f"{number}/3")

    monkeypatch.setattr(one_round, "make_part", noted)
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(part, (1, 2, 3)))
    assert_same(out, whole("sharded"))
    names = [name for share in shares for name in share]
    assert len(names) == len(set(names)) > 3
