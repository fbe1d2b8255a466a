"""Whole volumes and cutouts, written from memory and read to memory, beside TensorStore and CloudVolume."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import ngprecomp as ng
from benchmarks import pipelines
from benchmarks.benchmark import Benchmark, Setting
from benchmarks.measure import alternate
from benchmarks.memory import in_child
from benchmarks.peers import installed
from benchmarks.row import OURS, Goal, Limit, Row, compare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from benchmarks.samples import Volume

COPY = "np.copyto"
TENSORSTORE, CLOUDVOLUME = "TensorStore", "CloudVolume"
CUTOUT = 64
CUTOUTS = 60
FEW = 6  # of the cutouts, for CloudVolume: it reads the indices of shards again each time
CACHE = 2 * 2**30
ONE_SHARD = {**pipelines.SHARDING, "minishard_bits": 12, "shard_bits": 0}
EXTRA = 100  # MB that writing one shard of any size may take


def benchmarks(setting: Setting) -> Iterator[Benchmark]:
    """Yield writing, reading and cutouts."""
    for kind, goal in (("image", Goal(3)), ("labels", Goal(5))):
        yield Benchmark(f"volume write {kind}", partial(_write, setting, kind, goal))
    yield Benchmark("volume write one shard", partial(_write_one_shard, setting))
    for kind in ("image", "labels"):
        for stored in ("sharded", "plain"):
            yield Benchmark(f"volume read {kind} {stored}", partial(_read, setting, kind, stored))
    for stored in ("sharded", "plain"):
        yield Benchmark(f"volume cutouts {stored}", partial(_cutouts, setting, stored))
        yield Benchmark(f"volume cutouts {stored} cached", partial(_cached_cutouts, setting, stored))


def write_ours(array: str, destination: str, kind: str, repeats: int = 1) -> Callable[[], None]:
    """Return the job that writes the array of a file, repeated along z, sharded; one shard if repeated."""
    voxels = _loaded(array, repeats)
    sharding = ONE_SHARD if repeats > 1 else pipelines.SHARDING
    create = ng.create

    def job() -> None:
        vol = create(
            destination, shape=voxels.shape, dtype=voxels.dtype, resolution=(8, 8, 8), type=pipelines.TYPES[kind],
            encoding=pipelines.ENCODINGS[kind], chunk_size=pipelines.CHUNK, sharding=sharding, exist="replace",
        )  # fmt: skip
        vol[...] = voxels

    return job


def write_tensorstore(array: str, destination: str, kind: str, repeats: int = 1) -> Callable[[], None]:
    """Return the job that does the same with TensorStore, in one transaction."""
    import tensorstore  # noqa: F401

    voxels = _loaded(array, repeats)
    sharding = ONE_SHARD if repeats > 1 else pipelines.SHARDING

    def job() -> None:
        shutil.rmtree(destination, ignore_errors=True)
        pipelines.write_tensorstore(voxels, destination, kind, "sharded", sharding=sharding)

    return job


def _loaded(array: str, repeats: int) -> Volume:
    """Return the array of a .npy file, Fortran-ordered [x, y, z], so many times behind each other."""
    voxels = np.load(array)
    return voxels.T if repeats == 1 else np.concatenate([voxels] * repeats).T


def _write(setting: Setting, kind: str, goal: Goal) -> Iterable[Row]:
    makers: dict[str, Callable[..., Callable[[], None]]] = {OURS: write_ours}
    if installed("tensorstore"):
        makers[TENSORSTORE] = write_tensorstore
    array = str(setting.samples.array_file(kind))
    jobs = {name: maker(array, str(setting.folder / f"write-{name}"), kind) for name, maker in makers.items()}
    voxels, plain = np.load(array), setting.folder / "plain"
    jobs["one plain file"] = lambda: voxels.tofile(plain)
    costs = alternate(jobs, setting.rounds)
    memory = {
        name: in_child(maker, array, str(setting.folder / f"write-{name}"), kind).peak for name, maker in makers.items()
    }
    return compare(
        f"write {kind} from memory, shards", costs, [goal], unit="MB/s", amount=voxels.nbytes,
        limit=Limit("one plain file"), memory=memory,
    )  # fmt: skip


def _write_one_shard(setting: Setting) -> Iterable[Row]:
    array, repeats = str(setting.samples.array_file("labels")), 2
    ours = in_child(write_ours, array, str(setting.folder / "one-shard-ours"), "labels", repeats)
    theirs = None
    if installed("tensorstore"):
        theirs = in_child(write_tensorstore, array, str(setting.folder / "one-shard-peer"), "labels", repeats)
    if ours.peak is None:
        return []
    gigabytes = repeats * setting.samples.edge**3 * 8 / 1e9
    taken = ours.peak / 1e6
    return [
        Row(
            f"extra memory of writing {gigabytes:.1f} GB of labels to one shard", "MB", taken,
            TENSORSTORE if theirs else "", theirs.peak / 1e6 if theirs and theirs.peak else None,
            ratio=taken, must=EXTRA, at_most=True, memory=ours.peak, peer_memory=theirs.peak if theirs else None,
        )
    ]  # fmt: skip


def stored_volume(setting: Setting, kind: str, stored: str) -> str:
    """Return the folder of the sample as a volume of one scale, made when first asked for."""
    folder = setting.folder / f"stored-{kind}-{stored}"
    if not folder.exists():
        pipelines.ours(setting.samples.hdf5(kind), str(folder), kind, stored, levels=0)()
    return str(folder)


def _read(setting: Setting, kind: str, stored: str) -> Iterable[Row]:
    folder = stored_volume(setting, kind, stored)
    voxels = setting.samples.array(kind)
    place = np.empty_like(voxels)
    jobs: dict[str, Callable[[], Any]] = {
        OURS: partial(ng.open(folder, cache_bytes=0).__getitem__, ...),
        COPY: lambda: np.copyto(place, voxels),
    }
    if installed("tensorstore"):
        store = open_tensorstore(folder)
        jobs[TENSORSTORE] = lambda: store.read(order="F").result()
    if installed("cloudvolume"):
        jobs[CLOUDVOLUME] = partial(open_cloudvolume(folder).__getitem__, ...)
    for name, job in jobs.items():
        assert name == COPY or np.array_equal(np.asarray(job())[..., 0], voxels), name
    costs = alternate(jobs, setting.rounds)
    goals = [Goal(1.3, against=TENSORSTORE), Goal(3, against=CLOUDVOLUME)]
    how = "shards" if stored == "sharded" else "files"
    return compare(f"read {kind} whole, {how}", costs, goals, unit="MB/s", amount=voxels.nbytes, limit=Limit(COPY))


def _cutouts(setting: Setting, stored: str) -> Iterable[Row]:
    folder, boxes = stored_volume(setting, "labels", stored), cutout_boxes(setting)
    jobs: dict[str, Callable[[], None]] = {OURS: _cut(ng.open(folder, cache_bytes=0), boxes)}
    if installed("tensorstore"):
        store = open_tensorstore(folder)
        jobs[TENSORSTORE] = lambda: [store[box].read(order="F").result() for box in boxes]
    if installed("cloudvolume"):
        jobs[CLOUDVOLUME] = _cut(open_cloudvolume(folder), boxes[:FEW])
    costs = alternate(jobs, setting.rounds)
    if CLOUDVOLUME in costs:
        costs[CLOUDVOLUME] = costs[CLOUDVOLUME].times(len(boxes) / FEW)
    goals = [Goal(1.5, against=TENSORSTORE), Goal(3.5, against=CLOUDVOLUME)]
    how = "shards" if stored == "sharded" else "files"
    return compare(f"cutouts of 64x64x64 labels, {how}, no cache", costs, goals, unit="ms", amount=len(boxes))


def _cached_cutouts(setting: Setting, stored: str) -> Iterable[Row]:
    folder, boxes = stored_volume(setting, "labels", stored), cutout_boxes(setting)
    jobs: dict[str, Callable[[], None]] = {OURS: _cut(ng.open(folder), boxes)}
    if installed("tensorstore"):
        store = open_tensorstore(folder, CACHE)
        jobs["TensorStore, decoded chunks cached"] = lambda: [store[box].read(order="F").result() for box in boxes]
    costs = alternate(jobs, setting.rounds)
    how = "shards" if stored == "sharded" else "files"
    return compare(
        f"cutouts of 64x64x64 labels, {how}, warm cache", costs, [Goal(stretch=1)], unit="ms", amount=len(boxes)
    )


def cutout_boxes(setting: Setting) -> list[tuple[slice, ...]]:
    """Return random boxes that are aligned to nothing."""
    rng = np.random.default_rng(0)
    corners = rng.integers(0, setting.samples.edge - CUTOUT + 1, (CUTOUTS, 3))
    return [tuple(slice(int(at), int(at) + CUTOUT) for at in corner) for corner in corners]


def _cut(volume: Any, boxes: list[tuple[slice, ...]]) -> Callable[[], None]:
    def job() -> None:
        for box in boxes:
            volume[box]

    return job


def open_tensorstore(folder: str, cache: int = 0) -> Any:
    """Open a volume with TensorStore, whose cache holds decoded chunks."""
    import tensorstore

    spec = {
        "driver": "neuroglancer_precomputed",
        "kvstore": f"file://{folder}/",
        "context": {"cache_pool": {"total_bytes_limit": cache}},
        "recheck_cached_data": False,
    }
    return tensorstore.open(spec).result()


def open_cloudvolume(folder: str) -> Any:
    """Open a volume with CloudVolume."""
    import cloudvolume

    return cloudvolume.CloudVolume(f"file://{folder}", progress=False)


def stored_bytes(folder: str | Path) -> int:
    """Return the bytes of all files of a volume's scales."""
    return sum(path.stat().st_size for path in Path(folder).glob("*/**/*") if path.is_file())
