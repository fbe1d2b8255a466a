"""What a job did, as a value that prints well."""

from __future__ import annotations

import resource
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # Cells bring the compiled kernels along, which whoever prints a report does not need.
    from ngprecomp.format.box import Triple
    from ngprecomp.format.scale import Scale
    from ngprecomp.pipeline.engine.cells import Counts


MEAN_OF_LABELS = "remark: means of labels are labels that no voxel had; mode keeps labels"


@dataclass(frozen=True, slots=True)
class ScaleReport:
    """One scale that was written: chunks stored, chunks left out because they are all zero, bytes stored."""

    key: str
    size: Triple
    chunks: int
    skipped: int
    nbytes: int


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of a whole-volume job.

    `notes` says which choices were made and why; `read_bytes` counts the voxels that the job asked its source for, with
    all re-reading; `absent` counts chunks of a source volume that were not there; `peak_bytes` is the peak resident
    memory of the process, with everything that it held before the job. `files` counts chunk files and shards, `voxels`
    those of the finest scale written. `decoded_bytes` counts what the source decoded for this, samples included;
    `source_bytes` is what reading it once would be. `resumed` counts footprints that an earlier run had finished; what
    was written for them is in the counts, what was read for them is not. `conflicts` counts, where labels were
    combined, the voxels in which two different ones met. `other_bytes` are what was written besides chunks.
    """

    job: str
    destination: str
    scales: tuple[ScaleReport, ...]
    notes: tuple[str, ...]
    seconds: float
    read_bytes: int
    absent: int
    peak_bytes: int
    voxels: int = 0
    files: int = 0
    decoded_bytes: int = 0
    source_bytes: int = 0
    resumed: int = 0
    conflicts: int | None = None
    other_bytes: int = 0

    @property
    def written_bytes(self) -> int:
        """Bytes of all chunks as they are stored, and of what was written besides."""
        return sum(scale.nbytes for scale in self.scales) + self.other_bytes

    def __str__(self) -> str:
        lines = [f"{self.job}: {self.destination}", *(f"  {note}" for note in self.notes)]
        for scale in self.scales:
            skipped = f", {scale.skipped} all-zero chunks left out" if scale.skipped else ""
            size = " x ".join(map(str, scale.size))
            chunks = counted(scale.chunks, "chunk")
            lines.append(f"  scale {scale.key}: {size}, {chunks}, {megabytes(scale.nbytes)}{skipped}")
        if self.absent:
            lines.append(f"  {self.absent} chunks of the source are absent and were read as zeros")
        if self.resumed:
            lines.append(f"  continued: {counted(self.resumed, 'footprint')} finished by an earlier run")
        if self.conflicts is not None:
            lines.append(f"  {counted(self.conflicts, 'voxel')} where two different labels met")
        return "\n".join([*lines, f"  {self.summary}"])

    @property
    def summary(self) -> str:
        """One line: voxels, bytes in and out, files, seconds, memory."""
        rate = self.read_bytes / 1e6 / max(self.seconds, 1e-9)
        voxels = f"{self.voxels:,} voxels, " if self.voxels else ""
        files = f" in {counted(self.files, 'file')}" if self.files else ""
        times = f" (decoded {self.decoded_bytes / self.source_bytes:.2f} times)" if self.source_bytes else ""
        return (
            f"{voxels}{megabytes(self.read_bytes)} in{times}, {megabytes(self.written_bytes)} out{files}, "
            f"{self.seconds:.1f} s ({rate:.0f} MB/s), peak memory {megabytes(self.peak_bytes)}"
        )


def scale_report(scale: Scale, counts: Counts) -> ScaleReport:
    """Return what was written of one scale."""
    return ScaleReport(scale.key, scale.size, counts.chunks, counts.skipped, counts.nbytes)


def counted(number: int, noun: str) -> str:
    """Return a number with its noun.

    Examples
    --------
    >>> counted(1, "chunk"), counted(1234, "chunk")
    ('1 chunk', '1,234 chunks')
    """
    return f"1 {noun}" if number == 1 else f"{number:,} {noun}s"


def megabytes(nbytes: int) -> str:
    """Return a number of bytes for people, in powers of ten.

    Examples
    --------
    >>> megabytes(123), megabytes(12_345_678), megabytes(3_210_000_000)
    ('123 B', '12.3 MB', '3.21 GB')
    """
    for unit, factor in (("PB", 10**15), ("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if nbytes >= factor:
            return f"{nbytes / factor:.3g} {unit}"
    return f"{nbytes} B"


def duration(seconds: float) -> str:
    """Return a time for people.

    Examples
    --------
    >>> duration(0.016), duration(125), duration(40000), duration(900000)
    ('0.016 s', '2.08 min', '11.1 h', '10.4 d')
    """
    for unit, factor in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * factor:
            return f"{seconds / factor:,.3g} {unit}" if seconds < 1000 * factor else f"{seconds / factor:,.0f} {unit}"
    return f"{seconds:.3g} s"


def peak_memory() -> int:
    """Return the peak resident memory of this process in bytes."""
    # The system's count outlives exec: a command started by a notebook of 2 GB would report those.
    with suppress(OSError), open("/proc/self/status") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
