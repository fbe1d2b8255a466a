"""Between voxels and the bytes that a scale stores: its encoding, then its compression."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from ngprecomp.chunks.deflating import deflate_chunk
from ngprecomp.codecs import table
from ngprecomp.codecs.table import Encoding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ngprecomp.chunks.place import Place
    from ngprecomp.format.box import Box, Triple
    from ngprecomp.format.scale import Scale

Voxels = NDArray[Any]

_DEFAULTS = Encoding("")


def encoding_of(scale: Scale) -> Encoding:
    """Return the encoding of a scale with its parameters."""
    quality = scale.jpeg_quality
    return Encoding(
        scale.encoding,
        block_size=scale.compressed_segmentation_block_size or _DEFAULTS.block_size,
        jpeg_quality=_DEFAULTS.jpeg_quality if quality is None else quality,
        png_level=scale.png_level,
    )


def encode_stored(place: Place, position: Triple, voxels: Voxels, box: Box) -> bytes:
    """Return the chunk at `position` as the scale stores it; its voxels are `box` of `voxels` [x, y, z, channel].

    Raises
    ------
    EncodeError
        The encoding cannot hold these voxels; the sentence names the chunk.
    """
    with place.naming(position):
        encoded = table.encode(encoding_of(place.scale), voxels, lo=box.lo, size=box.size)
    return deflate_chunk(place, encoded)


def decode_chunk(place: Place, position: Triple, encoded: bytes) -> Voxels:
    """Return the voxels of an encoded chunk as [x, y, z, channel]; they may be read-only.

    Raises
    ------
    DecodeError
        The bytes do not decode to such a chunk; the sentence names the chunk.
    """
    with place.naming(position):
        return table.decode(encoding_of(place.scale), encoded, place.chunk_shape(position), place.dtype)


def decode_chunks_into(
    place: Place, chunks: Sequence[tuple[Triple, bytes]], parts: Sequence[Box], out: Voxels, at: Triple
) -> None:
    """Put parts of one encoded chunk, or of two side by side along x, into `out`, where the first begins at `at`.

    Chunks come with their positions; parts count from the first voxel of their chunk.

    Raises
    ------
    DecodeError
        As `decode_chunk`.
    """
    if len(chunks) == 1:
        ((position, encoded),), (part,) = chunks, parts
        shape = place.chunk_shape(position)
        with place.naming(position):
            table.decode_into(encoding_of(place.scale), encoded, shape, out, at=at, lo=part.lo, size=part.size)
    else:
        voxels = [decode_chunk(place, position, encoded) for position, encoded in chunks]
        table.put_into(voxels, [part.lo for part in parts], out, at, [part.size for part in parts])


def check_chunk(place: Place, position: Triple, encoded: bytes) -> None:
    """Look whether bytes are an encoded chunk, as far as that shows without decoding an image.

    Raises
    ------
    DecodeError
        They are not; the sentence names the chunk.
    """
    with place.naming(position):
        table.check(encoding_of(place.scale), encoded, place.chunk_shape(position), place.dtype)
