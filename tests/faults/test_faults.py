"""Damaged and hostile volumes, read under limits of memory and time; ``python -m tests.faults`` prints the table."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.faults.battery import ROOT, SECONDS, Reader, judged, write
from tests.faults.case import first
from tests.faults.cases import CASES, Case
from tests.faults.reader import ALLOWANCE
from tests.faults.volumes import make

# What is measured at each fault of the battery that the peers were tried on, by its number.
NUMBERS = {"c": 13, "f": 8, "g": 11, "i": 32, "j": 4, "s": 23}

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads the memory of a process from /proc")


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    reader = Reader(tmp_path_factory.mktemp("faults"))
    yield reader
    reader.close()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_fault(reader, case):
    result = reader.run(case)
    assert result.outcome == case.outcome, result.detail
    assert not result.detail
    assert result.seconds <= SECONDS
    assert result.nbytes <= ALLOWANCE


AS_NOBODY = """
import json, os, sys
from tests.faults.reader import read

good, damaged = sys.argv[1:]
read(good, None)  # as root: then all code is there, wherever it lies
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
print(json.dumps(read(damaged, None)))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="who is not root has the case f09")
def test_no_permission_as_nobody():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        for volume in ("good", "damaged"):
            write(make("raw uint8"), folder / volume)
        first(folder / "damaged").chmod(0)
        run = [sys.executable, "-c", AS_NOBODY, str(folder / "good"), str(folder / "damaged")]
        said = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    answer = json.loads(said)
    assert answer["ours"]
    assert "Permission denied" in answer["message"]
    assert "/s/-5-3_0-8_3-11" in answer["message"]


def test_every_class_is_there():
    names = [case.name for case in CASES]
    assert len(names) == len(set(names)) >= 92
    numbered = {name.split()[0] for name in names}
    assert {f"{letter}{number:02}" for letter, last in NUMBERS.items() for number in range(1, last + 1)} <= numbered


def test_a_reader_that_dies_or_hangs_is_seen(reader):
    """And the next case finds another one."""
    reader.run(CASES[0])
    reader._process.kill()
    assert reader._ask(reader._process, {}) is None
    assert reader.run(CASES[0]).as_it_must


def test_the_memory_of_the_reader_is_limited(reader):
    box = ((-5, -5 + (1 << 27)), (0, 1), (3, 4))
    case = next(case for case in CASES if case.name.startswith("i01 size"))
    result = reader.run(
        Case("128 MiB", case.kind, case.damage, "error", "takes 134217728 bytes", ("file://",), box=box)
    )
    assert result.as_it_must, result.detail


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ({"absent": 0, "same": False, "zeros": True}, "zeros"),
        ({"absent": 0, "same": False, "zeros": False}, "wrong"),
        ({"absent": 2, "same": False, "zeros": False, "strict": {}}, "wrong"),
        ({"error": "ValueError", "ours": False, "message": "chunk"}, "error"),
    ],
)
def test_what_must_not_be_is_seen(answer, outcome):
    result = judged(CASES[0], {"seconds": 0.1, "nbytes": 0, **answer})
    assert result.outcome == outcome
    assert not result.as_it_must
