"""Which scales of a volume are to be made from which, and how scales that are added are stored."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ngprecomp.chunks.listing import has_chunks, writable_compression
from ngprecomp.errors import OptionError
from ngprecomp.format.layout import sharding_for_shard_size
from ngprecomp.format.names import default_key
from ngprecomp.format.sharding import write_chunk_shape
from ngprecomp.pipeline.engine.rounds import Target
from ngprecomp.pipeline.pyramids.levels import factor_between, level_of, plan_levels
from ngprecomp.volume.places import place_of

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from ngprecomp.chunks.place import Place
    from ngprecomp.format.box import Triple
    from ngprecomp.format.info import Info
    from ngprecomp.format.scale import Scale
    from ngprecomp.pipeline.pyramids.levels import Level
    from ngprecomp.storage.protocol import Store


@dataclass(frozen=True, slots=True)
class Run:
    """Scales that are made one from the other, and the stored scale that the first is made from."""

    base: Place
    targets: tuple[Target, ...]

    @property
    def voxels(self) -> int:
        """How many voxels are made."""
        return sum(math.prod(target.grid.domain.size) for target in self.targets)


def added_scales(scales: Sequence[Scale], levels: int | None, factor: Triple | None, method: str) -> list[Scale]:
    """Return the scales to add behind those that ``info`` declares."""
    last = scales[-1]
    declared = len(scales) - 1
    count = None if levels is None else max(0, levels - declared)
    if levels is None and declared:
        return []
    planned = plan_levels(level_of(last), last.chunk_size, count=count, factor=factor, method=method)
    added = [_stored_like(last, level) for level in planned]
    keys = [scale.key for scale in (*scales, *added)]
    if len(set(keys)) < len(keys):
        raise OptionError(f"two scales would have the same key: {', '.join(keys)}")
    return added


def _stored_like(scale: Scale, level: Level) -> Scale:
    """Return the metadata of a coarser scale that is stored like `scale`, in shards of the same size."""
    sharding = scale.sharding
    if sharding is not None and sharding.hash == "identity":
        shard = write_chunk_shape(sharding, scale.grid.shape, scale.chunk_size, scale.size)
        sharding = sharding_for_shard_size(
            level.box.size, scale.chunk_size, shard, scale.encoding, sharding.data_encoding
        )
    return replace(
        scale,
        key=default_key(level.resolution),
        size=level.box.size,
        voxel_offset=level.box.lo,
        resolution=level.resolution,
        chunk_sizes=(scale.chunk_size,),
        sharding=sharding,
        extra={},
    )


def planned_runs(places: Sequence[Place], finished: Container[str], method: str, *, exact: bool) -> list[Run]:
    """Return what to make: each unbroken row of scales that are not `finished`, from the scale before it.

    With `exact` all are made from the first scale.
    """
    runs: list[Run] = []
    before = 0  # the scale that the last run ends with
    for index in range(1, len(places)):
        coarse = places[index]
        if coarse.scale.key in finished:
            continue
        extends = runs and before == index - 1
        fine = places[index - 1 if extends or not exact else 0]
        factor = factor_between(level_of(fine.scale), level_of(coarse.scale), method)
        first, *others = coarse.copies
        targets = [Target(first.grid, factor, (first,)), *(Target(copy.grid, (1, 1, 1), (copy,)) for copy in others)]
        if extends:
            runs[-1] = Run(runs[-1].base, (*runs[-1].targets, *targets))
        else:
            runs.append(Run(fine, tuple(targets)))
        before = index
    return runs


def finished_scales(places: Sequence[Place], unfinished: Container[str]) -> set[str]:
    """Return the keys of the scales that hold chunks, but for those that a job has left unfinished."""
    return {place.scale.key for place in places if place.scale.key not in unfinished and has_chunks(place)}


def places_of(store: Store, info: Info, scales: Sequence[Scale], *, checksums: bool = False) -> list[Place]:
    """Return where the scales lie; chunk files are compressed as those of the first scale are, if we write that."""
    compression = writable_compression(place_of(store, info, scales[0]))
    return [place_of(store, info, scale, compression=compression, checksums=checksums) for scale in scales]
