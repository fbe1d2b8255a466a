"""The checksums that a job has stored beside a volume, against the chunks that are there."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ngprecomp.chunks.checksums import CHECKSUM_FOLDER, checksum_documents, checksum_of, read_checksums
from ngprecomp.errors import NgprecompError
from ngprecomp.pipeline.checking.findings import Kind
from ngprecomp.pipeline.checking.presence import number_of, position_at
from ngprecomp.pipeline.checking.walk import DAMAGED, reason
from ngprecomp.pipeline.report import counted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ngprecomp.chunks.place import Place
    from ngprecomp.format.box import Triple
    from ngprecomp.pipeline.checking.presence import Presence
    from ngprecomp.pipeline.checking.walk import Checking

UNUSABLE = Kind("warning", "remove it")
CHANGED = Kind("error", f"write it anew from the source, or remove {CHECKSUM_FOLDER} if another program has changed it")
LOST = Kind("error", f"write it anew from the source, or remove {CHECKSUM_FOLDER} if another program has removed it")
UNSUMMED = Kind("hint", "they were written by other jobs; copy --checksums makes all of them")
NAMED = 3  # chunks without a checksum whose boxes a report names


class Seen(NamedTuple):
    """Why a chunk does not decode, empty if it does, and the checksum of its stored bytes if it is wanted."""

    fault: str
    checksum: int = 0


@dataclass(frozen=True, slots=True)
class Checksums:
    """The checksums of the chunks of a place, by row-major numbers, ascending; 12 bytes for each."""

    place: Place
    numbers: NDArray[Any]
    checksums: NDArray[np.uint32]

    def __bool__(self) -> bool:
        return len(self.numbers) > 0

    def mismatch(self, position: Triple, found: int) -> str:
        """Say that the checksum of a chunk is not the one that was written; empty if it is, or if none was."""
        number = number_of(self.place.grid.shape, position)
        at = int(np.searchsorted(self.numbers, number))
        if at == len(self.numbers) or self.numbers[at] != number:
            return ""
        written = int(self.checksums[at])
        if written == found or not self.holds(position, written):
            return ""
        return f"its checksum is {found:08x}, but was {written:08x} when it was written"

    def holds(self, position: Triple, written: int) -> bool:
        """Whether the documents still say so: who changes a chunk removes its checksum before."""
        return checksum_of(self.place, position) == written


def load_checksums(place: Place, checking: Checking) -> Checksums:
    """Return the checksums of one stored copy of a scale, and report documents that are none."""
    shape = place.grid.shape
    numbers, checksums = array("q"), array("I")
    for key in checksum_documents(place):
        try:
            for position, checksum in read_checksums(place, key):
                if any(at >= count for at, count in zip(position, shape, strict=True)):
                    checking.findings.add(
                        UNUSABLE, f"names a chunk at {position}, outside of the grid", key, place.folder
                    )
                    break
                numbers.append(number_of(shape, position))
                checksums.append(checksum)
        except (NgprecompError, OSError, OverflowError) as error:
            checking.findings.add(UNUSABLE, f"cannot be read: {reason(error, place)}", key, place.folder)
    distinct, first = np.unique(np.array(numbers, np.int64), return_index=True)
    return Checksums(place, distinct, np.array(checksums, np.uint32)[first])


def verdict(seen: Seen, position: Triple, checksums: Checksums) -> tuple[Kind, str] | None:
    """Return what is wrong with a chunk that was looked at."""
    if seen.fault:
        return DAMAGED, seen.fault
    mismatch = checksums.mismatch(position, seen.checksum)
    return (CHANGED, mismatch) if mismatch else None


def compare_presence(place: Place, checksums: Checksums, presence: Presence, checking: Checking) -> int:
    """Report chunks that are gone, and those without a checksum where others have one; return how many have one."""
    lost = ~np.isin(checksums.numbers, presence.numbers)
    for number, written in zip(checksums.numbers[lost].tolist(), checksums.checksums[lost].tolist(), strict=True):
        position = position_at(place.grid.shape, number)
        if checksums.holds(position, written):
            checking.findings.add(LOST, "has a checksum, but is absent", place.describe(position), place.folder)
    bare = np.setdiff1d(presence.numbers, checksums.numbers)
    if checksums and len(bare):
        cells = "; ".join(
            str(place.grid.cell(position_at(place.grid.shape, int(number)))) for number in islice(bare, NAMED)
        )
        what = f"{counted(len(bare), 'chunk')} without a checksum, the first {cells}"
        checking.findings.add(UNSUMMED, what, f"scale {place.scale.key}", place.folder)
    return presence.count - len(bare)
