"""From a scale in an ``info`` document to the place where its chunks lie."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from ngprecomp.chunks.checksums import CHECKSUM_FOLDER
from ngprecomp.chunks.place import Place
from ngprecomp.errors import ExistsError, MetadataError, OptionError
from ngprecomp.format.names import escapes, key_problem, resolve_key

if TYPE_CHECKING:
    from ngprecomp.format.info import Info
    from ngprecomp.format.scale import Scale
    from ngprecomp.storage.protocol import Store

INFO_KEY = "info"
PROVENANCE_KEY = "provenance"
JOURNAL_KEY = "ngprecomp-journal.json"  # what a job that writes the whole volume has finished, until it ends
JOURNAL_FOLDER = "ngprecomp-journal"
REMOVAL_KEY = "ngprecomp-removal.json"  # the ``info`` of a volume that is being removed, until all of it is gone


def place_of(
    store: Store,
    info: Info,
    scale: Scale,
    *,
    compression: str = "",
    compress_level: int | None = None,
    store_zeros: bool = False,
    checksums: bool = False,
) -> Place:
    """Return the place of a scale whose volume is the root of `store`; ``..`` in its key is followed lexically."""
    return Place(
        store,
        folder_of(scale),
        scale,
        info.data_type,
        info.num_channels,
        compression,
        compress_level,
        store_zeros,
        checksums,
    )


def folder_of(scale: Scale) -> str:
    """Return the folder of a scale, seen from that of its volume; empty where the key names none."""
    return folder_of_key(scale.key)


def folder_of_key(key: str) -> str:
    """Return the folder that the key of a scale names: ``8_8_40`` and ``./a/../8_8_40/`` are the same."""
    if key_problem(key):
        return ""
    return posixpath.normpath(key) if escapes(key) else resolve_key("", key)


def folder_mate(info: Info, index: int) -> int | None:
    """Return another scale that has the folder of this one, if any: ``8_8_40`` and ``./8_8_40/`` are the same."""
    folders = [folder_of_key(key) if isinstance(key := scale.get("key"), str) else None for scale in info.scales]
    if folders[index] is None:
        return None
    return next((at for at, folder in enumerate(folders) if at != index and folder == folders[index]), None)


def refuse_shared_folders(store: Store, info: Info) -> None:
    """Refuse to write a volume in which the chunks of one scale may lie under the names of another's.

    Raises
    ------
    OptionError
        Two scales have the same folder.
    """
    for index, scale in enumerate(info.scales):
        mate = folder_mate(info, index)
        if mate is not None:
            raise OptionError(
                f"will not write to {store.url}: its scales {index} and {mate} have the same folder, "
                f"{folder_of_key(scale['key'])!r}, where chunks of one may replace those of the other; "
                "correct info first"
            )


def check_new_scale(info: Info, index: int) -> None:
    """Refuse a new scale that we would not read again, or in a folder that is taken.

    Raises
    ------
    OptionError
        Its chunks are too large, or its key is the name of one of the volume's own files.
    ExistsError
        Another scale has the folder.
    """
    try:
        scale = info.scale(index)
    except MetadataError as error:
        raise OptionError("; ".join(map(str, error.problems))) from None
    if folder_of(scale) in (INFO_KEY, PROVENANCE_KEY, JOURNAL_KEY, JOURNAL_FOLDER, REMOVAL_KEY, CHECKSUM_FOLDER):
        raise OptionError(f"the key {scale.key!r} of a scale is the name of a file of the volume")
    mate = folder_mate(info, index)
    if mate is not None:
        raise ExistsError(f"scale {mate} already has the key {info.scales[mate]['key']!r}")


def refuse_escape(scale: Scale, what: str) -> None:
    """Refuse to change files outside of the volume's folder.

    Raises
    ------
    OptionError
        The key of the scale leads out of the folder.
    """
    if escapes(scale.key):
        raise OptionError(f"will not {what} scale {scale.key!r}: its key leads out of the volume's folder")
