"""Which column of a table becomes which property of a segment, and in which type."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ngprecomp.errors import OptionError, SourceError
from ngprecomp.pipeline.tables.property_columns import first_named, real_number, text, whole_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ngprecomp.pipeline.tables.property_columns import Columns

IDS = ("id", "ids", "segment", "segmentid", "segid", "labelid", "rootid", "bodyid", "body", "objectid", "cellid")
LABELS = ("label", "name", "title", "cellname")
DESCRIPTIONS = ("description", "desc", "comment", "comments", "notes")
TAGS = ("tags", "tag")
INTEGERS = ("uint8", "int8", "uint16", "int16", "uint32", "int32")


@dataclass(frozen=True, slots=True)
class Wanted:
    """The columns that the caller named; None where it is left to us."""

    id: str | None = None
    label: str | None = None
    description: str | None = None
    tags: Sequence[str] | None = None
    numbers: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Property:
    """One property: all its members but ``values``, and those."""

    head: dict[str, Any]
    values: Iterable[Any]


def choose_properties(where: str, columns: Columns, wanted: Wanted) -> tuple[list[int], list[Property], list[str]]:
    """Return the ids of a table, its properties, and a sentence on each column.

    Raises
    ------
    OptionError
        A wanted column does not exist or does not hold what it should.
    SourceError
        There is no column of ids, or an id is no uint64 or stands twice.
    """
    named = [wanted.id, wanted.label, wanted.description, *(wanted.tags or ()), *(wanted.numbers or ())]
    for name in named:
        if name is not None and name not in columns:
            raise OptionError(f"{where} has no column {name!r}; it has {', '.join(map(repr, columns))}")
    rest = list(columns)
    id_column = wanted.id or _id_column(where, columns)
    ids = _ids(where, id_column, columns[id_column])
    notes = [f"{id_column}: the ids"]
    rest.remove(id_column)
    tag_columns = [name for name in wanted.tags or (first_named(rest, TAGS),) if name in rest and name is not None]
    properties: list[Property] = []
    for kind, column, names in (
        ("label", wanted.label, LABELS),
        ("description", wanted.description, DESCRIPTIONS),
    ):
        candidates = [name for name in rest if name not in (*tag_columns, *(wanted.numbers or ()))]
        chosen = column or first_named(candidates, names)
        if chosen in rest:
            rest.remove(chosen)
            properties.append(Property({"id": kind, "type": kind}, map(text, columns[chosen])))
            notes.append(f"{chosen}: the {kind}")
    if tag_columns:
        tags, tag_notes = _tags(tag_columns, columns)
        properties.append(tags)
        notes += tag_notes
        rest = [name for name in rest if name not in tag_columns]
    taken = {one.head["id"] for one in properties}
    for name in rest:
        one, note = _other(name, columns[name], wanted.numbers, taken)
        notes.append(f"{name}: {note}")
        if one is not None:
            taken.add(one.head["id"])
            properties.append(one)
    return ids, properties, notes


def _id_column(where: str, columns: Columns) -> str:
    named = first_named(list(columns), IDS)
    if named is not None:
        return named
    for name, values in columns.items():
        if values and all(whole_number(value) is not None for value in values):
            return name
    raise SourceError(f"{where} has no column of ids: expected integers in one of {', '.join(map(repr, columns))}")


def _ids(where: str, column: str, values: Sequence[Any]) -> list[int]:
    ids: list[int] = []
    rows: dict[int, int] = {}
    for row, value in enumerate(values, 1):
        number = whole_number(value)
        if number is None or not 0 <= number < 2**64:
            raise SourceError(f"{where}, row {row}: {column!r} holds {value!r}, expected an id of 0 to 2**64 - 1")
        if number in rows:
            raise SourceError(f"{where}: the id {number} stands in row {rows[number]} and in row {row}")
        rows[number] = row
        ids.append(number)
    return ids


def _tags(names: Sequence[str], columns: Columns) -> tuple[Property, list[str]]:
    """Return all columns of tags as the one property that may hold them; tags differ in more than their capitals."""
    spellings: dict[str, str] = {}
    rows: list[set[str]] = [set() for _ in columns[names[0]]]
    changed = 0
    for name in names:
        for row, cell in zip(rows, columns[name], strict=True):
            for word in _words(cell):
                tag = re.sub(r"\s+", "_", word.lstrip("#"))
                changed += tag != word
                if tag:
                    row.add(spellings.setdefault(tag.lower(), tag))
    tags = sorted(spellings.values(), key=str.lower)
    numbers = {tag: at for at, tag in enumerate(tags)}
    note = f"{len(tags)} tags" + (f", {changed} of them without # and spaces" if changed else "")
    values = (sorted(numbers[tag] for tag in row) for row in rows)
    return Property({"id": "tags", "type": "tags", "tags": tags}, values), [f"{name}: {note}" for name in names]


def _words(cell: Any) -> list[str]:
    """Return the tags of a cell; the first of semicolon, comma and space that occurs separates them."""
    if isinstance(cell, list | tuple):
        return [text(word).strip() for word in cell]
    written = text(cell)
    separator = next((mark for mark in ";," if mark in written), None)
    return [word.strip() for word in written.split(separator)] if written.strip() else []


def _other(
    name: str, values: Sequence[Any], numbers: Sequence[str] | None, taken: set[str]
) -> tuple[Property | None, str]:
    """Return a column as numbers if it holds nothing else, as text otherwise."""
    wanted = numbers is not None and name in numbers
    found = [real_number(value) for value in values]
    if found and None not in found:
        if numbers is not None and not wanted:
            return None, "left out"
        return _numbers(name, values, taken)
    if wanted:
        at = found.index(None) + 1 if found else 0
        raise OptionError(f"column {name!r} holds {values[at - 1]!r} in row {at}: expected a finite number")
    empty = sum(not text(value) for value in values)
    why = f", {empty} cells are empty" if empty and sum(one is not None for one in found) else ""
    return Property(_head(name, "string", taken), map(text, values)), f"text{why}"


def _numbers(name: str, values: Sequence[Any], taken: set[str]) -> tuple[Property, str]:
    """Return a column of numbers in the narrowest type that holds them; float32 is as exact as it gets."""
    head = _head(name, "number", taken)
    whole = [whole_number(value) for value in values]
    if None not in whole:
        low, high = min(whole), max(whole)  # type: ignore[type-var]
        for kind in INTEGERS:
            if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:  # type: ignore[operator]
                return Property({**head, "data_type": kind}, whole), f"number, {kind}"
    exact = np.array([float(value) for value in values])
    with np.errstate(over="ignore"):
        rounded = exact.astype(np.float32)
    if not np.isfinite(rounded).all():
        raise OptionError(f"column {name!r} holds {exact[~np.isfinite(rounded)][0]}, beyond what a float32 can be")
    note = "number, float32" + ("" if np.array_equal(rounded, exact) else ", rounded")
    # The shortest text that is the same float32, which half as many digits as the double's own need.
    return Property({**head, "data_type": "float32"}, [float(str(value)) for value in rounded]), note


def _head(name: str, kind: str, taken: set[str]) -> dict[str, Any]:
    """Return the members of a property; queries in the viewer want an identifier without spaces and signs."""
    plain = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_") or "property"
    plain = plain if plain[0].isalpha() else f"p_{plain}"
    unique, number = plain, 2
    while unique in taken:
        unique, number = f"{plain}_{number}", number + 1
    return {"id": unique, "type": kind, **({} if unique == name else {"description": name})}
