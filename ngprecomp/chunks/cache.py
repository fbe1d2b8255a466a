"""A bounded cache, least recently used first out, safe for threads."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable


class LruCache:
    """Values by key, together at most `limit` bytes.

    Whoever adds a value makes its version part of the key, so a stale value is never found again.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._held = 0
        self._lock = threading.Lock()
        self._entries: OrderedDict[Hashable, tuple[object, int]] = OrderedDict()

    def get(self, key: Hashable) -> object | None:
        """Return the value if it is here, and mark it as used."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            self._entries.move_to_end(key)
            return entry[0]

    def add(self, key: Hashable, value: object, nbytes: int) -> None:
        """Keep a value and let the least recently used ones go; one larger than the whole cache is not kept."""
        if nbytes > self.limit:
            return
        with self._lock:
            _, replaced = self._entries.pop(key, (None, 0))
            self._entries[key] = value, nbytes
            self._held += nbytes - replaced
            while self._held > self.limit:
                _, (_, freed) = self._entries.popitem(last=False)
                self._held -= freed
