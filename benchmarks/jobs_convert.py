"""From a file to a finished volume of four scales, on two threads, beside the best that a user can assemble."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import h5py

from benchmarks import pipelines
from benchmarks.benchmark import Benchmark, Setting
from benchmarks.measure import alternate
from benchmarks.memory import in_child
from benchmarks.peers import installed
from benchmarks.row import OURS, Goal, Limit, compare

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from benchmarks.row import Row

TENSORSTORE = "h5py + tinybrain + TensorStore"
TIFFFILE = "tifffile + tinybrain + TensorStore"
IGNEOUS = "h5py + CloudVolume + igneous"
NEEDS = {
    TENSORSTORE: ("tensorstore", "tinybrain"),
    TIFFFILE: ("tensorstore", "tinybrain"),
    IGNEOUS: ("cloudvolume", "igneous"),
}
MAKERS = {
    OURS: pipelines.ours,
    TENSORSTORE: pipelines.with_tensorstore,
    TIFFFILE: pipelines.with_tensorstore,
    IGNEOUS: pipelines.with_igneous,
}


@dataclass(frozen=True, slots=True)
class Case:
    """A conversion; `source` is ``"hdf5"`` or the compression of TIFF sections."""

    source: str
    kind: str
    stored: str
    peer: str
    goal: Goal
    memory_must: float | None = None

    @property
    def job(self) -> str:
        """Return what the table calls it."""
        source = "HDF5 gzip-4" if self.source == "hdf5" else f"TIFF sections {self.source}"
        stored = "shards" if self.stored == "sharded" else "gzip'ed files"
        return f"{source} {self.kind} to 4 scales, {stored}"


CASES = [
    Case("hdf5", "image", "sharded", TENSORSTORE, Goal(3, 3.5), 1 / 2),
    Case("hdf5", "labels", "sharded", TENSORSTORE, Goal(6, 8), 1 / 6),
    Case("hdf5", "image", "gzip", IGNEOUS, Goal(4.5)),
    Case("hdf5", "labels", "gzip", IGNEOUS, Goal(4.5)),
    *[Case(compression, "image", "sharded", TIFFFILE, Goal(2.5)) for compression in ("none", "deflate", "lzw")],
]


def benchmarks(setting: Setting) -> Iterator[Benchmark]:
    """Yield each conversion."""
    for case in CASES:
        yield Benchmark(f"convert {case.source} {case.kind} {case.stored}", partial(_convert, setting, case))


def _convert(setting: Setting, case: Case) -> Iterable[Row]:
    samples = setting.samples
    source = samples.hdf5(case.kind) if case.source == "hdf5" else samples.tiff(case.source)
    sides = {OURS: pipelines.ours}
    if installed(*NEEDS[case.peer]):
        sides[case.peer] = MAKERS[case.peer]
    arguments = {
        name: (source, str(setting.folder / f"convert-{number}"), case.kind, case.stored)
        for number, name in enumerate(sides)
    }
    jobs = {name: maker(*arguments[name]) for name, maker in sides.items()}
    limit = "inflating alone" if case.source == "hdf5" else "tifffile alone"
    jobs[limit] = inflation(source) if case.source == "hdf5" else pipelines.reader(source)
    costs = alternate(jobs, setting.rounds)
    memory = {name: in_child(maker, *arguments[name]).peak for name, maker in sides.items()}
    nbytes = samples.edge**3 * (1 if case.kind == "image" else 8)
    return compare(
        case.job, costs, [case.goal], unit="MB/s", amount=nbytes, limit=Limit(limit), memory=memory,
        memory_must=case.memory_must,
    )  # fmt: skip


def inflation(source: str) -> Callable[[], None]:
    """Return the job that reads every chunk of a dataset and inflates it with libdeflate on two threads."""
    import imagecodecs

    path, name = source.rsplit(":", 1)

    def job() -> None:
        with h5py.File(path) as file, ThreadPoolExecutor(pipelines.THREADS) as pool:
            dataset = file[name]
            nbytes = dataset.dtype.itemsize
            for edge in dataset.chunks:
                nbytes *= edge
            places = (dataset.id.get_chunk_info(number).chunk_offset for number in range(dataset.id.get_num_chunks()))
            packed = (dataset.id.read_direct_chunk(place)[1] for place in places)
            for done in [pool.submit(imagecodecs.deflate_decode, data, out=nbytes) for data in packed]:
                done.result()

    return job
