"""Which files of a store are the chunks and shards of a scale."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import TYPE_CHECKING

from ngprecomp.chunks.place import PLAIN_GZIP
from ngprecomp.chunks.unsharded import SUFFIXES, is_gzip
from ngprecomp.errors import KeyNotFoundError, UnlistableError
from ngprecomp.format.names import parse_chunk_name, parse_shard_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ngprecomp.chunks.place import Place

SIGNATURE_BYTES = 3


def chunk_files(place: Place) -> Iterator[str]:
    """Yield the keys in the folder of a scale that are named like its chunks or shards."""
    start = len(place.key(""))
    for key in place.store.list(place.key("")):
        if _is_chunk(place, key[start:]):
            yield key


def has_chunks(place: Place) -> bool:
    """Whether a scale holds any chunk or shard."""
    return any(True for _ in chunk_files(place))


def writable_compression(place: Place) -> str:
    """Return how new chunk files of a scale are compressed, as `Place.compression` says it.

    That is gzip if the first file that is found is, under the same kind of name (in a bucket names do not tell it),
    else none; it is none where the store cannot be listed, which is then one that is only read.
    """
    if place.scale.sharding is not None:
        return ""
    with suppress(UnlistableError):
        for key in chunk_files(place):
            with suppress(KeyNotFoundError):  # another writer has removed it
                return _compression_of(place, key)
    return ""


def _compression_of(place: Place, key: str) -> str:
    if _suffix(key):
        return "gzip" if _suffix(key) == ".gz" else ""
    if place.store.keeps_encodings and place.store.get(key).content_encoding == "gzip":
        return "gzip"
    size = place.store.stat(key).size
    (head,) = place.store.get_ranges(key, [0], [min(size, SIGNATURE_BYTES)])
    return PLAIN_GZIP if is_gzip(place, head, size, _raw_bytes(place, key)) else ""


def _raw_bytes(place: Place, key: str) -> int:
    cell = parse_chunk_name(key[len(place.key("")) :])
    return math.prod(cell.size) * place.dtype.itemsize * place.num_channels if cell else 0


def _is_chunk(place: Place, name: str) -> bool:
    if place.scale.sharding is not None:
        return parse_shard_name(name, place.scale.sharding.shard_bits) is not None
    return parse_chunk_name(name.removesuffix(_suffix(name))) is not None


def _suffix(name: str) -> str:
    return next((suffix for suffix in SUFFIXES if suffix and name.endswith(suffix)), "")
