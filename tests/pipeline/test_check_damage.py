"""Each damage is found, at its place, and nothing in the sound volumes that the damages begin with."""

from __future__ import annotations

import shutil

import pytest

import ngprecomp as ng
from tests.pipeline.damage import BASES, CASES, make_base


@pytest.fixture(scope="module")
def bases(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bases")
    for name in BASES:
        make_base(name, folder / name)
    return folder


@pytest.mark.parametrize("name", BASES)
def test_nothing_is_wrong_with_a_sound_volume(bases, name):
    report = ng.check(bases / name, full=True)
    assert report.ok, str(report)
    assert all(scale.absent == 0 for scale in report.scales)


@pytest.mark.parametrize("name", CASES)
def test_damage_is_found(bases, tmp_path, name):
    case = CASES[name]
    folder = tmp_path / "volume"
    shutil.copytree(bases / case.base, folder)
    case.damage(folder)
    report = ng.check(folder)
    found = [one for one in report.problems if case.what in one.what and case.where in one.where]
    assert {one.severity for one in found} == {case.severity}, str(report)
    assert report.problems[0].severity == case.severity, str(report)
    assert report.ok == (case.severity == "hint")
