"""How much was read so far, counted by all threads that read."""

from __future__ import annotations

import threading


class Tally:
    """A number that several threads add to; a copy of it in another process starts at 0.

    Examples
    --------
    >>> decoded = Tally()
    >>> decoded.add(4096)
    >>> decoded.total
    4096
    """

    __slots__ = ("_lock", "total")

    def __init__(self) -> None:
        self.total = 0
        self._lock = threading.Lock()

    def add(self, count: int) -> None:
        """Count `count` more."""
        with self._lock:
            self.total += count

    def __reduce__(self) -> tuple[type[Tally], tuple[()]]:
        return Tally, ()
