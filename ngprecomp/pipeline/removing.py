"""Remove a volume or one of its scales; what belongs to neither stays and is named."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ngprecomp.chunks.checksums import CHECKSUM_FOLDER, checksum_documents
from ngprecomp.chunks.listing import chunk_files
from ngprecomp.errors import OptionError
from ngprecomp.format.info import find_scale
from ngprecomp.pipeline.report import counted, megabytes
from ngprecomp.volume.documents import change_info, read_info
from ngprecomp.volume.opening import store_of
from ngprecomp.volume.places import (
    INFO_KEY,
    JOURNAL_FOLDER,
    JOURNAL_KEY,
    PROVENANCE_KEY,
    REMOVAL_KEY,
    folder_mate,
    place_of,
)
from ngprecomp.volume.removal import interrupted_removal, removable_places, remove_chunks, remove_volume

if TYPE_CHECKING:
    from ngprecomp.format.info import Info
    from ngprecomp.storage.protocol import Store
    from ngprecomp.volume.handle import Volume
    from ngprecomp.volume.opening import ScaleLike, SpecLike

SIDECARS = ("mesh", "skeletons", "segment_properties")
OWN_FILES = (INFO_KEY, PROVENANCE_KEY, JOURNAL_KEY, REMOVAL_KEY)
NAMED = 5


@dataclass(frozen=True, slots=True)
class Part:
    """Some files that belong together."""

    name: str
    files: int
    nbytes: int

    def __str__(self) -> str:
        return f"{self.name}: {counted(self.files, 'file')}, {megabytes(self.nbytes)}"


@dataclass(frozen=True, slots=True)
class Removal:
    """What is removed and what stays; `done` is False for a dry run, which removes nothing."""

    volume: str
    removed: tuple[Part, ...]
    kept: tuple[str, ...]
    done: bool

    @property
    def files(self) -> int:
        """How many files are removed."""
        return sum(part.files for part in self.removed)

    @property
    def nbytes(self) -> int:
        """How many bytes they hold."""
        return sum(part.nbytes for part in self.removed)

    def __str__(self) -> str:
        verb = "removed" if self.done else "would be removed"
        total = f"{counted(self.files, 'file')}, {megabytes(self.nbytes)} {verb}"
        lines = [f"{self.volume}: {total}", *(f"  {part}" for part in self.removed)]
        return "\n".join([*lines, *(f"  stays: {name}" for name in self.kept)])


def remove(
    volume: Volume | SpecLike, scale: ScaleLike | None = None, *, sidecars: bool = False, dry_run: bool = False
) -> Removal:
    """Remove a volume, or one scale of it; foreign files stay.

    ``info`` is changed first: if the removal is interrupted there are files without a volume, never a volume or a
    scale without its chunks, and the same call removes the rest.

    Parameters
    ----------
    volume
        An open volume, or a path, URL or JSON spec; all its scales are meant, whichever was opened.
    scale
        An index, key or resolution in nm, x, y, z. The scale leaves ``info``, and its chunks go; the last scale of a
        volume goes with the volume only.
    sidecars
        Remove the folders that ``info`` names as ``mesh``, ``skeletons`` and ``segment_properties``, too.
    dry_run
        Say what would be removed, and remove nothing.

    Raises
    ------
    NotFoundError
        There is no volume, or no such scale.
    OptionError
        It is the only scale, or its key leads out of the volume's folder.

    Examples
    --------
    >>> import ngprecomp as ng
    >>> vol = ng.create("memory://doc/remove", shape=(64, 64, 64), dtype="uint8")
    >>> vol[...] = 7
    >>> print(ng.remove(vol, dry_run=True))
    memory://doc/remove: 2 files, 262 kB would be removed
      scale 1_1_1: 1 file, 262 kB
      info: 1 file, 233 B
    """
    store = store_of(volume)
    info = interrupted_removal(store) or read_info(store)
    if scale is not None:
        return _remove_scale(store, info, find_scale(info, scale), sidecars=sidecars, dry_run=dry_run)
    places = removable_places(store, info)
    parts = {f"scale {place.scale.key}": list(chunk_files(place)) for place in places}
    belonging = _sidecars(store, info)
    if sidecars:
        parts |= belonging
    parts |= {key: [key] for key in OWN_FILES if key in set(store.list(key))}
    parts["checksums"] = list(store.list(f"{CHECKSUM_FOLDER}/"))
    parts["journal"] = list(store.list(f"{JOURNAL_FOLDER}/"))
    going = {key for keys in parts.values() for key in keys}
    removal = Removal(store.url, _parts(store, parts), _kept(store, going, belonging), not dry_run)
    if not dry_run:
        remove_volume(store, info)
        if sidecars:
            store.delete(key for keys in belonging.values() for key in keys)
    return removal


def _remove_scale(store: Store, info: Info, index: int, *, sidecars: bool, dry_run: bool) -> Removal:
    if sidecars:
        raise OptionError("sidecars belong to the volume: they go with it, not with a scale")
    if len(info.scales) == 1:
        raise OptionError(f"{store.url} has this scale only: remove the volume")
    scale = info.scale(index, limited=False)
    place = place_of(store, info, scale)
    mate = folder_mate(info, index)
    keys = [] if mate is not None else list(chunk_files(place))
    kept = (f"its chunks, which are those of scale {mate}, too",) if mate is not None else ()
    sums = [] if mate is not None else [key for copy in place.copies for key in checksum_documents(copy)]
    parts = _parts(store, {f"scale {scale.key}": keys, "checksums": sums})
    removal = Removal(store.url, parts, kept, not dry_run)
    if not dry_run:
        change_info(store, lambda now: _without(now, info, index))
        if mate is None:
            remove_chunks([place])
    return removal


def _without(now: Info, seen: Info, index: int) -> Info:
    """Return the volume without the scale, which is where we saw it unless somebody else was quicker."""
    document = seen.scales[index]
    if document not in now.scales:
        raise OptionError(f"scale {document.get('key')!r} has just been removed by somebody else")
    at = index if now.scales[index : index + 1] == (document,) else now.scales.index(document)
    return replace(now, scales=(*now.scales[:at], *now.scales[at + 1 :]))


def _sidecars(store: Store, info: Info) -> dict[str, list[str]]:
    """Return the files of the folders that ``info`` names and that lie inside of the volume's own."""
    found = {}
    for member in SIDECARS:
        folder = info.extra.get(member)
        if isinstance(folder, str) and folder.strip("/") and ".." not in folder.split("/"):
            found[member] = list(store.list(f"{folder.strip('/')}/"))
    return {member: keys for member, keys in found.items() if keys}


def _parts(store: Store, parts: dict[str, list[str]]) -> tuple[Part, ...]:
    return tuple(
        Part(name, len(keys), sum(store.stat(key).size for key in keys))
        for name, keys in parts.items()
        if keys or name.startswith("scale ")
    )


def _kept(store: Store, going: set[str], belonging: dict[str, list[str]]) -> tuple[str, ...]:
    """Say which files stay: sidecars by their names, the first few of all others."""
    kept = [
        f"{member} ({counted(len(keys), 'file')})" for member, keys in belonging.items() if not going.issuperset(keys)
    ]
    known = going.union(*belonging.values())
    foreign = sorted(key for key in store.list("") if key not in known)
    if foreign:
        more = f" and {len(foreign) - NAMED} more" if len(foreign) > NAMED else ""
        kept.append(f"{', '.join(foreign[:NAMED])}{more}, not of this volume")
    return tuple(kept)
