"""The plumbing of ``python -m benchmarks``: rows, verdicts, results that last, the page; no figure is judged."""

from __future__ import annotations

import json

import numpy as np
import pytest

import benchmarks.__main__ as table_of_everything
from benchmarks.benchmark import Benchmark, Curve, Setting
from benchmarks.measure import Cost, alternate
from benchmarks.page import BEGIN, END, write_page
from benchmarks.results import Results
from benchmarks.row import OURS, Goal, Limit, Row, compare
from benchmarks.samples import Samples, filled
from benchmarks.table import HEAD, cells, markdown

COSTS = {
    OURS: Cost(1.0, 2.0),
    "copy": Cost(0.5, 0.5),
    "quick": Cost(3.0, 3.0),
    "slow": Cost(8.0, 8.0),
}


@pytest.fixture
def setting(tmp_path):
    """Return a setting whose samples are tiny and already there."""
    samples = Samples(None, tmp_path / "cache", 64)
    labels = np.arange(64, dtype=np.uint64).repeat(64 * 64).reshape(64, 64, 64)
    np.save(samples.folder / "labels.npy", labels)
    np.save(samples.folder / "image.npy", labels.astype(np.uint8))
    return Setting(samples, tmp_path, rounds=1, quick=True)


def test_the_best_peer_is_compared_with():
    (row,) = compare("job", COSTS, [Goal(2, 3)], unit="MB/s", amount=5e6, limit=Limit("copy", 0.5))
    assert (row.ours, row.peer, row.ratio, row.cpu_ratio, row.of_limit) == (5.0, "quick", 3.0, 1.5, 0.5)
    assert row.verdict == "stretch"


def test_each_goal_has_its_peer():
    rows = compare("job", COSTS, [Goal(9, against="slow"), Goal(2, against="absent")], unit="s")
    assert [(row.peer, row.verdict) for row in rows] == [("slow", "below")]
    (alone,) = compare("job", {OURS: COSTS[OURS]}, [Goal(2)], unit="ms")
    assert (alone.ours, alone.peer, alone.ratio, alone.verdict) == (1000.0, "", None, "")


def test_a_goal_may_be_an_upper_bound():
    (row,) = compare("job", {OURS: Cost(3, 3), "peer": Cost(2, 2)}, [Goal(1.3, at_most=True)], unit="s")
    assert row.ratio == 1.5
    assert row.verdict == "below"


def test_too_much_memory_is_told():
    memory = {OURS: 60, "quick": 100}
    (row,) = compare("job", COSTS, [Goal(2)], unit="s", limit=Limit("copy"), memory=memory, memory_must=0.5)
    assert row.verdict == "memory"


def test_sides_are_run_in_turn():
    order = []
    costs = alternate({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, rounds=2)
    assert "".join(order) == "ababba"
    assert set(costs) == {"a", "b"}


def test_names_are_unique(setting):
    names = [benchmark.name for benchmark in table_of_everything.benchmarks(setting)]
    assert len(names) > 90
    assert len(set(names)) == len(names)


def test_a_benchmark_runs_without_peers_and_its_results_last(setting, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("benchmarks.kernels_labels.installed", lambda *modules: False)
    wanted = "labels decode into uint64"
    selected = [benchmark for benchmark in table_of_everything.benchmarks(setting) if benchmark.name == wanted]
    results = Results("generated tissue", 1)
    assert table_of_everything.measure(selected, results, tmp_path / "results.json") == []
    assert "into a larger array" in capsys.readouterr().out
    results.found["curve"] = [Curve("threads", "image", (1.0, 2.0), (1.0, 1.9))]
    results.save(tmp_path / "results.json")

    again = Results("generated tissue", 1)
    assert again.load(tmp_path / "results.json")
    assert again.found == results.found
    assert again.curves() == results.curves()
    assert not Results("real tissue", 1).load(tmp_path / "results.json")
    assert json.loads((tmp_path / "results.json").read_text())["versions"]["numpy"] == np.__version__


def test_a_benchmark_that_fails_costs_no_other(tmp_path, capsys):
    def broken():
        raise RuntimeError("a peer that breaks")

    results = Results("generated tissue", 1)
    runs = [Benchmark("bad", broken), Benchmark("good", list)]
    assert table_of_everything.measure(runs, results, tmp_path / "results.json") == ["bad"]
    assert list(results.found) == ["good"]
    assert "a peer that breaks" in capsys.readouterr().err


def test_the_page_keeps_its_text(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    rows = [Row("job", "MB/s", 1234.5, "peer", 600.0, 2.06, 2.0, must=2, memory=10**7, peer_memory=2 * 10**7)]
    write_page(page, Results("generated tissue", 7), rows, {tmp_path / "ratios.png": "Ratios"})
    text = page.read_text()
    assert text.startswith(f"before\n{BEGIN}\n")
    assert text.endswith(f"{END}\nafter\n")
    assert "old" not in text
    assert "| job | 1234 MB/s | peer | 600 MB/s | 2.06 (2.00) | 2 |  |  | 10 / 20 MB | met |" in text
    assert len(cells(rows[0])) == len(HEAD)
    assert markdown(rows) in text
    assert "Behind the peer: nothing." in text
    assert "![Ratios](images/ratios.png)" in text


def test_cubes_are_filled_with_distinct_parts():
    labels = np.arange(6 * 6 * 2, dtype=np.uint64).reshape(6, 6, 2)
    cube = filled(labels, 8, distinct=True)
    assert cube.shape == (8, 8, 8)
    assert cube.flags.f_contiguous
    per_part = [set(np.unique(cube[:, :, z : z + 2])) - {0} for z in range(0, 8, 2)]
    assert not set.intersection(*per_part)
    assert len(per_part[0]) == 71
