"""How many voxels every label of a volume has, where it lies, and where its centre is: one streaming pass."""

from __future__ import annotations

import math
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from ngprecomp.chunks.ordered_map import map_in_order
from ngprecomp.errors import OptionError
from ngprecomp.format.box import Box, Triple, triple
from ngprecomp.format.grid import Grid, positions_in
from ngprecomp.kernels.label_statistics import Statistics, label_statistics
from ngprecomp.pipeline.boxes import BoxLike, voxel_box
from ngprecomp.pipeline.engine.bases import StoredVoxels
from ngprecomp.pipeline.engine.submitting import run_tasks
from ngprecomp.pipeline.engine.task_pools import ExecutorLike, refuse_unseen, share, task_pool
from ngprecomp.pipeline.progress import Progress, ignore_progress
from ngprecomp.pipeline.tables.label_table import LabelTable, Totals
from ngprecomp.volume.opening import ScaleLike, SpecLike, handle_of
from ngprecomp.volume.reading import checked_missing
from ngprecomp.volume.resources import Resources

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ngprecomp.chunks.place import Place
    from ngprecomp.volume.handle import Volume
    from ngprecomp.volume.reading import Missing

ENOUGH_VOXELS = 1 << 25  # larger blocks gain nothing
COPIES = 3  # of a block: as it is read, as rows for the kernel, and what the table and the chunks in flight take


def labels(  # noqa: PLR0913 - a public signature may be long
    volume: Volume | SpecLike,
    *,
    scale: ScaleLike | None = None,
    box: BoxLike | None = None,
    at: ScaleLike | None = None,
    units: str | None = None,
    channel: int | None = None,
    background: int | None = 0,
    missing: Missing = "zero",
    memory: int | str | None = None,
    workers: int | None = None,
    executor: ExecutorLike = None,
    progress: Progress | None = None,
) -> LabelTable:
    """Return the voxel count, bounding box and centroid of every label of a volume.

    Parameters
    ----------
    volume
        An open volume of integers, or a path, URL or JSON spec.
    scale
        An index, key or resolution in nm, x, y, z; the finest scale where not given.
    box, at, units
        ``((x0, x1), (y0, y1), (z0, z1))`` in voxels of that scale, in voxels of another size (``at=(16, 16, 40)``) or
        in lengths (``units="nm"``); all of the scale where not given.
    channel
        Needed where there are several.
    background
        The label that is no object and is left out; None counts every label.
    missing
        What absent chunks are: ``"zero"`` reads zeros and counts them, ``"error"`` raises.
    memory, workers
        Bytes (``"512MB"``) that blocks of voxels may take, and threads (0 or None: one per core). The table comes on
        top, up to 250 bytes for each label.
    executor
        Where blocks are counted, as in `convert`; the table is made here.
    progress
        Called with finished and total voxels.

    Raises
    ------
    OptionError
        The volume holds floats, there are several channels and none is chosen, or the memory is too little.

    Examples
    --------
    >>> import ngprecomp as ng
    >>> vol = ng.create("memory://doc/labels", shape=(8, 8, 8), dtype="uint64", voxel_offset=(100, 0, 0))
    >>> vol[100:102, 0:3, 0] = 2**63
    >>> table = ng.labels(vol)
    >>> table.ids.tolist(), table.voxels.tolist(), table.lo.tolist(), table.hi.tolist(), table.centroids.tolist()
    ([9223372036854775808], [6], [[100, 0, 0]], [[102, 3, 1]], [[100.5, 1.0, 0.0]])
    """
    opened = handle_of(volume, scale)
    if opened.dtype.kind not in "iu":
        raise OptionError(f"{opened.url} holds {opened.dtype} voxels: labels are integers")
    chosen = _channel(opened, channel)
    domain, notes = (opened.box, ()) if box is None else voxel_box(box, opened, at=at, units=units)
    processes, bytes_each, threads = share(executor, memory, workers, remote=False)
    grid = _blocks(opened.place, bytes_each)
    tell, done, total = progress or ignore_progress, 0, math.prod(domain.size)
    totals, absent = Totals(opened.dtype, domain.lo), 0
    blocks = (grid.cell(position).intersection(domain) for position in positions_in(grid.touched(domain)))
    with task_pool(executor, processes) as tasks, closing(Resources(threads)) as resources:
        refuse_unseen(tasks, opened.place.store)
        count = partial(_count_block, opened.place, resources, checked_missing(missing), chosen)
        counted = ((block, count(block)) for block in blocks) if tasks is None else run_tasks(count, blocks, tasks)
        for block, found in counted:
            for statistics, lo in found.slabs:
                totals.add(statistics, lo)
            absent += found.absent
            done += math.prod(block.size)
            tell(done, total)
    return totals.table(opened, domain, background, absent, notes)


def _channel(volume: Volume, channel: int | None) -> int:
    count = volume.shape[3]
    if channel is None and count > 1:
        raise OptionError(f"{volume.url} has {count} channels: choose one of 0 to {count - 1}")
    if channel is not None and not 0 <= channel < count:
        raise OptionError(f"{volume.url} has the channels 0 to {count - 1}, found {channel}")
    return channel or 0


def _blocks(place: Place, memory: int) -> Grid:
    """Cut a scale into blocks of whole chunks within the memory, long along z, since slabs of z are shared out."""
    chunk = place.scale.chunk_size
    voxel_bytes = COPIES * place.dtype.itemsize * place.num_channels
    most = min(memory // voxel_bytes, ENOUGH_VOXELS)
    if math.prod(map(min, chunk, place.scale.size)) * voxel_bytes > memory:
        need = math.prod(chunk) * voxel_bytes
        raise OptionError(f"memory of {memory} bytes is too little: chunks of {chunk} voxels need {need} bytes")
    step = chunk
    while True:
        open_axes = [axis for axis in range(3) if step[axis] < place.scale.size[axis]]
        larger = [triple(2 * n if at == axis else n for at, n in enumerate(step)) for axis in open_axes]
        fitting = [one for one in larger if math.prod(map(min, one, place.scale.size)) <= most]
        if not fitting:
            return Grid(place.scale.box, step)
        step = min(fitting, key=max)


def _slabs(block: Box, count: int) -> list[Box]:
    """Cut a block along z into at most `count` slabs."""
    depth = -(-block.size[2] // count)
    starts = range(block.lo[2], block.hi[2], depth)
    return [Box((block.lo[0], block.lo[1], z), (block.hi[0], block.hi[1], min(z + depth, block.hi[2]))) for z in starts]


@dataclass(frozen=True, slots=True)
class _Block:
    """The statistics of the slabs of a block, each with its first voxel, and how many of its chunks are absent."""

    slabs: list[tuple[Statistics, Triple]]
    absent: int


def _count_block(place: Place, resources: Resources, missing: Missing, channel: int, block: Box) -> _Block:
    """Count a block, here or in another process, where the resources are made anew."""
    stored = StoredVoxels(place, resources, missing)
    voxels = stored.read(block, resources.pool)[..., channel]
    slabs = _slabs(block, resources.threads)
    found = map_in_order(partial(_count_slab, voxels, block.lo), slabs, resources.pool, resources.threads)
    return _Block([(statistics, slab.lo) for slab, statistics in zip(slabs, found, strict=True)], stored.absent)


def _count_slab(voxels: NDArray[Any], lo: Triple, slab: Box) -> Statistics:
    first, end = slab.lo[2] - lo[2], slab.hi[2] - lo[2]
    return label_statistics(voxels[:, :, first:end])
