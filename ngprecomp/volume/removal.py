"""Remove the files of a volume or of a scale, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ngprecomp.chunks.checksums import CHECKSUM_FOLDER, remove_checksums
from ngprecomp.chunks.listing import chunk_files
from ngprecomp.errors import KeyNotFoundError
from ngprecomp.format.info import info_to_bytes, parse_info
from ngprecomp.storage.protocol import exists
from ngprecomp.volume.places import (
    INFO_KEY,
    JOURNAL_FOLDER,
    JOURNAL_KEY,
    PROVENANCE_KEY,
    REMOVAL_KEY,
    place_of,
    refuse_escape,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ngprecomp.chunks.place import Place
    from ngprecomp.format.info import Info
    from ngprecomp.storage.protocol import Store


def remove_chunks(places: Iterable[Place]) -> None:
    """Remove all chunks and shards of some scales, their checksums, and what dead processes left unfinished there.

    Raises
    ------
    OptionError
        A scale lies outside of its volume's folder.
    """
    for place in places:
        refuse_escape(place.scale, "remove")
        remove_checksums(place)
        place.store.delete(chunk_files(place))
        place.store.sweep(place.folder)


def remove_volume(store: Store, info: Info) -> None:
    """Remove ``info``, ``provenance``, all chunks, and the journal of an unfinished job; foreign files stay.

    If it is interrupted, `interrupted_removal` says what was to go.
    """
    places = removable_places(store, info)
    store.put(REMOVAL_KEY, info_to_bytes(info), durable=True)
    store.delete([INFO_KEY, PROVENANCE_KEY])  # first, so that nobody opens a volume whose chunks are going away
    remove_chunks(places)
    store.delete(store.list(f"{CHECKSUM_FOLDER}/"))
    remove_journal(store)
    store.delete([REMOVAL_KEY])


def interrupted_removal(store: Store) -> Info | None:
    """Return the volume whose removal was interrupted after it lost its ``info``, None where there is none.

    What it left must go before a volume is made here: the new one could show old voxels.
    """
    if exists(store, INFO_KEY):
        return None
    try:
        return parse_info(store.get(REMOVAL_KEY).data)
    except KeyNotFoundError:
        return None


def removable_places(store: Store, info: Info) -> list[Place]:
    """Return where the scales of a volume lie.

    Raises
    ------
    OptionError
        One lies outside of the volume's folder.
    """
    scales = (info.scale(index, limited=False) for index in range(len(info.scales)))
    places = [place_of(store, info, scale) for scale in scales]
    for place in places:
        refuse_escape(place.scale, "remove")
    return places


def remove_journal(store: Store) -> None:
    """Remove the journal of a job, the document first: without it the rest means nothing."""
    store.sweep(JOURNAL_FOLDER)
    store.delete([JOURNAL_KEY, *store.list(f"{JOURNAL_FOLDER}/")])
