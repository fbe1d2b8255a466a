"""JSON text in and out: faults are a `MetadataError`, and the bytes are those that TensorStore writes."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from ngprecomp.errors import MetadataError, Problem

# Real documents nest about 5 deep; recursion, ours and other readers', must never see hostile ones.
MAX_DEPTH = 100


def load_json(text: bytes | str, what: str = "info") -> Any:
    """Parse JSON text; a byte order mark is skipped.

    Raises
    ------
    MetadataError
        The text is not UTF-8, not JSON, holds NaN or an infinity, or nests deeper than `MAX_DEPTH`.
    """
    try:
        decoded = str(text, "utf-8-sig") if isinstance(text, bytes) else text.removeprefix("\ufeff")
        value = json.loads(decoded, parse_constant=_refuse_constant, parse_float=_finite)
        if _deeper_than(MAX_DEPTH, value):
            raise RecursionError
        dump_json(value)  # only a lone surrogate, "\ud800", is left to fail here
    except RecursionError:
        reason = f"nested deeper than {MAX_DEPTH} levels"
    except UnicodeDecodeError as error:
        reason = f"byte {error.start} is not UTF-8 text"
    except UnicodeEncodeError as error:
        reason = f"{error.object[error.start]!a} is half a character (a lone surrogate)"
    except json.JSONDecodeError as error:
        reason = f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}" if error.doc.strip() else "empty"
    except ValueError as error:
        reason = f"not JSON: {error}"
    else:
        return value
    raise MetadataError([Problem("", reason)], what)


def dump_json(value: Any) -> bytes:
    """Return the JSON text of `value`: no white space, members sorted by name, UTF-8.

    Numbers in members that we do not know keep their value, but above 1e15 not always TensorStore's spelling:
    it changes to exponents earlier, and makes floats of integers beyond 64 bits.

    Examples
    --------
    >>> dump_json({"size": [4, 4, 4], "resolution": [8.0, 8.0, 1e-7]})
    b'{"resolution":[8.0,8.0,1e-07],"size":[4,4,4]}'
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def copy_json(value: Any, what: str = "info") -> Any:
    """Return a private copy of dicts, lists, strings and numbers, checked as if it had been read.

    Raises
    ------
    MetadataError
        JSON cannot express the value.
    """
    try:
        return load_json(json.dumps(value, allow_nan=False), what)
    except (TypeError, ValueError, RecursionError) as error:
        if isinstance(error, MetadataError):
            raise
        raise MetadataError([Problem("", f"JSON cannot express it: {error}")], what) from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"{digits} is too large for a number")
    return number


def _deeper_than(limit: int, value: Any) -> bool:
    level = [value]
    for _ in range(limit + 1):
        level = [child for node in level for child in _children(node)]
    return bool(level)


def _children(node: Any) -> list[Any]:
    if isinstance(node, dict):
        return list(node.values())
    return node if isinstance(node, list) else []
