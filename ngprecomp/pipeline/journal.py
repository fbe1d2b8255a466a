"""A note in the destination of an unfinished job, so that the next one knows what the files there are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ngprecomp.errors import ExistsError, KeyNotFoundError
from ngprecomp.format.info import Info, info_to_json, parse_info
from ngprecomp.volume.places import place_of
from ngprecomp.volume.removal import remove_chunks

if TYPE_CHECKING:
    from ngprecomp.storage.protocol import Store

JOURNAL_KEY = "ngprecomp-journal.json"


def begin_journal(store: Store, source: str, info: Info, *, overwrite: bool) -> None:
    """Note that a job begins to write the volume `info` from `source`; clear what an earlier one left unfinished.

    Raises
    ------
    ExistsError
        Another job was begun here and not finished, and `overwrite` is not asked for.
    """
    entry = {"source": source, "info": info_to_json(info)}
    found = _read(store)
    if found is not None:
        if found != entry and not overwrite:
            raise ExistsError(
                f"{store.url} holds an unfinished volume from {found.get('source')!r}, not from {source!r} with these "
                "options: finish that job, or overwrite it"
            )
        _clear(store, parse_info(found["info"]))
    store.put(JOURNAL_KEY, json.dumps(entry, sort_keys=True).encode(), durable=True)


def abandon(store: Store, info: Info) -> None:
    """Remove everything that a failed job has written."""
    _clear(store, info)
    end_journal(store)


def end_journal(store: Store) -> None:
    """Note that the job is finished."""
    store.delete([JOURNAL_KEY])


def _read(store: Store) -> dict[str, Any] | None:
    try:
        entry: dict[str, Any] = json.loads(store.get(JOURNAL_KEY).data)
    except KeyNotFoundError:
        return None
    return entry


def _clear(store: Store, info: Info) -> None:
    remove_chunks(place_of(store, info, info.scale(index)) for index in range(len(info.scales)))
