"""Columns of a table of segments, whatever holds the table, and numbers read from them without losing digits."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from ngprecomp.errors import NotFoundError, OptionError, SourceError
from ngprecomp.pipeline.tables.label_table import LabelTable

if TYPE_CHECKING:
    from collections.abc import Sequence

Columns = dict[str, list[Any]]


def read_columns(table: Any) -> tuple[str, Columns]:
    """Return a name for messages and the columns of a table, all of one length.

    Parameters
    ----------
    table
        The path of a CSV file (commas, semicolons or tabs; UTF-8) with a line of names, a mapping of columns, a
        `LabelTable`, or a DataFrame.

    Raises
    ------
    NotFoundError
        There is no such file.
    SourceError
        The file is no table: two columns of one name, a line of another length, no line at all.
    OptionError
        The object is no table.
    """
    if isinstance(table, str | os.PathLike):
        return os.fspath(table), _read_csv(os.fspath(table))
    if isinstance(table, LabelTable):
        return "the table of labels", _columns_of_labels(table)
    if isinstance(table, Mapping):
        return "the table", _equally_long({str(name): _listed(values) for name, values in table.items()})
    if hasattr(table, "columns") and hasattr(table, "__getitem__"):
        return "the table", _equally_long({str(name): _listed(table[name]) for name in table.columns})
    raise OptionError(
        f"expected a CSV file, a mapping of columns, a table of labels or a DataFrame, found a {type(table).__name__}"
    )


def _read_csv(path: str) -> Columns:
    if not os.path.isfile(path):
        raise NotFoundError(f"there is no file {path}")
    with open(path, newline="", encoding="utf-8-sig") as file:
        try:
            dialect: Any = csv.Sniffer().sniff(file.readline(), delimiters=",;\t")
        except csv.Error:
            dialect = csv.excel
        file.seek(0)
        try:
            return _rows(path, csv.reader(file, dialect))
        except (csv.Error, UnicodeDecodeError) as error:
            raise SourceError(f"{path} is no table in UTF-8: {error}") from None


def _rows(path: str, lines: Any) -> Columns:
    names = [name.strip() for name in next(lines, [])]
    if not names:
        raise SourceError(f"{path} is empty: expected a line with the names of the columns")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SourceError(f"{path} has several columns of the name {', '.join(map(repr, twice))}")
    columns: list[list[str]] = [[] for _ in names]
    for line in lines:
        if not line:
            continue
        if len(line) != len(names):
            raise SourceError(f"{path}, line {lines.line_num}: expected {len(names)} values, found {len(line)}")
        for column, value in zip(columns, line, strict=True):
            column.append(value.strip())
    return dict(zip(names, columns, strict=True))


def _columns_of_labels(table: LabelTable) -> Columns:
    columns: Columns = {"id": table.ids.tolist(), "voxels": table.voxels.tolist()}
    columns |= {axis: table.centroids[:, at].tolist() for at, axis in enumerate("xyz")}
    return columns


def _listed(values: Iterable[Any]) -> list[Any]:
    """Return the values of a column as Python's own objects."""
    return list(values.tolist()) if hasattr(values, "tolist") else list(values)


def _equally_long(columns: Columns) -> Columns:
    lengths = {len(values) for values in columns.values()}
    if len(lengths) != 1:
        raise OptionError(f"expected columns of one length, found {len(columns)} with the lengths {sorted(lengths)}")
    return columns


def whole_number(value: Any) -> int | None:
    """Return the integer that a value is or writes down, None if it is none; no digit goes through a float.

    Examples
    --------
    >>> whole_number("18446744073709551615"), whole_number("12.0"), whole_number("1e3"), whole_number("1.5")
    (18446744073709551615, 12, 1000, None)
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) <= 2**53 else None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    small = number.is_finite() and number.adjusted() < 40
    return int(number) if small and number == number.to_integral_value() else None


def real_number(value: Any) -> float | None:
    """Return the finite number that a value is or writes down, None if it is none."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def text(value: Any) -> str:
    """Return a value as text; nothing for None and NaN."""
    missing = value is None or (isinstance(value, float) and math.isnan(value))
    return "" if missing else str(value)


def first_named(columns: Sequence[str], names: Sequence[str]) -> str | None:
    """Return the first column that has one of the names, whatever its capitals and separators."""
    plain = {"".join(filter(str.isalnum, column)).lower(): column for column in reversed(columns)}
    return next((plain[name] for name in names if name in plain), None)
