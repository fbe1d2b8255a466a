"""What jobs have left beside ``info``: a journal, its entries, locks, a removal that was interrupted."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ngprecomp.errors import UnlistableError
from ngprecomp.pipeline.checking.findings import Kind
from ngprecomp.pipeline.checking.folder_entries import folder_entries
from ngprecomp.pipeline.checking.names import report_temporary
from ngprecomp.pipeline.checking.repairing import DeadLock, Orphans
from ngprecomp.pipeline.checking.walk import there
from ngprecomp.pipeline.report import counted
from ngprecomp.storage.file_lock import is_held
from ngprecomp.storage.local import LOCK_FOLDER, LocalStore
from ngprecomp.volume.places import INFO_KEY, JOURNAL_FOLDER, JOURNAL_KEY, REMOVAL_KEY

if TYPE_CHECKING:
    from ngprecomp.pipeline.checking.walk import Checking
    from ngprecomp.storage.protocol import Store

UNFINISHED = Kind("warning", "run the same command again: it continues")
WRITING = Kind("warning", "check again when it has finished")
HALF_REMOVED = Kind("warning", "remove the volume again, or write a new one: both finish that")
DEAD = Kind("hint", "--repair removes it")
ORPHANED = Kind("warning", "--repair removes them")


def check_leftovers(store: Store, checking: Checking) -> None:
    """Report what jobs have left, and what of it a repair may remove: never the journal of a job that can go on."""
    add = checking.findings.add
    if there(store, JOURNAL_KEY):
        if isinstance(store, LocalStore) and store.is_locked(JOURNAL_KEY):
            add(WRITING, "a job writes this volume at this moment", JOURNAL_KEY)
        else:
            add(UNFINISHED, "a job that writes this volume has not finished", JOURNAL_KEY)
    else:
        _check_entries(store, checking)
    if there(store, REMOVAL_KEY):
        if there(store, INFO_KEY):
            add(DEAD, "belongs to the removal of an earlier volume", REMOVAL_KEY)
            checking.repairs.append(Orphans(store, (REMOVAL_KEY,), REMOVAL_KEY))
        else:
            add(HALF_REMOVED, "the removal of a volume was interrupted", REMOVAL_KEY)
    if isinstance(store, LocalStore):
        _check_locks(store, checking)


def _check_entries(store: Store, checking: Checking) -> None:
    """Report entries without a journal: they mean nothing."""
    try:
        keys = tuple(store.list(f"{JOURNAL_FOLDER}/"))
        for entry in folder_entries(store, JOURNAL_FOLDER):
            report_temporary(store, JOURNAL_FOLDER, entry, checking)
    except (UnlistableError, OSError):
        return
    if keys:
        what = f"{counted(len(keys), 'record')} of a journal that is gone"
        checking.findings.add(ORPHANED, what, JOURNAL_FOLDER)
        checking.repairs.append(Orphans(store, keys, what))


def _check_locks(store: LocalStore, checking: Checking) -> None:
    """Report locks that nobody holds: their processes died."""
    folder = os.path.join(store.root, LOCK_FOLDER)
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return
    for name in names:
        path = os.path.join(folder, name)
        if os.path.isfile(path) and not is_held(path):
            checking.findings.add(DEAD, "is a lock that nobody holds", f"{LOCK_FOLDER}/{name}", LOCK_FOLDER)
            checking.repairs.append(DeadLock(path))
