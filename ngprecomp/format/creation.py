"""A new volume, or a new scale of an existing one, from what a spec says (TensorStore's order of decisions)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from ngprecomp.errors import ConstraintError, ExistsError, MetadataError, NotFoundError, OptionError
from ngprecomp.format.bound import INFINITE
from ngprecomp.format.box import Triple, triple
from ngprecomp.format.chunk_layout import ChunkLayout
from ngprecomp.format.codec_spec import CodecSpec
from ngprecomp.format.description import LABELS
from ngprecomp.format.domain import IndexDomain
from ngprecomp.format.encodings import default_type, encoding_problems
from ngprecomp.format.info import Info, match_scale, with_scale
from ngprecomp.format.layout import Rule, choose_block_size, choose_chunk_size, choose_sharding
from ngprecomp.format.names import default_key
from ngprecomp.format.opening import check_multiscale, check_scale, open_scale, wanted_resolution
from ngprecomp.format.scale import DEFAULT_JPEG_QUALITY, Scale

if TYPE_CHECKING:
    from ngprecomp.format.chunk_layout import LayoutGrid
    from ngprecomp.format.constraint import Constraint
    from ngprecomp.format.sharding import Sharding
    from ngprecomp.format.spec import Spec


def opened_or_created(spec: Spec, info: Info | None, *, rule: Rule = "closest") -> tuple[Info, int]:
    """Return the volume as it shall be, and the index of the scale that a spec means.

    Parameters
    ----------
    info
        The volume that exists; None where there is none. If the very same value comes back, nothing is to be
        written; with ``delete_existing`` it plays no part.
    rule
        How a chunk shape is chosen; see `layout.choose_shape`.

    Raises
    ------
    NotFoundError
        There is no volume or no such scale, and nothing may be created.
    ExistsError
        The scale to create exists.
    ConstraintError
        What exists is not as the spec says.
    OptionError
        The spec contradicts itself, or does not say enough to create a scale.
    """
    mode = spec.mode
    if mode.assumes:
        return created(replace(spec, scale_index=None), None, rule=rule), 0
    if mode.open and info is not None:
        try:
            return info, open_scale(info, spec)
        except NotFoundError:
            # As in TensorStore an index that does not exist is an error, whatever may be created.
            if not mode.create or spec.scale_index is not None:
                raise
    if not mode.create:
        raise NotFoundError("there is no volume: no file named info")
    new = created(spec, None if mode.delete_existing else info, rule=rule)
    return new, len(new.scales) - 1


def created(spec: Spec, existing: Info | None, *, rule: Rule = "closest") -> Info:
    """Return a volume with one more scale, at the end: `existing`, or a new volume.

    What the spec leaves open is chosen as TensorStore's document says, each step from those before: domain, data
    type, type, resolution, codec, chunk size, block size, sharding, key.

    Raises
    ------
    ExistsError
        The scale exists.
    ConstraintError
        The existing volume is not as the spec says.
    OptionError
        The spec contradicts itself, or does not say enough.
    """
    if existing is not None:
        check_multiscale(existing, spec)
        default = default_type(existing.data_type)
        if spec.multiscale.type is None and existing.type != default:
            raise ConstraintError(f'expected "type" of "{default}", which is not given, found "{existing.type}"')
    domain = _domain(spec, existing)
    info = existing or _new_info(spec, domain.shape[3])
    scale = _new_scale(spec, domain, rule)
    if existing is not None:
        _refuse_existing(existing, scale, spec)
    elif spec.scale_index:
        raise ConstraintError(f"scale_index of {spec.scale_index}: the first scale of a new volume has the index 0")
    said_by = "codec" if spec.scale.codec.encoding is None else "scale_metadata"
    where = f"{said_by}.encoding"
    problems = encoding_problems(scale.encoding, info.data_type, info.num_channels, where, writing=True)
    if problems:
        raise OptionError("; ".join(map(str, problems)))
    try:
        new = with_scale(info, scale, limited=False)
    except MetadataError as error:
        raise OptionError("; ".join(map(str, error.problems))) from None
    check_scale(new, scale, spec)
    return new


def _domain(spec: Spec, existing: Info | None) -> IndexDomain:
    """Return the domain on which the metadata and the schema of a spec agree."""
    num_channels = spec.multiscale.num_channels or (existing.num_channels if existing else None)
    box = spec.scale.box
    said = IndexDomain(
        inclusive_min=(*(box.lo if box else (-INFINITE,) * 3), 0),
        exclusive_max=(*(box.hi if box else (INFINITE + 1,) * 3), num_channels or INFINITE + 1),
        labels=LABELS,
        implicit_lower_bounds=(*(box is None,) * 3, False),
        implicit_upper_bounds=(*(box is None,) * 3, num_channels is None),
    )
    try:
        domain = said.merged(spec.schema.domain) if spec.schema.domain else said
    except OptionError as error:
        raise OptionError(f"domain, size and num_channels contradict each other: {error}") from None
    if not domain.finite:
        raise OptionError(f'the domain must be specified, or "size" and "num_channels"; known is {domain}')
    return domain


def _new_info(spec: Spec, num_channels: int) -> Info:
    data_type = spec.multiscale.data_type or (spec.schema.dtype and spec.schema.dtype.name)
    if data_type is None:
        raise OptionError('the dtype must be specified, or "data_type"')
    volume_type = default_type(data_type) if spec.multiscale.type is None else spec.multiscale.type
    return Info(volume_type, data_type, num_channels)


def _new_scale(spec: Spec, domain: IndexDomain, rule: Rule) -> Scale:
    x, y, z = (1.0 if step is None else step for step in wanted_resolution(spec))
    codec = spec.scale.codec.merged(spec.schema.codec or CodecSpec())
    encoding = codec.encoding or "raw"
    size, num_channels = triple(domain.shape[:3]), domain.shape[3]
    layout = spec.schema.chunk_layout or ChunkLayout()
    chunk_size = spec.scale.chunk_size
    if chunk_size is not None:
        _check_chunk_size(chunk_size, layout.read_chunk.wanted("shape"))
    else:
        chunk_size = choose_chunk_size(size, num_channels, **_wishes(layout.read_chunk), rule=rule)
    block_size = spec.scale.compressed_segmentation_block_size
    if block_size is None and encoding == "compressed_segmentation":
        block_size = choose_block_size(chunk_size, **_wishes(layout.codec_chunk), rule=rule)
    jpeg_quality = codec.jpeg_quality
    if jpeg_quality is None and encoding == "jpeg":
        jpeg_quality = DEFAULT_JPEG_QUALITY
    return Scale(
        key=default_key((x, y, z)) if spec.key is None else spec.key,
        size=size,
        voxel_offset=triple(domain.origin[:3]),
        resolution=(x, y, z),
        chunk_sizes=(chunk_size,),
        encoding=encoding,
        compressed_segmentation_block_size=block_size,
        jpeg_quality=jpeg_quality,
        png_level=codec.png_level,
        sharding=_sharding(spec.scale.sharding, size, chunk_size, layout.write_chunk, codec),
    )


def _check_chunk_size(chunk_size: Triple, asked: Constraint) -> None:
    """Refuse a ``chunk_size`` that a hard shape of the layout contradicts, before shards are fitted to it."""
    for side, want, hard in zip(chunk_size, asked.values[:3], asked.hard[:3], strict=False):
        if hard and want not in (None, 0, side):
            raise OptionError(f'read_chunk shape of {list(asked.values)} is not "chunk_size" of {list(chunk_size)}')


def _sharding(
    given: Sharding | Literal[False] | None, size: Triple, chunk_size: Triple, write_chunk: LayoutGrid, codec: CodecSpec
) -> Sharding | None:
    if given is not None:
        return given or None
    asked = write_chunk.wanted("shape")
    elements = write_chunk.wanted("elements")
    if asked.empty and elements.empty and codec.shard_data_encoding is None:
        return None
    try:
        return choose_sharding(
            size,
            chunk_size,
            elements=(elements.values or (0,))[0],
            shape=_three(asked),
            hard=asked.hard[:3] or (False,) * 3,
            encoding=codec.encoding or "raw",
            data_encoding=codec.shard_data_encoding,
        )
    except OptionError as error:
        sizes = f'"size" of {list(size)} and "chunk_size" of {list(chunk_size)}'
        raise OptionError(f"write_chunk with {sizes}: {error}") from None


def _wishes(grid: LayoutGrid) -> dict[str, Any]:
    """Return what is wanted along x, y and z, hard or soft, as the rules of `layout` take it."""
    return {
        "elements": (grid.wanted("elements").values or (None,))[0],
        "fixed": _three(grid.wanted("shape")),
        "aspect": _three(grid.wanted("aspect_ratio")),
    }


def _three(constraint: Constraint) -> tuple[Any, ...]:
    return tuple(value or 0 for value in constraint.values[:3]) or (0, 0, 0)


def _refuse_existing(existing: Info, scale: Scale, spec: Spec) -> None:
    """Refuse a scale that exists: by its index where one is given, else by its key, or by its resolution."""
    count = len(existing.scales)
    if spec.scale_index is not None:
        if spec.scale_index < count:
            raise ExistsError(f"scale_index of {spec.scale_index}: scale {spec.scale_index} already exists")
        if spec.scale_index > count:
            raise ConstraintError(f"scale_index of {spec.scale_index}: the next scale has the index {count}")
        return
    with suppress(NotFoundError):
        index = match_scale(existing, key=scale.key)
        raise ExistsError(f'scale {index} already has the "key" "{scale.key}"')
    if spec.key is None:
        with suppress(NotFoundError):
            index = match_scale(existing, resolution=scale.resolution)
            raise ExistsError(f'scale {index} already has the "resolution" {list(scale.resolution)}')
