"""More cores and more chunks: two threads against one, a model of many, and the cost of 10^3 to 10^6 chunks."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

import ngprecomp as ng
from benchmarks import pipelines
from benchmarks.benchmark import Benchmark, Curve, Setting
from benchmarks.measure import Cost, alternate, timed
from benchmarks.row import OURS, Goal, Row, compare

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

THREADS_PLOT, CHUNKS_PLOT = "threads", "chunks"
CORES = (1, 2, 4, 8, 16, 32, 64)
GRIDS = (10, 22, 46)  # chunks along each axis: 1e3, 1.1e4 and 9.7e4 in all
LARGEST_GRID = 100  # 1e6 chunks, which take minutes: with --large
CHUNK = 8  # voxels along each axis, so that the cost of a chunk is not that of its voxels


def benchmarks(setting: Setting) -> Iterator[Benchmark]:
    """Yield both conversions on one and two threads, and the growth with the number of chunks."""
    for kind in ("image", "labels"):
        yield Benchmark(f"scaling threads {kind}", partial(_threads, setting, kind))
    yield Benchmark("scaling chunks", partial(_chunks, setting))


def _threads(setting: Setting, kind: str) -> Iterable[Row | Curve]:
    source, folder = setting.samples.hdf5(kind), setting.folder / "scaling"
    jobs = {
        OURS: pipelines.ours(source, str(folder), kind, "sharded", workers=2),
        "one thread of ours": pipelines.ours(source, str(folder), kind, "sharded", workers=1),
    }
    costs = alternate(jobs, setting.rounds)
    nbytes = setting.samples.edge**3 * (1 if kind == "image" else 8)
    yield from compare(f"HDF5 {kind} to 4 scales, two threads", costs, unit="MB/s", amount=nbytes)
    one, two = costs["one thread of ours"].wall, costs[OURS].wall
    serial = serial_part(one, two)
    yield Curve(THREADS_PLOT, f"{kind}, measured", (1, 2), (1, one / two))
    speeds = tuple(1 / (serial + (1 - serial) / cores) for cores in CORES)
    yield Curve(THREADS_PLOT, f"{kind}, {serial:.0%} serial", CORES, speeds, dashed=True)


def serial_part(one: float, two: float) -> float:
    """Return the part of the work that does not share, by Amdahl's law, from the seconds of one and two threads."""
    return min(1.0, max(0.0, 2 * two / one - 1))


def _chunks(setting: Setting) -> Iterable[Row | Curve]:
    counts: list[int] = []
    costs: dict[str, list[Cost]] = {"write": [], "read": []}
    for grid in (*(GRIDS[:2] if setting.quick else GRIDS), *([LARGEST_GRID] if setting.large else [])):
        voxels = _cube(grid)
        where = str(setting.folder / "chunks")

        def write(voxels: np.ndarray = voxels, where: str = where) -> None:
            ng.convert(
                voxels, where, axes="xyz", type="image", resolution=(8, 8, 8), chunk_size=(CHUNK,) * 3,
                shard_size=(32 * CHUNK,) * 3, levels=0, overwrite=True,
            )  # fmt: skip

        def read(where: str = where) -> None:
            ng.open(where, cache_bytes=0)[...]

        counts.append(grid**3)
        rounds = setting.rounds if grid**3 < 50_000 else 1
        for name, job in (("write", write), ("read", read)):
            costs[name].append(alternate({name: job}, rounds)[name] if rounds > 1 else timed(job))
    for name, verb in (("write", "convert"), ("read", "read")):
        seconds = [cost.wall for cost in costs[name]]
        yield Curve(CHUNKS_PLOT, verb, tuple(counts), tuple(seconds))
        each = {
            f"each of {counts[1]}": costs[name][1].times(1 / counts[1]),
            OURS: costs[name][-1].times(1 / counts[-1]),
        }
        yield from compare(
            f"{verb} {counts[-1]} chunks of {CHUNK}x{CHUNK}x{CHUNK}, each", each, [Goal(at_most=True)], unit="ms"
        )


def _cube(grid: int) -> np.ndarray:
    """Return so many chunks along each axis of uint8 that compress a little."""
    rng = np.random.default_rng(0)
    return rng.integers(0, 64, (grid * CHUNK,) * 3, np.uint8).T
