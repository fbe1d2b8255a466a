"""Fill the coarser scales of a volume, under a journal that tells unfinished scales from finished ones."""

from __future__ import annotations

import hashlib
import math
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ngprecomp.chunks.listing import chunk_files
from ngprecomp.pipeline.engine.bases import StoredVoxels
from ngprecomp.pipeline.engine.exact import make_exact_scales
from ngprecomp.pipeline.engine.making import Running, make_scales
from ngprecomp.pipeline.report import ScaleReport, scale_report
from ngprecomp.volume.places import refuse_escape
from ngprecomp.volume.resources import Resources

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ngprecomp.chunks.place import Place
    from ngprecomp.pipeline.progress import Progress
    from ngprecomp.pipeline.pyramids.runs import Run
    from ngprecomp.volume.reading import Missing


@dataclass(slots=True)
class Filled:
    """What was made by all runs."""

    scales: list[ScaleReport]
    read_bytes: int = 0
    absent: int = 0
    resumed: int = 0


def fill(runs: Sequence[Run], method: str, missing: Missing, running: Running, *, exact: bool) -> Filled:
    """Make all scales of all runs that the journal does not know as finished."""
    make = make_exact_scales if exact else make_scales
    total = sum(run.voxels for run in runs)
    filled, done = Filled([]), 0
    with closing(Resources(running.workers)) as threads:
        for run in runs:
            voxels = StoredVoxels(run.base, threads, missing)
            step = replace(running, progress=_part(running.progress, done, run.voxels, total))
            made = make(voxels.base, run.targets, method, step)
            filled.read_bytes += made.read_bytes
            filled.absent += voxels.absent + made.absent
            filled.resumed += made.resumed
            filled.scales += [
                scale_report(target.places[0].scale, counts)
                for target, counts in zip(run.targets, made.counts, strict=True)
            ]
            done += run.voxels
            running = replace(running, stage=running.stage + len(run.targets))
    return filled


def written_places(runs: Iterable[Run]) -> list[Place]:
    """Return the places that the runs write to.

    Raises
    ------
    OptionError
        One lies outside of the volume's folder.
    """
    places = [place for run in runs for target in run.targets for place in target.places]
    for place in places:
        refuse_escape(place.scale, "write to")
    return places


def fingerprint_of(runs: Iterable[Run]) -> dict[str, str]:
    """Return what tells whether the chunks that the runs begin with are still the same."""
    return {run.base.scale.key: _digest(run.base) for run in runs}


def _digest(place: Place) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for key in sorted(chunk_files(place)):
        stat = place.store.stat(key)
        digest.update(f"{key} {stat.size} {stat.version}\n".encode())
    return digest.hexdigest()


def _part(progress: Progress, before: int, voxels: int, total: int) -> Progress:
    """Return a progress of one run that tells `progress` of all of them."""
    return lambda done, whole: progress(before + math.floor(voxels * done / max(1, whole)), total)
