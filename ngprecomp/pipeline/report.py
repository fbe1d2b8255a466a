"""What a job did, as a value that prints well."""

from __future__ import annotations

import resource
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # Cells bring the compiled kernels along, which whoever prints a report does not need.
    from ngprecomp.format.box import Triple
    from ngprecomp.format.scale import Scale
    from ngprecomp.pipeline.cells import Counts


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

    `notes` says which choices were made and why; `read_bytes` counts decoded voxels of the source with all re-reading;
    `absent` counts chunks of a source volume that were not there; `peak_bytes` is the peak resident memory of the
    process, with everything that it held before the job.
    """

    job: str
    destination: str
    scales: tuple[ScaleReport, ...]
    notes: tuple[str, ...]
    seconds: float
    read_bytes: int
    absent: int
    peak_bytes: int

    @property
    def written_bytes(self) -> int:
        """Bytes of all chunks as they are stored."""
        return sum(scale.nbytes for scale in self.scales)

    def __str__(self) -> str:
        lines = [f"{self.job}: {self.destination}", *(f"  {note}" for note in self.notes)]
        for scale in self.scales:
            skipped = f", {scale.skipped} all-zero chunks left out" if scale.skipped else ""
            size = " x ".join(map(str, scale.size))
            chunks = counted(scale.chunks, "chunk")
            lines.append(f"  scale {scale.key}: {size}, {chunks}, {megabytes(scale.nbytes)}{skipped}")
        if self.absent:
            lines.append(f"  {self.absent} chunks of the source are absent and were read as zeros")
        rate = self.read_bytes / 1e6 / max(self.seconds, 1e-9)
        lines.append(
            f"  {megabytes(self.read_bytes)} in, {megabytes(self.written_bytes)} out, {self.seconds:.1f} s "
            f"({rate:.0f} MB/s), peak memory {megabytes(self.peak_bytes)}"
        )
        return "\n".join(lines)


def scale_report(scale: Scale, counts: Counts) -> ScaleReport:
    """Return what was written of one scale."""
    return ScaleReport(scale.key, scale.size, counts.chunks, counts.skipped, counts.nbytes)


def counted(number: int, noun: str) -> str:
    """Return a number with its noun.

    Examples
    --------
    >>> counted(1, "chunk"), counted(2, "chunk")
    ('1 chunk', '2 chunks')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def megabytes(nbytes: int) -> str:
    """Return a number of bytes for people, in powers of ten.

    Examples
    --------
    >>> megabytes(123), megabytes(12_345_678), megabytes(3_210_000_000)
    ('123 B', '12.3 MB', '3.21 GB')
    """
    for unit, factor in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if nbytes >= factor:
            return f"{nbytes / factor:.3g} {unit}"
    return f"{nbytes} B"


def peak_memory() -> int:
    """Return the peak resident memory of this process in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
