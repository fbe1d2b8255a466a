"""What lies in a folder of a store: more than its keys, where it is a folder on a disk."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ngprecomp.format.names import join
from ngprecomp.storage.keys import folder_to_list
from ngprecomp.storage.local import LOCK_FOLDER, LocalStore
from ngprecomp.storage.temporary import is_temporary

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ngprecomp.storage.protocol import Store


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in a folder; `leads_to` is where a symbolic link ends, if that is outside of the store."""

    name: str
    kind: Literal["object", "folder", "temporary"] = "object"
    leads_to: str = ""


def folder_entries(store: Store, folder: str) -> Iterator[Entry]:
    """Yield what lies directly in a folder of a store, in no particular order; nothing where there is no such folder.

    Links that lead nowhere, FIFOs and devices count as objects: who reads one is told what it is.

    Raises
    ------
    OSError
        The folder cannot be listed.
    """
    if isinstance(store, LocalStore):
        yield from _on_disk(store.root, folder_to_list(store.root, join(folder, ""))[0])
        return
    above = join(folder, "")
    folders: set[str] = set()
    for key in store.list(above):
        name, slash, _ = key[len(above) :].partition("/")
        if not slash:
            yield Entry(name)
        elif name not in folders:
            folders.add(name)
            yield Entry(name, "folder")


def _on_disk(root: str, path: str) -> Iterator[Entry]:
    try:
        entries = os.scandir(path)
    except FileNotFoundError:
        return
    inside = os.path.realpath(root)
    with entries:
        for entry in entries:
            if os.path.isdir(entry.path):  # `entry.is_dir` raises where links lead round in a circle
                if entry.name != LOCK_FOLDER:
                    yield Entry(entry.name, "folder", _outside(inside, entry))
            elif is_temporary(entry.name):
                yield Entry(entry.name, "temporary")
            else:
                yield Entry(entry.name, "object", _outside(inside, entry))


def _outside(root: str, entry: os.DirEntry[str]) -> str:
    """Return where a link ends, if that exists and does not lie below `root`."""
    if not entry.is_symlink() or not os.path.exists(entry.path):
        return ""
    end = os.path.realpath(entry.path)
    return "" if os.path.commonpath([root, end]) == root else end
