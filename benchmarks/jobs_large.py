"""The same conversions of many gigabytes: speed and memory should stay what they are for one gigabyte.

Sources repeat the compressed chunks of the samples, so they are made as fast as files are written.
"""

from __future__ import annotations

import itertools
import math
import shutil
from functools import partial
from typing import TYPE_CHECKING

import h5py

from benchmarks import pipelines
from benchmarks.benchmark import Benchmark, Curve, Setting
from benchmarks.jobs_convert import TENSORSTORE
from benchmarks.memory import Outcome, in_child
from benchmarks.peers import installed
from benchmarks.row import Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

PLOT = "memory"
SMALL, PEER = 1.0, 2.0  # gigabytes of the run to compare with, and of the peer's
WITHIN = 0.9


def benchmarks(setting: Setting) -> Iterator[Benchmark]:
    """Yield images and labels, if a size is given."""
    if setting.large:
        for kind in ("image", "labels"):
            yield Benchmark(f"large {kind}", partial(_large, setting, kind, setting.large))


def _large(setting: Setting, kind: str, gigabytes: float) -> Iterable[Row | Curve]:
    folder = setting.samples.cache / "large"  # on a disk: it may be larger than memory
    folder.mkdir(exist_ok=True)
    try:
        small, small_bytes = _converted(setting, folder, kind, SMALL)
        large, nbytes = _converted(setting, folder, kind, gigabytes)
        peer, peer_bytes = None, 1
        if installed("tensorstore", "tinybrain"):
            peer, peer_bytes = _converted(setting, folder, kind, PEER, pipelines.with_tensorstore)
    finally:
        shutil.rmtree(folder)
    title = f"HDF5 {kind} of {nbytes / 1e9:.1f} GB to 4 scales, shards"
    speed, small_speed = nbytes / large.cost.wall / 1e6, small_bytes / small.cost.wall / 1e6
    work, small_work = large.cost.cpu / nbytes * 1e9, small.cost.cpu / small_bytes * 1e9
    yield Row(
        title, "MB/s", speed, f"ours, {small_bytes / 1e9:.1f} GB", small_speed, speed / small_speed,
        small_work / work, must=WITHIN, memory=large.peak, peer_memory=small.peak, memory_must=2 - WITHIN,
    )  # fmt: skip
    yield Row(title, "s/GB", work, f"ours, {small_bytes / 1e9:.1f} GB", small_work, work / small_work, at_most=True)
    yield _memory_curve(f"{kind}, {nbytes / 1e9:.1f} GB", large)
    yield _memory_curve(f"{kind}, {small_bytes / 1e9:.1f} GB", small)
    if peer:
        theirs = peer_bytes / peer.cost.wall / 1e6
        yield Row(
            title, "MB/s", speed, f"{TENSORSTORE}, {peer_bytes / 1e9:.1f} GB", theirs, speed / theirs,
            peer.cost.cpu / peer_bytes * 1e9 / work, memory=large.peak, peer_memory=peer.peak,
        )  # fmt: skip
        yield _memory_curve(f"{kind}, {peer_bytes / 1e9:.1f} GB, {TENSORSTORE}", peer)


def _converted(
    setting: Setting, folder: Path, kind: str, gigabytes: float, maker: object = pipelines.ours
) -> tuple[Outcome, int]:
    """Make a source, convert it in a process of its own, remove both, and return what it took and the bytes."""
    source, nbytes = repeated(setting, folder, kind, gigabytes)
    destination = folder / "converted"
    try:
        return in_child(maker, source, str(destination), kind, "sharded"), nbytes
    finally:
        shutil.rmtree(destination, ignore_errors=True)
        (folder / f"{kind}.h5").unlink()


def repeated(setting: Setting, folder: Path, kind: str, gigabytes: float) -> tuple[str, int]:
    """Write a dataset that repeats the sample, and return its name and the bytes of its voxels."""
    path, name = setting.samples.hdf5(kind).rsplit(":", 1)
    with h5py.File(path) as sample, h5py.File(folder / f"{kind}.h5", "w") as file:
        given = sample[name]
        copies = max(1, round(gigabytes * 1e9 / (given.size * given.dtype.itemsize)))
        grid = (math.ceil(copies / 4), min(2, math.ceil(copies / 2)), min(2, copies))  # z, y, x
        shape = tuple(edge * count for edge, count in zip(given.shape, grid, strict=True))
        made = file.create_dataset(
            name, shape, given.dtype, chunks=given.chunks, compression="gzip", compression_opts=4
        )
        for corner in itertools.product(
            *(range(0, edge, step) for edge, step in zip(shape, given.chunks, strict=True))
        ):
            inside = tuple(at % edge for at, edge in zip(corner, given.shape, strict=True))
            made.id.write_direct_chunk(corner, given.id.read_direct_chunk(inside)[1])
        return f"{folder / f'{kind}.h5'}:{name}", made.size * made.dtype.itemsize


def _memory_curve(label: str, outcome: Outcome) -> Curve:
    return Curve(
        PLOT, label, tuple(seconds for seconds, _ in outcome.curve), tuple(held / 1e6 for _, held in outcome.curve)
    )
