"""The ``info`` file of a volume: read it, create it, change it under its lock."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from ngprecomp.codecs.compression import decompress
from ngprecomp.errors import ChangedError, ExistsError, KeyNotFoundError, MetadataError, NotFoundError
from ngprecomp.format.info import Info, info_to_bytes, parse_info
from ngprecomp.format.scale import MAX_CHUNK_BYTES
from ngprecomp.volume.places import INFO_KEY

if TYPE_CHECKING:
    from collections.abc import Callable

    from ngprecomp.storage.protocol import Store, Stored

MAX_INFO_BYTES = 1 << 20
"""Parsed JSON takes up to 30 times its text; real documents have some kilobytes."""
ATTEMPTS = 10


def read_info(store: Store, max_chunk_bytes: int = MAX_CHUNK_BYTES) -> Info:
    """Return the ``info`` of the volume at the root of a store; its scales have chunks of so many bytes at most.

    Raises
    ------
    NotFoundError
        There is no ``info``.
    MetadataError
        It is invalid; all problems of its top level are listed.
    """
    return _parsed(store, _stored_info(store), max_chunk_bytes)


def found_info(store: Store, max_chunk_bytes: int = MAX_CHUNK_BYTES) -> Info | None:
    """Return the ``info`` of the volume at the root of a store as `read_info` does, None where there is none.

    Raises
    ------
    MetadataError
        It is invalid.
    """
    try:
        return read_info(store, max_chunk_bytes)
    except NotFoundError:
        return None


def _stored_info(store: Store) -> Stored:
    try:
        return store.get(INFO_KEY, limit=MAX_INFO_BYTES)
    except KeyNotFoundError:
        raise NotFoundError(f"no volume at {store.url}: it has no file named info") from None


def _parsed(store: Store, stored: Stored, max_chunk_bytes: int = MAX_CHUNK_BYTES) -> Info:
    encoding = stored.content_encoding
    text = decompress(stored.data, encoding, MAX_INFO_BYTES) if encoding else stored.data
    try:
        return parse_info(text, max_chunk_bytes=max_chunk_bytes)
    except MetadataError as error:
        raise MetadataError(error.problems, f"info of {store.url}") from None


def write_info(store: Store, info: Info) -> None:
    """Write an ``info``; the caller holds its lock."""
    store.put(INFO_KEY, info_to_bytes(info), durable=True)


def create_info(store: Store, info: Info) -> None:
    """Write the ``info`` of a new volume.

    Raises
    ------
    ExistsError
        There is one already.
    """
    try:
        store.put(INFO_KEY, info_to_bytes(info), if_absent=True, durable=True)
    except ExistsError:
        raise ExistsError(f"a volume exists at {store.url}") from None


def change_info(store: Store, change: Callable[[Info], Info]) -> Info:
    """Replace the ``info`` by what `change` makes of it, and return the new one.

    That is done under its lock and on the condition that programs which do not lock have not replaced it meanwhile,
    else again.
    """
    with store.lock(INFO_KEY):
        for _ in range(ATTEMPTS - 1):
            with suppress(ChangedError):
                return _change_once(store, change)
        return _change_once(store, change)


def _change_once(store: Store, change: Callable[[Info], Info]) -> Info:
    stored = _stored_info(store)
    info = change(_parsed(store, stored))
    store.put(INFO_KEY, info_to_bytes(info), if_version=stored.version, durable=True)
    return info
