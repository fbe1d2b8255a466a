from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from ngprecomp.storage.ranges import join_ranges

RANGES = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20)), max_size=15)


@settings(max_examples=50, deadline=None)
@given(ranges=RANGES, gap=st.integers(0, 5), limit=st.integers(0, 30))
def test_runs_hold_every_range_once_and_join_what_is_near(ranges, gap, limit):
    runs = list(join_ranges([start for start, _ in ranges], [length for _, length in ranges], gap=gap, limit=limit))
    assert sorted(member for run in runs for member in run.members) == list(range(len(ranges)))
    for run in runs:
        held = [(ranges[member][0], sum(ranges[member])) for member in run.members]
        assert run.start == min(start for start, _ in held)
        assert run.end == max(end for _, end in held)
        assert run.end - run.start <= max(
            limit, max(length for _, length in (ranges[member] for member in run.members))
        )
        covered = {byte for start, end in held for byte in range(start, end)}
        unwanted = sorted(set(range(run.start, run.end)) - covered)
        assert all(len(hole) <= gap for hole in consecutive(unwanted))
    for run, after in itertools.pairwise(runs):
        end = after.start + ranges[after.members[0]][1]
        assert after.start > run.end + gap or end > run.start + limit


def consecutive(numbers):
    """Return the stretches of neighbouring numbers."""
    stretches = []
    for number in numbers:
        if stretches and stretches[-1][-1] == number - 1:
            stretches[-1].append(number)
        else:
            stretches.append([number])
    return stretches
