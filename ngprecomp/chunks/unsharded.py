"""Chunks that are files of their own (volume.md, "Unsharded chunk storage")."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ngprecomp.chunks.limits import stored_limit
from ngprecomp.chunks.place import PLAIN_GZIP
from ngprecomp.codecs.compression import decompress, sniff_gzip
from ngprecomp.errors import DecodeError, KeyNotFoundError
from ngprecomp.format.names import chunk_name

if TYPE_CHECKING:
    from ngprecomp.chunks.place import Place
    from ngprecomp.format.box import Triple
    from ngprecomp.storage.protocol import Buffer

SUFFIXES = {"": "", ".gz": "gzip", ".br": "br", ".zstd": "zstd", ".xz": "xz"}
SUFFIX_OF = {PLAIN_GZIP: "", **{compression: suffix for suffix, compression in SUFFIXES.items()}}


def chunk_key(place: Place, position: Triple) -> str:
    """Return the store key of a chunk without a compression suffix."""
    return place.key(chunk_name(place.grid.cell(position)))


def suffix_of(place: Place) -> str:
    """Return what the names of new chunk files end in: nothing where the store itself tells how they are compressed."""
    return "" if place.store.keeps_encodings else SUFFIX_OF[place.compression]


def read_unsharded(place: Place, position: Triple, limit: int) -> bytes | None:
    """Return the encoded chunk with any outer compression removed, None when it is absent.

    Raises
    ------
    DecodeError
        The file is empty, or does not inflate to at most `limit` bytes.
    """
    found = read_file(place, position, limit)
    if found is None:
        return None
    data, compression = found
    return decompress(data, compression, limit) if compression else data


def read_file(place: Place, position: Triple, limit: int) -> tuple[bytes, str] | None:
    """Return the file of a chunk and its outer compression (``""``: none), None when it is absent.

    The plain name comes first, then the suffixes that CloudVolume appends; gzip bytes under the plain name (as ndm
    writes them) are recognised by their signature.

    Raises
    ------
    DecodeError
        The file is empty.
    StorageError
        It is larger than a chunk of `limit` bytes can be.
    """
    for suffix, compression in SUFFIXES.items():
        try:
            stored = place.store.get(chunk_key(place, position) + suffix, limit=stored_limit(limit))
        except KeyNotFoundError:
            continue
        if not stored.data:
            raise DecodeError("expected an encoded chunk, found a file of 0 bytes")
        sniffed = "gzip" if is_gzip(place, stored.data, len(stored.data), limit) else ""
        return stored.data, compression or stored.content_encoding or sniffed
    return None


def is_gzip(place: Place, head: bytes, size: int, limit: int) -> bool:
    """Whether a chunk's file of `size` bytes, of `limit` bytes where it is raw, is gzip by its first bytes `head`."""
    return sniff_gzip(head) and (place.scale.encoding != "raw" or size != limit)


def write_unsharded(place: Place, position: Triple, data: Buffer | None, *, durable: bool = False) -> None:
    """Store the bytes of a chunk as they are under its name (None removes it) and drop its twins of other suffixes."""
    plain = chunk_key(place, position)
    suffix = suffix_of(place)
    encoding = "gzip" if place.compression and not suffix else None
    if data is not None:
        place.store.put(plain + suffix, data, durable=durable, content_encoding=encoding)
    place.store.delete(plain + other for other in SUFFIXES if data is None or other != suffix)
