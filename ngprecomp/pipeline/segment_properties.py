"""Names, tags and numbers of segments, written so that Neuroglancer shows them beside a segmentation."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ngprecomp.errors import ExistsError, OptionError
from ngprecomp.format.names import escapes, key_problem
from ngprecomp.pipeline.report import Report, counted, peak_memory
from ngprecomp.pipeline.tables.property_choices import Wanted, choose_properties
from ngprecomp.pipeline.tables.property_columns import read_columns
from ngprecomp.storage.protocol import exists
from ngprecomp.volume.documents import change_info, read_info
from ngprecomp.volume.opening import SpecLike, handle_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ngprecomp.format.info import Info
    from ngprecomp.pipeline.tables.property_choices import Property
    from ngprecomp.volume.handle import Volume

MEMBER = "segment_properties"
VALUES_AT_ONCE = 1 << 14


def segment_properties(  # noqa: PLR0913 - a public signature may be long
    table: Any,
    volume: Volume | SpecLike,
    *,
    name: str = MEMBER,
    id: str | None = None,
    label: str | None = None,
    description: str | None = None,
    tags: Sequence[str] | None = None,
    numbers: Sequence[str] | None = None,
    overwrite: bool = False,
) -> Report:
    """Write a table of segments as the segment properties of a volume, and link them in its ``info``.

    Parameters
    ----------
    table
        A CSV file with a line of names, a mapping of columns, a DataFrame, or what `ng.labels` returned.
    volume
        An open segmentation, or a path, URL or JSON spec.
    name
        The folder of the properties, seen from that of the volume.
    id, label, description
        Columns; by default those with such names (``id``, ``segment``; ``label``, ``name``; ``description``).
    tags
        Columns of tags, several in a cell separated by semicolons, commas or spaces; by default the one named ``tags``.
    numbers
        Columns of numbers; by default all that hold nothing else. They are stored in the narrowest type that
        Neuroglancer has for them: 8, 16 and 32-bit integers, else float32.
    overwrite
        Replace properties that are there.

    Returns
    -------
    Report
        Its notes say what became of each column.

    Raises
    ------
    OptionError
        The volume is no segmentation, a column does not exist, or the name leads out of the volume's folder.
    SourceError
        An id is no uint64 or stands twice, or the table is damaged.
    ExistsError
        The volume has other properties, and `overwrite` is not asked for.

    Notes
    -----
    Neuroglancer's "Segment property representation", inline properties.

    Examples
    --------
    >>> import ngprecomp as ng
    >>> vol = ng.create("memory://doc/props", shape=(8, 8, 8), dtype="uint64", type="segmentation")
    >>> report = ng.segment_properties({"id": [2**63, 7], "name": ["axon", "soma"], "voxels": [12, 40_000]}, vol)
    >>> print("; ".join(report.notes))
    2 segments; id: the ids; name: the label; voxels: number, uint16
    """
    began = time.monotonic()
    opened = handle_of(volume)
    store = opened.place.store
    _check_target(opened, read_info(store), name, overwrite=overwrite)
    where, columns = read_columns(table)
    ids, properties, notes = choose_properties(where, columns, Wanted(id, label, description, tags, numbers))
    key, written = f"{name}/info", 0
    with store.writer(key) as writer:
        for piece in _pieces(ids, properties):
            writer.append(piece)
            written += len(piece)
    change_info(store, lambda info: replace(info, extra={**info.extra, MEMBER: name}))
    return Report(
        "segment_properties",
        f"{store.url}/{key}",
        (),
        (f"{counted(len(ids), 'segment')}", *notes),
        time.monotonic() - began,
        0,
        0,
        peak_memory(),
        files=1,
        other_bytes=written,
    )


def _check_target(volume: Volume, info: Info, name: str, *, overwrite: bool) -> None:
    if info.type != "segmentation":
        raise OptionError(f"{volume.url} is an image: only a segmentation has segment properties")
    if key_problem(name) or escapes(name):
        raise OptionError(f"the name of the properties is a folder in that of the volume, found {name!r}")
    if overwrite:
        return
    linked = info.extra.get(MEMBER)
    if linked is not None:
        raise ExistsError(f"{volume.url} has segment properties in {linked!r}; overwrite replaces them")
    if exists(volume.place.store, f"{name}/info"):
        raise ExistsError(f"{volume.url}/{name} holds something already; overwrite replaces it")


def _pieces(ids: Sequence[int], properties: Sequence[Property]) -> Iterator[bytes]:
    """Yield the document piece by piece; a million segments never become one string."""
    yield b'{"@type": "neuroglancer_segment_properties", "inline": {"ids": '
    yield from _array(map(str, ids))
    yield b', "properties": ['
    for number, one in enumerate(properties):
        head = json.dumps(one.head)[:-1]
        yield f'{", " if number else ""}{head}, "values": '.encode()
        yield from _array(one.values)
        yield b"}"
    yield b"]}}\n"


def _array(values: Any) -> Iterator[bytes]:
    waiting: list[Any] = []
    separator = b"["
    for value in values:
        waiting.append(value)
        if len(waiting) == VALUES_AT_ONCE:
            yield separator + json.dumps(waiting)[1:-1].encode()
            waiting, separator = [], b", "
    if waiting or separator == b"[":
        yield separator + json.dumps(waiting)[1:-1].encode()
    yield b"]"
