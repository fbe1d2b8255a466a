"""Which scale of an existing volume a spec means, and whether it is as the spec says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ngprecomp.errors import ConstraintError, NotFoundError, OptionError
from ngprecomp.format.box import triple
from ngprecomp.format.chunk_layout import ChunkLayout
from ngprecomp.format.codec_spec import CodecSpec
from ngprecomp.format.description import chunk_layout_of, chunk_size_of, codec_of, domain_of
from ngprecomp.format.info import TYPES, match_scale
from ngprecomp.format.members import found
from ngprecomp.format.sharding import chunks_per_shard, sharding_to_json, write_chunk_shape
from ngprecomp.format.units import BASE_UNIT, Unit, resolution_of, units_text

if TYPE_CHECKING:
    from ngprecomp.format.box import Triple
    from ngprecomp.format.constraint import Constraint
    from ngprecomp.format.info import Info
    from ngprecomp.format.scale import Scale
    from ngprecomp.format.sharding import Sharding
    from ngprecomp.format.spec import Spec
    from ngprecomp.format.units import Units


def open_scale(info: Info, spec: Spec) -> int:
    """Return the index of the scale that a spec means: its scale index, else the first with key and resolution.

    Raises
    ------
    NotFoundError
        There is no such scale.
    ConstraintError
        The volume or the scale is not as the spec says.
    OptionError
        The spec contradicts itself or the format.
    MetadataError
        The scale is invalid.
    """
    check_multiscale(info, spec)
    wanted = wanted_resolution(spec)
    if spec.scale_index is not None:
        info.scale_document(spec.scale_index)
        index = spec.scale_index
    else:
        index = _matching(info, spec, wanted)
    check_scale(info, info.scale(index), spec)
    return index


def wanted_resolution(spec: Spec) -> tuple[float | None, float | None, float | None]:
    """Return the voxel size in nm on which ``resolution`` and ``dimension_units`` of a spec agree.

    Raises
    ------
    OptionError
        They differ, or the units are none of this format.
    """
    units: Units = spec.schema.dimension_units or (None,) * 4
    sizes = resolution_of(units)
    if spec.resolution is None:
        return sizes
    if any(want not in (None, size) for want, size in zip(sizes, spec.resolution, strict=True)):
        resolution = list(spec.resolution)
        raise OptionError(f'"dimension_units" of {units_text(units)} differ from "resolution" of {resolution}')
    return spec.resolution


def check_multiscale(info: Info, spec: Spec) -> None:
    """Check what all scales have in common.

    Raises
    ------
    ConstraintError
        It is not as the spec says.
    """
    wanted = spec.multiscale
    _check("data_type", wanted.data_type, info.data_type)
    _check("num_channels", wanted.num_channels, info.num_channels)
    _check("type", _folded(wanted.type), _folded(info.type))


def check_scale(info: Info, scale: Scale, spec: Spec) -> None:
    """Check that a scale is as the spec says.

    Raises
    ------
    ConstraintError
        It is not.
    OptionError
        The spec asks for what the format does not have.
    """
    wanted, codec = spec.scale, spec.scale.codec
    _check("key", wanted.key, scale.key)
    _check("encoding", codec.encoding, scale.encoding)
    _check("jpeg_quality", codec.jpeg_quality, scale.jpeg_quality)
    _check("png_level", codec.png_level, scale.png_level)
    block_size = "compressed_segmentation_block_size"
    _check(block_size, wanted.compressed_segmentation_block_size, scale.compressed_segmentation_block_size)
    _check("resolution", wanted.resolution, scale.resolution)
    if wanted.sharding is not None:
        _check_sharding(wanted.sharding or None, scale.sharding)
    _check("size", wanted.size, scale.size)
    _check("voxel_offset", wanted.box and wanted.box.lo, scale.voxel_offset)
    if wanted.chunk_size not in (None, *scale.chunk_sizes):
        _check("chunk_size", wanted.chunk_size, scale.chunk_sizes)
    _check_schema(info, scale, spec)


def _check_sharding(wanted: Sharding | None, actual: Sharding | None) -> None:
    if wanted is None or actual is None:
        if wanted is not actual:
            raise ConstraintError(f'expected "sharding" to be {_named(wanted)}, found {_named(actual)}')
        return
    theirs, ours = sharding_to_json(wanted), sharding_to_json(actual)
    for name in theirs:
        _check(f"sharding.{name}", theirs[name], ours[name])


def _named(sharding: Sharding | None) -> str:
    return "null (unsharded)" if sharding is None else json.dumps(sharding_to_json(sharding))


def _check_schema(info: Info, scale: Scale, spec: Spec) -> None:
    """Check that a scale is as the schema of a spec says."""
    schema = spec.schema
    _check("dtype", schema.dtype and schema.dtype.name, info.data_type)
    if schema.fill_value is not None:
        raise OptionError(f"fill_value of {found(schema.fill_value)}: the precomputed format has none, it is always 0")
    sizes = resolution_of(schema.dimension_units or (None,) * 4)
    if any(want not in (None, size) for want, size in zip(sizes, scale.resolution, strict=True)):
        _check("dimension_units", sizes, scale.resolution)
    domain = domain_of(scale, info.num_channels)
    for name, asked in (("domain", schema.domain), ("transform", spec.transform)):
        if asked is not None:
            _merge(name, asked, domain)
    _check_codec(schema.codec or CodecSpec(), scale)
    layout = schema.chunk_layout or ChunkLayout()
    _check_chunk_layout(layout, scale, info.num_channels, chunk_size_of(scale, spec))


def _check_codec(asked: CodecSpec, scale: Scale) -> None:
    if asked.shard_data_encoding is not None and scale.sharding is None:
        raise OptionError(f"shard_data_encoding of {asked.shard_data_encoding} requires the sharded format")
    _merge("codec", asked, codec_of(scale))


def _check_chunk_layout(asked: ChunkLayout, scale: Scale, num_channels: int, chunk_size: Triple) -> None:
    """Check the hard constraints of a layout."""
    if scale.compressed_segmentation_block_size is None and any(asked.wanted("codec_chunk.shape").hard):
        raise OptionError(f"codec_chunk.shape: the encoding {scale.encoding} has no blocks")
    layout = chunk_layout_of(scale, num_channels, chunk_size)
    if scale.sharding is not None:
        written = _shard_shape(asked.wanted("write_chunk.shape"), scale, chunk_size)
        layout = chunk_layout_of(scale, num_channels, chunk_size, written)
    _merge("chunk_layout", asked, layout)


def _shard_shape(asked: Constraint, scale: Scale, chunk_size: Triple) -> Triple:
    """Return the shape of a shard, in the way of measuring that agrees with what is asked, if one does.

    TensorStore compares shards that are cut at the end of the volume, but reports them in whole chunks: both
    are right. Where shards are no boxes of chunks it compares nothing.
    """
    shard = write_chunk_shape(scale.sharding, scale.grid.shape, chunk_size, scale.size)
    assert scale.sharding is not None
    boxes = chunks_per_shard(scale.sharding, scale.grid.shape) is not None
    sides = list(shard)
    for axis, (side, hard) in enumerate(zip(asked.values[:3], asked.hard, strict=False)):
        if hard and (not boxes or side == min(shard[axis], scale.size[axis])):
            sides[axis] = side
    return triple(sides)


def _matching(info: Info, spec: Spec, resolution: tuple[float | None, float | None, float | None]) -> int:
    try:
        return match_scale(info, key=spec.key, resolution=resolution)
    except NotFoundError as error:
        if resolution == (None, None, None):
            raise
        units = units_text(tuple(None if size is None else Unit(size, BASE_UNIT) for size in resolution))
        raise NotFoundError(f"{error}; dimension_units of {units} fit none") from None


def _check(name: str, asked: Any, actual: Any) -> None:
    if asked not in (None, actual):
        raise ConstraintError(f'expected "{name}" of {found(asked)}, found {found(actual)}')


def _merge(name: str, asked: Any, actual: Any) -> None:
    try:
        asked.merged(actual)
    except OptionError as error:
        raise ConstraintError(f"{name} is not as asked for: {error}") from None


def _folded(volume_type: str | None) -> str | None:
    """Return a type as `Info` has it: image and segmentation in any case."""
    return volume_type.lower() if volume_type and volume_type.lower() in TYPES else volume_type
