"""The ``info`` file of a volume: read it, create it, change it under its lock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ngprecomp.errors import ExistsError, KeyNotFoundError, MetadataError, NotFoundError
from ngprecomp.format.info import Info, info_to_bytes, parse_info
from ngprecomp.volume.places import INFO_KEY

if TYPE_CHECKING:
    from collections.abc import Callable

    from ngprecomp.storage.protocol import Store


def read_info(store: Store) -> Info:
    """Return the ``info`` of the volume at the root of a store.

    Raises
    ------
    NotFoundError
        There is no ``info``.
    MetadataError
        It is invalid; all problems of its top level are listed.
    """
    try:
        data = store.get(INFO_KEY).data
    except KeyNotFoundError:
        raise NotFoundError(f"no volume at {store.url}: it has no file named info") from None
    try:
        return parse_info(data)
    except MetadataError as error:
        raise MetadataError(error.problems, f"info of {store.url}") from None


def found_info(store: Store) -> Info | None:
    """Return the ``info`` of the volume at the root of a store, None where there is none.

    Raises
    ------
    MetadataError
        It is invalid.
    """
    try:
        return read_info(store)
    except NotFoundError:
        return None


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
    """Replace the ``info`` by what `change` makes of it, under its lock, and return the new one."""
    with store.lock(INFO_KEY):
        info = change(read_info(store))
        write_info(store, info)
    return info
