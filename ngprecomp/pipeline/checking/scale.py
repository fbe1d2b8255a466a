"""One scale: its folder, its chunks or shards, and its gaps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ngprecomp.chunks.checksums import CHECKSUM_FOLDER
from ngprecomp.errors import MetadataError
from ngprecomp.format.names import key_problem
from ngprecomp.pipeline.checking.checksums import compare_presence, load_checksums
from ngprecomp.pipeline.checking.files import check_files
from ngprecomp.pipeline.checking.findings import Kind
from ngprecomp.pipeline.checking.hosting import check_chunk_files
from ngprecomp.pipeline.checking.names import list_scale
from ngprecomp.pipeline.checking.shards import check_shards
from ngprecomp.volume.places import INFO_KEY, JOURNAL_FOLDER, JOURNAL_KEY, PROVENANCE_KEY, place_of

if TYPE_CHECKING:
    from ngprecomp.chunks.place import Place
    from ngprecomp.format.info import Info
    from ngprecomp.pipeline.checking.presence import Presence
    from ngprecomp.pipeline.checking.walk import Checking

ABSENT = Kind("hint", "absent chunks read as zeros; CloudVolume refuses them without fill_missing")
NAMED = 3  # absent chunks whose boxes a report names


def check_scale(place: Place, info: Info, checking: Checking) -> tuple[Presence, int]:
    """Check what lies in the folder of a scale.

    Returns
    -------
    Which chunks of its first stored copy are there, and how many of these have a checksum.
    """
    others = _others(place, info)
    known = [INFO_KEY, PROVENANCE_KEY, JOURNAL_KEY, JOURNAL_FOLDER, CHECKSUM_FOLDER]
    known += [name for name in info.extra.values() if isinstance(name, str)]
    listing = list_scale(place, others, known, checking)
    sums = [load_checksums(copy, checking) for copy in place.copies]
    if place.scale.sharding is not None:
        found = [check_shards(place, listing.shards, sums[0], checking)]
    else:
        found = [named.presence() for named in listing.chunks]
        for copy, presence, checksums in zip(place.copies, found, sums, strict=True):
            check_files(copy, presence, checksums, checking)
        check_chunk_files(place, listing.suffixes, checking)
    for copy, presence in zip(place.copies, found, strict=True):
        if presence.count and presence.absent:
            cells = "; ".join(str(copy.grid.cell(position)) for position in presence.first_absent(NAMED))
            what = f"{presence.absent} of {math.prod(presence.shape)} chunks are absent, the first {cells}"
            checking.findings.add(ABSENT, what, f"scale {place.scale.key}")
    summed = [
        compare_presence(copy, checksums, presence, checking)
        for copy, checksums, presence in zip(place.copies, sums, found, strict=True)
    ]
    return found[0], summed[0]


def _others(place: Place, info: Info) -> list[Place]:
    """Return where the other scales lie, whether they are looked at or not."""
    others = []
    for index in range(len(info.scales)):
        try:
            scale = info.scale(index, limited=False)
        except MetadataError:
            continue
        if scale != place.scale and key_problem(scale.key) is None:
            others.append(place_of(place.store, info, scale))
    return others
