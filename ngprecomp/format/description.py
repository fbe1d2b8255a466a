"""What TensorStore would say of a scale: its schema and its spec."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ngprecomp.format.box import triple
from ngprecomp.format.chunk_layout import ChunkLayout
from ngprecomp.format.codec_spec import DRIVER, CodecSpec
from ngprecomp.format.domain import IndexDomain
from ngprecomp.format.kvstore import kvstore_to_json
from ngprecomp.format.scale_constraints import constraints_of
from ngprecomp.format.schema import Schema
from ngprecomp.format.sharding import write_chunk_shape
from ngprecomp.format.units import units_of

if TYPE_CHECKING:
    from ngprecomp.format.box import Triple
    from ngprecomp.format.info import Info
    from ngprecomp.format.scale import Scale
    from ngprecomp.format.spec import Spec

LABELS = ("x", "y", "z", "channel")
INNER_ORDER = (3, 2, 1, 0)
"""Chunks are stored with x fastest."""


def schema_of(info: Info, scale: Scale, chunk_size: Triple | None = None) -> Schema:
    """Return the schema of a scale, with one of its chunk sizes if it has several.

    Examples
    --------
    >>> from ngprecomp.format.info import parse_info
    >>> info = parse_info({"type": "image", "data_type": "uint8", "num_channels": 2, "scales": [{
    ...     "key": "8_8_8", "resolution": [8, 8, 8], "size": [1000, 2000, 3000], "voxel_offset": [20, 30, 40],
    ...     "chunk_sizes": [[100, 200, 300]], "encoding": "raw"}]})
    >>> schema_of(info, info.scale(0)).chunk_layout
    ChunkLayout({
      'grid_origin': [20, 30, 40, 0],
      'inner_order': [3, 2, 1, 0],
      'read_chunk': {'shape': [100, 200, 300, 2]},
      'write_chunk': {'shape': [100, 200, 300, 2]},
    })
    """
    return Schema(
        dtype=info.data_type,
        domain=domain_of(scale, info.num_channels),
        chunk_layout=chunk_layout_of(scale, info.num_channels, chunk_size or scale.chunk_size),
        codec=codec_of(scale),
        dimension_units=units_of(scale.resolution),
    )


def domain_of(scale: Scale, num_channels: int) -> IndexDomain:
    """Return the domain of a scale: its voxels and channels."""
    box = scale.box
    return IndexDomain(inclusive_min=(*box.lo, 0), exclusive_max=(*box.hi, num_channels), labels=LABELS)


def chunk_layout_of(
    scale: Scale, num_channels: int, chunk_size: Triple, write_chunk: Triple | None = None
) -> ChunkLayout:
    """Return the chunk layout of a scale; a write chunk is a shard, in whole chunks."""
    written = write_chunk or write_chunk_shape(scale.sharding, scale.grid.shape, chunk_size, scale.size)
    if scale.sharding is not None:  # TensorStore gives a shard no length along an empty axis
        written = triple(side if extent else 0 for side, extent in zip(written, scale.size, strict=True))
    block = scale.compressed_segmentation_block_size
    return ChunkLayout(
        grid_origin=(*scale.voxel_offset, 0),
        inner_order=INNER_ORDER,
        read_chunk_shape=(*chunk_size, num_channels),
        write_chunk_shape=(*written, num_channels),
        codec_chunk_shape=None if block is None else (*block, 1),
    )


def codec_of(scale: Scale) -> CodecSpec:
    """Return the codec of a scale."""
    return CodecSpec(
        encoding=scale.encoding,
        jpeg_quality=scale.jpeg_quality,
        png_level=scale.png_level,
        shard_data_encoding=None if scale.sharding is None else scale.sharding.data_encoding,
    )


def chunk_size_of(scale: Scale, spec: Spec) -> Triple:
    """Return the stored copy of a scale that a spec means: the chunk size that it names, else the first."""
    return spec.scale.chunk_size or scale.chunk_size


def spec_of(spec: Spec, info: Info, scale_index: int, scale: Scale, *, minimal: bool = False) -> dict[str, Any]:
    """Return the JSON spec that opens a scale again, as TensorStore gives it for an open array.

    Parameters
    ----------
    spec
        With which it was opened: where it is, and how it shall be read and written.
    minimal
        Leave out what ``info`` says.
    """
    if spec.mode.assumes and spec.scale_index is not None:  # nothing was read: `info` holds this scale only
        scale_index = spec.scale_index
    domain = domain_of(scale, info.num_channels).to_json()
    document: dict[str, Any] = {
        "driver": DRIVER,
        "dtype": info.data_type,
        "kvstore": kvstore_to_json(spec.url),
        "scale_index": scale_index,
        "transform": {f"input_{name}": value for name, value in domain.items()},
    }
    if spec.mode.assume_metadata:
        document["assume_metadata"] = True
    if spec.store_data_equal_to_fill_value:
        document["store_data_equal_to_fill_value"] = True
    if spec.fill_missing_data_reads is False:
        document["fill_missing_data_reads"] = False
    if not minimal:
        document["multiscale_metadata"] = {"num_channels": info.num_channels, "type": info.type}
        document["scale_metadata"] = constraints_of(scale, chunk_size_of(scale, spec))
    return document
