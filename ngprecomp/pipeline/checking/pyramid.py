"""Whether a coarser scale is made from a finer one: by which method, and which chunks are stale or missing."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ngprecomp.errors import OptionError
from ngprecomp.format.box import Box, Triple
from ngprecomp.format.grid import positions_in
from ngprecomp.kernels.downsample import METHODS, downsampled_box
from ngprecomp.pipeline.checking.explaining import Difference, Step, difference, leaves_windows
from ngprecomp.pipeline.checking.findings import Kind
from ngprecomp.pipeline.checking.repairing import MissingChunks
from ngprecomp.pipeline.engine.rounds import windows
from ngprecomp.pipeline.pyramids.levels import factor_between, level_of
from ngprecomp.pipeline.report import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ngprecomp.chunks.place import Place
    from ngprecomp.pipeline.checking.presence import Presence
    from ngprecomp.pipeline.checking.walk import Checking
    from ngprecomp.volume.resources import Resources

STALE = Kind("error", "ngprecomp pyramid VOLUME --box makes the coarser scales anew over it")
MISSING = Kind("error", "--repair makes it")
UNCOVERED = Kind("warning", "ngprecomp pyramid makes scales that cover all voxels")
INCOMPARABLE = Kind("hint")
CROPPED = Kind("hint", "a box cut out of a larger volume is like that")
IN_ANOTHER_WAY = Kind("hint", "no method known here makes such voxels")
ODD = Kind("warning", "ngprecomp pyramid makes the coarser scales anew")

SAMPLE = 16  # chunks of each coarser scale that are compared unless all are
HOLES = 64  # chunks above absent finer ones that are compared besides
FEW = 0.1  # the share of voxels that another rule for ties may choose otherwise
LARGEST_WINDOW = 1 << 27  # voxels of the first scale from which one chunk is made, if only to try a method
LOSSY_STEP = 32.0  # mean grey values between two lossy copies that have nothing else to be compared with


@dataclass(frozen=True, slots=True)
class Looked:
    """A scale whose chunks were decoded, which of them are there, and how many have a checksum."""

    place: Place
    presence: Presence
    summed: int


@dataclass(frozen=True, slots=True)
class Made:
    """How the coarser scales were made: the method and whether it is recorded, and whether from the first scale."""

    method: str
    recorded: bool
    exact: bool


def check_coarser(
    fine: Looked, coarse: Looked, first: Looked | None, made: Made, checking: Checking, reader: Resources
) -> None:
    """Compare a scale with the `fine` one that it is made from: some chunks, or all for a full check.

    `first` is the first scale, if that was looked at: tools make coarser scales from it too.
    """
    factor = _factor(fine.place, coarse.place, checking)
    if factor is None or not coarse.presence.count:
        return
    memory = checking.memory // (2 * checking.threads.threads)  # the other half: what is compared
    usual = Step(fine.place, coarse.place, factor, made.method, memory, reader)
    sample = coarse.presence.sample(SAMPLE)
    holes = itertools.islice(_above_holes(fine, coarse, factor), None if checking.full else HOLES)
    chosen: Iterable[Triple] = coarse.presence if checking.full else dict.fromkeys([*sample, *holes])
    if usual.lossy:
        way = usual
        _check_lossy(way, sample, chosen, checking)
    else:
        candidates = [*_candidates(usual), *_from_the_first(first, usual)]
        found = _explaining(candidates, sample, made, checking)
        way = found or usual
        _check_lossless(way, chosen, made, checking, known=found is not None)
    _check_missing(way, _below_present(fine, coarse, factor), checking)


def _factor(fine: Place, coarse: Place, checking: Checking) -> Triple | None:
    """Return the factor between two scales, and report voxels that one of them does not cover; None: no integer."""
    where = f"scale {coarse.scale.key}"
    try:
        factor = factor_between(level_of(fine.scale), level_of(coarse.scale), "mean")
    except OptionError as error:
        ratios = [b / a for a, b in zip(fine.scale.resolution, coarse.scale.resolution, strict=True)]
        whole = all(math.isclose(ratio, max(1, round(ratio)), rel_tol=1e-3) for ratio in ratios)
        checking.findings.add(UNCOVERED if whole else INCOMPARABLE, f"not compared: {error}", where)
        return None
    covers = [Box(*downsampled_box(fine.scale.box.lo, fine.scale.box.hi, factor, way)) for way in ("mean", "stride")]
    if not any(coarse.scale.box.contains(box) for box in covers):
        what = f"covers {coarse.scale.box}, but the voxels of scale {fine.scale.key} reach over {covers[0]}"
        checking.findings.add(UNCOVERED, what, where)
    return factor


def _candidates(usual: Step) -> Iterator[Step]:
    """Yield the step by each method that makes all voxels of the coarse scale, the usual one first."""
    box, labels = usual.fine.scale.box, usual.coarse.dtype.kind in "iu"
    for method in dict.fromkeys([usual.method, *METHODS]):
        reachable = Box(*downsampled_box(box.lo, box.hi, usual.factor, method))
        if reachable.contains(usual.coarse.scale.box) and (labels or method != "thin"):
            yield usual.by(method)


def _from_the_first(first: Looked | None, usual: Step) -> Iterator[Step]:
    """Yield the usual step from the first scale, unless that is usual already or would read too much."""
    if first is None or first.place == usual.fine or usual.method == "thin":
        return
    coarse = usual.coarse
    try:
        factor = factor_between(level_of(first.place.scale), level_of(coarse.scale), "mean")
    except OptionError:
        return
    if math.prod(coarse.scale.chunk_size) * math.prod(factor) <= LARGEST_WINDOW:
        yield replace(usual, fine=first.place, factor=factor)


def _compared(
    step: Step, positions: Iterable[Triple], checking: Checking
) -> Iterator[tuple[Triple, Difference | None]]:
    """Yield chunks with their differences from what the step makes."""
    return checking.map_chunks(step.coarse, partial(_compare, step), positions)


def _compare(step: Step, position: Triple) -> tuple[Triple, Difference | None]:
    return position, difference(step, position)


def _explaining(candidates: Sequence[Step], sample: Sequence[Triple], made: Made, checking: Checking) -> Step | None:
    """Return the step that makes most of the sampled chunks; None if it makes less than half, and none is recorded.

    Chunks of one value say nothing, because every method makes them.
    """
    best, most = candidates[0], -1
    total = 0
    for step in candidates:
        telling = [found for _, found in _compared(step, sample, checking) if found and found.telling]
        explained = sum(found.same for found in telling)
        total = max(total, len(telling))
        if explained > most:
            best, most = step, explained
        if explained == len(telling):
            break
    if 2 * most >= total:
        return best
    return candidates[0] if made.recorded else None


def _check_lossless(step: Step, positions: Iterable[Triple], made: Made, checking: Checking, *, known: bool) -> None:
    """Report chunks that the step does not make; where it is not `known`, those that no method can make."""
    within, finer = step.coarse.folder, step.fine.scale.key
    foreign = 0
    for position, found in _compared(step, positions, checking):
        if found is None or found.same:
            continue
        where = _where(step.coarse, position)
        if known and found.at_border:
            checking.findings.add(CROPPED, f"only voxels whose windows leave scale {finer} differ", where, within)
        elif known and (made.recorded or found.share > FEW):
            what = f"{found.share:.0%} of its voxels are not what {step.method} makes of scale {finer}"
            checking.findings.add(STALE, what, where, within)
        elif leaves_windows(step, position):
            what = f"has voxels below or above all those of scale {finer} that they stand for"
            checking.findings.add(STALE if known else ODD, what, where, within)
        else:
            foreign += 1
    if foreign:
        what = f"{counted(foreign, 'chunk')} of those compared may come from scale {finer}, otherwise chosen"
        checking.findings.add(IN_ANOTHER_WAY, what, within)


def _check_lossy(step: Step, sample: Iterable[Triple], positions: Iterable[Triple], checking: Checking) -> None:
    """Report chunks that are much farther from what the step makes than their neighbours are."""
    means = [found.mean for _, found in _compared(step, sample, checking) if found]
    limit = max(8.0, 4 * float(np.median(means))) if len(means) > 2 else LOSSY_STEP
    for position, found in _compared(step, positions, checking):
        if found is not None and found.mean > limit:
            what = (
                f"its voxels are up to {found.mean:.0f} grey values away from what {step.method} makes of scale "
                f"{step.fine.scale.key}, the others at most {limit:.0f}"
            )
            checking.findings.add(STALE, what, _where(step.coarse, position), step.coarse.folder)


def _check_missing(step: Step, positions: Iterable[Triple], checking: Checking) -> None:
    """Report absent chunks of the coarse scale whose finer voxels are not zero."""
    missing = []
    for position, found in _compared(step, positions, checking):
        if found is not None and not found.same:
            missing.append(position)
            what = f"is absent, but scale {step.fine.scale.key} has voxels other than zero there"
            checking.findings.add(MISSING, what, _where(step.coarse, position), step.coarse.folder)
    if missing:
        repair = MissingChunks(step.fine, step.coarse, step.factor, step.method, tuple(missing))
        checking.repairs.append(repair)


def _above_holes(fine: Looked, coarse: Looked, factor: Triple) -> Iterator[Triple]:
    """Yield the coarse chunks that are there over finer ones that are not."""
    if fine.presence.absent:
        for position in coarse.presence:
            window = windows(coarse.place.grid.cell(position), factor)
            if any(below not in fine.presence for below in positions_in(fine.place.grid.touched(window))):
                yield position


def _below_present(fine: Looked, coarse: Looked, factor: Triple) -> list[Triple]:
    """Return the coarse chunks that are absent over finer ones that are there."""
    if not coarse.presence.absent:
        return []
    found: dict[Triple, None] = {}
    for position in fine.presence:
        cell = fine.place.grid.cell(position)
        reached = Box(*downsampled_box(cell.lo, cell.hi, factor, "mean"))
        found.update(dict.fromkeys(positions_in(coarse.place.grid.touched(reached))))
    return [position for position in found if position not in coarse.presence]


def _where(place: Place, position: Triple) -> str:
    return f"scale {place.scale.key}, chunk {place.grid.cell(position)}"
