"""Everything that is claimed about speed, memory and size, measured beside the peers in one table.

python -m benchmarks [--rows 'convert*'] [--rounds 7] [--quick] [--large 20] [--write-docs]
"""

from __future__ import annotations

import argparse
import fnmatch
import os
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import (
    jobs_convert,
    jobs_large,
    jobs_volume,
    kernels_downsample,
    kernels_keys,
    kernels_labels,
    processors,
    scaling,
    sizes,
    start_up,
)
from benchmarks.benchmark import Setting
from benchmarks.page import write_page
from benchmarks.peers import versions
from benchmarks.results import Results, machine
from benchmarks.row import Row
from benchmarks.samples import LABELS_FILE, Samples
from benchmarks.table import HEAD, cells, text_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.benchmark import Benchmark

SUBJECTS = (
    kernels_labels, kernels_downsample, kernels_keys, jobs_convert, jobs_volume, sizes, start_up, processors, scaling,
    jobs_large,
)  # fmt: skip
ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"
EDGE, QUICK_EDGE = 512, 128
QUICK_ROUNDS = 3


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print each row when it is there, and write what is asked for."""
    asked = parsed(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))  # so that no volumes stay in memory
    samples = Samples(asked.data, sample_cache(), QUICK_EDGE if asked.quick else EDGE)
    results = Results(samples.origin, asked.rounds)
    if not results.load(asked.json):
        before = asked.json.replace(asked.json.with_suffix(".before.json"))
        print(f"{asked.json} was measured under other conditions and begins anew; the old one is {before}")
    with tempfile.TemporaryDirectory(prefix="ngprecomp-", dir=_in_memory()) as folder:
        setting = Setting(samples, Path(folder), asked.rounds, asked.quick, asked.large)
        names = [benchmark.name for benchmark in benchmarks(setting)]
        selected = [benchmark for benchmark in benchmarks(setting) if fnmatch.fnmatch(benchmark.name, asked.rows)]
        failed = measure(selected, results, asked.json)
    rows = results.rows([*names, *(name for name in results.found if name not in names)])
    pictures = {}
    if asked.plot:
        from benchmarks.plot import draw

        pictures = draw(rows, results.curves(), asked.plot)
    if asked.write_docs:
        write_page(PAGE, results, rows, pictures)
    below = [row.job for row in rows if row.verdict in ("below", "memory")]
    print(f"{len(rows)} rows, {len(below)} below what they must reach" + "".join(f"\n  {job}" for job in below))
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


def benchmarks(setting: Setting) -> list[Benchmark]:
    """Return all benchmarks, in the order of the table."""
    return [benchmark for subject in SUBJECTS for benchmark in subject.benchmarks(setting)]


def measure(selected: Sequence[Benchmark], results: Results, path: Path) -> list[str]:
    """Run benchmarks, print their rows, save the results after each, and return the names of those that failed."""
    print(f"{machine()}; load {os.getloadavg()[0]:.1f}")
    for package, version in versions().items():
        print(f"  {package} {version}")
    print("", text_line(HEAD), sep="\n")
    failed, began = [], time.monotonic()
    for benchmark in selected:
        try:
            found = list(benchmark.run())
        except Exception:  # one peer that breaks does not cost the other rows
            traceback.print_exc()
            failed.append(benchmark.name)
            continue
        for row in found:
            if isinstance(row, Row):
                print(text_line(cells(row)), flush=True)
        results.found[benchmark.name] = found
        results.save(path)
    print(f"\n{len(selected)} benchmarks in {time.monotonic() - began:.0f} s; results in {path}")
    return failed


def parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    """Return the options, with their defaults filled in."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__.splitlines()[0])
    parser.add_argument("--rows", default="*", metavar="GLOB", help="only benchmarks of such names")
    parser.add_argument("--rounds", type=int, help="measured runs of each side (default 7; 3 with --quick)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="results; what is not measured now stays in it")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="a picture of the ratios (PNG; needs matplotlib)")
    parser.add_argument(
        "--data", type=Path, metavar="FOLDER", help="real data (default: ../shared/data if it is there)"
    )
    parser.add_argument("--quick", action="store_true", help="small samples: to see that everything runs")
    parser.add_argument("--large", type=float, metavar="GB", help="sources of so many gigabytes and 10^6 chunks, too")
    parser.add_argument("--write-docs", action="store_true", help="put table and pictures into docs/")
    asked = parser.parse_args(argv)
    asked.data = asked.data or sample_folder()
    asked.rounds = asked.rounds or (QUICK_ROUNDS if asked.quick else 7)
    asked.json = asked.json or sample_cache() / ("quick.json" if asked.quick else "results.json")
    if asked.write_docs:
        asked.plot = PAGE.parent / "images" / "benchmarks.png"
    return asked


def sample_folder() -> Path | None:
    """Return the folder of real data beside the clone, or None."""
    beside = ROOT.parent / "shared" / "data"
    return beside if (beside / LABELS_FILE[0]).exists() else None


def sample_cache() -> Path:
    """Return where files that are made of the samples are kept."""
    return Path(tempfile.gettempdir()) / "ngprecomp-benchmarks"


def _in_memory() -> str | None:
    """Return the folder of memory that Linux has, or None for the usual temporary one."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


if __name__ == "__main__":
    raise SystemExit(main())
