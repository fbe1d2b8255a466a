"""Downsampling beside tinybrain, TensorStore and neuroglancer-scripts, on one thread; all allocate their results.

The rows "into an array that is there" leave the new memory, whose pages the system must clear, to the peer alone.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

import ngprecomp as ng
from benchmarks.benchmark import Benchmark, Setting
from benchmarks.kernels_labels import small_labels
from benchmarks.measure import KERNEL_SECONDS, alternate
from benchmarks.peers import installed
from benchmarks.row import OURS, Goal, Limit, compare
from ngprecomp.kernels.downsample import downsample_into, downsampled_box

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from benchmarks.row import Row
    from benchmarks.samples import Volume

EDGE = 256
COPY = "np.copyto"
INTO = "into"
TINYBRAIN, TENSORSTORE = "tinybrain", "TensorStore"
PAIRS, OCTETS = (2, 2, 1), (2, 2, 2)
OTHERS = [Goal(2)]  # "the best peer that has them"


def _both(tinybrain: float, stretch: float, tensorstore: float) -> list[Goal]:
    return [Goal(tinybrain, stretch, TINYBRAIN), Goal(tensorstore, against=TENSORSTORE)]


GOALS: dict[tuple[str, tuple[int, int, int], str], list[Goal]] = {
    ("mode", PAIRS, "uint8"): _both(12, 14, 6),
    ("mode", PAIRS, "uint32"): _both(2.3, 2.5, 6),
    ("mode", PAIRS, "uint64"): _both(1.6, 1.7, 6),
    ("mode", OCTETS, "uint8"): [Goal(10, 18, TINYBRAIN)],
    ("mode", OCTETS, "uint32"): [Goal(1.9, 2.9, TINYBRAIN)],
    ("mode", OCTETS, "uint64"): [Goal(1, 1.5, TINYBRAIN)],
    ("mode", OCTETS, "random uint32"): [Goal(4, 6, TINYBRAIN)],
    ("mode", OCTETS, "random uint64"): [Goal(4, 6, TINYBRAIN)],
    ("mean", OCTETS, "uint8"): _both(2, 3, 2.5),
    ("mean", OCTETS, "uint16"): _both(1.2, 1.6, 2.5),
    ("mean", OCTETS, "float32"): _both(1.4, 1.5, 2.5),
    **{
        ("mode", factor, kind): OTHERS
        for factor in ((3, 3, 1), (2, 2, 4))
        for kind in ("uint8", "uint64", "random uint32")
    },
    **{
        ("mean", factor, kind): OTHERS
        for factor in (PAIRS, (3, 3, 1), (2, 2, 4))
        for kind in ("uint8", "uint16", "float32", "uint64")
    },
    **{("median", factor, kind): OTHERS for factor in (OCTETS, (3, 3, 1)) for kind in ("uint8", "uint16", "float32")},
    **{
        (method, factor, kind): OTHERS
        for method in ("min", "max", "stride")
        for factor in (OCTETS, (3, 3, 1))
        for kind in ("uint8", "uint16", "uint64", "float32")
    },
}
# Odd sizes end in windows of one voxel along every axis.
ODD: list[tuple[str, tuple[int, int, int], str]] = [
    ("mode", OCTETS, "uint8"), ("mode", OCTETS, "uint64"), ("mean", OCTETS, "uint8"), ("mean", OCTETS, "uint16"),
    ("mode", PAIRS, "uint64"), ("mean", PAIRS, "uint8"),
]  # fmt: skip
LIMITS = {"mode": 0.75, "mean": 0.8}


def benchmarks(setting: Setting) -> Iterator[Benchmark]:
    """Yield every method, factor and data type, and odd sizes."""
    for (method, factor, kind), goals in GOALS.items():
        name = f"downsample {method} {_printed(factor)} {kind}"
        yield Benchmark(name, partial(_downsample, setting, method, factor, kind, goals))
    for method, factor, kind in ODD:
        name = f"downsample {method} {_printed(factor)} {kind}, odd size"
        yield Benchmark(name, partial(_downsample, setting, method, factor, kind, OTHERS, odd=True))


def _printed(factor: tuple[int, int, int]) -> str:
    return "x".join(map(str, factor))


def voxels_of(setting: Setting, kind: str, *, odd: bool = False) -> Volume:
    """Return a Fortran-ordered cube [x, y, z]: labels, random labels, or the image for the types that images have."""
    edge = min(EDGE, setting.samples.edge)
    part = (slice(0, edge - odd),) * 3
    dtype = kind.split()[-1]
    if kind.startswith("random"):
        rng = np.random.default_rng(1)
        return np.asfortranarray(rng.integers(0, np.iinfo(dtype).max, (edge - odd,) * 3, dtype))
    if dtype in ("uint32", "uint64"):
        labels = np.load(setting.samples.array_file("labels"), mmap_mode="r").T[part]
        return np.array(small_labels(labels) if dtype == "uint32" else labels, order="F")
    image = np.load(setting.samples.array_file("image"), mmap_mode="r").T[part]
    spread = {"uint8": 1, "uint16": 257, "float32": 1 / 255}[dtype]
    return np.array(image * np.float64(spread), dtype, order="F")


def small_label_bytes(setting: Setting, *, odd: bool = False) -> Volume:
    """Return labels as uint8, for mode: there are collisions, the borders stay."""
    return (voxels_of(setting, "uint32", odd=odd) % np.uint32(251)).astype(np.uint8)


def _downsample(
    setting: Setting, method: str, factor: tuple[int, int, int], kind: str, goals: list[Goal], *, odd: bool = False
) -> Iterable[Row]:
    labels = method == "mode" and kind == "uint8"
    voxels = small_label_bytes(setting, odd=odd) if labels else voxels_of(setting, kind, odd=odd)
    place = np.empty_like(voxels)
    sides: dict[str, Callable[[], object]] = {
        OURS: lambda: ng.downsample(voxels, factor, method),
        INTO: _into(voxels, factor, method),
        COPY: lambda: np.copyto(place, voxels),
        **_peers(voxels, factor, method, kind),
    }
    costs = alternate(sides, setting.rounds, KERNEL_SECONDS)
    into = costs.pop(INTO)
    job = f"{method} {_printed(factor)} {kind}" + (f", {voxels.shape[0]} odd" if odd else "")
    table = partial(compare, unit="MB/s", amount=voxels.nbytes, limit=Limit(COPY, LIMITS.get(method)))
    rows = table(job, costs, goals)
    if goals is not OTHERS:  # as a pyramid does it, which gives every kernel its place
        rows += table(f"{job}, into an array that is there", {**costs, OURS: into}, [Goal(against=TINYBRAIN)])
    return rows


def _into(voxels: Volume, factor: tuple[int, int, int], method: str) -> Callable[[], None]:
    lo, hi = downsampled_box((0, 0, 0), voxels.shape, factor, method)
    out = np.empty((*np.subtract(hi, lo), 1), voxels.dtype, order="F")
    return lambda: downsample_into(voxels[..., np.newaxis], (0, 0, 0), out, lo, factor, method)


def _peers(voxels: Volume, factor: tuple[int, int, int], method: str, kind: str) -> dict[str, Callable[[], Any]]:
    sides: dict[str, Callable[[], Any]] = {}
    if installed("tensorstore"):
        import tensorstore

        one = tensorstore.Context({"data_copy_concurrency": {"limit": 1}})
        store = tensorstore.downsample(tensorstore.array(voxels, context=one), factor, method)
        sides[TENSORSTORE] = lambda: store.read(order="F").result()
    if installed("tinybrain") and factor in (PAIRS, OCTETS):
        import tinybrain

        if method == "mode":
            sides[TINYBRAIN] = lambda: tinybrain.downsample_segmentation(voxels, factor)
        if method == "mean" and kind != "uint64":  # which it adds up in floats
            sides[TINYBRAIN] = lambda: tinybrain.downsample_with_averaging(voxels, factor)
    if installed("neuroglancer_scripts") and method == "mean" and factor == OCTETS and kind == "uint8":
        from neuroglancer_scripts.downscaling import AveragingDownscaler

        sides["neuroglancer-scripts"] = lambda: AveragingDownscaler().downscale(voxels.T[None], factor)
    return sides
