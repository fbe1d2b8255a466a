"""Scales that are each made from scale 0, over the whole window that a voxel stands for."""

from __future__ import annotations

import math
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from ngprecomp.format.box import Box, Triple, triple
from ngprecomp.pipeline.engine.downsampled import Downsampled
from ngprecomp.pipeline.engine.making import LOSSY, Base, Made, Running, StoredVoxels, make_scales
from ngprecomp.pipeline.engine.rounds import windows
from ngprecomp.pipeline.progress import ignore_progress
from ngprecomp.volume.resources import Resources

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Executor

    from ngprecomp.pipeline.engine.downsampled import Voxels
    from ngprecomp.pipeline.engine.rounds import Target
    from ngprecomp.pipeline.progress import Progress


def make_exact_scales(base: Base, targets: Sequence[Target], method: str, running: Running) -> Made:
    """Store all targets, each made from the base: the mode of modes is not the mode.

    The base is read once for each target. Where the first target holds the voxels of the base without loss, it is read
    instead. The factor of each target counts from the target before it, as in `make_scales`. Not for the method thin.

    Raises
    ------
    OptionError
        The memory is too little for a window.
    """
    assert method != "thin", "thin goes from scale to scale"
    factors = _from_base(targets)
    boxes = [
        windows(target.grid.domain, f).intersection(base.domain) for target, f in zip(targets, factors, strict=True)
    ]
    total = sum(math.prod(box.size) for box in boxes)
    read = _Reads(running.progress, total)
    # Half of the memory holds the chunks that are made, half the windows that they are made from.
    step = replace(running, memory=running.memory // 2, progress=ignore_progress)
    made = Made([])
    with closing(Resources(running.workers)) as threads:
        source = read.counted(base)
        for stage, (target, factor) in enumerate(zip(targets, factors, strict=True), running.stage):
            same, step = replace(target, factor=(1, 1, 1)), replace(step, stage=stage)
            if factor == (1, 1, 1):
                one = make_scales(source, [same], method, replace(step, memory=running.memory))
                if target.places[0].scale.encoding not in LOSSY:
                    source = read.counted(StoredVoxels(target.places[0], threads).base)
            else:
                coarse = Downsampled(source, target.grid.domain, factor, method, step.memory)
                one = make_scales(_as_base(coarse), [same], method, step)
            made.counts += one.counts
            made.resumed += one.resumed
    if made.resumed:
        running.progress(total, total)
    made.read_bytes = read.voxels * base.dtype.itemsize * base.num_channels
    return made


def _from_base(targets: Sequence[Target]) -> list[Triple]:
    """Return the factor from the base to each target."""
    factors, whole = [], (1, 1, 1)
    for target in targets:
        whole = triple(w * f for w, f in zip(whole, target.factor, strict=True))
        factors.append(whole)
    return factors


def _as_base(coarse: Downsampled) -> Base:
    return Base(coarse.domain, coarse.read, (1, 1, 1), coarse.base.dtype, coarse.base.num_channels)


class _Reads:
    """Counts the voxels that are read, and tells how far that is."""

    def __init__(self, progress: Progress, total: int) -> None:
        self._progress = progress
        self._total = total
        self.voxels = 0

    def counted(self, base: Base) -> Base:
        """Return the base with a reader that counts."""

        def read(box: Box, pool: Executor | None = None) -> Voxels:
            voxels = base.read(box, pool)
            self.voxels += math.prod(box.size)
            self._progress(self.voxels, self._total)
            return voxels

        return replace(base, read=read)
