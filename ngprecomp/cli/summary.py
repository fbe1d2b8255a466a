"""A volume's ``info`` for people."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ngprecomp.errors import MetadataError
from ngprecomp.format.sharding import Sharding, chunks_per_shard, shard_count, write_chunk_shape
from ngprecomp.pipeline.report import megabytes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ngprecomp.format.info import Info
    from ngprecomp.format.scale import Scale


def summary(info: Info) -> str:
    """Return what `info` says, for people; a scale that cannot be read is listed with the reason."""
    channels = _counted(info.num_channels, "channel")
    lines = [f"{info.type} of {info.data_type}, {channels}, {_counted(len(info.scales), 'scale')}"]
    if info.extra:
        lines.append(f"also declares {', '.join(sorted(info.extra))}")
    for index in range(len(info.scales)):
        try:
            scale = info.scale(index, max_chunk_bytes=None)
        except MetadataError as error:
            lines += ["", f"scale {index} cannot be read", *(f"  {problem}" for problem in error.problems)]
            continue
        lines += ["", f"scale {index}: {scale.key}"]
        lines += [f"  {name:<13} {text}" for name, text in _described(scale, info)]
    return "\n".join(lines)


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
    nbytes = math.prod(scale.size) * info.num_channels * info.dtype.itemsize
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
