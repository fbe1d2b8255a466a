"""What belongs to a volume beside its scales: the folders that ``info`` names, from one store to another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ngprecomp.chunks.ordered_map import map_in_order
from ngprecomp.errors import ExistsError, KeyNotFoundError
from ngprecomp.format.names import resolve_key
from ngprecomp.pipeline.removing import SIDECARS
from ngprecomp.pipeline.report import counted, megabytes
from ngprecomp.storage.copying import copy_object
from ngprecomp.storage.protocol import exists
from ngprecomp.volume.places import PROVENANCE_KEY

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from ngprecomp.format.info import Info
    from ngprecomp.pipeline.engine.making import Running
    from ngprecomp.storage.protocol import Store
    from ngprecomp.volume.resources import Resources

ALL = "all"  # the only part of a stage of the journal


@dataclass(frozen=True, slots=True)
class Sidecar:
    """A folder that a member of ``info`` names, with the keys and the bytes of its files."""

    member: str
    folder: str
    keys: tuple[str, ...]
    nbytes: int

    def __str__(self) -> str:
        return f"{self.member}: {counted(len(self.keys), 'file')}, {megabytes(self.nbytes)}"


@dataclass(frozen=True, slots=True)
class Belongings:
    """What comes along: sidecars, provenance, members of ``info`` beside its scales; and what is to be said of it."""

    sidecars: tuple[Sidecar, ...]
    provenance: bool
    members: Mapping[str, Any]
    notes: tuple[str, ...]


def belongings(store: Store, info: Info, taken: Collection[str]) -> Belongings:
    """Return what belongs to a volume; `taken` are its own folders and files, which are no sidecars.

    A folder outside of the volume's is not followed, and the member that names it is left out, too.
    """
    sidecars, notes = [], []
    members = dict(info.extra)
    for member in SIDECARS:
        named = members.get(member)
        if named is None:
            continue
        if isinstance(named, str) and "://" in named:
            notes.append(f"{member}: the link {named}")
            continue
        reason = _reason(named, taken)
        if reason:
            notes.append(f"remark: {member} is left out: {named!r} {reason}")
            del members[member]
            continue
        folder = resolve_key("", named)
        keys = tuple(sorted(store.list(f"{folder}/")))
        sidecars.append(Sidecar(member, folder, keys, sum(store.stat(key).size for key in keys)))
    others = sorted(set(members).difference(SIDECARS))
    if others:
        notes.append(f"members of info: {', '.join(others)}")
    provenance = exists(store, PROVENANCE_KEY)
    if provenance:
        notes.append(f"provenance: 1 file, {megabytes(store.stat(PROVENANCE_KEY).size)}")
    return Belongings(tuple(sidecars), provenance, members, (*map(str, sidecars), *notes))


def without_belongings(info: Info) -> Belongings:
    """Return that nothing comes along, and that ``info`` names nothing of it."""
    names = ", ".join([*sorted(info.extra), PROVENANCE_KEY])
    return Belongings((), False, {}, (f"left out, as asked: {names}",))


def _reason(named: Any, taken: Collection[str]) -> str:
    """Say why a folder is not followed, or nothing."""
    if not isinstance(named, str) or not named:
        return "names no folder"
    if named.startswith("/") or ".." in named.split("/"):
        return "leads out of the volume's folder"
    folder = resolve_key("", named)
    own = not folder or any(name == folder or name.startswith(f"{folder}/") for name in taken)
    return "holds a part of the volume itself" if own else ""


def refuse_foreign(store: Store, sidecars: Collection[Sidecar]) -> None:
    """Refuse to write sidecars into folders that hold files already.

    Raises
    ------
    ExistsError
        One does.
    """
    for sidecar in sidecars:
        there = next(store.list(f"{sidecar.folder}/"), None)
        if there is not None and sidecar.keys:
            raise ExistsError(
                f"{store.url}/{there} exists, where {sidecar.member} would be copied to; overwrite does it"
            )


def copy_sidecar(source: Store, target: Store, sidecar: Sidecar, running: Running, threads: Resources) -> None:
    """Copy the files of a sidecar, unless the journal knows that they are there."""
    journal = running.journal
    assert journal is not None, "a copy has a journal"
    journal.begin(running.stage, sidecar.folder)
    entry = {"files": len(sidecar.keys), "bytes": sidecar.nbytes}
    if journal.entries(running.stage).get(ALL) == entry and _same(target, sidecar):
        return

    def copy(key: str) -> int:
        return copy_object(source, key, target, key)

    for _ in map_in_order(copy, sidecar.keys, threads.pool, running.workers + 1):
        pass
    journal.record(running.stage, ALL, entry)


def _same(target: Store, sidecar: Sidecar) -> bool:
    """Whether the files of a sidecar are there, with the bytes that they have together."""
    try:
        return sum(target.stat(key).size for key in sidecar.keys) == sidecar.nbytes
    except KeyNotFoundError:
        return False
