"""What fuzzers have found stays found, and each run looks a little further; ``python -m tests.fuzz`` looks long."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.faults.volumes import KINDS
from tests.fuzz.mutations import run
from tests.fuzz.targets import TARGETS

CORPUS = Path(__file__).parent / "corpus"
SEEDS = {name: [path.read_bytes() for path in sorted((CORPUS / name).iterdir())] for name in TARGETS}
SPECIAL = [b"", b"\0", b"\xff" * 4, b"\xff" * 8, b"-1", b"1e999", b"..", b"/", b'"', b"[", b"{", b"null", b"\x80" * 3]


@st.composite
def mutated(draw, name):
    """Return a seed of a target with a few pieces replaced by others."""
    data = draw(st.sampled_from(SEEDS[name]))
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(data)))
        length = draw(st.sampled_from([0, 1, 2, 4, 8, 24]))
        piece = draw(st.sampled_from(SPECIAL) | st.binary(max_size=8) | st.just(data[-length:]))
        data = data[:at] + piece + data[at + length :]
    return data


@pytest.mark.parametrize("name", TARGETS)
def test_the_corpus(name):
    for data in SEEDS[name]:
        TARGETS[name](data)
        for end in {0, 1, len(data) // 2, len(data) - 1}:
            TARGETS[name](data[:end])


@pytest.mark.parametrize("name", TARGETS)
def test_mutations_of_the_corpus(name):
    @given(mutated(name))
    def feed(data):
        TARGETS[name](data)

    feed()


@pytest.mark.parametrize("name", TARGETS)
@given(st.binary(max_size=200))
def test_any_bytes(name, data):
    TARGETS[name](data)


def test_damage_to_volumes_of_every_kind():
    found = []
    counts = run(1000, random.Random(4).randrange(2**32), found.append)
    assert found == []
    assert min(counts[outcome] for outcome in ("exact", "error", "absent", "unseen")) > len(KINDS)
