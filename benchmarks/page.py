"""The generated part of docs/benchmarks.md, between two markers: machine, versions, table, losses, pictures."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

from benchmarks.table import markdown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from benchmarks.results import Results
    from benchmarks.row import Row

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def write_page(page: Path, results: Results, rows: Sequence[Row], pictures: Mapping[Path, str]) -> None:
    """Replace what stands between the markers of a page; pictures lie in its folder ``images``."""
    before, rest = page.read_text().split(BEGIN)
    after = rest.split(END)[1]
    shown = [f"![{title}](images/{picture.name})" for picture, title in pictures.items()]
    page.write_text("\n".join([before + BEGIN, "\n\n".join([measured(results, rows), *shown]), END + after]))


def measured(results: Results, rows: Sequence[Row]) -> str:
    """Return machine, versions, the table and the losses."""
    conditions = results.conditions
    packages = ", ".join(f"{package} {version}" for package, version in conditions["versions"].items())
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    return (
        f"Measured {today} on {conditions['data']}, medians of {results.rounds} rounds.\n\n"
        f"* Machine: {conditions['machine']}\n* Versions: {packages}\n\n{markdown(rows)}\n\n{losses(rows)}"
    )


def losses(rows: Sequence[Row]) -> str:
    """Return which jobs are slower or larger than the peer, and which miss their goal."""
    behind = [row for row in rows if _is_behind(row)]
    missed = [row for row in rows if row.verdict in ("below", "memory")]
    lists = {"Behind the peer": behind, "Below the goal": missed}
    return "\n".join(f"* {title}: {_named(found)}." for title, found in lists.items())


def _is_behind(row: Row) -> bool:
    if row.ratio is None or row.theirs is None:
        return False
    return row.ours > row.theirs if row.at_most else row.ratio < 1


def _named(rows: Sequence[Row]) -> str:
    return "; ".join(f"{row.job} ({row.peer})" for row in rows) or "nothing"
