"""Downsampling beside tinybrain and TensorStore: medians of alternating runs in one process, one thread each.

Ours fills an array that exists, as a pyramid does; the others allocate theirs, as their interfaces ask.

python benchmarks/kernel_downsample.py [edge] [rounds] [labels.h5:/dataset]
"""

from __future__ import annotations

import sys
import time
from statistics import median
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import tensorstore
import tinybrain
from numpy.typing import NDArray

from ngprecomp.kernels.downsample import downsample_into, downsampled_box

if TYPE_CHECKING:
    from collections.abc import Callable

Volume = NDArray[Any]
ONE_THREAD = tensorstore.Context({"data_copy_concurrency": {"limit": 1}})
CASES = [
    *[
        ("mode", factor, kind)
        for factor in ((2, 2, 1), (2, 2, 2))
        for kind in ("u8", "u32", "u64", "random u32", "random u64")
    ],
    *[("mean", factor, kind) for factor in ((2, 2, 1), (2, 2, 2)) for kind in ("u8", "u16", "f32")],
    *[("mean", (2, 2, 2), kind) for kind in ("u32", "random u64")],
    *[("mode", factor, kind) for factor in ((3, 3, 1), (2, 2, 4), (4, 4, 4)) for kind in ("u8", "u64", "random u32")],
    *[("mode", (2, 2, 2), "f32")],
    *[("median", factor, kind) for factor in ((2, 2, 2), (3, 3, 1), (4, 4, 4)) for kind in ("u8", "u16", "f32")],
    *[
        ("mean", factor, kind)
        for factor in ((3, 3, 1), (2, 2, 4), (4, 4, 4), (5, 1, 2))
        for kind in ("u8", "u16", "f32", "u64")
    ],
    *[
        (m, factor, kind)
        for m in ("min", "max", "stride")
        for factor in ((2, 2, 2), (3, 3, 1))
        for kind in ("u8", "u16", "u64", "f32")
    ],
]


def labels(edge: int, source: str | None) -> Volume:
    """Return uint32 labels [x, y, z]: those of an HDF5 file, else cells around random points."""
    if source is not None:
        path, dataset = source.split(":")
        with h5py.File(path) as file:
            return np.asfortranarray(file[dataset][:edge, :edge, :edge].T.astype(np.uint32))
    seeds = np.random.default_rng(0).uniform(0, edge, (200, 3))
    distance, out = np.full((edge,) * 3, np.inf), np.zeros((edge,) * 3, np.uint32)
    grid = np.arange(edge)
    for label, (x, y, z) in enumerate(seeds, 1):
        square = np.add.outer(np.add.outer((grid - x) ** 2, (grid - y) ** 2), (grid - z) ** 2)
        out[square < distance] = label
        np.minimum(distance, square, out=distance)
    return np.asfortranarray(out)


def volumes(edge: int, source: str | None) -> dict[str, Volume]:
    """Return the inputs by name, Fortran-ordered [x, y, z]."""
    rng = np.random.default_rng(1)
    cells, shape = labels(edge, source), (edge, edge, edge)
    given = {
        "u8": cells % 251,
        "u16": rng.integers(0, 2**16, shape),
        "u32": cells,
        "u64": cells + np.uint64(2**63),
        "random u32": rng.integers(0, 2**32, shape),
        "random u64": rng.integers(0, 2**64, shape, np.uint64),
        "f32": rng.normal(size=shape),
    }
    dtypes = {"u8": "uint8", "u16": "uint16", "u32": "uint32", "u64": "uint64", "f32": "float32"}
    return {name: np.asfortranarray(v, dtypes[name.split()[-1]]) for name, v in given.items()}


def contestants(voxels: Volume, factor: tuple[int, int, int], method: str) -> dict[str, Callable[[], object]]:
    lo, hi = downsampled_box((0, 0, 0), voxels.shape, factor, method)
    out = np.empty((*np.subtract(hi, lo), 1), voxels.dtype, order="F")
    store = tensorstore.downsample(tensorstore.array(voxels, context=ONE_THREAD), factor, method)
    runs: dict[str, Callable[[], object]] = {
        "ours": lambda: downsample_into(voxels[..., np.newaxis], (0, 0, 0), out, lo, factor, method),
        "tensorstore": lambda: store.read(order="F").result(),
    }
    if factor in ((2, 2, 1), (2, 2, 2)) and voxels.dtype != np.float32 and method == "mode":
        runs["tinybrain"] = lambda: tinybrain.downsample_segmentation(voxels, factor)
    if factor in ((2, 2, 1), (2, 2, 2)) and method == "mean":
        runs["tinybrain"] = lambda: tinybrain.downsample_with_averaging(voxels, factor)
    return runs


def main() -> None:
    edge, rounds = int(next(iter(sys.argv[1:2]), 256)), int(next(iter(sys.argv[2:3]), 15))
    given = volumes(edge, next(iter(sys.argv[3:4]), None))
    print(f"{'':32}{'MB/s of input':>14}{': tinybrain':>14}{': tensorstore':>14}")
    for method, factor, kind in CASES:
        runs = contestants(given[kind], factor, method)
        seconds: dict[str, list[float]] = {name: [] for name in runs}
        for _ in range(rounds):
            for name, run in runs.items():
                start = time.perf_counter()
                run()
                seconds[name].append(time.perf_counter() - start)
        medians = {name: median(times) for name, times in seconds.items()}
        rate = given[kind].nbytes / medians["ours"] / 1e6
        ratios = [f"{medians[n] / medians['ours']:.1f}" if n in medians else "" for n in ("tinybrain", "tensorstore")]
        print(
            f"{method:8}{'x'.join(map(str, factor)):8}{kind:22}{rate:>8.0f}{ratios[0]:>14}{ratios[1]:>14}", flush=True
        )


if __name__ == "__main__":
    main()
