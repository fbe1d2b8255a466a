"""Names in a store: scale directories, chunks, shards (volume.md, "Unsharded chunk storage", sharded.md)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ngprecomp.errors import FormatError
from ngprecomp.format.box import Box

if TYPE_CHECKING:
    from collections.abc import Iterable

_INTEGER = "(0|-?[1-9][0-9]*)"
_CHUNK = re.compile("_".join([f"{_INTEGER}-{_INTEGER}"] * 3))
_SHARD = re.compile("([0-9a-f]+)[.]shard")


def chunk_name(box: Box) -> str:
    """Return the name of the chunk that holds `box`, in absolute voxels.

    Examples
    --------
    >>> chunk_name(Box((-5, -3, 9), (-1, 1, 13)))
    '-5--1_-3-1_9-13'
    """
    return "_".join(f"{lo}-{hi}" for lo, hi in zip(box.lo, box.hi, strict=True))


def parse_chunk_name(name: str) -> Box | None:
    """Return the voxels that a name says, or None if no chunk is called so.

    Examples
    --------
    >>> parse_chunk_name("-5--1_-3-1_9-13")
    Box(lo=(-5, -3, 9), hi=(-1, 1, 13))
    """
    match = _CHUNK.fullmatch(name)
    if match is None:
        return None
    x0, x1, y0, y1, z0, z1 = map(int, match.groups())
    return Box((x0, y0, z0), (x1, y1, z1))


def shard_name(number: int, shard_bits: int) -> str:
    """Return the file name of a shard: hexadecimal, as many digits as `shard_bits` need.

    Examples
    --------
    >>> shard_name(10, 5), shard_name(0, 0)
    ('0a.shard', '0.shard')
    """
    digits = -(-shard_bits // 4)
    return f"{number:x}".zfill(digits) + ".shard"


def parse_shard_name(name: str, shard_bits: int) -> int | None:
    """Return the number of the shard, or None if no shard of this sharding is called so."""
    match = _SHARD.fullmatch(name)
    number = int(match[1], 16) if match else -1
    return number if 0 <= number < 2**shard_bits and name == shard_name(number, shard_bits) else None


def default_key(resolution: Iterable[float]) -> str:
    """Return the key that TensorStore gives to a scale: the resolution in C's ``%g``.

    Examples
    --------
    >>> default_key((8, 2.25, 1 / 3)), default_key((1000000, 40, 1e-7))
    ('8_2.25_0.333333', '1e+06_40_1e-07')
    """
    return "_".join(format(float(size), "g") for size in resolution)


def key_problem(key: str) -> str | None:
    """Return what is wrong with the key of a scale, wherever the volume lies, or None.

    An empty or absolute key names no directory of the volume, and no file system takes a zero byte.
    """
    if not key:
        return "expected a relative path, found an empty string"
    if key.startswith("/"):
        return f"expected a relative path, found the absolute {key!r}"
    if "\0" in key:
        return f"expected a path, found a zero byte in {key!r}"
    return None


def resolve_key(prefix: str, key: str) -> str:
    """Return the path of a scale's directory in a store in which the volume lies under `prefix`.

    The rule is TensorStore's, lexical: each ``..`` takes the last component away, every other one is added.
    Empty components and ``.`` are then dropped, because stores take none. The path is relative, without a
    slash at either end, and empty if the directory is the root of the store.

    Raises
    ------
    FormatError
        The key is empty or absolute, or climbs above the root of the store.

    Examples
    --------
    >>> resolve_key("data/volume/", "8_8_40"), resolve_key("data/volume", "../other/./8_8_40/")
    ('data/volume/8_8_40', 'data/other/8_8_40')
    """
    problem = key_problem(key)
    if problem is not None:
        raise FormatError(f"the key of a scale is wrong: {problem}")
    path, above = _follow(prefix.removesuffix("/").split("/") if prefix else [], key)
    if above:
        raise FormatError(f"the key {key!r} of a scale climbs above the root of the store, seen from {prefix!r}")
    return "/".join(name for name in path if name not in ("", "."))


def escapes(key: str) -> bool:
    """Whether a key leaves the folder of its volume, even if it comes back: what writers and servers refuse.

    Examples
    --------
    >>> escapes("8_8_40"), escapes("a/../b"), escapes("a/../../volume/b"), escapes("/etc")
    (False, False, True, True)
    """
    return key.startswith("/") or _follow([], key)[1]


def join(directory: str, name: str) -> str:
    """Return the store key of `name` in a directory; the root of a store is the empty string."""
    return f"{directory}/{name}" if directory else name


def _follow(start: list[str], key: str) -> tuple[list[str], bool]:
    path = list(start)
    for name in key.split("/"):
        if name != "..":
            path.append(name)
        elif path:
            path.pop()
        else:
            return path, True
    return path, False
