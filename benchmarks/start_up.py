"""New processes: what they take until the first answer, with a filled and with an empty cache of kernels."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.benchmark import Benchmark, Setting
from benchmarks.jobs_volume import stored_volume
from benchmarks.measure import alternate, timed
from benchmarks.memory import ROOT
from benchmarks.row import OURS, Goal, Row, compare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

NUMPY, NUMBA = "import numpy", "import numba, one cached call"
TRIVIAL = """import numba
@numba.njit(cache=True)
def add_one(number):
    return number + 1
add_one(1)
"""
KERNEL = """import numpy as np, ngprecomp as ng
ng.downsample(np.zeros((64, 64, 64), np.uint64, order="F"), (2, 2, 2))
"""
CONVERSION = """import json, sys
from benchmarks import pipelines
pipelines.ours(*json.loads(sys.argv[1]))()
"""
COLD = 12.0  # CPU seconds that compiling may add to a label conversion


def benchmarks(setting: Setting) -> Iterator[Benchmark]:
    """Yield the commands without kernels, the first kernel, and a conversion that compiles its kernels."""
    yield Benchmark("start-up", partial(_start_up, setting))
    yield Benchmark("start-up cold", partial(_cold, setting))


def _start_up(setting: Setting) -> Iterable[Row]:
    volume = stored_volume(setting, "labels", "plain")
    trivial = setting.folder / "trivial.py"  # beside which Numba keeps its cache
    trivial.write_text(TRIVIAL)
    sides = {
        NUMPY: _process("-c", "import numpy"),
        "help": _process("-m", "ngprecomp", "--help"),
        "info": _process("-m", "ngprecomp", "info", volume),
        NUMBA: _process(str(trivial)),
        "kernel": _process("-c", KERNEL),
    }
    costs = alternate(sides, 2 * setting.rounds)
    for side, job, beside in (
        ("help", "ngprecomp --help", NUMPY),
        ("info", "ngprecomp info", NUMPY),
        ("kernel", "first kernel of a process, cache filled", NUMBA),
    ):
        yield from compare(job, {OURS: costs[side], beside: costs[beside]}, [Goal(1.3, at_most=True)], unit="ms")


def _cold(setting: Setting) -> Iterable[Row]:
    """Convert the start of the labels with an empty cache of kernels and with a filled one."""
    small = setting.folder / "small.npy"
    np.save(small, np.ascontiguousarray(setting.samples.array("labels").T[:128, :128, :128]))
    order = json.dumps([str(small), str(setting.folder / "cold"), "labels", "sharded"])
    cache = setting.folder / "kernels"
    convert = _process("-c", CONVERSION, order, NUMBA_CACHE_DIR=str(cache))
    cold = timed(convert)
    warm = alternate({OURS: convert}, min(3, setting.rounds))[OURS]
    return [
        Row(
            "label conversion, empty cache of kernels: CPU seconds above those with a filled one", "s", cold.cpu,
            "filled cache", warm.cpu, ratio=cold.cpu - warm.cpu, must=COLD, at_most=True,
        )
    ]  # fmt: skip


def _process(*arguments: str, **environment: str) -> Callable[[], object]:
    """Return the job that runs Python once."""
    return partial(
        subprocess.run, [sys.executable, *arguments], cwd=ROOT, env={**os.environ, **environment}, check=True,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
