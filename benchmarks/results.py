"""What was measured, kept as JSON: benchmarks that run again replace their old results, the others stay.

Results of another machine, of other versions or numbers of rounds never mix: such a file begins anew.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.benchmark import Curve
from benchmarks.peers import versions
from benchmarks.row import Row

if TYPE_CHECKING:
    from collections.abc import Sequence

Found = list[Row | Curve]


@dataclass
class Results:
    """Rows and curves by the name of their benchmark."""

    origin: str
    rounds: int
    found: dict[str, Found] = field(default_factory=dict)

    @property
    def conditions(self) -> dict[str, Any]:
        """Return what must be equal for results to stand in one table."""
        return {"machine": machine(), "data": self.origin, "rounds": self.rounds, "versions": versions()}

    def rows(self, order: Sequence[str]) -> list[Row]:
        """Return all rows, benchmarks in the given order."""
        return [item for name in order for item in self.found.get(name, []) if isinstance(item, Row)]

    def curves(self) -> list[Curve]:
        """Return all curves."""
        return [item for found in self.found.values() for item in found if isinstance(item, Curve)]

    def save(self, path: Path) -> None:
        """Write the results with their conditions."""
        path.parent.mkdir(parents=True, exist_ok=True)
        document = {
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            **self.conditions,
            "benchmarks": {
                name: {
                    "rows": [{**asdict(item), "verdict": item.verdict} for item in found if isinstance(item, Row)],
                    "curves": [asdict(item) for item in found if isinstance(item, Curve)],
                }
                for name, found in self.found.items()
            },
        }
        path.write_text(json.dumps(document, indent=1) + "\n")

    def load(self, path: Path) -> bool:
        """Take the results of a file that was measured under the same conditions; return whether it was."""
        if not path.exists():
            return True
        document = json.loads(path.read_text())
        if any(document[name] != value for name, value in self.conditions.items()):
            return False
        for name, found in document["benchmarks"].items():
            rows = [Row(**{key: value for key, value in row.items() if key != "verdict"}) for row in found["rows"]]
            curves = [Curve(**{**curve, "x": tuple(curve["x"]), "y": tuple(curve["y"])}) for curve in found["curves"]]
            self.found[name] = [*rows, *curves]
        return True


def machine() -> str:
    """Return the processor, cores, memory and system that the figures belong to."""
    processor = platform.processor() or platform.machine()
    told = Path("/proc/cpuinfo")
    if told.exists():
        lines = told.read_text().splitlines()
        models = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
        processor = models[0] if models else processor
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    python = platform.python_version()
    return f"{processor}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}, Python {python}"
