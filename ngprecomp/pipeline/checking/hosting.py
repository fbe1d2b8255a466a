"""What to know before a volume is put where the viewer finds it."""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING

from ngprecomp.chunks.listing import writable_compression
from ngprecomp.chunks.place import PLAIN_GZIP
from ngprecomp.errors import KeyNotFoundError, NgprecompError
from ngprecomp.pipeline.checking.findings import Kind
from ngprecomp.pipeline.checking.walk import there
from ngprecomp.pipeline.report import counted
from ngprecomp.storage.local import LocalStore
from ngprecomp.volume.places import INFO_KEY, PROVENANCE_KEY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ngprecomp.chunks.place import Place
    from ngprecomp.format.info import Info
    from ngprecomp.pipeline.checking.walk import Checking
    from ngprecomp.storage.protocol import Store

COMPRESSED = Kind("hint", "ngprecomp serve does that; a copy without compression needs nothing")
MANY_FILES = Kind("hint", "ngprecomp copy --sharded makes one file of hundreds")
UNREADABLE = Kind("hint", "chmod -R o+rX makes it readable for a web server")
NO_PROVENANCE = Kind("hint", "nobody can tell what made the volume")
NO_SIDECAR = Kind("hint", "the viewer shows an error for it: leave the member out until it exists")

MOST_FILES = 10**6


def check_store(store: Store, info: Info, checking: Checking) -> None:
    """Report what a volume lacks beside its scales, and who may read it."""
    add = checking.findings.add
    problem = _provenance_problem(store)
    if problem:
        add(NO_PROVENANCE, problem, PROVENANCE_KEY)
    for name in ("mesh", "skeletons", "segment_properties"):
        folder = info.extra.get(name)
        if isinstance(folder, str) and not there(store, f"{folder.strip('/')}/{INFO_KEY}"):
            add(NO_SIDECAR, f"there is no {folder}/info", f"info: {name}")
    if isinstance(store, LocalStore) and not os.stat(os.path.join(store.root, INFO_KEY)).st_mode & stat.S_IROTH:
        add(UNREADABLE, "other users may not read it", INFO_KEY)


def check_chunk_files(place: Place, suffixes: Mapping[str, int], checking: Checking) -> None:
    """Report what a server has to do for the chunk files of a scale; `suffixes` counts them."""
    compressed = {suffix: number for suffix, number in suffixes.items() if suffix}
    where = place.folder or "volume"
    for suffix, number in compressed.items():
        what = (
            f"{counted(number, 'chunk file')} with {suffix} names: a server must send them under the name without it, "
            "with Content-Encoding; TensorStore does not find them on a disk"
        )
        checking.findings.add(COMPRESSED, what, where)
    if not compressed and _plain_gzip(place):
        what = (
            "chunk files are gzip under plain names: a server must send them with Content-Encoding; TensorStore and "
            "CloudVolume do not read them from a disk"
        )
        checking.findings.add(COMPRESSED, what, where)
    if sum(suffixes.values()) > MOST_FILES:
        checking.findings.add(MANY_FILES, f"{sum(suffixes.values()):,} chunk files", where)


def _provenance_problem(store: Store) -> str | None:
    try:
        document = json.loads(store.get(PROVENANCE_KEY).data)
    except KeyNotFoundError:
        return "there is no such file"
    except (OSError, ValueError, RecursionError) as error:
        return f"cannot be read: {error}"
    return None if isinstance(document, dict) else "is no JSON object"


def _plain_gzip(place: Place) -> bool:
    try:
        return writable_compression(place) == PLAIN_GZIP
    except (NgprecompError, OSError):  # a damaged file, which is reported as such
        return False
