"""The ``info`` document against the format and other programs, and what lies beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ngprecomp.errors import KeyNotFoundError
from ngprecomp.format.names import key_problem
from ngprecomp.format.problems import document_problems, doubts, peer_remarks, text_remarks
from ngprecomp.pipeline.checking.findings import Kind
from ngprecomp.pipeline.checking.folder_entries import folder_entries
from ngprecomp.pipeline.checking.leftovers import check_leftovers
from ngprecomp.pipeline.checking.names import report_link, report_temporary
from ngprecomp.storage.local import LocalStore
from ngprecomp.volume.places import INFO_KEY, folder_of_key

if TYPE_CHECKING:
    from ngprecomp.format.info import Info
    from ngprecomp.pipeline.checking.walk import Checking
    from ngprecomp.storage.protocol import Store

NO_VOLUME = Kind("error", "name the folder in which info lies")
INVALID = Kind("error", "correct info")
DOUBTFUL = Kind("warning", "correct info")
REMARK = Kind("hint", "other programs may refuse it")


def check_info(store: Store, max_chunk_bytes: int, checking: Checking) -> Info | None:
    """Report all that is wrong with ``info`` and beside it; return the volume, None where nothing can be made of it."""
    if isinstance(store, LocalStore):  # elsewhere the names of one folder cannot be had without those below it
        _check_root(store, checking)
    check_leftovers(store, checking)
    try:
        text = store.get(INFO_KEY).data
    except KeyNotFoundError as error:
        checking.findings.add(NO_VOLUME, f"there is no volume: {error}", INFO_KEY)
        return None
    except OSError as error:
        checking.findings.add(INVALID, f"cannot be read: {error.strerror or error}", INFO_KEY)
        return None
    info, problems = document_problems(text, max_chunk_bytes=max_chunk_bytes)
    remarks = {INVALID: problems}
    if info is not None:
        remarks |= {DOUBTFUL: doubts(info), REMARK: [*text_remarks(text), *peer_remarks(info)]}
    for kind, listed in remarks.items():
        for problem in listed:
            where = f"info: {problem.where}" if problem.where else INFO_KEY
            checking.findings.add(kind, problem.message, where, where)
    if info is not None:
        _check_folders(info, checking)
    return info


def _check_folders(info: Info, checking: Checking) -> None:
    """Report keys that are written in different ways and name one folder."""
    first: dict[str, int] = {}
    for index, document in enumerate(info.scales):
        key = document.get("key")
        if not isinstance(key, str) or key_problem(key):
            continue
        before = first.setdefault(folder_of_key(key), index)
        other = info.scales[before]["key"]
        if other != key:
            what = (
                f"{key!r} is the folder of scale {before}, {other!r}, too: chunks of one may replace those of the other"
            )
            checking.findings.add(INVALID, what, f"info: scales[{index}].key")


def _check_root(store: LocalStore, checking: Checking) -> None:
    """Report links out of the volume's folder, and files in it that somebody has begun."""
    try:
        for entry in folder_entries(store, ""):
            report_link("", entry, checking)
            report_temporary(store, "", entry, checking)
    except OSError as error:
        checking.findings.add(INVALID, f"the folder cannot be listed: {error.strerror or error}", store.root)
