"""The metadata of the scales of a copy: those of the source, with what is asked for changed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from ngprecomp.errors import MetadataError, OptionError
from ngprecomp.format.box import Box, triple
from ngprecomp.format.info import find_scale
from ngprecomp.format.layout import sharding_for_shard_size
from ngprecomp.format.lengths import MULTIPLE
from ngprecomp.format.names import default_key, escapes
from ngprecomp.format.scale import DEFAULT_JPEG_QUALITY, Scale
from ngprecomp.format.sharding import ShardEncoding, Sharding, parse_sharding, write_chunk_shape
from ngprecomp.pipeline.conversion.scales import ShardSize, resolved_shard_size, with_shards
from ngprecomp.volume.creating import Storage, positive_triple
from ngprecomp.volume.handle import BoxLike, as_box

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ngprecomp.format.info import Info

Compress = Literal["none", "gzip", "plain-gzip"]
Sampled = Callable[[str], ShardEncoding]  # whether chunks of an encoding are gzipped inside shards


@dataclass(frozen=True, slots=True)
class CopyOptions:
    """What shall be copied and how it shall be stored; None, and ``"keep"``, leave it as it is."""

    scales: Any
    box: BoxLike | None
    storage: Storage
    shard_size: ShardSize | Literal["keep"]
    compress: Compress | None
    compress_level: int | None
    sidecars: bool
    checksums: bool = False


def chosen_scales(info: Info, scales: Any) -> list[int]:
    """Return the indices of the scales that are copied: all, one, or those of a list.

    Raises
    ------
    NotFoundError
        There is no such scale.
    OptionError
        The list is empty, or the volume has no scale.
    """
    selectors = range(len(info.scales)) if scales is None else scales if isinstance(scales, list) else [scales]
    indices = sorted({find_scale(info, selector) for selector in selectors})
    if not indices:
        raise OptionError("there is no scale to copy")
    return indices


def parts_under(box: BoxLike | None, scales: Sequence[Scale]) -> list[Box]:
    """Return the part of each scale over a box of the finest one: the voxels whose windows touch the box.

    Raises
    ------
    OptionError
        The box holds no voxel.
    OutOfBoundsError
        The box leaves the finest scale.
    """
    if box is None:
        return [scale.box for scale in scales]
    finest = min(scales, key=lambda scale: math.prod(scale.resolution))
    part = as_box(box, finest.box)
    if part.empty:
        raise OptionError(f"the box {part} holds no voxel: scale {finest.key} is {finest.box}")
    return [_windows(part, finest, scale).intersection(scale.box) for scale in scales]


def _windows(box: Box, finest: Scale, scale: Scale) -> Box:
    ratios = [step / fine for step, fine in zip(scale.resolution, finest.resolution, strict=True)]
    return Box(
        triple(math.floor(lo / ratio + MULTIPLE) for lo, ratio in zip(box.lo, ratios, strict=True)),
        triple(math.ceil(hi / ratio - MULTIPLE) for hi, ratio in zip(box.hi, ratios, strict=True)),
    )


def copied_scale(scale: Scale, part: Box, storage: Storage) -> Scale:
    """Return the scale over a part of its voxels, encoded as asked, not sharded."""
    encoding = storage.encoding or scale.encoding
    same = encoding == scale.encoding
    block, quality, level = (
        (scale.compressed_segmentation_block_size, scale.jpeg_quality, scale.png_level)
        if same
        else (
            (8, 8, 8) if encoding == "compressed_segmentation" else None,
            DEFAULT_JPEG_QUALITY if encoding == "jpeg" else None,
            None,
        )
    )
    chunk_size = positive_triple("chunk_size", storage.chunk_size)
    asked = positive_triple("compressed_segmentation_block_size", storage.compressed_segmentation_block_size)
    return replace(
        scale,
        key=default_key(scale.resolution) if escapes(scale.key) else scale.key,
        size=part.size,
        voxel_offset=part.lo,
        chunk_sizes=(chunk_size,) if chunk_size else scale.chunk_sizes,
        encoding=encoding,
        compressed_segmentation_block_size=asked or block,
        jpeg_quality=quality if storage.jpeg_quality is None else storage.jpeg_quality,
        png_level=level if storage.png_level is None else storage.png_level,
        sharding=None,
    )


def with_sharding(old: Sequence[Scale], new: Sequence[Scale], options: CopyOptions, sampled: Sampled) -> list[Scale]:
    """Return the new scales, sharded as asked or as the old ones are.

    Raises
    ------
    OptionError
        The sharding is invalid or given twice.
    """
    if options.storage.sharding is not None:
        if options.shard_size != "keep":
            raise OptionError("shard_size and sharding both say how to shard: give one of them")
        sharding = _parsed(options.storage.sharding)
        return [_in_shards(scale, sharding) for scale in new]
    pairs = list(zip(old, new, strict=True))
    if isinstance(options.shard_size, str) and options.shard_size == "keep":
        return [_in_shards(scale, _kept_sharding(before, scale, sampled)) for before, scale in pairs]
    size = resolved_shard_size(new, options.shard_size)
    if size is None:
        return list(new)
    sharded = [with_shards(scale, size, _data_encoding(before, scale, sampled)) for before, scale in pairs]
    return [_in_shards(scale, scale.sharding) for scale in sharded]


def _parsed(document: Mapping[str, Any]) -> Sharding:
    try:
        return parse_sharding(document)
    except MetadataError as error:
        raise OptionError("; ".join(map(str, error.problems))) from None


def _in_shards(scale: Scale, sharding: Sharding | None) -> Scale:
    """Return the scale with a sharding; shards hold chunks of one size only."""
    return replace(scale, sharding=sharding, chunk_sizes=scale.chunk_sizes[:1] if sharding else scale.chunk_sizes)


def _kept_sharding(old: Scale, new: Scale, sampled: Sampled) -> Sharding | None:
    """Return the sharding of a scale; where its grid has changed, the one whose shards are about as large as before."""
    if old.sharding is None:
        return None
    encoding = _data_encoding(old, new, sampled)
    if old.grid.shape == new.grid.shape or old.sharding.hash != "identity":
        return replace(old.sharding, data_encoding=encoding)
    shard = write_chunk_shape(old.sharding, old.grid.shape, old.chunk_size, old.size)
    return sharding_for_shard_size(new.size, new.chunk_size, shard, new.encoding, encoding)


def _data_encoding(old: Scale, new: Scale, sampled: Sampled) -> ShardEncoding:
    if old.sharding is not None and old.encoding == new.encoding:
        return old.sharding.data_encoding
    return sampled(new.encoding)
