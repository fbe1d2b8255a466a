"""Ids of chunks beside CloudVolume, and axis reversal beside NumPy."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

import ngprecomp as ng
from benchmarks.benchmark import Benchmark, Setting
from benchmarks.measure import KERNEL_SECONDS, alternate
from benchmarks.peers import installed
from benchmarks.row import OURS, Goal, Limit, compare
from ngprecomp.kernels.reversal import fortran_ordered

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from benchmarks.row import Row

KEYS = 10**6
FEW = KEYS // 1000  # of what CloudVolume hashes in Python
COPY = "np.copyto"
REVERSAL = {"uint8": 10, "uint32": 7, "uint64": 5}


def benchmarks(setting: Setting) -> Iterator[Benchmark]:
    """Yield Morton codes, hashes and axis reversals."""
    for grid in ((8, 8, 8), (538, 618, 805)):
        yield Benchmark(f"keys Morton {_printed(grid)}", partial(_morton, setting, grid))
    yield Benchmark("keys murmurhash", partial(_murmur, setting))
    for dtype in REVERSAL:
        yield Benchmark(f"keys axis reversal {dtype}", partial(_reversal, setting, dtype))


def _printed(grid: tuple[int, int, int]) -> str:
    return "x".join(map(str, grid))


def _morton(setting: Setting, grid: tuple[int, int, int]) -> Iterable[Row]:
    positions = np.random.default_rng(0).integers(0, grid, (KEYS, 3))
    copy = np.empty_like(positions)
    sides = {
        OURS: lambda: ng.compressed_morton_code(positions, grid),
        COPY: lambda: np.copyto(copy, positions),
    }
    if installed("cloudvolume"):
        from cloudvolume.datasource.precomputed.common import compressed_morton_code

        sides["CloudVolume"] = lambda: compressed_morton_code(positions, grid)
    costs = alternate(sides, setting.rounds, KERNEL_SECONDS)
    return compare(
        f"Morton codes, grid of {_printed(grid)}", costs, [Goal(40)], unit="ns", amount=KEYS, limit=Limit(COPY, 0.4)
    )


def _murmur(setting: Setting) -> Iterable[Row]:
    keys = np.random.default_rng(0).integers(0, 2**40, KEYS, dtype=np.uint64)
    copy = np.empty_like(keys)
    sides = {OURS: lambda: ng.murmurhash3_x86_128(keys), COPY: lambda: np.copyto(copy, keys)}
    if installed("cloudvolume"):
        from cloudvolume.datasource.precomputed import mmh3

        few = [key.tobytes() for key in keys[:FEW]]
        sides["CloudVolume"] = lambda: [mmh3.hash64(key, x64arch=False) for key in few]
    costs = alternate(sides, setting.rounds, KERNEL_SECONDS)
    if "CloudVolume" in costs:
        costs["CloudVolume"] = costs["CloudVolume"].times(KEYS / FEW)
    return compare("murmurhash3_x86_128", costs, [Goal(1000)], unit="ns", amount=KEYS, limit=Limit(COPY))


def _reversal(setting: Setting, dtype: str) -> Iterable[Row]:
    voxels = np.random.default_rng(0).integers(0, 200, (256, 256, 256)).astype(dtype)
    copy = np.empty_like(voxels)
    sides = {
        OURS: lambda: fortran_ordered(voxels),
        COPY: lambda: np.copyto(copy, voxels),
        "NumPy": lambda: np.asfortranarray(voxels),
    }
    costs = alternate(sides, setting.rounds, KERNEL_SECONDS)
    return compare(
        f"axis reversal {dtype}", costs, [Goal(REVERSAL[dtype])], unit="MB/s", amount=voxels.nbytes, limit=Limit(COPY)
    )
