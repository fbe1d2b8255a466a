"""What a spec says of the metadata of a volume and of one scale; what it leaves open is None."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from ngprecomp.format.bound import INFINITE
from ngprecomp.format.box import Box, Triple
from ngprecomp.format.codec_spec import CodecSpec, encoding_members, owned
from ngprecomp.format.encodings import DATA_TYPES
from ngprecomp.format.members import MAX_INT64, Resolution
from ngprecomp.format.scale import MAX_COORDINATE
from ngprecomp.format.sharding import Sharding, parse_sharding, sharding_to_json
from ngprecomp.format.wishes import Wishes

if TYPE_CHECKING:
    from ngprecomp.format.scale import Scale

MAX_BLOCK_SIDE = 2**31 - 1


@dataclass(frozen=True, slots=True)
class MultiscaleConstraints:
    """The member ``multiscale_metadata`` of a spec: what all scales have in common."""

    type: str | None = None
    data_type: str | None = None
    num_channels: int | None = None


@dataclass(frozen=True, slots=True)
class ScaleConstraints:
    """The member ``scale_metadata`` of a spec; `sharding` is False where it says null: unsharded."""

    key: str | None = None
    resolution: Resolution | None = None
    size: Triple | None = None
    voxel_offset: Triple | None = None
    chunk_size: Triple | None = None
    codec: CodecSpec = field(default_factory=CodecSpec)
    compressed_segmentation_block_size: Triple | None = None
    sharding: Sharding | Literal[False] | None = None

    @property
    def box(self) -> Box | None:
        """The voxels of the scale, where their number is given."""
        return None if self.size is None else Box.of_size(self.size, self.voxel_offset or (0, 0, 0))


def parse_multiscale_constraints(document: object, where: str) -> MultiscaleConstraints:
    """Return the value of ``multiscale_metadata``.

    Raises
    ------
    MetadataError
        With everything that is wrong.
    """
    wishes = Wishes(document, where, "spec")
    constraints = MultiscaleConstraints(
        type=wishes.given("type", wishes.text),
        data_type=wishes.word("data_type", DATA_TYPES),
        num_channels=wishes.given("num_channels", wishes.integer, 1, 2**31 - 1),
    )
    wishes.close()
    return constraints


def parse_scale_constraints(document: object, where: str) -> ScaleConstraints:
    """Return the value of ``scale_metadata``.

    Raises
    ------
    MetadataError
        With everything that is wrong.
    """
    wishes = Wishes(document, where, "spec")
    codec = encoding_members(wishes)
    sharding = wishes.part("sharding", _sharding)
    block = "compressed_segmentation_block_size", "compressed_segmentation"
    block_size = owned(wishes, *block, codec["encoding"], wishes.triple, 1, MAX_BLOCK_SIDE)
    constraints = ScaleConstraints(
        key=wishes.given("key", wishes.text),
        resolution=wishes.given("resolution", wishes.numbers),
        size=wishes.given("size", wishes.triple, 0),
        voxel_offset=wishes.given("voxel_offset", wishes.triple, -MAX_INT64),
        chunk_size=wishes.given("chunk_size", wishes.triple, 1, INFINITE - 1),
        codec=CodecSpec(**codec, shard_data_encoding=sharding.data_encoding if sharding else None),
        compressed_segmentation_block_size=block_size,
        sharding=sharding,
    )
    if "voxel_offset" in wishes and "size" not in wishes:
        wishes.note("voxel_offset", 'cannot be given without "size"')
    box = constraints.box
    if box is not None and not all(
        lo > -MAX_COORDINATE and hi <= MAX_COORDINATE for lo, hi in zip(box.lo, box.hi, strict=True)
    ):
        wishes.note("size", f'with "voxel_offset" gives the box {box}: coordinates are below 2**62 in magnitude')
    wishes.close()
    return constraints


def constraints_of(scale: Scale, chunk_size: Triple) -> dict[str, Any]:
    """Return the ``scale_metadata`` that describes a scale wholly, with one of its chunk sizes."""
    document: dict[str, Any] = {
        "chunk_size": list(chunk_size),
        "encoding": scale.encoding,
        "key": scale.key,
        "resolution": [float(size) for size in scale.resolution],
        "sharding": None if scale.sharding is None else sharding_to_json(scale.sharding),
        "size": list(scale.size),
        "voxel_offset": list(scale.voxel_offset),
    }
    for name in ("jpeg_quality", "png_level"):
        if getattr(scale, name) is not None:
            document[name] = getattr(scale, name)
    if scale.compressed_segmentation_block_size is not None:
        document["compressed_segmentation_block_size"] = list(scale.compressed_segmentation_block_size)
    return document


def _sharding(document: object, where: str) -> Sharding | Literal[False]:
    return False if document is None else parse_sharding(document, where)
