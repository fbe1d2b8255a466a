"""Whatever the bytes of a volume are, a check ends with a report, and one that names what cannot be read."""

from __future__ import annotations

import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ngprecomp as ng
from ngprecomp.errors import NgprecompError
from tests.pipeline.damage import BASES, make_base


@pytest.fixture(scope="module")
def bases(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bases")
    for name in BASES:
        make_base(name, folder / name)
    return folder


def changed(draw, data):
    """Return bytes with some replaced, inserted or cut off; most of the changes lie at the front."""
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.one_of(st.integers(0, min(200, len(data))), st.integers(0, len(data))))
        patch = draw(st.binary(max_size=12))
        end = draw(st.sampled_from((at, at + len(patch), len(data))))
        data = data[:at] + patch + data[end:]
    return data


@given(st.sampled_from(BASES), st.data())
@settings(max_examples=40)
def test_any_damage_is_reported(bases, base, data):
    folder = bases / "damaged"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(bases / base, folder)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    path = data.draw(st.one_of(st.just(folder / "info"), st.sampled_from(files)))
    path.write_bytes(changed(data.draw, path.read_bytes()))
    report = ng.check(folder, full=True)
    assert str(report)
    try:
        ng.open(folder)[...]
    except (NgprecompError, OSError):
        assert report.problems[0].severity == "error"
