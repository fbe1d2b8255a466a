"""What a conversion would do, told before it is done: scales, files, bytes, tasks, memory, requests, reading."""

from __future__ import annotations

import itertools
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ngprecomp.format.box import triple
from ngprecomp.format.sharding import shard_count, write_chunk_shape
from ngprecomp.pipeline.conversion.requests import (
    Requests,
    reading_requests,
    recording_requests,
    writing_requests,
)
from ngprecomp.pipeline.conversion.spool import SpooledSource
from ngprecomp.pipeline.conversion.spooling import cut_conversion, cut_exact, planned_spool, source_demand
from ngprecomp.pipeline.conversion.stored_size import covered, stored_sizes
from ngprecomp.pipeline.engine.planning import later_demand
from ngprecomp.pipeline.engine.units import unit_voxels
from ngprecomp.pipeline.report import counted, duration, megabytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ngprecomp.format.box import Triple
    from ngprecomp.pipeline.conversion.plan import Options, Plan
    from ngprecomp.sources.protocol import Source

EXACT = "each coarser scale is exact: it reads the finest one again"
SCALE_HEAD = ("scale", "voxels", "factor", "chunk", "shard", "chunks", "files", "bytes")
ROUND_HEAD = ("read for", "voxels at once", "tasks", "each reads", "decodes", "memory")
DISPATCH = {"threads": 16e-6, "processes": 99e-6, "dask": 4e-3}  # seconds a task, benchmarks/overhead_per_task.py


@dataclass(frozen=True, slots=True)
class ScaleForecast:
    """One scale: its shape, how it is made of the one before it, and what it will be stored as.

    `shard` is the shape of a shard in voxels, None where each chunk is a file; `nbytes` is an estimate.
    """

    key: str
    size: Triple
    resolution: tuple[float, ...]
    factor: Triple
    chunk_size: Triple
    shard: Triple | None
    chunks: int
    files: int
    nbytes: int


@dataclass(frozen=True, slots=True)
class RoundForecast:
    """Scales made from one reading: the voxels of the base that are read at once, the parts that are finished together.

    These footprints are the tasks of an executor, each of which reads `task_bytes`. `amplification` counts how often a
    block of the base is decoded, `nbytes` what the round holds in memory at most.
    """

    scales: tuple[str, ...]
    unit: Triple
    footprints: int
    task_bytes: int
    amplification: float
    nbytes: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a conversion would do; nothing of it is done.

    `source_bytes` are the voxels to convert as the source holds them, `spool_bytes` the temporary copy that they pass
    through (0: none), `decoded_bytes` what the source decodes in all. Bytes of the scales are estimated from `samples`
    chunks, with none of them they are those of the voxels. The job may hold `memory` and holds `held_bytes` at most.
    `requests` are those of a destination in a bucket.
    """

    source: str
    source_bytes: int
    decoded_bytes: int
    spool_bytes: int
    samples: int
    memory: int
    held_bytes: int
    workers: int
    scales: tuple[ScaleForecast, ...]
    rounds: tuple[RoundForecast, ...]
    requests: Requests
    notes: tuple[str, ...]

    @property
    def nbytes(self) -> int:
        """Bytes of all scales, estimated."""
        return sum(scale.nbytes for scale in self.scales)

    @property
    def files(self) -> int:
        """Chunk files and shards of all scales."""
        return sum(scale.files for scale in self.scales)

    @property
    def tasks(self) -> int:
        """Footprints of all rounds."""
        return sum(one.footprints for one in self.rounds)

    @property
    def dispatch_seconds(self) -> dict[str, float]:
        """Seconds that giving out the tasks takes each kind of executor, whatever they do."""
        return {executor: round(self.tasks * each, 3) for executor, each in DISPATCH.items()}

    def to_json(self) -> dict[str, Any]:
        """Return the forecast as a JSON object."""
        sums = {"nbytes": self.nbytes, "files": self.files, "tasks": self.tasks}
        return {**asdict(self), **sums, "dispatch_seconds": self.dispatch_seconds}

    def __str__(self) -> str:
        lines = [f"forecast: {self.source}", *(f"  {note}" for note in self.notes)]
        lines += _table(SCALE_HEAD, map(_scale_row, self.scales))
        lines += _table(ROUND_HEAD, map(_round_row, self.rounds))
        times = self.decoded_bytes / max(1, self.source_bytes)
        spool = f", through a spool of {megabytes(self.spool_bytes)}" if self.spool_bytes else ""
        told = f"estimated from {counted(self.samples, 'sample')}" if self.samples else "before any compression"
        given = ", ".join(f"{executor} {duration(seconds)}" for executor, seconds in self.dispatch_seconds.items())
        lines += [
            f"  {megabytes(self.source_bytes)} in, decoded {times:.2f} times{spool}",
            f"  {megabytes(self.nbytes)} out in {counted(self.files, 'file')}, {told}",
            f"  memory {megabytes(self.held_bytes)} of {megabytes(self.memory)}, {counted(self.workers, 'worker')}",
            f"  {counted(self.tasks, 'task')}, given out in: {given}",
            f"  requests of a bucket: {self.requests}",
        ]
        return "\n".join(lines)


def forecast(source: Source, plan: Plan, options: Options) -> Forecast:
    """Return what a conversion would do; reads a few chunks of the source and writes nothing.

    Raises
    ------
    OptionError
        The memory is too little.
    EncodeError
        The encoding cannot hold the sampled voxels.
    """
    spool = planned_spool(source, plan, options)
    rounds = _rounds(source if spool is None else SpooledSource(source, spool, ""), plan, options)
    part = plan.levels[0].box.relative_to(plan.choices.voxel_offset)
    voxel = source.dtype.itemsize * source.shape[3]
    times = rounds[0].amplification if spool is None else 1
    sizes, samples = stored_sizes(source, plan, options)
    scales = tuple(_scale(plan, index, nbytes) for index, nbytes in enumerate(sizes))
    return Forecast(
        source=source.name,
        source_bytes=voxel * math.prod(part.size),
        decoded_bytes=round(times * voxel * math.prod(covered(part, source).size)),
        spool_bytes=0 if spool is None else spool.nbytes,
        samples=samples,
        memory=options.running.memory,
        held_bytes=max(0 if spool is None else spool.held_bytes, *(one.nbytes for one in rounds)),
        workers=options.running.workers,
        scales=scales,
        rounds=tuple(rounds),
        requests=_requests(plan, options, sizes, rounds),
        notes=(*plan.notes, EXACT) if options.exact else plan.notes,
    )


def _rounds(source: Source, plan: Plan, options: Options) -> list[RoundForecast]:
    demand = source_demand(source, plan.choices, options.running.workers)
    rounds, first = [], 0
    for cut in cut_conversion(source, plan, options):
        last = first + len(cut.round.targets)
        rounds.append(
            RoundForecast(
                tuple(plan.info.scale(index).key for index in range(first, last)),
                cut.read_voxels,
                cut.count,
                (demand.source_bytes or demand.voxel_bytes) * math.prod(unit_voxels(cut.round, cut.footprint)),
                cut.amplification(demand),
                cut.nbytes(demand),
            )
        )
        first, demand = last, later_demand(demand, cut.round)
    return [*rounds, *(_exact_rounds(plan, options) if options.exact else ())]


def _exact_rounds(plan: Plan, options: Options) -> Iterator[RoundForecast]:
    """Yield the rounds of coarser scales that are each made from the finest one."""
    whole = (1, 1, 1)
    for index, (cut, demand) in enumerate(cut_exact(plan, options), 1):
        whole = triple(w * f for w, f in zip(whole, plan.levels[index].factor, strict=True))
        windows = math.prod(whole)
        read = demand.unit_bytes * windows * math.prod(cut.read_voxels)
        yield RoundForecast(
            (plan.info.scale(index).key,),
            triple(n * f for n, f in zip(cut.read_voxels, whole, strict=True)),
            cut.count,
            demand.voxel_bytes * windows * math.prod(unit_voxels(cut.round, cut.footprint)),
            1.0,
            min(options.running.memory // 2, read) + cut.nbytes(demand),
        )


def _requests(plan: Plan, options: Options, sizes: Sequence[int], rounds: Sequence[RoundForecast]) -> Requests:
    """Return what writing all scales takes, and reading those that later rounds are made from."""
    scales = [plan.info.scale(index) for index in range(len(plan.levels))]
    requests = [writing_requests(scale, nbytes) for scale, nbytes in zip(scales, sizes, strict=True)]
    requests += [recording_requests(one.footprints) for one in rounds]
    if options.checksums:  # a document for each scale of a footprint
        requests += [Requests(put=one.footprints * len(one.scales)) for one in rounds]
    voxel_bytes = plan.choices.dtype.itemsize * plan.info.num_channels
    last = -1
    for before, one in itertools.pairwise(rounds):
        last = 0 if options.exact else last + len(before.scales)  # exact scales read the finest one again
        requests.append(reading_requests(scales[last], voxel_bytes, one.unit, one.amplification))
    return sum(requests, Requests())


def _scale(plan: Plan, index: int, nbytes: int) -> ScaleForecast:
    scale, level = plan.info.scale(index), plan.levels[index]
    chunks = math.prod(scale.grid.shape)
    shard, files = None, chunks
    if scale.sharding is not None:
        shard = write_chunk_shape(scale.sharding, scale.grid.shape, scale.chunk_size, scale.size)
        files = shard_count(scale.sharding, scale.grid.shape)
    return ScaleForecast(
        scale.key, scale.size, tuple(scale.resolution), level.factor, scale.chunk_size, shard, chunks, files, nbytes
    )


def _shape(size: Triple | None) -> str:
    return "-" if size is None else "x".join(map(str, size))


def _scale_row(scale: ScaleForecast) -> tuple[str, ...]:
    factor, shard = _shape(scale.factor), _shape(scale.shard)
    counts = (f"{scale.chunks:,}", f"{scale.files:,}", megabytes(scale.nbytes))
    return (scale.key, _shape(scale.size), factor, _shape(scale.chunk_size), shard, *counts)


def _round_row(one: RoundForecast) -> tuple[str, ...]:
    scales = one.scales[0] if len(one.scales) == 1 else f"{one.scales[0]} ... {one.scales[-1]}"
    tasks = (f"{one.footprints:,}", megabytes(one.task_bytes))
    return (scales, _shape(one.unit), *tasks, f"{one.amplification:.2f} times", megabytes(one.nbytes))


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table with aligned columns."""
    lines = [head, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return ["  " + "  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]
