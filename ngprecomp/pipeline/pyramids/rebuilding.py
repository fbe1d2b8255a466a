"""Coarser scales made anew over a box whose voxels have changed."""

from __future__ import annotations

import json
import math
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from threading import Event
from typing import TYPE_CHECKING, TypeVar

from ngprecomp.chunks.batches import by_shard
from ngprecomp.chunks.checksums import drop_checksums
from ngprecomp.chunks.coding import encode_stored
from ngprecomp.chunks.listing import has_chunks, writable_compression
from ngprecomp.chunks.merging import merge_shard
from ngprecomp.chunks.ordered_map import map_in_order
from ngprecomp.chunks.unsharded import chunk_key, write_unsharded
from ngprecomp.errors import KeyNotFoundError
from ngprecomp.format.box import Box, Triple
from ngprecomp.format.grid import positions_in
from ngprecomp.kernels.downsample import METHODS, downsampled_box
from ngprecomp.pipeline.engine.bases import StoredVoxels
from ngprecomp.pipeline.engine.cells import Counts
from ngprecomp.pipeline.engine.downsampled import Downsampled
from ngprecomp.pipeline.engine.rounds import made_together, windows
from ngprecomp.pipeline.pyramids.levels import factor_between, level_of
from ngprecomp.pipeline.report import ScaleReport, scale_report
from ngprecomp.volume.places import PROVENANCE_KEY, refuse_escape
from ngprecomp.volume.resources import Resources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ngprecomp.chunks.merging import Change
    from ngprecomp.chunks.place import Place
    from ngprecomp.pipeline.engine.making import Running
    from ngprecomp.storage.protocol import Store
    from ngprecomp.volume.reading import Missing

R = TypeVar("R")
MADE_BY = ("convert", "build_pyramid")


@dataclass(frozen=True, slots=True)
class Step:
    """One scale that is made anew over `box` from a finer one."""

    fine: Place
    coarse: Place
    factor: Triple
    box: Box


@dataclass(slots=True)
class Rebuilt:
    """What was made anew, scale by scale; bytes read from finer scales, and the chunks that were absent there."""

    scales: list[ScaleReport] = field(default_factory=list)
    read_bytes: int = 0
    absent: int = 0


@dataclass(frozen=True, slots=True)
class Remade:
    """One chunk: its voxels, how many were read for it, how many chunks were absent there, and what was stored."""

    voxels: int
    read: int
    absent: int
    counts: Counts


def rebuild_box(
    places: Sequence[Place], box: Box, method: str, missing: Missing, running: Running, *, exact: bool = False
) -> Rebuilt:
    """Make the chunks over a box anew in every coarser scale that holds chunks.

    What is outside of the box stays as it is: the result is that of a whole new pyramid if the scales fitted each other
    before. A chunk is read, made and written under its lock, or that of its shard, so of two jobs whose boxes share a
    chunk the later one sees what both have changed.

    Parameters
    ----------
    places
        The scale that was changed, then the coarser ones; scales without chunks are left out.
    box
        The changed voxels of the first scale.
    exact
        Make all scales from the first one, over their whole windows.

    Raises
    ------
    OptionError
        A scale is no downsampling of the one it is made from, or the memory is too little.
    """
    steps = _steps(places, box, method, exact=exact)
    for step in steps:
        refuse_escape(step.coarse.scale, "write to")
    total = sum(math.prod(step.coarse.grid.cells(step.coarse.grid.touched(step.box)).size) for step in steps)
    rebuilt, done = Rebuilt(), 0
    # Chunks are made one by one, each by one thread, which reads what it needs by itself.
    with closing(Resources(running.workers)) as makers, closing(Resources(threads=1)) as reader:
        for step in steps:
            counts = Counts()
            for remade in _Making(step, method, missing, running, makers, reader).run():
                counts.add(remade.counts)
                rebuilt.read_bytes += remade.read * step.fine.dtype.itemsize * step.fine.num_channels
                rebuilt.absent += remade.absent
                done += remade.voxels
                running.progress(done, total)
            rebuilt.scales.append(scale_report(step.coarse.scale, counts))
    return rebuilt


def recorded_method(store: Store) -> tuple[str | None, bool]:
    """Return by which method the provenance says that the coarser scales were made, and whether exactly."""
    try:
        steps = json.loads(store.get(PROVENANCE_KEY).data)["processing"]
        made = [step["method"] for step in steps if step["method"].get("task") in MADE_BY]
        known = [step for step in made if step.get("method") in METHODS and not step.get("box")]
        return (known[-1]["method"], bool(known[-1].get("exact"))) if known else (None, False)
    except (KeyNotFoundError, ValueError, TypeError, KeyError, AttributeError):  # whatever another program writes there
        return None, False


def _steps(places: Sequence[Place], box: Box, method: str, *, exact: bool) -> list[Step]:
    """Return what the change of a box leads to, scale by scale."""
    steps: list[Step] = []
    fine, changed = places[0], box
    for coarse in places[1:]:
        if not has_chunks(coarse):
            continue
        factor = factor_between(level_of(fine.scale), level_of(coarse.scale), method)
        reached = Box(*downsampled_box(changed.lo, changed.hi, factor, method))
        reached = made_together(reached, factor, method).intersection(coarse.scale.box)
        if reached.empty:
            break  # no stride of this scale meets the box, and so none of a coarser one
        steps += [Step(fine, copy, factor, reached) for copy in coarse.copies]
        if not exact:
            fine, changed = coarse, reached
    return steps


@dataclass(frozen=True, slots=True)
class _Making:
    """One step being done: chunks are made one by one in `makers`, from voxels that `reader` reads."""

    step: Step
    method: str
    missing: Missing
    running: Running
    makers: Resources
    reader: Resources

    def run(self) -> Iterator[Remade]:
        """Make all chunks, and yield what they came to when they are written."""
        place = replace(self.step.coarse, compression=writable_compression(self.step.coarse))
        touched = place.grid.touched(self.step.box)
        drop_checksums(place, touched)
        if place.scale.sharding is None:
            stop = Event()
            yield from self._mapped(partial(self._write, place, stop), list(positions_in(touched)), stop)
            return
        for number, members in by_shard(place, touched):
            done: list[Remade] = []
            with place.store.lock(place.shard_key(number)):
                merge_shard(place, number, self._changes(place, members, done))
            yield from done

    def _mapped(
        self, function: Callable[[Triple], R], positions: Sequence[Triple], stop: Event | None = None
    ) -> Iterator[R]:
        pool = self.makers.pool if self.makers.threads > 1 and len(positions) > 1 else None
        return map_in_order(function, positions, pool, self.makers.threads + 1, stop)

    def _write(self, place: Place, stop: Event, position: Triple) -> Remade:
        with place.store.lock(chunk_key(place, position), stop=stop):
            stored, remade = self._make(place, position)
            write_unsharded(place, position, stored)
        return remade

    def _changes(self, place: Place, members: list[tuple[int, Triple]], done: list[Remade]) -> Iterator[Change]:
        made = self._mapped(partial(self._make, place), [position for _, position in members])
        for (chunk_id, _), (stored, remade) in zip(members, made, strict=True):
            done.append(remade)
            yield chunk_id, stored

    def _make(self, place: Place, position: Triple) -> tuple[bytes | None, Remade]:
        """Return one chunk as it shall be stored, None where it is left out, and what was done for it."""
        cell, factor = place.grid.cell(position), self.step.factor
        # The chunk itself, and once more as it is encoded, beside the windows that it is made from.
        own = 2 * place.dtype.itemsize * place.num_channels * math.prod(cell.size)
        finer = StoredVoxels(self.step.fine, self.reader, self.missing)
        memory = self.running.memory // self.makers.threads - own
        voxels = Downsampled(finer.base, place.scale.box, factor, self.method, memory).read(cell)
        read = windows(cell, factor).intersection(finer.base.domain)
        if self.running.skip_empty and not voxels.any():
            stored, counts = None, Counts(skipped=1)
        else:
            stored = encode_stored(place, position, voxels, Box.of_size(cell.size))
            counts = Counts(chunks=1, nbytes=len(stored))
        return stored, Remade(math.prod(cell.size), math.prod(read.size), finer.absent, counts)
