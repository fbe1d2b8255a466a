"""Chunks that are files of their own (volume.md, "Unsharded chunk storage")."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ngprecomp.codecs.compression import decompress, sniff_gzip
from ngprecomp.errors import DecodeError, KeyNotFoundError
from ngprecomp.format.names import chunk_name

if TYPE_CHECKING:
    from ngprecomp.chunks.place import Place
    from ngprecomp.format.box import Triple
    from ngprecomp.storage.protocol import Buffer, Stored

SUFFIXES = {"": "", ".gz": "gzip", ".br": "br", ".zstd": "zstd", ".xz": "xz"}
SUFFIX_OF = {compression: suffix for suffix, compression in SUFFIXES.items()}


def chunk_key(place: Place, position: Triple) -> str:
    """Return the store key of a chunk without a compression suffix."""
    return place.key(chunk_name(place.grid.cell(position)))


def read_unsharded(place: Place, position: Triple, limit: int) -> bytes | None:
    """Return the encoded chunk with any outer compression removed, None when it is absent.

    The plain name comes first, then the suffixes that CloudVolume appends; gzip bytes under the plain name (as ndm
    writes them) are recognised by their signature.

    Raises
    ------
    DecodeError
        The file is empty, or does not inflate to at most `limit` bytes.
    """
    for suffix, compression in SUFFIXES.items():
        try:
            stored = place.store.get(chunk_key(place, position) + suffix)
        except KeyNotFoundError:
            continue
        return _inflated(place, stored, compression, limit)
    return None


def _inflated(place: Place, stored: Stored, compression: str, limit: int) -> bytes:
    if not stored.data:
        raise DecodeError("expected an encoded chunk, found a file of 0 bytes")
    compression = compression or stored.content_encoding or ""
    if not compression and sniff_gzip(stored.data) and (place.scale.encoding != "raw" or len(stored.data) != limit):
        compression = "gzip"
    return decompress(stored.data, compression, limit) if compression else stored.data


def write_unsharded(place: Place, position: Triple, data: Buffer | None, *, durable: bool = False) -> None:
    """Store the bytes of a chunk as they are under its name (None removes it) and drop its twins of other suffixes."""
    plain = chunk_key(place, position)
    suffix = SUFFIX_OF[place.compression]
    if data is not None:
        place.store.put(plain + suffix, data, durable=durable)
    place.store.delete(plain + other for other in SUFFIXES if data is None or other != suffix)
