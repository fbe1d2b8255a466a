"""Which files of a store are the chunks and shards of a scale."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ngprecomp.chunks.unsharded import SUFFIXES
from ngprecomp.format.names import parse_chunk_name, parse_shard_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ngprecomp.chunks.place import Place


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
    """Return how new chunk files of a scale are compressed: gzip if the first that is found is, else not at all."""
    if place.scale.sharding is not None:
        return ""
    return "gzip" if _suffix(next(chunk_files(place), "")) == ".gz" else ""


def _is_chunk(place: Place, name: str) -> bool:
    if place.scale.sharding is not None:
        return parse_shard_name(name, place.scale.sharding.shard_bits) is not None
    return parse_chunk_name(name.removesuffix(_suffix(name))) is not None


def _suffix(name: str) -> str:
    return next((suffix for suffix in SUFFIXES if suffix and name.endswith(suffix)), "")
