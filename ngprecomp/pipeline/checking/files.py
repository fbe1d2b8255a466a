"""Every chunk that is a file of its own: whether it decodes, whether it is stored once."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

from ngprecomp.chunks.coding import decode_chunk
from ngprecomp.chunks.limits import encoded_limit
from ngprecomp.chunks.unsharded import SUFFIXES, chunk_key, is_gzip, read_file
from ngprecomp.codecs.compression import decompress
from ngprecomp.errors import NgprecompError
from ngprecomp.kernels.crc32c import crc32c
from ngprecomp.pipeline.checking.checksums import Seen, verdict
from ngprecomp.pipeline.checking.findings import Kind
from ngprecomp.pipeline.checking.repairing import Twin
from ngprecomp.pipeline.checking.walk import reason, there

if TYPE_CHECKING:
    from ngprecomp.chunks.place import Place
    from ngprecomp.format.box import Triple
    from ngprecomp.pipeline.checking.checksums import Checksums
    from ngprecomp.pipeline.checking.presence import Presence
    from ngprecomp.pipeline.checking.walk import Checking

DIFFERENT_TWIN = Kind("error", "keep the one that is right; --repair keeps the one that is read")
SAME_TWIN = Kind("warning", "--repair removes those that are not read")


def check_files(place: Place, presence: Presence, checksums: Checksums, checking: Checking) -> None:
    """Decode every chunk file of one stored copy of a scale, and report chunks that have several files."""
    damaged = set()
    results = checking.map_chunks(place, partial(_look, place, bool(checksums)), presence)
    for position, seen in zip(presence, results, strict=True):
        fault = verdict(seen, position, checksums)
        checking.tally.add(math.prod(place.grid.cell(position).size))
        if fault:
            damaged.add(position)
            checking.findings.add(*fault, chunk_key(place, position), place.folder)
    for position in presence.twins:
        _report_twins(place, position, checking, repairable=position not in damaged)


def _look(place: Place, summed: bool, position: Triple) -> Seen:
    """Decode a chunk, which must hold the voxels that the grid says."""
    limit = encoded_limit(place, position)
    try:
        found = read_file(place, position, limit)
        if found is None:
            return Seen("was removed while the check was running")
        stored, compression = found
        decode_chunk(place, position, decompress(stored, compression, limit) if compression else stored)
    except (NgprecompError, OSError) as error:
        return Seen(reason(error, place, position))
    return Seen("", crc32c(stored) if summed else 0)


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
