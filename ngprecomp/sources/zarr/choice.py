"""Zarr hierarchies: a folder, a zip archive, an open group or array; which of its arrays is meant."""

from __future__ import annotations

import os
import posixpath
import re
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ngprecomp.errors import NotFoundError, SourceError
from ngprecomp.sources.extras import needed
from ngprecomp.sources.zarr.arrays import METADATA, naming_zarr_damage
from ngprecomp.sources.zarr.ome_zarr import OmeLevel, ome_levels, ome_members

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_LISTED = 20
LEVEL = re.compile(r"s\d+")  # what N5 and those who come from it call the levels of a pyramid


@dataclass(frozen=True, slots=True)
class Found:
    """An array, the level of an OME-Zarr image that it is, and sentences on how it was chosen."""

    array: Any
    level: OmeLevel | None
    notes: tuple[str, ...] = ()


def is_zarr_folder(path: str) -> bool:
    """Whether a folder is a Zarr array or group."""
    return any(os.path.isfile(os.path.join(path, name)) for name in METADATA[:3])


def zarr_in_zip(names: list[str]) -> str | None:
    """Return the folder within a zip archive that is a Zarr hierarchy, the outermost one; None if there is none.

    Examples
    --------
    >>> zarr_in_zip(["a.zarr/zarr.json", "a.zarr/0/zarr.json"]), zarr_in_zip(["raw.npy"])
    ('a.zarr', None)
    """
    folders = [posixpath.dirname(name) for name in names if posixpath.basename(name) in METADATA[:3]]
    return min(folders, key=len, default=None)


def open_hierarchy(path: str) -> tuple[Any, str]:
    """Return the outermost group or array around a folder, or that of a zip archive, and the path inside it.

    The outermost group knows the images that inner ones belong to.
    """
    zarr = needed("zarr", "zarr", "Zarr")
    with naming_zarr_damage(path):
        if os.path.isfile(path):
            with zipfile.ZipFile(path) as archive:
                inner = zarr_in_zip(archive.namelist()) or ""
            store = zarr.storage.ZipStore(path, mode="r")
            return zarr.open(store=store, mode="r", path=inner), ""
        root = os.path.abspath(path)
        while is_zarr_folder(os.path.dirname(root)):
            root = os.path.dirname(root)
        inner = os.path.relpath(os.path.abspath(path), root)
        store = zarr.storage.LocalStore(root, read_only=True)
        return zarr.open(store=store, mode="r"), "" if inner == "." else inner


def choose_array(root: Any, inner: str, dataset: str | None, name: str) -> Found:
    """Return the array at `inner` and `dataset` below a group or array, or the only volume there.

    Raises
    ------
    NotFoundError
        There is nothing of that name.
    SourceError
        Several arrays could be meant, or none; the message lists them.
    """
    path = posixpath.normpath(posixpath.join(inner, dataset or "")).strip("/")
    path = "" if path == "." else path
    with naming_zarr_damage(name):
        node = _child(root, path, name)
        if not hasattr(node, "members"):
            return Found(node, _level_of(root, path, name))
        found = list(_volumes(node, name))
        if len(found) == 1:
            return found[0]
        volumes = [one for one in found if one.array.ndim >= 3]
        if len(volumes) == 1:
            only = volumes[0]
            return Found(
                only.array, only.level, (*only.notes, f"array {only.array.path}: the only one of 3 or more axes")
            )
        start = len(node.path) + 1 if node.path else 0
        lines = [f"{one.array.path[start:]} {one.array.shape} {one.array.dtype}" for one in found[:MOST_LISTED]]
        more = f" and {len(found) - MOST_LISTED} more" if len(found) > MOST_LISTED else ""
        listed = f"name one as FOLDER:PATH; they are {', '.join(lines)}{more}" if found else "it holds no array"
        raise SourceError(f"{name} is a Zarr group of {len(volumes)} volumes; {listed}")


def _child(root: Any, path: str, name: str) -> Any:
    """Return the group or array at a path below a group."""
    if not path:
        return root
    try:
        return root[path]
    except (KeyError, IndexError, TypeError, ValueError) as error:
        inside = sorted(key for key, _ in root.members()) if hasattr(root, "members") else []
        told = f"; it holds {', '.join(inside[:MOST_LISTED])}" if inside else ""
        raise NotFoundError(f"{name} holds no group or array {path!r}{told}") from error


def _volumes(group: Any, name: str) -> Iterator[Found]:
    """Yield the arrays that a group may mean: the finest of each image or pyramid, and those that belong to none."""
    attributes = group.attrs.asdict()
    _refuse_plate(group, attributes, name)
    images = ome_levels(attributes, name)
    for levels in images:
        finest = levels[0]
        notes = (f"level {finest.path} of the {finest.levels} of the OME-Zarr image {group.path or 'at the top'}",)
        yield Found(group[finest.path], finest, (*notes, *_label_notes(group)))
    if images:
        return
    arrays, groups = dict(group.arrays()), dict(group.groups())
    if "s0" in arrays and all(LEVEL.fullmatch(key) for key in arrays):
        note = f"s0 of {group.path or 'the group'}: the finest of {len(arrays)} levels"
        yield Found(arrays["s0"], None, (note,))
    else:
        yield from (Found(arrays[key], None) for key in sorted(arrays))
    for key in sorted(groups):
        yield from _volumes(groups[key], name)


def _refuse_plate(group: Any, attributes: dict[str, Any], name: str) -> None:
    """Ask which image of a high-content screening plate is meant."""
    plate = ome_members(attributes).get("plate")
    wells = [well["path"] for well in plate.get("wells", ())] if isinstance(plate, dict) else []
    if len(wells) > 1:
        listed = ", ".join(wells[:MOST_LISTED]) + (", ..." if len(wells) > MOST_LISTED else "")
        raise SourceError(
            f"{name} is an OME-Zarr plate of {len(wells)} wells ({listed}); name one image as "
            f"FOLDER:{posixpath.join(group.path, wells[0], '0')}"
        )


def _label_notes(group: Any) -> tuple[str, ...]:
    """Return a sentence on the label images beside an image."""
    if "labels" not in group:
        return ()
    names = ome_members(group["labels"].attrs.asdict()).get("labels", ())
    listed = ", ".join(posixpath.join("labels", str(label)) for label in names)
    return (f"label images beside it: {listed}",) if listed else ()


def _level_of(root: Any, path: str, name: str) -> OmeLevel | None:
    """Return the level that an array is of an image of one of the groups above it."""
    parts = path.split("/")
    for depth in range(len(parts) - 1, -1, -1):
        above = _child(root, "/".join(parts[:depth]), name)
        if not hasattr(above, "members"):
            continue
        inside = "/".join(parts[depth:])
        for levels in ome_levels(above.attrs.asdict(), name):
            for level in levels:
                if level.path == inside:
                    return level
    return None
