"""Jobs that are killed in the middle; ``python -m tests.faults.crashes 100`` kills more often."""

from __future__ import annotations

import random

import pytest

from tests.faults.crashes import JOBS, kill_often

KILLS = 3


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("name", JOBS)
def test_killed(name, tmp_path):
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    assert kill_often(name, KILLS, seed, tmp_path) > KILLS
