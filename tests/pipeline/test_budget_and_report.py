"""Memory, threads, progress, reports: what a job is told and what it tells."""

from __future__ import annotations

import io
import subprocess
import sys

import numpy as np
import pytest

from ngprecomp.errors import OptionError
from ngprecomp.pipeline.progress import ProgressBar
from ngprecomp.pipeline.report import Report, ScaleReport, peak_memory
from ngprecomp.volume.budget import core_count, machine_memory, parse_memory, worker_count


@pytest.mark.parametrize(
    ("text", "nbytes"), [("4GB", 4 * 10**9), ("4 GiB", 2**32), ("0.5k", 500), (123, 123), ("7", 7), ("2T", 2 * 10**12)]
)
def test_memory_is_a_number_with_a_unit(text, nbytes):
    assert parse_memory(text) == nbytes


def test_memory_is_a_quarter_of_the_machine_by_default():
    assert parse_memory(None) == machine_memory() // 4


@pytest.mark.parametrize("text", ["", "GB", "-1", "0", "1e9", "4 lots"])
def test_memory_that_is_none(text):
    with pytest.raises(OptionError, match="512MB"):
        parse_memory(text)


def test_workers():
    assert worker_count(3) == 3
    assert worker_count(0) == worker_count(None) == core_count()


def test_the_peak_is_that_of_the_process_itself():
    """The system counts what the process held that started it."""
    code = "from ngprecomp.pipeline.report import peak_memory; print(peak_memory())"
    large = np.ones(1 << 26, np.uint64)
    own = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert int(own.stdout) < large.nbytes / 2


def test_a_progress_bar_ends_its_line():
    stream = io.StringIO()
    bar = ProgressBar(stream=stream)
    for done in range(0, 101, 10):
        bar(done, 100)
    assert stream.getvalue().endswith("\n")
    assert "100%" in stream.getvalue()


def test_a_report_prints_scales_rates_and_what_was_absent():
    scale = ScaleReport("8_8_40", (100, 100, 10), 4, 1, 12_000_000)
    report = Report("convert", "file:///out", (scale,), ("axes zyx: default for HDF5",), 2.0, 10**9, 3, peak_memory())
    text = str(report)
    for part in ("axes zyx", "100 x 100 x 10", "4 chunks, 12 MB", "1 all-zero", "3 chunks", "500 MB/s", "2.0 s"):
        assert part in text
    assert report.written_bytes == 12_000_000
