"""What is lost on a processor with AVX2 only: the same kernels, compiled for it in a process of their own."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import zlib
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

import ngprecomp as ng
from benchmarks.benchmark import Benchmark, Setting
from benchmarks.kernels_downsample import small_label_bytes, voxels_of
from benchmarks.kernels_labels import chunks
from benchmarks.measure import KERNEL_SECONDS, Cost, alternate
from benchmarks.memory import ROOT
from benchmarks.row import OURS, compare
from benchmarks.samples import Samples
from ngprecomp.codecs.compressed_segmentation import decode, encode
from ngprecomp.kernels.reversal import fortran_ordered

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from benchmarks.row import Row

HASWELL = {
    "NUMBA_CPU_NAME": "haswell",
    "NUMBA_CPU_FEATURES": (
        "+64bit,+adx,+aes,+avx,+avx2,+bmi,+bmi2,+cmov,+cx16,+f16c,+fma,+fsgsbase,+fxsr,+lzcnt,+mmx,+movbe,"
        "+pclmul,+popcnt,+rdrnd,+sahf,+sse,+sse2,+sse3,+sse4.1,+sse4.2,+ssse3,+xsave,+xsaveopt"
    ),
}
NATIVE = "this processor"
ROUNDS = 3  # processes of each kind
# The kernels that use wide vectors; downsampling by 2 x 2 x 2.
KERNELS = (
    "encode uint32", "encode uint64", "decode uint32", "decode uint64", "mode uint8", "mode uint32", "mode uint64",
    "mean uint8", "mean uint16", "mean float32", "axis reversal uint8", "axis reversal uint64",
)  # fmt: skip


def benchmarks(setting: Setting) -> Iterator[Benchmark]:
    """Yield the comparison where it means something."""
    if platform.machine() in ("x86_64", "AMD64"):
        yield Benchmark("processors AVX2", partial(_avx2, setting))


def _avx2(setting: Setting) -> Iterable[Row]:
    samples = setting.samples
    order = json.dumps([str(samples.data) if samples.data else None, str(samples.cache), samples.edge, setting.rounds])
    found: dict[str, list[dict[str, dict[str, float]]]] = {OURS: [], NATIVE: []}
    for _ in range(1 if setting.quick else ROUNDS):
        for name, changes in ((OURS, {**HASWELL, "NUMBA_CACHE_DIR": str(samples.cache / "haswell")}), (NATIVE, {})):
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.processors", order],
                cwd=ROOT, env={**os.environ, **changes}, check=True, capture_output=True, text=True,
            )  # fmt: skip
            found[name].append(json.loads(done.stdout))
    for job, first in found[NATIVE][0].items():
        runs = {name: [result[job] for result in results] for name, results in found.items()}
        assert all(run["digest"] == first["digest"] for side in runs.values() for run in side), f"{job} differs"
        costs = {
            name: Cost(median(run["wall"] for run in side), median(run["cpu"] for run in side))
            for name, side in runs.items()
        }
        yield from compare(f"AVX2 only: {job}", costs, unit="MB/s", amount=first["nbytes"])


def kernel(setting: Setting, name: str) -> tuple[int, Callable[[], object]]:
    """Return the bytes that a kernel of `KERNELS` works through, and its job."""
    what, dtype = name.rsplit(" ", 1)
    if what in ("encode", "decode"):
        items = chunks(setting, dtype, "64x64x64")
        nbytes = sum(chunk.nbytes for chunk in items)
        if what == "encode":
            return nbytes, partial(_mapped, encode, items)
        return nbytes, partial(_mapped, partial(_decoded, dtype), [encode(chunk) for chunk in items])
    if what == "axis reversal":
        voxels = np.ascontiguousarray(voxels_of(setting, dtype))
        return voxels.nbytes, partial(fortran_ordered, voxels)
    voxels = small_label_bytes(setting) if name == "mode uint8" else voxels_of(setting, dtype)
    return voxels.nbytes, partial(ng.downsample, voxels, (2, 2, 2), what)


def _decoded(dtype: str, data: bytes) -> np.ndarray:
    return decode(data, (64, 64, 64), dtype)


def _mapped(function: Callable[[object], object], items: list[object]) -> list[object]:
    return [function(item) for item in items]


def _digest(result: object) -> int:
    """Return a checksum of an array, bytes, or a list of them."""
    if isinstance(result, list):
        return zlib.crc32(json.dumps([_digest(item) for item in result]).encode())
    return zlib.crc32(result if isinstance(result, bytes) else np.asarray(result).tobytes("F"))


def main() -> None:
    """Measure the kernels in this process and print bytes, wall and CPU seconds, and a checksum of each result."""
    data, cache, edge, rounds = json.loads(sys.argv[1])
    setting = Setting(Samples(Path(data) if data else None, Path(cache), edge), Path(cache), rounds)
    jobs = {name: kernel(setting, name) for name in KERNELS}
    costs = alternate({name: job for name, (_, job) in jobs.items()}, rounds, KERNEL_SECONDS)
    found = {
        name: {"nbytes": nbytes, "wall": costs[name].wall, "cpu": costs[name].cpu, "digest": _digest(job())}
        for name, (nbytes, job) in jobs.items()
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
