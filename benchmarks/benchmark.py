"""What a subject of the table consists of: named benchmarks, each of which yields rows and curves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from benchmarks.row import Row
    from benchmarks.samples import Samples


@dataclass(frozen=True, slots=True)
class Setting:
    """How everything is measured; `folder` is a place for volumes, in memory where there is one."""

    samples: Samples
    folder: Path
    rounds: int
    quick: bool = False
    large: float | None = None


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a plot: `plot` names the picture, `label` the line, `dashed` tells models from measurements."""

    plot: str
    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Rows that are measured together, by a name that ``--rows`` selects."""

    name: str
    run: Callable[[], Iterable[Row | Curve]]
