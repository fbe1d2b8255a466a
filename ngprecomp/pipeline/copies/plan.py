"""Plan a copy: which scales, stored how, whether that needs decoding, and what comes along."""

from __future__ import annotations

import math
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cache, reduce
from typing import TYPE_CHECKING, Any

from ngprecomp.chunks.checksums import CHECKSUM_FOLDER
from ngprecomp.chunks.coding import encoding_of
from ngprecomp.chunks.listing import writable_compression
from ngprecomp.errors import MetadataError, OptionError
from ngprecomp.format.encodings import WRITABLE, encoding_problems
from ngprecomp.format.info import Info, with_scale
from ngprecomp.format.layout import default_data_encoding
from ngprecomp.format.sharding import ShardEncoding, shard_count
from ngprecomp.pipeline.conversion.sampling import sample_boxes
from ngprecomp.pipeline.conversion.scales import shard_data_encoding
from ngprecomp.pipeline.conversion.volume_source import VolumeSource
from ngprecomp.pipeline.copies.copied_scales import CopyOptions, chosen_scales, copied_scale, parts_under, with_sharding
from ngprecomp.pipeline.copies.sidecars import Sidecar, belongings, without_belongings
from ngprecomp.pipeline.copies.transfer import Transfer
from ngprecomp.pipeline.engine.lossless_copies import LOSSY
from ngprecomp.pipeline.report import counted
from ngprecomp.volume.creating import Storage
from ngprecomp.volume.opening import open_volume, read_scale
from ngprecomp.volume.places import (
    INFO_KEY,
    JOURNAL_FOLDER,
    JOURNAL_KEY,
    PROVENANCE_KEY,
    check_new_scale,
    folder_of,
    place_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ngprecomp.chunks.place import Place
    from ngprecomp.format.box import Box, Triple
    from ngprecomp.format.scale import Scale
    from ngprecomp.storage.protocol import Store

GZIP_FILES = "remark: on a disk TensorStore reads compressed chunk files as zeros, CloudVolume reads them"


@dataclass(frozen=True, slots=True)
class CopyPlan:
    """What a copy does: the ``info`` that it ends with, where the chunks of each scale go, what comes along.

    A scale that is stored with several chunk sizes has a transfer for each of them.
    """

    source: str
    destination: str
    info: Info
    transfers: tuple[Transfer, ...]
    sidecars: tuple[Sidecar, ...]
    provenance: bool
    notes: tuple[str, ...]

    @property
    def voxels(self) -> int:
        """Voxels of all transfers."""
        return sum(math.prod(transfer.target.scale.size) for transfer in self.transfers)

    def __str__(self) -> str:
        lines = [f"copy: {self.source} to {self.destination}", *(f"  {note}" for note in self.notes)]
        for transfer in self.transfers:
            scale = transfer.target.scale
            lines.append(f"  scale {scale.key}: {' x '.join(map(str, scale.size))}, {_objects(scale)}")
        return "\n".join([*lines, "  nothing is written yet"])


def plan_copy(source: Store, info: Info, target: Store, options: CopyOptions) -> CopyPlan:
    """Return what a copy of a volume and its `info` does; reads nothing but a few chunks and the names of files.

    Raises
    ------
    OptionError
        An option is invalid, or contradicts the volume.
    OutOfBoundsError
        The box leaves the finest scale that is copied.
    """
    _check_compression(options)
    scales = [read_scale(source, info, index) for index in chosen_scales(info, options.scales)]
    pairs, notes = _in_the_box(scales, parts_under(options.box, scales))
    old = [scale for scale, _ in pairs]
    new, why = _new_scales(source, info, pairs, options)
    whole = [INFO_KEY, PROVENANCE_KEY, JOURNAL_KEY, JOURNAL_FOLDER, CHECKSUM_FOLDER, *map(folder_of, [*old, *new])]
    along = belongings(source, info, whole) if options.sidecars else without_belongings(info)
    copied = _new_info(info, along.members, new)
    transfers = [
        transfer
        for before, scale in zip(old, new, strict=True)
        for transfer in _transfers(place_of(source, info, before), place_of(target, copied, scale), options)
    ]
    for transfer in transfers:
        _refuse_unwritable(transfer, copied)
    notes += [note for transfer in transfers for note in _notes(transfer)]
    if options.compress in ("gzip", "plain-gzip"):
        notes.append(GZIP_FILES)
    said = (*notes, *why, *along.notes)
    return CopyPlan(source.url, target.url, copied, tuple(transfers), along.sidecars, along.provenance, said)


def _in_the_box(scales: Sequence[Scale], parts: Sequence[Box]) -> tuple[list[tuple[Scale, Box]], list[str]]:
    """Return the scales with their parts, without those of which a box leaves nothing, and what is said of these."""
    pairs, notes = [], []
    for scale, part in zip(scales, parts, strict=True):
        if part.empty and not scale.box.empty:
            notes.append(f"remark: scale {scale.key} has no voxel in the box and is left out")
        else:
            pairs.append((scale, part))
    return pairs, notes


def _check_compression(options: CopyOptions) -> None:
    if options.compress not in (None, "none", "gzip", "plain-gzip"):
        raise OptionError(f"compress is one of none, gzip, plain-gzip, found {options.compress!r}")
    if options.compress_level is not None and not 0 <= options.compress_level <= 12:
        raise OptionError(f"the level of gzip is 0 to 12, found {options.compress_level}")


def _new_scales(
    source: Store, info: Info, pairs: Sequence[tuple[Scale, Box]], options: CopyOptions
) -> tuple[list[Scale], list[str]]:
    """Return the scales of the copy, and what is said of how their shards compress."""
    notes: list[str] = []

    @cache
    def sampled(encoding: str) -> ShardEncoding:
        if encoding not in WRITABLE:
            return default_data_encoding(encoding)
        index = chosen_scales(info, options.scales)[0]
        with closing(VolumeSource(open_volume(source.url, index))) as voxels:
            samples = sample_boxes(voxels, voxels.block)
        data_encoding, why = shard_data_encoding(samples, Storage(encoding))
        notes.append(f"chunks in shards are {data_encoding}: {why}")
        return data_encoding

    plain = [copied_scale(scale, part, options.storage) for scale, part in pairs]
    _new_info(info, {}, plain)  # what is impossible is refused before a chunk is read
    return with_sharding([scale for scale, _ in pairs], plain, options, sampled), notes


def _new_info(info: Info, members: Mapping[str, Any], scales: Sequence[Scale]) -> Info:
    """Return the volume with other scales and other members beside them."""
    try:
        new = reduce(with_scale, scales, replace(info, scales=(), extra=members))
    except MetadataError as error:
        raise OptionError("; ".join(map(str, error.problems))) from None
    for index in range(len(scales)):
        check_new_scale(new, index)
    return new


def _transfers(source: Place, target: Place, options: CopyOptions) -> list[Transfer]:
    """Return a transfer for each chunk size of the target, from the same one of the source if there is such."""
    if options.compress is not None and target.scale.sharding is not None:
        raise OptionError(f"scale {target.scale.key} will be sharded: its sharding says what is compressed")
    kept = writable_compression(source) if options.compress is None else options.compress
    compression = "" if kept == "none" else kept
    target = replace(
        target, compression=compression, compress_level=options.compress_level, checksums=options.checksums
    )
    stored = {place.scale.chunk_size: place for place in reversed(source.copies)}
    return [Transfer(stored.get(copy.scale.chunk_size, source.copies[0]), copy) for copy in target.copies]


def _refuse_unwritable(transfer: Transfer, info: Info) -> None:
    """Refuse to encode what we only read."""
    scale = transfer.target.scale
    if transfer.as_stored and not transfer.cuts:
        return
    problems = encoding_problems(scale.encoding, info.data_type, info.num_channels, f"scale {scale.key}", writing=True)
    if problems:
        raise OptionError("; ".join(map(str, problems)))


def _notes(transfer: Transfer) -> list[str]:
    """Say how the chunks of a scale are copied, and where it has another key."""
    old, new = transfer.source.scale, transfer.target.scale
    notes = []
    if old.key != new.key:
        notes.append(f"remark: scale {old.key!r}, outside of its volume, has the key {new.key!r} here")
    if not transfer.as_stored:
        notes.append(f"scale {new.key}: decoded and encoded anew: {_change(transfer)}")
        if old.encoding in LOSSY and new.encoding in LOSSY:
            notes.append(f"remark: scale {new.key} loses by {new.encoding} once more")
        return notes
    shards = ", in the same shards" if transfer.whole_shards else ""
    notes.append(f"scale {new.key}: chunks as they are{shards}")
    if transfer.cuts:
        notes.append(f"scale {new.key}: chunks that the box cuts are encoded anew")
    if new.encoding not in WRITABLE:
        notes.append(f"scale {new.key}: absent chunks stay absent, {new.encoding} is only read")
    return notes


def _change(transfer: Transfer) -> str:
    """Say why chunks must be decoded."""
    old, new = transfer.source, transfer.target
    if encoding_of(old.scale) != encoding_of(new.scale):
        return f"{_encoding(old.scale)} to {_encoding(new.scale)}"
    if old.grid.chunk != new.grid.chunk:
        return f"chunks of {_times(old.grid.chunk)} to {_times(new.grid.chunk)} voxels"
    return "the box begins inside of chunks"


def _encoding(scale: Scale) -> str:
    if scale.compressed_segmentation_block_size is not None:
        return f"{scale.encoding} with blocks of {_times(scale.compressed_segmentation_block_size)}"
    if scale.jpeg_quality is not None:
        return f"{scale.encoding} of quality {scale.jpeg_quality}"
    return scale.encoding if scale.png_level is None else f"{scale.encoding} of level {scale.png_level}"


def _objects(scale: Scale) -> str:
    chunks = counted(math.prod(scale.grid.shape), "chunk")
    if scale.sharding is None:
        return chunks
    return f"{chunks} in {counted(shard_count(scale.sharding, scale.grid.shape), 'shard')}"


def _times(size: Triple) -> str:
    return "x".join(map(str, size))
