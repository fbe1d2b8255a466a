"""What lies in the folder of a scale: its chunks or shards, and what does not belong there."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ngprecomp.chunks.unsharded import SUFFIXES
from ngprecomp.format.names import join, parse_chunk_name, parse_shard_name
from ngprecomp.format.sharding import chunks_per_shard, shard_positions
from ngprecomp.kernels.morton_bits import morton_bits
from ngprecomp.pipeline.checking.findings import Kind
from ngprecomp.pipeline.checking.folder_entries import folder_entries
from ngprecomp.pipeline.checking.presence import Named, position_of
from ngprecomp.pipeline.checking.repairing import Abandoned
from ngprecomp.pipeline.checking.walk import reason
from ngprecomp.storage.temporary import is_abandoned

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ngprecomp.chunks.place import Place
    from ngprecomp.pipeline.checking.folder_entries import Entry
    from ngprecomp.pipeline.checking.walk import Checking
    from ngprecomp.storage.protocol import Store

UNREADABLE = Kind("error", "make the folder readable")
OUTSIDE = Kind("warning", "servers refuse such links: copy the volume, or move the file into it")
STALE = Kind("warning", "remove it if no other info describes it")
ABANDONED = Kind("warning", "--repair removes it")
UNFINISHED = Kind("hint", "remove it when no program writes to the volume")
STRAY = Kind("hint", "remove it if nobody needs it")

_OF_OTHERS = re.compile(r".+(__lock|#\d+)")  # TensorStore's locks, what obstore has begun
_LIKE_A_SHARD = re.compile(r"[0-9a-f]+[.]shard")


@dataclass(slots=True)
class Listing:
    """The chunks of a scale that its folder names, one list for each of its stored copies, or the shards.

    A chunk that is stored twice, as ``NAME`` and ``NAME.gz``, is named twice. `suffixes` counts the files.
    """

    chunks: list[Named]
    shards: list[int] = field(default_factory=list)
    suffixes: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, place: Place) -> Listing:
        """Return an empty listing for a scale."""
        return cls([Named(copy.grid.shape) for copy in place.copies])


def list_scale(place: Place, others: Iterable[Place], known: Iterable[str], checking: Checking) -> Listing:
    """Return what the folder of a scale holds, and report what does not belong there.

    Parameters
    ----------
    others
        The other scales of the volume, which may share the folder.
    known
        Keys of other files and folders of the volume.
    """
    neighbours = [other for other in others if other.folder == place.folder]
    listing = Listing.of(place)
    taken = (*known, *(other.folder for other in others))
    try:
        for entry in folder_entries(place.store, place.folder):
            report_link(place.folder, entry, checking)
            if _belongs(place, entry.name, listing) or report_temporary(place.store, place.folder, entry, checking):
                continue
            if not _belongs_elsewhere(entry.name, place.key(entry.name), neighbours, taken):
                _report_stray(place, entry.name, checking)
    except OSError as error:
        checking.findings.add(UNREADABLE, f"cannot be listed: {reason(error, place)}", place.folder or "volume")
    return listing


def report_link(folder: str, entry: Entry, checking: Checking) -> None:
    """Report a link that leads out of the volume."""
    if entry.leads_to:
        what = f"is a link to {entry.leads_to}, outside of the volume"
        checking.findings.add(OUTSIDE, what, join(folder, entry.name), folder)


def report_temporary(store: Store, folder: str, entry: Entry, checking: Checking) -> bool:
    """Report a file that a program has begun, and return whether it is one."""
    if is_abandoned(entry.name):
        kind, what = ABANDONED, "was left unfinished by a process that died"
        checking.repairs.append(Abandoned(store, folder, entry.name))
    elif entry.kind == "temporary":
        kind, what = UNFINISHED, "is being written, or was left unfinished on another machine"
    elif _OF_OTHERS.fullmatch(entry.name):
        kind, what = UNFINISHED, "is the lock or temporary file of another program"
    else:
        return False
    checking.findings.add(kind, what, join(folder, entry.name), folder)
    return True


def stem(name: str) -> tuple[str, str]:
    """Split the name of a chunk file at the suffix of its compression, which may be empty."""
    suffix = next((suffix for suffix in SUFFIXES if suffix and name.endswith(suffix)), "")
    return name.removesuffix(suffix), suffix


def _belongs(place: Place, name: str, listing: Listing) -> bool:
    """Whether a name is that of a chunk or a shard of the scale; if so it is listed."""
    if place.scale.sharding is not None:
        number = parse_shard_name(name, place.sharding.shard_bits)
        if number is None or _beyond(place, number):
            return False
        listing.shards.append(number)
        return True
    base, suffix = stem(name)
    box = parse_chunk_name(base)
    if box is None:
        return False
    found = [position_of(copy.grid, box) for copy in place.copies]
    for chunks, position in zip(listing.chunks, found, strict=True):
        if position is not None:
            chunks.add(position)
    belongs = any(position is not None for position in found)
    listing.suffixes[suffix] += belongs
    return belongs


def _beyond(place: Place, number: int) -> bool:
    """Whether the grid has no chunk for a shard, as far as its number tells."""
    sharding, shape = place.sharding, place.grid.shape
    if chunks_per_shard(sharding, shape) is None:
        return False
    used = max(0, sum(morton_bits(shape)) - sharding.within_shard_bits)
    return number >= 1 << used or shard_positions(sharding, shape, number).empty


def _belongs_elsewhere(name: str, key: str, neighbours: Iterable[Place], known: Iterable[str]) -> bool:
    if any(taken == key or taken.startswith(f"{key}/") for taken in known):
        return True
    return any(_belongs(place, name, Listing.of(place)) for place in neighbours)


def _report_stray(place: Place, name: str, checking: Checking) -> None:
    """Report a name that belongs neither to the scale nor to the rest of the volume."""
    kind = STALE
    if parse_chunk_name(stem(name)[0]) is not None:
        shape = "the scale is sharded" if place.scale.sharding else f"the chunks are {place.scale.chunk_size}"
        what = f"is no chunk of the grid: {shape} over {place.scale.box}"
    elif _LIKE_A_SHARD.fullmatch(name):
        why = "the grid has no chunk for this number" if place.scale.sharding else "the scale is not sharded"
        what = f"is no shard of the scale: {why}"
    else:
        kind, what = STRAY, "does not belong to the volume"
    checking.findings.add(kind, what, place.key(name), place.folder)
