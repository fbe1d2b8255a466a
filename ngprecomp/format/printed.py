"""JSON documents printed as Python, as TensorStore prints them: on one line where it fits, else member by member."""

from __future__ import annotations

from typing import Any

WIDTH = 80


def printed(document: Any, column: int = 0, indent: int = 0) -> str:
    """Return the text of a document whose first character stands at `column`, in a block indented by `indent`.

    Examples
    --------
    >>> print(printed({"shape": [64, 64, 64, 1], "elements": None}))
    {'elements': None, 'shape': [64, 64, 64, 1]}
    """
    flat = _flat(document)
    # As in TensorStore each level leaves room for one more character: the comma or bracket of every level around it.
    if column + len(flat) + indent // 2 <= WIDTH or not isinstance(document, (dict, list)) or not document:
        return flat
    inner = indent + 2
    if isinstance(document, dict):
        keys = [f"{name!r}: " for name in sorted(document)]
        values = [document[name] for name in sorted(document)]
        opening, closing = "{}"
    else:
        keys, values = [""] * len(document), document
        opening, closing = "[]"
    lines = [
        f"{' ' * inner}{key}{printed(value, inner + len(key), inner)},\n"
        for key, value in zip(keys, values, strict=True)
    ]
    return f"{opening}\n{''.join(lines)}{' ' * indent}{closing}"


def _flat(document: Any) -> str:
    if isinstance(document, dict):
        return "{" + ", ".join(f"{name!r}: {_flat(document[name])}" for name in sorted(document)) + "}"
    if isinstance(document, list):
        return "[" + ", ".join(map(_flat, document)) + "]"
    return repr(document)
