"""The metadata of the scales of a new volume."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from numpy.typing import NDArray

from ngprecomp.chunks.deflating import gzip_method
from ngprecomp.codecs import table
from ngprecomp.codecs.compression import compress
from ngprecomp.errors import MetadataError, OptionError
from ngprecomp.format.box import Triple, triple
from ngprecomp.format.creation import created
from ngprecomp.format.layout import choose_sharding, sharding_for_shard_size
from ngprecomp.format.scale_constraints import MultiscaleConstraints, ScaleConstraints
from ngprecomp.pipeline.conversion.defaults import SHARD_VOXELS, needs_shards
from ngprecomp.volume.creating import Storage, creation_spec

if TYPE_CHECKING:
    from ngprecomp.format.scale import Scale
    from ngprecomp.format.sharding import ShardEncoding
    from ngprecomp.pipeline.pyramids.levels import Level

Voxels = NDArray[Any]
ShardSize = Sequence[int] | Literal["auto", "always"] | None
LEAST_GAIN = 0.1  # gzip inside shards that saves less costs more time than it is worth


def plain_scales(levels: Sequence[Level], num_channels: int, data_type: str, storage: Storage) -> list[Scale]:
    """Return one scale for each level, unsharded unless `storage` has the exact sharding.

    Raises
    ------
    OptionError
        The storage is impossible, or two scales would have the same key.
    """
    volume = MultiscaleConstraints(data_type=data_type, num_channels=num_channels)
    scales = [_plain_scale(level, volume, storage) for level in levels]
    keys = [scale.key for scale in scales]
    if len(set(keys)) < len(keys):
        raise OptionError(f"two scales would have the same key, which is made of 6 digits of the voxel size: {keys}")
    return scales


def _plain_scale(level: Level, volume: MultiscaleConstraints, storage: Storage) -> Scale:
    described = ScaleConstraints(resolution=level.resolution, size=level.box.size, voxel_offset=level.box.lo)
    try:
        return created(creation_spec("", volume, described, storage), None).scale(0)
    except MetadataError as error:  # a chunk larger than we would read again
        raise OptionError("; ".join(map(str, error.problems))) from None


def resolved_shard_size(scales: Sequence[Scale], wish: Any) -> Triple | Literal["auto"] | None:
    """Return the shard size, ``"auto"`` for shards of the default size, or None for no shards.

    Raises
    ------
    OptionError
        The wish is no shape.
    """
    if isinstance(wish, str) and wish in ("auto", "always"):
        many = needs_shards([scale.size for scale in scales], scales[0].chunk_size)
        return "auto" if many or wish == "always" else None
    if wish is not None and (isinstance(wish, str) or len(wish) != 3 or min(wish) < 1):
        raise OptionError(
            f'shard_size is "auto", "always", None or three integers of at least 1 (x, y, z), found {wish!r}'
        )
    return None if wish is None else triple(wish)


def with_shards(scale: Scale, size: Sequence[int] | Literal["auto"], data_encoding: ShardEncoding) -> Scale:
    """Return the scale kept in shards of about `size` voxels, ``"auto"`` for the default number."""
    if isinstance(size, str):
        sharding = choose_sharding(
            scale.size, scale.chunk_size, elements=SHARD_VOXELS, encoding=scale.encoding, data_encoding=data_encoding
        )
    else:
        sharding = sharding_for_shard_size(scale.size, scale.chunk_size, triple(size), scale.encoding, data_encoding)
    return replace(scale, sharding=sharding)


def shard_data_encoding(samples: Sequence[Voxels], storage: Storage) -> tuple[ShardEncoding, str]:
    """Return whether chunks are gzipped inside shards, and why: only where a sample gains a tenth by it."""
    name = storage.encoding or "raw"
    if name in ("jpeg", "png"):
        return "raw", f"{name} chunks are compressed already"
    encoding = table.Encoding(name)
    plain = [table.encode(encoding, sample) for sample in samples if sample.size]
    packed = sum(len(compress(chunk, "gzip", method=gzip_method(name))) for chunk in plain)
    gain = 1 - packed / max(1, sum(map(len, plain)))
    if not plain:
        return "gzip", "the default"
    return ("gzip" if gain >= LEAST_GAIN else "raw"), f"gzip saves {max(0, round(100 * gain))} % of a sample"
