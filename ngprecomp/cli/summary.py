"""A volume's ``info`` for people."""

from __future__ import annotations

import math
from itertools import islice
from typing import TYPE_CHECKING

from ngprecomp.chunks.checksums import checksum_documents
from ngprecomp.chunks.listing import chunk_files
from ngprecomp.errors import MetadataError
from ngprecomp.format.encodings import ITEM_BYTES
from ngprecomp.format.sharding import Sharding, chunks_per_shard, shard_count, write_chunk_shape
from ngprecomp.pipeline.report import megabytes
from ngprecomp.volume.places import place_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ngprecomp.format.info import Info
    from ngprecomp.format.scale import Scale
    from ngprecomp.storage.protocol import Store

COUNTED = 10_000  # files of a scale that are looked at one by one


def summary(info: Info, on_disk: Sequence[str] = ()) -> str:
    """Return what `info` says, for people; a scale that cannot be read is listed with the reason.

    `on_disk` says for each scale what lies there.
    """
    channels = _counted(info.num_channels, "channel")
    lines = [f"{info.type} of {info.data_type}, {channels}, {_counted(len(info.scales), 'scale')}"]
    if info.extra:
        lines.append(f"also declares {', '.join(sorted(info.extra))}")
    for index in range(len(info.scales)):
        try:
            scale = info.scale(index, limited=False)
        except MetadataError as error:
            lines += ["", f"scale {index} cannot be read", *(f"  {problem}" for problem in error.problems)]
            continue
        lines += ["", f"scale {index}: {scale.key}"]
        described = [*_described(scale, info), *(("on disk", text) for text in on_disk[index : index + 1])]
        lines += [f"  {name:<13} {text}" for name, text in described]
    return "\n".join(lines)


def disk_usage(store: Store, info: Info) -> list[str]:
    """Return for each scale what its files take, estimated from the first ones where there are very many."""
    return [_usage(store, info, index) for index in range(len(info.scales))]


def _usage(store: Store, info: Info, index: int) -> str:
    try:
        place = place_of(store, info, info.scale(index, limited=False))
    except MetadataError:
        return ""
    summed = ", with checksums" if next(checksum_documents(place), None) else ""
    files = list(islice(chunk_files(place), COUNTED + 1))
    nbytes = sum(store.stat(key).size for key in files[:COUNTED])
    raw = math.prod(place.scale.size) * info.num_channels * ITEM_BYTES[info.data_type]
    if len(files) <= COUNTED:
        share = f", {nbytes / raw:.1%} of the raw bytes" if raw and files else ""
        return f"{nbytes:,} bytes ({megabytes(nbytes)}) in {_counted(len(files), 'file')}{share}{summed}"
    sharding, grid = place.scale.sharding, place.grid.shape
    most = math.prod(grid) if sharding is None else shard_count(sharding, grid)
    return f"about {megabytes(nbytes * most // COUNTED)}, from {COUNTED:,} of up to {most:,} files{summed}"


def _described(scale: Scale, info: Info) -> Iterable[tuple[str, str]]:
    """Yield the lines on one scale, each a name and a text."""
    grid = scale.grid.shape
    yield "size", f"{_times(scale.size)} voxels"
    yield "voxel size", f"{_times(scale.resolution)} nm"
    yield "extent", _extent([size * step for size, step in zip(scale.size, scale.resolution, strict=True)])
    yield "voxel offset", ", ".join(map(str, scale.voxel_offset))
    for chunk in scale.chunk_sizes:
        yield "chunk size", f"{_times(chunk)} voxels"
    yield "chunk grid", f"{_times(grid)} = {_counted(math.prod(grid), 'chunk')}"
    yield "encoding", _encoding(scale)
    yield "sharding", "none: a file for each chunk" if scale.sharding is None else _sharding(scale, scale.sharding)
    nbytes = math.prod(scale.size) * info.num_channels * ITEM_BYTES[info.data_type]
    yield "raw bytes", f"{nbytes:,} ({megabytes(nbytes)})"


def _encoding(scale: Scale) -> str:
    parameters = {
        ", blocks of {} voxels": scale.compressed_segmentation_block_size
        and _times(scale.compressed_segmentation_block_size),
        ", quality {}": scale.jpeg_quality,
        ", level {}": scale.png_level,
    }
    return scale.encoding + "".join(text.format(value) for text, value in parameters.items() if value is not None)


def _sharding(scale: Scale, sharding: Sharding) -> str:
    grid = scale.grid.shape
    count = shard_count(sharding, grid)
    if chunks_per_shard(sharding, grid) is None:
        shards = f"at most {_counted(count, 'shard')}, which are no boxes"
    else:
        shape = write_chunk_shape(sharding, grid, scale.chunk_size, scale.size)
        shards = f"{_counted(count, 'shard')} of {_times(shape)} voxels"
    bits = f"preshift {sharding.preshift_bits}, minishard {sharding.minishard_bits}, shard {sharding.shard_bits} bits"
    encodings = f"data {sharding.data_encoding}, index {sharding.minishard_index_encoding}"
    return f"{shards}; {sharding.hash}, {bits}; {encodings}"


def _extent(lengths: Iterable[float]) -> str:
    """Return lengths in nm as text, in the unit that suits the longest.

    Examples
    --------
    >>> _extent([4096, 2048, 1200]), _extent([2.5e6, 1e5, 0])
    ('4.1 x 2.05 x 1.2 um', '2.5 x 0.1 x 0 mm')
    """
    listed = list(lengths)
    longest = max(listed)
    unit, nm = ("mm", 1e6) if longest >= 1e6 else ("um", 1e3) if longest >= 1e3 else ("nm", 1)
    return f"{' x '.join(f'{length / nm:.3g}' for length in listed)} {unit}"


def _times(numbers: Iterable[float]) -> str:
    return " x ".join(f"{number:.12g}" for number in numbers)


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
