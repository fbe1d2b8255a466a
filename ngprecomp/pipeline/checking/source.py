"""Whether a volume holds the voxels of the file that it was made from."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ngprecomp.errors import NgprecompError
from ngprecomp.format.box import Box, Triple, triple
from ngprecomp.format.grid import Grid, positions_in
from ngprecomp.pipeline.checking.explaining import LOSSY
from ngprecomp.pipeline.checking.findings import Kind
from ngprecomp.pipeline.engine.bases import StoredVoxels

if TYPE_CHECKING:
    from ngprecomp.chunks.place import Place
    from ngprecomp.pipeline.checking.walk import Checking
    from ngprecomp.sources.protocol import Source

Voxels = NDArray[Any]

OTHER_VOXELS = Kind("error", "convert the source again, or compare with the right one")
OTHER_SHAPE = Kind("error", "compare with the source that the volume was made from")
PART = Kind("hint")
LOSSES = Kind("hint", "jpeg keeps no voxel exactly")

COPIES = 6  # of a block: stored and decoded on both sides, and where they differ
LOSSY_MEAN = 16.0  # mean grey values that a lossy encoding may change


def check_source(place: Place, source: Source, checking: Checking) -> None:
    """Compare the first scale with a source, block by block, and report how many voxels differ and where."""
    where = f"scale {place.scale.key}"
    if source.shape[3] != place.num_channels:
        what = f"has {place.num_channels} channels, {source.name} has {source.shape[3]}"
        checking.findings.add(OTHER_SHAPE, what, where)
        return
    origin = _origin(place, source)
    common = place.scale.box.intersection(Box.of_size(triple(source.shape[:3]), origin))
    if common.empty:
        whole = Box.of_size(triple(source.shape[:3]), origin)
        checking.findings.add(OTHER_SHAPE, f"covers {place.scale.box}, {source.name} covers {whole}", where)
        return
    if common != place.scale.box:
        what = f"covers {place.scale.box}, {source.name} only {common} of it: nothing else was compared"
        checking.findings.add(PART, what, where)
    _compare(place, source, origin, common, checking)


def _origin(place: Place, source: Source) -> Triple:
    """Return where the first voxel of the source lies.

    A source of exactly the volume's size is all of it, wherever either says that it begins.
    """
    if triple(source.shape[:3]) == place.scale.size or source.voxel_offset is None:
        return place.scale.voxel_offset
    return source.voxel_offset


def _compare(place: Place, source: Source, origin: Triple, common: Box, checking: Checking) -> None:
    stored = StoredVoxels(place, checking.threads)
    differing, distance = 0, 0.0
    first: tuple[Triple, Any, Any] | None = None
    hull = Box((0, 0, 0), (0, 0, 0))
    blocks = _blocks(place, source, common, checking.memory)
    for position in positions_in(blocks.positions):
        block = blocks.cell(position)
        try:
            ours, theirs = stored.read(block), source.read(block.relative_to(origin), checking.threads.pool)
        except (NgprecompError, OSError) as error:
            checking.findings.add(OTHER_VOXELS, f"cannot be compared: {error}", f"{place.scale.key}, {block}", "source")
            continue
        finally:
            checking.tally.add(math.prod(block.size))
        other = _differ(ours, theirs)
        if not other.any():
            continue
        differing += int(np.count_nonzero(other))
        with np.errstate(invalid="ignore"):
            distance += float(np.abs(ours[other].astype(np.float64) - theirs[other]).sum())
        voxels = np.argwhere(other)
        lo, hi = voxels.min(axis=0)[:3], voxels.max(axis=0)[:3] + 1
        hull = hull.hull(Box(triple(lo), triple(hi)).shifted(block.lo))
        if first is None:
            x, y, z, channel = voxels[0].tolist()
            at = triple(np.add((x, y, z), block.lo))
            first = at, ours[x, y, z, channel], theirs[x, y, z, channel]
    if first is not None:
        count = math.prod(common.size) * place.num_channels
        lossy = place.scale.encoding in LOSSY and distance / count <= LOSSY_MEAN
        what = (
            f"{differing} of {count} voxels differ from {source.name}, all within {hull}; the first at {first[0]}: "
            f"{first[1]}, there {first[2]}"
        )
        checking.findings.add(LOSSES if lossy else OTHER_VOXELS, what, f"scale {place.scale.key}")


def _differ(ours: Voxels, theirs: Voxels) -> NDArray[np.bool_]:
    """Return which voxels differ; NaN is NaN, and floats are compared as those that the volume holds."""
    if ours.dtype.kind == theirs.dtype.kind == "f":
        theirs = theirs.astype(ours.dtype)
        both = np.isnan(ours) & np.isnan(theirs)
        return np.asarray((ours != theirs) & ~both, bool)
    return np.asarray(ours != theirs, bool)


def _blocks(place: Place, source: Source, common: Box, memory: int) -> Grid:
    """Cut a box into blocks within the memory: whole chunks, long along x, then y, as pages and slices are."""
    voxel_bytes = COPIES * place.num_channels * max(place.dtype.itemsize, source.dtype.itemsize)
    size = list(place.scale.chunk_size)
    for axis in range(3):
        while size[axis] < common.size[axis] and 2 * math.prod(size) * voxel_bytes <= memory:
            size[axis] *= 2
    return Grid(common, triple(size))
