"""Copy an object as it is, within one store or between two, a piece at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ngprecomp.storage.protocol import Store

PIECE = 16 << 20


def copy_object(source: Store, key: str, target: Store, new_key: str, *, durable: bool = False) -> int:
    """Copy the bytes under a key, and return how many they are; a large object is never held whole.

    Raises
    ------
    KeyNotFoundError
        The key holds nothing.
    ChangedError
        The object was replaced while it was read.
    """
    stat = source.stat(key)
    if stat.size <= PIECE:
        data = source.get(key).data
        target.put(new_key, data, durable=durable)
        return len(data)
    with target.writer(new_key, durable=durable) as writer:
        for start in range(0, stat.size, PIECE):
            length = min(PIECE, stat.size - start)
            (piece,) = source.get_ranges(key, [start], [length], if_version=stat.version)
            writer.append(piece)
    return stat.size
