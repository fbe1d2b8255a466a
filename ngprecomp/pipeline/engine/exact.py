"""Scales that are each made from scale 0, over the whole window that a voxel stands for."""

from __future__ import annotations

import math
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from ngprecomp.format.box import Triple, triple
from ngprecomp.pipeline.engine.bases import Base, StoredVoxels
from ngprecomp.pipeline.engine.downsampled import Downsampled
from ngprecomp.pipeline.engine.lossless_copies import LOSSY
from ngprecomp.pipeline.engine.making import Made, Running, make_scales
from ngprecomp.pipeline.engine.rounds import windows
from ngprecomp.volume.resources import Resources

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    sizes = [math.prod(box.size) for box in boxes]
    # Half of the memory holds the chunks that are made, half the windows that they are made from.
    half = running.memory // 2
    made = Made([])
    source = base
    with closing(Resources(running.workers)) as threads:
        for number, (target, factor) in enumerate(zip(targets, factors, strict=True)):
            alone = replace(target, factor=(1, 1, 1))
            progress = _following(running.progress, sum(sizes[:number]), sizes[number], sum(sizes))
            step = replace(running, progress=progress, stage=running.stage + number)
            if factor == (1, 1, 1):
                _add(made, make_scales(source, [alone], method, step), 1.0)
                if target.places[0].scale.encoding not in LOSSY:
                    source = StoredVoxels(target.places[0], threads).base
            else:
                coarse = Downsampled(source, target.grid.domain, factor, method, half)
                voxels = max(1, math.prod(target.grid.domain.size))
                one = make_scales(_as_base(coarse), [alone], method, replace(step, memory=half))
                _add(made, one, sizes[number] / voxels)
    return made


def _add(made: Made, one: Made, windows: float) -> None:
    """Add one scale, for each voxel of which so many of the base are read on average."""
    made.counts += one.counts
    made.read_bytes += round(one.read_bytes * windows)
    made.resumed += one.resumed
    made.absent += one.absent
    made.decoded_bytes += one.decoded_bytes


def _following(progress: Progress, before: int, voxels: int, total: int) -> Progress:
    """Return the progress of one scale, in voxels of the base."""
    return lambda done, whole: progress(before + voxels * done // max(1, whole), total)


def _from_base(targets: Sequence[Target]) -> list[Triple]:
    """Return the factor from the base to each target."""
    factors, whole = [], (1, 1, 1)
    for target in targets:
        whole = triple(w * f for w, f in zip(whole, target.factor, strict=True))
        factors.append(whole)
    return factors


def _as_base(coarse: Downsampled) -> Base:
    return Base(coarse.domain, coarse, (1, 1, 1), coarse.base.dtype, coarse.base.num_channels)
