"""The table, as text for the terminal and as Markdown for the docs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.row import Row

HEAD = ("job", "ours", "peer", "theirs", "ratio (CPU)", "must / stretch", "limit", "of it", "memory: ours / peer", "")
WIDTHS = (58, 13, 34, 13, 15, 15, 18, 12, 19, 8)


def text_line(cells: Iterable[str]) -> str:
    """Return a line for the terminal."""
    return "  ".join(f"{cell:{width}}" for cell, width in zip(cells, WIDTHS, strict=True)).rstrip()


def markdown(rows: Iterable[Row]) -> str:
    """Return the whole table as Markdown."""
    lines = [HEAD, ("---",) * len(HEAD), *map(cells, rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def cells(row: Row) -> tuple[str, ...]:
    """Return what stands in the columns of a row."""
    return (
        row.job,
        f"{_number(row.ours)} {row.unit}",
        row.peer,
        f"{_number(row.theirs)} {row.unit}" if row.theirs is not None else "",
        _ratio(row),
        _goals(row),
        row.limit,
        _of_limit(row),
        _memory(row),
        row.verdict,
    )


def _ratio(row: Row) -> str:
    if row.ratio is None:
        return ""
    wall = _number(row.ratio)
    return wall if row.cpu_ratio is None else f"{wall} ({_number(row.cpu_ratio)})"


def _goals(row: Row) -> str:
    sign = "<= " if row.at_most else ""
    must = f"{sign}{row.must:g}" if row.must is not None else ""
    return must if row.stretch is None else f"{must} / {row.stretch:g}".strip()


def _of_limit(row: Row) -> str:
    if row.of_limit is None:
        return ""
    return f"{row.of_limit:.2f}" + (f" ({row.limit_goal:g})" if row.limit_goal else "")


def _memory(row: Row) -> str:
    if row.memory is None:
        return ""
    theirs = f" / {row.peer_memory / 1e6:.0f}" if row.peer_memory is not None else ""
    must = f" (<= {row.memory_must:.2f})" if row.memory_must else ""
    return f"{row.memory / 1e6:.0f}{theirs} MB{must}"


def _number(value: float) -> str:
    """Return about three digits that count."""
    decimals = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 0.1 else 4
    return f"{value:.{decimals}f}"
