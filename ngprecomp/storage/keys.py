"""Where a key leads inside a store, lexically; links on disks play no part in it."""

from __future__ import annotations

import posixpath

from ngprecomp.errors import StorageError


def path_to_read(root: str, key: str) -> str:
    """Return the absolute path of a key below the absolute path `root`, following leading ``..`` components.

    Raises
    ------
    StorageError
        The key is empty or absolute, or has an empty, ``.`` or inner ``..`` component.

    Examples
    --------
    >>> path_to_read("/data/v", "../other/8_8_40/0-64_0-64_0-64")
    '/data/other/8_8_40/0-64_0-64_0-64'
    """
    parts = key.split("/")
    outside = _leading_parents(parts)
    inside = parts[outside:]
    if not inside or any(part in ("", ".", "..") for part in inside) or "\0" in key:
        raise StorageError(
            f"the key {key!r} is not valid in {root}: "
            "keys are names joined by single slashes, with '..' only at the beginning"
        )
    return posixpath.normpath(posixpath.join(root, key))


def path_to_write(root: str, key: str) -> str:
    """Return the absolute path of a key that lies inside `root`.

    Raises
    ------
    StorageError
        The key is not valid or leads out of `root`.
    """
    path = path_to_read(root, key)
    if key.startswith("../"):
        raise StorageError(f"the key {key!r} leads out of {root}: it can be read, but not written, locked or deleted")
    return path


def folder_to_list(root: str, prefix: str) -> tuple[str, str, str]:
    """Split a prefix into the absolute path of its folder, the beginning of that folder's keys, and the rest.

    Examples
    --------
    >>> folder_to_list("/data/v", "8_8_40/0-64_")
    ('/data/v/8_8_40', '8_8_40/', '0-64_')
    """
    folder, slash, rest = prefix.rpartition("/")
    if not slash:
        return root, "", rest
    return posixpath.dirname(path_to_read(root, f"{folder}/any")), folder + slash, rest


def _leading_parents(parts: list[str]) -> int:
    """Return how many components ``..`` come first."""
    return next((index for index, part in enumerate(parts) if part != ".."), len(parts))
