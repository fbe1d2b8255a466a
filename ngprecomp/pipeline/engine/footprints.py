"""Footprints: the parts of a round that are finished together, and what is known of those that are."""

from __future__ import annotations

import itertools
import math
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ngprecomp.chunks.unsharded import chunk_key, suffix_of
from ngprecomp.errors import KeyNotFoundError, OptionError
from ngprecomp.format.box import triple
from ngprecomp.format.grid import ceil_div, positions_in
from ngprecomp.format.shard_location import locate
from ngprecomp.format.sharding import chunks_per_shard
from ngprecomp.kernels.morton import compressed_morton_code
from ngprecomp.pipeline.engine.cells import Counts
from ngprecomp.pipeline.engine.planning import later_demand, split_rounds
from ngprecomp.pipeline.engine.portions import choose_group, choose_portion, portion, portion_bytes
from ngprecomp.pipeline.engine.rounds import Round, tiles
from ngprecomp.pipeline.engine.units import (
    Demand,
    amplification,
    choose_unit,
    footprint_cells,
    round_bytes,
    unit_voxels,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ngprecomp.chunks.place import Place
    from ngprecomp.format.box import Box, Triple
    from ngprecomp.pipeline.engine.rounds import Target


@dataclass(frozen=True, slots=True)
class Cut:
    """A round, the cells along each axis that are read at once, and those that are finished together.

    All are powers of two: units tile footprints exactly. Where there is a `portion`, each thread reads for itself what
    one chunk of the target of that number is made of, and units are not read.
    """

    round: Round
    unit: Triple
    footprint: Triple
    portion: int | None = None

    @property
    def footprints(self) -> Iterator[Box]:
        """The footprints as boxes of cells, x fastest."""
        return tiles(self.round.cells, self.footprint)

    @property
    def count(self) -> int:
        """How many footprints there are."""
        return math.prod(map(ceil_div, self.round.cells.size, self.footprint))

    def voxels(self, cells: Box) -> int:
        """Return how many voxels of the finest target a box of cells holds."""
        return math.prod(self.round.targets[0].grid.cells(self.round.owned(0, cells)).size)

    @property
    def read_voxels(self) -> Triple:
        """The voxels of the base along each axis that are read at once."""
        if self.portion is None:
            return unit_voxels(self.round, self.unit)
        return unit_voxels(portion(self.round, self.portion), (1, 1, 1))

    def amplification(self, demand: Demand) -> float:
        """Return how often a block of the base is decoded on average."""
        if self.portion is None:
            return amplification(self.round, self.unit, demand)
        return amplification(portion(self.round, self.portion), (1, 1, 1), demand)

    def nbytes(self, demand: Demand) -> int:
        """Return the bytes that the round holds at most."""
        if self.portion is None:
            return round_bytes(self.round, self.unit, demand)
        return portion_bytes(self.round, self.portion, self.unit, demand)


def cut_rounds(base: Box, targets: Sequence[Target], method: str, demand: Demand, memory: int) -> list[Cut]:
    """Return the rounds that make all targets within `memory`.

    Raises
    ------
    OptionError
        The memory is too little for single chunks.
    """
    cuts = []
    for job in split_rounds(base, targets, method, demand, memory):
        number = choose_portion(job, demand, memory)
        unit = choose_unit(job, demand, memory) if number is None else choose_group(job, number, demand, memory)
        cuts.append(Cut(job, unit, footprint_cells(job, unit), number))
        demand = later_demand(demand, job)
    return cuts


def cut_as_before(
    base: Box, targets: Sequence[Target], method: str, demand: Demand, memory: int, plan: Sequence[Any]
) -> list[Cut]:
    """Return the rounds of a plan that an earlier process has begun; only its units may be smaller.

    Raises
    ------
    OptionError
        The memory is too little for one of its rounds.
    """
    cuts = []
    rest = list(targets)
    for nth, planned in enumerate(plan, 1):
        job = Round(base, tuple(rest[: planned["targets"]]), method)
        number = choose_portion(job, demand, memory)
        need = round_bytes(job, (1, 1, 1), demand)
        if number is None and need > memory:
            raise OptionError(
                f"memory of {memory} bytes is too little to go on: round {nth} of {len(plan)}, which was cut "
                f"when the job began, needs {need} bytes with {demand.workers} workers"
            )
        footprint = triple(planned["footprint"])
        unit = choose_unit(job, demand, memory) if number is None else footprint
        cuts.append(Cut(job, triple(map(min, unit, footprint)), footprint, number))
        base, rest, demand = job.targets[-1].grid.domain, rest[len(job.targets) :], later_demand(demand, job)
    return cuts


def plan_to_json(cuts: Iterable[Cut]) -> list[dict[str, Any]]:
    """Return what another process must know to cut the rounds in the same way."""
    return [{"targets": len(cut.round.targets), "footprint": list(cut.footprint)} for cut in cuts]


def footprint_name(number: int, footprint: Box) -> str:
    """Return the name of a footprint in the journal: the number of its round and its first cell."""
    return f"{number}-{'_'.join(map(str, footprint.lo))}"


@dataclass(slots=True)
class Outcome:
    """What was done: the counts of each target, and the voxels read, with the halos that were read twice."""

    counts: list[Counts] = field(default_factory=list)
    voxels_read: int = 0

    def add(self, other: Outcome) -> None:
        """Add what was done elsewhere in the same round."""
        self.voxels_read += other.voxels_read
        for total, counts in zip(self.counts, other.counts, strict=True):
            total.add(counts)


def entry_of(job: Round, footprint: Box, outcome: Outcome) -> dict[str, Any]:
    """Return what the journal keeps of a finished footprint: the counts, and the files of each target."""
    targets = []
    for index, (target, counts) in enumerate(zip(job.targets, outcome.counts, strict=True)):
        files, nbytes = counts.chunks, counts.nbytes
        owned = job.owned(index, footprint)
        if target.places[0].scale.sharding is not None:
            sizes = stored_sizes(target.places[0], owned)
            files, nbytes = len(sizes), sum(sizes)
        copied = [size for copy in target.places[1:] for size in stored_sizes(copy, owned)]
        targets.append(
            {
                "chunks": counts.chunks,
                "skipped": counts.skipped,
                "bytes": counts.nbytes,
                "files": files + len(copied),
                "file_bytes": nbytes + sum(copied),
            }
        )
    return {"voxels_read": outcome.voxels_read, "targets": targets}


def found_outcome(job: Round, footprint: Box, entry: dict[str, Any]) -> Outcome | None:
    """Return what an entry says was done, None if the files of the footprint are not those that it counts.

    Chunk files are not flushed one by one: after a loss of power some may be missing, empty or cut, never of their full
    size with other bytes, because file systems write data before sizes. An empty file is never counted.
    """
    outcome = Outcome(voxels_read=entry["voxels_read"])
    for index, (target, noted) in enumerate(zip(job.targets, entry["targets"], strict=True)):
        owned = job.owned(index, footprint)
        sizes = [size for place in target.places for size in stored_sizes(place, owned)]
        if (len(sizes), sum(sizes)) != (noted["files"], noted["file_bytes"]):
            return None
        outcome.counts.append(Counts(noted["chunks"], noted["skipped"], noted["bytes"]))
    return outcome


def stored_sizes(place: Place, positions: Box) -> list[int]:
    """Return the sizes of the files that hold the chunks at a box of grid positions, without empty files."""
    sizes = []
    for key in _keys(place, positions):
        with suppress(KeyNotFoundError):
            sizes.append(place.store.stat(key).size)
    return [size for size in sizes if size]


def _keys(place: Place, positions: Box) -> Iterator[str]:
    if place.scale.sharding is None:
        suffix = suffix_of(place)
        return (chunk_key(place, position) + suffix for position in positions_in(positions))
    shape = chunks_per_shard(place.sharding, place.grid.shape) or (1, 1, 1)
    corners = list(itertools.product(*map(range, positions.lo, positions.hi, shape)))
    if not corners:
        return iter(())
    numbers, _ = locate(place.sharding, compressed_morton_code(np.array(corners), place.grid.shape))
    return map(place.shard_key, np.unique(numbers).tolist())
