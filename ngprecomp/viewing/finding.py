"""Volumes in a store, found by their ``info``."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from ngprecomp.errors import NgprecompError
from ngprecomp.format.info import parse_info
from ngprecomp.format.names import join
from ngprecomp.storage.memory import MemoryStore
from ngprecomp.volume.places import INFO_KEY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ngprecomp.viewing.site import Mount

DEPTH = 4  # folders below the root


def find_volumes(mount: Mount) -> Iterator[str]:
    """Yield the paths of the volumes that are served at a mount, sorted; the empty one is the mount itself.

    A folder is searched four levels deep, but not inside of volumes; buckets, which may list millions of chunks
    first, are not searched.
    """
    if is_volume(mount, ""):
        yield ""
    elif mount.folder:
        yield from _below(mount, "", DEPTH)
    elif isinstance(mount.store, MemoryStore):
        paths = (key.removesuffix(f"/{INFO_KEY}") for key in mount.store.list() if key.endswith(f"/{INFO_KEY}"))
        yield from (path for path in sorted(paths) if is_volume(mount, path))


def is_volume(mount: Mount, path: str) -> bool:
    """Whether there is an ``info`` of a volume; properties and meshes have files of this name, too."""
    key = join(path, INFO_KEY)
    with suppress(NgprecompError, OSError):
        mount.require_inside(key)
        parse_info(mount.store.get(key).data)
        return True
    return False


def _below(mount: Mount, path: str, depth: int) -> Iterator[str]:
    with suppress(OSError), os.scandir(mount.folder + path) as entries:
        folders = sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))
        for folder in folders:
            inner = join(path, folder)
            if is_volume(mount, inner):
                yield inner
            elif depth > 1:
                yield from _below(mount, inner, depth - 1)
