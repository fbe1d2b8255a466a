"""Whether a job reads its source itself or a spool of it, and the spool while the job runs.

A page that holds more voxels than the memory holds slabs of would be decoded again for every column of units that
touches it. Such a source is decoded once, page by page, into a spool; a unit then is one long read of raw voxels.
"""

from __future__ import annotations

import itertools
import math
import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from ngprecomp.errors import OptionError, StorageError
from ngprecomp.format.box import Box, Triple, triple
from ngprecomp.format.grid import ceil_div
from ngprecomp.pipeline.conversion.spool import Layout, SpooledSource, fill, storage_order
from ngprecomp.pipeline.engine.footprints import Cut, cut_rounds
from ngprecomp.pipeline.engine.lossless_copies import copies_are_kept
from ngprecomp.pipeline.engine.rounds import Target
from ngprecomp.pipeline.engine.units import ALLOCATOR, DECODING, Demand, unit_steps
from ngprecomp.pipeline.report import megabytes
from ngprecomp.storage.memory import MemoryStore
from ngprecomp.storage.temporary import Temporary, is_abandoned
from ngprecomp.volume.places import place_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ngprecomp.pipeline.conversion.choices import Choices
    from ngprecomp.pipeline.conversion.plan import Options, Plan
    from ngprecomp.sources.protocol import Source

TOO_OFTEN = 2  # decodings of a block from which on a raw copy, written and read once, is cheaper
PIECE_BYTES = 256 << 20  # larger ones do not make the writes longer by much
NAME = "ngprecomp-spool"


@contextmanager
def spooled(source: Source, layout: Layout | None, spool_dir: str | None) -> Iterator[Source]:
    """Yield the source if there is no layout, else its copy in a spool, which is removed whatever ends the job."""
    if layout is None:
        yield source
        return
    with Temporary(os.path.join(_folder(spool_dir), NAME)) as file:
        fill(file, source, layout)
        yield SpooledSource(source, layout, file.path)


def choose_spool(source: Source, plan: Plan, options: Options) -> Layout | None:
    """Return the layout of the spool that a job needs, None if it can read the source itself.

    Spools that killed processes left in the folder are removed.

    Raises
    ------
    OptionError
        The memory does not hold the job, or not one block of the source.
    StorageError
        The folder of the spool is none, or has too little room.
    """
    layout = planned_spool(source, plan, options)
    if layout is not None:
        if copies_are_kept(options.running):
            raise OptionError(
                f"{source.name} decodes blocks of {source.block} voxels and must pass through a temporary copy on this "
                "machine, which other machines and processes do not see; give "
                f"{megabytes(_enough(source, plan, options))} of memory, or let this machine alone convert it"
            )
        folder = _folder(options.running.spool_dir)
        if not os.path.isdir(folder):
            raise StorageError(f"the folder of temporary files {folder} does not exist")
        _sweep(folder)
        free = shutil.disk_usage(folder).free
        if free < layout.nbytes:
            raise StorageError(
                f"{source.name} decodes blocks of {source.block} voxels and must pass through a temporary copy of "
                f"{megabytes(layout.nbytes)}, but {folder} has {megabytes(free)} free; choose another folder "
                f"(spool_dir), or give {megabytes(_enough(source, plan, options))} of memory"
            )
    return layout


def planned_spool(source: Source, plan: Plan, options: Options) -> Layout | None:
    """Return the layout of the spool that a job needs, wherever it may lie; nothing is touched.

    A job needs one if the cheapest units within its memory decode each block of the source `TOO_OFTEN`. The tile is as
    wide as a unit of a job that reads raw voxels; the columns run along the axis along which blocks are thinnest.

    Raises
    ------
    OptionError
        The memory does not hold the job, or not one block of the source.
    """
    demand, memory = source_demand(source, plan.choices, options.running.workers), options.running.memory
    if _decodings(plan, options, demand, memory) < TOO_OFTEN:
        return None
    cut = cut_rounds(*_work(plan, options), replace(demand, block=(1, 1, 1), origin=None), memory)[0]
    along = min(range(3), key=lambda axis: (source.block[axis], -axis))
    part = plan.levels[0].box.relative_to(plan.choices.voxel_offset)
    unit = unit_steps(cut.round, cut.unit)
    tile = triple(part.size[axis] if axis == along else min(unit[axis], part.size[axis]) for axis in range(3))
    return Layout(part, along, tile, *_piece(source, part, along, options), source.dtype, source.shape[3])


def cut_conversion(source: Source, plan: Plan, options: Options) -> list[Cut]:
    """Return the rounds of a conversion that reads `source`, with units and footprints; nothing is touched.

    Raises
    ------
    OptionError
        The memory is too little for single chunks.
    """
    demand = source_demand(source, plan.choices, options.running.workers)
    return cut_rounds(*_work(plan, options), demand, options.running.memory)


def cut_exact(plan: Plan, options: Options) -> list[tuple[Cut, Demand]]:
    """Return the rounds that make the coarser scales where each is made from the finest one, with what they ask for.

    Raises
    ------
    OptionError
        Half of the memory is too little for single chunks.
    """
    store, cuts = MemoryStore("plan"), []
    demand = Demand(plan.choices.dtype.itemsize * plan.info.num_channels, options.running.workers, (1, 1, 1))
    for index in range(1, len(plan.levels)):
        place = place_of(store, plan.info, plan.info.scale(index))
        target = Target(place.grid, (1, 1, 1), (place,))
        (cut,) = cut_rounds(place.grid.domain, [target], plan.method, demand, options.running.memory // 2)
        cuts.append((cut, demand))
    return cuts


def source_demand(source: Source, choices: Choices, workers: int) -> Demand:
    """Return what a round that reads `source` asks for.

    A unit is held once more while another order of axes or another data type is made of it.
    """
    channels = source.shape[3]
    voxel, stored = source.dtype.itemsize * channels, choices.dtype.itemsize * channels
    letters = [letter for letter in source.axes if letter in "xyzc-"]
    reordered = letters != [letter for letter in "czyx" if letter in letters]
    converted = choices.contrast is not None or source.dtype != choices.dtype
    held = max(voxel + voxel * reordered, voxel + stored * converted)
    return Demand(stored, workers, source.block, choices.voxel_offset, voxel, held, apart=True)


def _work(plan: Plan, options: Options) -> tuple[Box, list[Target], str]:
    """Return base, targets and method of what reads the source; the places have a store that nobody writes to.

    Coarser scales that are exact read the finest one, not the source.
    """
    store = MemoryStore("plan")
    count = 1 if options.exact else len(plan.levels)
    places = [place_of(store, plan.info, plan.info.scale(index)) for index in range(count)]
    targets = [Target(place.grid, level.factor, (place,)) for place, level in zip(places, plan.levels, strict=False)]
    return plan.levels[0].box, targets, plan.method


def _decodings(plan: Plan, options: Options, demand: Demand, memory: int) -> float:
    """Return how often a job decodes each block of its source; infinitely often if one block is too much for it."""
    try:
        cut = cut_rounds(*_work(plan, options), demand, memory)[0]
    except OptionError:
        return math.inf
    return cut.amplification(demand)


def _piece(source: Source, part: Box, along: int, options: Options) -> tuple[Triple, int, int]:
    """Return the voxels to read at a time, how many threads may help to decode them, and the bytes that this takes.

    A piece is whole blocks, longest along the fastest axis of a tile; it is held as it is read, and once more in
    another order.
    """
    memory = options.running.memory
    voxel = source.dtype.itemsize * source.shape[3]
    block = triple(map(min, source.block, source.shape[:3]))
    usable = memory - memory // (ALLOCATOR + 1)
    decoding = DECODING * voxel * math.prod(block)
    helpers = max(0, min(options.running.workers, usable // 2 // decoding - 1))
    left = min(max(PIECE_BYTES, 2 * voxel * math.prod(block)), usable - (helpers + 1) * decoding) // (2 * voxel)
    if left < math.prod(block):
        need = (decoding + 2 * voxel * math.prod(block)) * (ALLOCATOR + 1) // ALLOCATOR
        raise OptionError(
            f"memory of {memory} bytes is too little: {source.name} is decoded in blocks of {block} voxels, which "
            f"takes {need} bytes; give more memory"
        )
    piece = list(block)
    for axis in reversed(storage_order(along)):
        most = min(left // (math.prod(piece) // piece[axis]), ceil_div(part.hi[axis], block[axis]) * block[axis])
        piece[axis] = most // block[axis] * block[axis]
    held = (helpers + 1) * decoding + 2 * voxel * math.prod(piece)
    return triple(piece), helpers, held + held // ALLOCATOR


def _folder(spool_dir: str | None) -> str:
    return spool_dir or tempfile.gettempdir()


def _sweep(folder: str) -> None:
    """Remove the spools of dead processes."""
    for name in os.listdir(folder):
        if name.startswith(f".{NAME}.") and is_abandoned(name):
            with suppress(OSError):  # another process is sweeping, too, or they are somebody else's
                os.unlink(os.path.join(folder, name))


def _enough(source: Source, plan: Plan, options: Options) -> int:
    """Return memory with which the job needs no spool, to a factor of 2."""
    demand, memory = source_demand(source, plan.choices, options.running.workers), options.running.memory
    return next(
        enough
        for enough in (memory << bit for bit in itertools.count(1))
        if _decodings(plan, options, demand, enough) < TOO_OFTEN
    )
