"""One scale of a volume as a frozen value (volume.md, "Metadata", the members of ``scales``)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ngprecomp.errors import MetadataError, OptionError, Problem
from ngprecomp.format.box import Box, Triple, triple
from ngprecomp.format.encodings import ITEM_BYTES, encoding_problems
from ngprecomp.format.grid import Grid, ceil_div
from ngprecomp.format.members import MAX_INT64, Members, Resolution
from ngprecomp.format.sharding import Sharding, parse_sharding, sharding_to_json
from ngprecomp.kernels.morton_bits import morton_bits

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_CHUNK_BYTES = 2**30
"""The default limit of one decoded chunk: a hostile ``info`` must not make a reader allocate more."""

MAX_CHUNK_VOXELS = 2**40
"""No chunk has more, whatever the size of the volume that cuts it."""

MAX_COORDINATE = 2**62 - 1
"""Coordinates and ends of boxes are smaller than 2**62 in magnitude, as in TensorStore."""

MAX_BLOCK_SIDE = 2**16
DEFAULT_JPEG_QUALITY = 75

_OWNERS = {
    "compressed_segmentation_block_size": "compressed_segmentation",
    "jpeg_quality": "jpeg",
    "png_level": "png",
}


@dataclass(frozen=True, slots=True)
class Scale:
    """One resolution of a volume: where its chunks are, and how they are stored.

    Sizes are in voxels along x, y, z; `resolution` is in nanometres; `voxel_offset` is the coordinate of the
    first voxel. `chunk_sizes` has one entry for each stored copy. `extra` holds the members that we do not
    know, as they are.
    """

    key: str
    size: Triple
    voxel_offset: Triple
    resolution: Resolution
    chunk_sizes: tuple[Triple, ...]
    encoding: str
    compressed_segmentation_block_size: Triple | None = None
    jpeg_quality: int | None = None
    png_level: int | None = None
    sharding: Sharding | None = None
    extra: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def box(self) -> Box:
        """All voxels, in absolute coordinates."""
        return Box.of_size(self.size, self.voxel_offset)

    @property
    def chunk_size(self) -> Triple:
        """The first of the chunk sizes, the one that we read and write."""
        return self.chunk_sizes[0]

    @property
    def grid(self) -> Grid:
        """The chunk grid; it starts at `voxel_offset`."""
        return Grid(self.box, self.chunk_size)


def parse_scale(
    document: object,
    data_type: str,
    num_channels: int,
    where: str = "",
    *,
    max_chunk_bytes: int | None = MAX_CHUNK_BYTES,
) -> Scale:
    """Return the scale that a member of ``scales`` describes.

    As TensorStore it takes whole floats for integers, numbers in strings for the resolution, and a resolution
    that is not positive (`problems.viewer_problems` reports it). As Neuroglancer it takes the encoding in any
    case.

    Parameters
    ----------
    document
        The parsed JSON object.
    data_type, num_channels
        The volume's; the encoding and the bytes of a chunk depend on them.
    where
        The path of the object in its document: ``scales[0]``.
    max_chunk_bytes
        The limit of one decoded chunk; None for no limit.

    Raises
    ------
    MetadataError
        With all problems.
    """
    members = Members(document, where, "scale")
    encoding = members.text("encoding").lower()
    scale = Scale(
        key=members.text("key"),
        size=members.triple("size", low=0),
        voxel_offset=members.triple("voxel_offset", low=-MAX_INT64, default=(0, 0, 0)),
        resolution=members.numbers("resolution"),
        chunk_sizes=members.triples("chunk_sizes", low=1),
        encoding=encoding,
        **_encoding_options(members, encoding),
        sharding=_sharding(members),
        extra=members.unread(),
    )
    _check_place(members, scale)
    _check_sharding(members, scale)
    if members.sound("encoding"):
        members.extend("encoding", encoding_problems(encoding, data_type, num_channels, members.path("encoding")))
    if max_chunk_bytes is not None:
        _check_chunk_bytes(members, scale, ITEM_BYTES[data_type] * num_channels, max_chunk_bytes)
    members.close()
    return scale


def scale_to_json(scale: Scale) -> dict[str, Any]:
    """Return the member of ``scales`` in TensorStore's form: floats in ``resolution`` only, no nulls."""
    document: dict[str, Any] = {
        **scale.extra,
        "key": scale.key,
        "size": list(triple(scale.size)),
        "voxel_offset": list(triple(scale.voxel_offset)),
        "resolution": [float(size) for size in scale.resolution],
        "chunk_sizes": [list(triple(size)) for size in scale.chunk_sizes],
        "encoding": scale.encoding,
    }
    if scale.compressed_segmentation_block_size is not None:
        document["compressed_segmentation_block_size"] = list(triple(scale.compressed_segmentation_block_size))
    if scale.jpeg_quality is not None:
        document["jpeg_quality"] = int(scale.jpeg_quality)
    if scale.png_level is not None:
        document["png_level"] = int(scale.png_level)
    if scale.sharding is not None:
        document["sharding"] = sharding_to_json(scale.sharding)
    return document


def _encoding_options(members: Members, encoding: str) -> dict[str, Any]:
    """Read the members that belong to one encoding each; beside another one they are a problem."""
    options: dict[str, Any] = {}
    if encoding == "compressed_segmentation":
        name = "compressed_segmentation_block_size"
        options[name] = members.triple(name, low=1, high=MAX_BLOCK_SIDE)
    elif encoding == "jpeg":
        options["jpeg_quality"] = members.integer("jpeg_quality", 0, 100, default=DEFAULT_JPEG_QUALITY)
    elif encoding == "png" and "png_level" in members:
        options["png_level"] = members.integer("png_level", 0, 9)
    for name, owner in _OWNERS.items():
        if name in members and encoding != owner and members.sound("encoding"):
            members.note(name, f"belongs to the encoding {owner}, but the encoding is {encoding}")
    return options


def _sharding(members: Members) -> Sharding | None:
    document = members.value("sharding")
    if document is None:  # also where null is written: TensorStore reads it as unsharded
        return None
    try:
        return parse_sharding(document, members.path("sharding"))
    except MetadataError as error:
        members.extend("sharding", error.problems)
        return None


def _check_place(members: Members, scale: Scale) -> None:
    if "\0" in scale.key:
        members.note("key", "expected a path, found a zero byte")
    box = scale.box
    if members.sound("size", "voxel_offset") and not (
        all(lo > -MAX_COORDINATE for lo in box.lo) and all(hi <= MAX_COORDINATE for hi in box.hi)
    ):
        members.note("voxel_offset", f"the box {box} has coordinates of 2**62 and above in magnitude")


def _check_sharding(members: Members, scale: Scale) -> None:
    if scale.sharding is None or not members.sound("size", "chunk_sizes"):
        return
    if len(scale.chunk_sizes) > 1:
        members.note("chunk_sizes", f"a sharded scale has one chunk size, not {len(scale.chunk_sizes)}")
    try:
        morton_bits(scale.grid.shape)
    except OptionError as error:
        members.note("sharding", str(error))


def _check_chunk_bytes(members: Members, scale: Scale, voxel_bytes: int, limit: int) -> None:
    """Refuse chunks above the limit, and blocks whose padding makes a chunk that large."""
    block = scale.compressed_segmentation_block_size
    for i, size in enumerate(scale.chunk_sizes):
        taken = math.prod(map(min, size, scale.size)) * voxel_bytes
        if taken > limit or math.prod(size) > MAX_CHUNK_VOXELS:
            where = f"{members.path('chunk_sizes')}[{i}]"
            message = f"a chunk of {size} takes {taken} bytes, above the limit of {limit} (max_chunk_bytes)"
            members.extend("chunk_sizes", [Problem(where, message)])
        elif block is not None:
            whole = (ceil_div(side, b) * b for side, b in zip(map(min, size, scale.size), block, strict=True))
            padded = math.prod(whole) * voxel_bytes
            if padded > limit:
                members.note(
                    "compressed_segmentation_block_size",
                    f"whole blocks over a chunk take {padded} bytes, above the limit of {limit} (max_chunk_bytes)",
                )
