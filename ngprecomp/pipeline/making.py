"""Make the scales of a pyramid: all rounds, one after the other, each reading the last scale of the one before."""

from __future__ import annotations

import math
import tempfile
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from ngprecomp.pipeline.planning import Demand, choose_unit, split_rounds
from ngprecomp.pipeline.running import Job, run_round
from ngprecomp.storage.local import LocalStore
from ngprecomp.volume.indexing import box_selection
from ngprecomp.volume.reading import Missing, read_selection
from ngprecomp.volume.resources import Resources

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Executor

    import numpy as np

    from ngprecomp.chunks.place import Place
    from ngprecomp.format.box import Box, Triple
    from ngprecomp.pipeline.cells import Counts
    from ngprecomp.pipeline.progress import Progress
    from ngprecomp.pipeline.rounds import Round, Target

Voxels = NDArray[Any]
LOSSY = ("jpeg",)


@dataclass(frozen=True, slots=True)
class Base:
    """Where the voxels of the first round come from: a reader of absolute boxes, its domain, its natural block."""

    domain: Box
    read: Callable[[Box, Executor | None], Voxels]
    block: Triple
    dtype: np.dtype[Any]
    num_channels: int


@dataclass(frozen=True, slots=True)
class Running:
    """How a job is run: bytes it may hold, threads, whether all-zero chunks are left out, who is told of progress."""

    memory: int
    workers: int
    progress: Progress
    skip_empty: bool = False


@dataclass(slots=True)
class Made:
    """What was made: counts of each target, and the bytes of voxels read from the base, re-reading included."""

    counts: list[Counts]
    read_bytes: int = 0


def make_scales(base: Base, targets: Sequence[Target], method: str, running: Running) -> Made:
    """Store all targets, each made from the one before it, the first from the base.

    Where chunks are stored with losses, a later round reads a lossless copy of the scale before it, which lies in a
    temporary folder until the job ends: coarse voxels are never made from decoded lossy ones.

    Raises
    ------
    OptionError
        The memory is too little for single chunks.
    """
    made = Made([])
    voxel_bytes = base.dtype.itemsize * base.num_channels
    demand = Demand(voxel_bytes, running.workers, base.block)
    rounds = split_rounds(base.domain, targets, method, demand, running.memory)
    tell = _counted(running.progress, sum(math.prod(one.targets[0].grid.domain.size) for one in rounds))
    with tempfile.TemporaryDirectory(prefix="ngprecomp-") as spool, closing(Resources(running.workers)) as threads:
        source = base
        for number, planned in enumerate(rounds):
            last = number == len(rounds) - 1
            this = planned if last else _with_lossless_copy(planned, f"{spool}/{number}")
            job = Job(
                this,
                _reader(source, threads),
                choose_unit(this, replace(demand, block=source.block), running.memory),
                threads.pool,
                running.workers + 1,
                tell,
                running.skip_empty,
                spool,
            )
            outcome = run_round(job)
            made.counts += outcome.counts
            if number == 0:
                made.read_bytes = outcome.voxels_read * voxel_bytes
            if not last:
                source = StoredVoxels(this.targets[-1].places[-1], threads).base
    return made


def _counted(progress: Progress, total: int) -> Callable[[int], None]:
    """Return a function that is told how much more is finished, and tells `progress` how much in all."""
    done = 0

    def tell(more: int) -> None:
        nonlocal done
        done += more
        progress(done, total)

    return tell


def _reader(base: Base, threads: Resources) -> Callable[[Box], Voxels]:
    return lambda box: base.read(box, threads.pool)


def _with_lossless_copy(job: Round, folder: str) -> Round:
    """Return the round with a raw copy of its last target, if that is stored with losses."""
    top = job.targets[-1]
    lossy = top.places[-1]
    if lossy.scale.encoding not in LOSSY:
        return job
    scale = replace(
        lossy.scale, key="lossless", voxel_offset=top.grid.domain.lo, encoding="raw", jpeg_quality=None, sharding=None
    )
    copy = replace(lossy, store=LocalStore(folder), folder=scale.key, scale=scale, compression="")
    return replace(job, targets=(*job.targets[:-1], replace(top, places=(*top.places, copy))))


class StoredVoxels:
    """A stored scale as the base of a round; counts the absent chunks that it met."""

    def __init__(self, place: Place, threads: Resources, missing: Missing = "zero") -> None:
        self._place = place
        self._threads = threads
        self._missing: Missing = missing
        self.absent = 0

    def read(self, box: Box, _: Executor | None = None) -> Voxels:
        """Return a box of voxels [x, y, z, channel], absolute coordinates."""
        selection = box_selection(box, self._place.num_channels)
        voxels, absent = read_selection(self._place, selection, self._missing, self._threads)
        self.absent += absent
        return voxels

    @property
    def base(self) -> Base:
        """The scale as a base."""
        place = self._place
        return Base(place.scale.box, self.read, place.scale.chunk_size, place.dtype, place.num_channels)
