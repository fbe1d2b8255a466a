"""Remove the files of a volume or of a scale, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ngprecomp.chunks.unsharded import SUFFIXES
from ngprecomp.format.names import parse_chunk_name, parse_shard_name
from ngprecomp.volume.places import INFO_KEY, PROVENANCE_KEY, place_of, refuse_escape

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ngprecomp.chunks.place import Place
    from ngprecomp.format.info import Info
    from ngprecomp.storage.protocol import Store


def chunk_files(place: Place) -> Iterator[str]:
    """Yield the keys in the folder of a scale that are named like its chunks or shards."""
    start = len(place.key(""))
    for key in place.store.list(place.key("")):
        if _is_chunk(place, key[start:]):
            yield key


def _is_chunk(place: Place, name: str) -> bool:
    if place.scale.sharding is not None:
        return parse_shard_name(name, place.scale.sharding.shard_bits) is not None
    suffix = next((suffix for suffix in SUFFIXES if suffix and name.endswith(suffix)), "")
    return parse_chunk_name(name.removesuffix(suffix)) is not None


def remove_chunks(places: Iterable[Place]) -> None:
    """Remove all chunks and shards of some scales.

    Raises
    ------
    OptionError
        A scale lies outside of its volume's folder.
    """
    for place in places:
        refuse_escape(place.scale, "remove")
        place.store.delete(chunk_files(place))


def remove_volume(store: Store, info: Info) -> None:
    """Remove ``info``, ``provenance`` and all chunks; foreign files stay."""
    scales = (info.scale(index, max_chunk_bytes=None) for index in range(len(info.scales)))
    places = [place_of(store, info, scale) for scale in scales]
    for place in places:
        refuse_escape(place.scale, "remove")
    store.delete([INFO_KEY, PROVENANCE_KEY])  # first, so that nobody opens a volume whose chunks are going away
    remove_chunks(places)
