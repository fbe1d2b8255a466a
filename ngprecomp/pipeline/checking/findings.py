"""What a check has found: single findings, and the report that lists them, worst first."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from ngprecomp.pipeline.report import counted

if TYPE_CHECKING:
    from collections.abc import Iterable

Severity = Literal["error", "warning", "hint"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "hint")
LISTED = 10  # findings of one kind in one scale; the rest is counted


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with a volume, or that its owner may want to know: what, where, and what to do."""

    severity: Severity
    what: str
    where: str
    remedy: str = ""

    def __str__(self) -> str:
        remedy = f" ({self.remedy})" if self.remedy else ""
        return f"{self.severity}: {self.where}: {self.what}{remedy}"


@dataclass(frozen=True, slots=True)
class Kind:
    """Findings that are alike: their severity and their remedy."""

    severity: Severity
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Findings:
    """A list that grows; of each kind in each place it keeps the first `LISTED` and counts the others."""

    listed: list[Finding] = field(default_factory=list)
    counts: Counter[tuple[Kind, str]] = field(default_factory=Counter)

    def add(self, kind: Kind, what: str, where: str, within: str = "") -> None:
        """Add a finding; `within` is the place, such as the folder of a scale, in which others like it are counted."""
        self.counts[kind, within] += 1
        if self.counts[kind, within] <= LISTED:
            self.listed.append(Finding(kind.severity, what, where, kind.remedy))

    def worst_first(self) -> tuple[Finding, ...]:
        """Return all findings, errors first; what was only counted has one finding for each kind and place."""
        more = [
            Finding(kind.severity, f"{number - LISTED} more of this kind", within or "volume", kind.remedy)
            for (kind, within), number in self.counts.items()
            if number > LISTED
        ]
        return tuple(sorted([*self.listed, *more], key=lambda finding: SEVERITIES.index(finding.severity)))


@dataclass(frozen=True, slots=True)
class PendingFindings(Findings):
    """Findings that do not count before they are passed on."""

    pending: list[tuple[Kind, str, str, str]] = field(default_factory=list)

    def add(self, kind: Kind, what: str, where: str, within: str = "") -> None:
        """Keep a finding."""
        self.pending.append((kind, what, where, within))

    def pass_on(self, findings: Findings) -> None:
        """Add all of them to others."""
        for finding in self.pending:
            findings.add(*finding)


@dataclass(frozen=True, slots=True)
class ScaleCheck:
    """One scale that was looked at: chunks that are there and were decoded, chunks that are absent.

    `checksums` counts the chunks that were compared with a checksum.
    """

    key: str
    chunks: int
    absent: int
    checksums: int = 0


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What a check has found out about a volume.

    `problems` are `Finding`s, worst first; `scales` says what was looked at; `repaired` names each thing that a repair
    has done before; `seconds` is how long all of it took.
    """

    volume: str
    problems: tuple[Finding, ...]
    scales: tuple[ScaleCheck, ...]
    repaired: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether there is neither an error nor a warning; hints are allowed."""
        return all(problem.severity == "hint" for problem in self.problems)

    def __str__(self) -> str:
        lines = [f"check: {self.volume}"]
        lines += [f"  repaired: {done}" for done in self.repaired]
        lines += [f"  {problem}" for problem in self.problems]
        for scale in self.scales:
            absent = f", {counted(scale.absent, 'chunk')} absent" if scale.absent else ""
            summed = f", {counted(scale.checksums, 'checksum')} compared" if scale.checksums else ""
            lines.append(f"  scale {scale.key}: {counted(scale.chunks, 'chunk')} decoded{absent}{summed}")
        return "\n".join([*lines, f"  {self.summary}"])

    @property
    def summary(self) -> str:
        """One line: how many problems of which severity, and the seconds."""
        return f"{_numbers(problem.severity for problem in self.problems)}, {self.seconds:.1f} s"

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON."""
        return {
            "volume": self.volume,
            "ok": self.ok,
            "problems": [
                {"severity": one.severity, "what": one.what, "where": one.where, "remedy": one.remedy}
                for one in self.problems
            ],
            "scales": [
                {"key": one.key, "chunks": one.chunks, "absent": one.absent, "checksums": one.checksums}
                for one in self.scales
            ],
            "repaired": list(self.repaired),
            "seconds": self.seconds,
        }


def _numbers(severities: Iterable[Severity]) -> str:
    numbers = Counter(severities)
    return ", ".join(counted(numbers[severity], severity) for severity in SEVERITIES)
