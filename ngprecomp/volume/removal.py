"""Remove the files of a volume or of a scale, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ngprecomp.chunks.listing import chunk_files
from ngprecomp.volume.places import INFO_KEY, PROVENANCE_KEY, place_of, refuse_escape

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ngprecomp.chunks.place import Place
    from ngprecomp.format.info import Info
    from ngprecomp.storage.protocol import Store


def remove_chunks(places: Iterable[Place]) -> None:
    """Remove all chunks and shards of some scales, and what dead processes left unfinished there.

    Raises
    ------
    OptionError
        A scale lies outside of its volume's folder.
    """
    for place in places:
        refuse_escape(place.scale, "remove")
        place.store.delete(chunk_files(place))
        place.store.sweep(place.folder)


def remove_volume(store: Store, info: Info) -> None:
    """Remove ``info``, ``provenance`` and all chunks; foreign files stay."""
    scales = (info.scale(index, max_chunk_bytes=None) for index in range(len(info.scales)))
    places = [place_of(store, info, scale) for scale in scales]
    for place in places:
        refuse_escape(place.scale, "remove")
    store.delete([INFO_KEY, PROVENANCE_KEY])  # first, so that nobody opens a volume whose chunks are going away
    remove_chunks(places)
