"""Every chunk that is a file of its own: whether it decodes, whether it is stored once."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

from ngprecomp.chunks.coding import decode_chunk
from ngprecomp.chunks.limits import encoded_limit
from ngprecomp.chunks.reading import read_encoded
from ngprecomp.chunks.unsharded import SUFFIXES, chunk_key, is_gzip
from ngprecomp.codecs.compression import decompress
from ngprecomp.errors import NgprecompError
from ngprecomp.pipeline.checking.findings import Kind
from ngprecomp.pipeline.checking.repairing import Twin
from ngprecomp.pipeline.checking.walk import DAMAGED, reason, there

if TYPE_CHECKING:
    from ngprecomp.chunks.place import Place
    from ngprecomp.format.box import Triple
    from ngprecomp.pipeline.checking.presence import Presence
    from ngprecomp.pipeline.checking.walk import Checking

DIFFERENT_TWIN = Kind("error", "keep the one that is right; --repair keeps the one that is read")
SAME_TWIN = Kind("warning", "--repair removes those that are not read")


def check_files(place: Place, presence: Presence, checking: Checking) -> None:
    """Decode every chunk file of one stored copy of a scale, and report chunks that have several files."""
    damaged = set()
    results = checking.map_chunks(place, partial(_fault, place), presence)
    for position, fault in zip(presence, results, strict=True):
        checking.tally.add(math.prod(place.grid.cell(position).size))
        if fault:
            damaged.add(position)
            checking.findings.add(DAMAGED, fault, chunk_key(place, position), place.folder)
    for position in presence.twins:
        _report_twins(place, position, checking, repairable=position not in damaged)


def _fault(place: Place, position: Triple) -> str:
    """Return why a chunk does not decode to the voxels that the grid says; empty if it does."""
    try:
        encoded = read_encoded(place, position)
        if encoded is None:
            return "was removed while the check was running"
        decode_chunk(place, position, encoded)
    except (NgprecompError, OSError) as error:
        return reason(error, place, position)
    return ""


def _report_twins(place: Place, position: Triple, checking: Checking, *, repairable: bool) -> None:
    """Report a chunk that has several files, of which readers take the first."""
    plain = chunk_key(place, position)
    suffixes = [suffix for suffix in SUFFIXES if there(place.store, plain + suffix)]
    first, *others = [plain + suffix for suffix in suffixes]
    contents = {_content(place, position, plain + suffix, suffix) for suffix in suffixes}
    kind, which = (SAME_TWIN, "the same") if len(contents) == 1 else (DIFFERENT_TWIN, "another")
    names = ", ".join(key.removeprefix(place.key("")) for key in others)
    checking.findings.add(kind, f"is read, but {names} holds {which} chunk for these voxels", first, place.folder)
    if repairable:
        checking.repairs.append(Twin(place.store, first, tuple(others)))


def _content(place: Place, position: Triple, key: str, suffix: str) -> bytes | str:
    """Return the voxels in one of the files of a chunk, or why they cannot be had."""
    limit = encoded_limit(place, position)
    try:
        stored = place.store.get(key).data
        compression = SUFFIXES[suffix] or ("gzip" if is_gzip(place, stored, len(stored), limit) else "")
        return decode_chunk(place, position, decompress(stored, compression, limit)).tobytes()
    except (NgprecompError, OSError) as error:
        return str(error)
