"""Work on threads, results in order, a bounded number of them in flight."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Executor, Future
    from threading import Event

T = TypeVar("T")
R = TypeVar("R")


def map_in_order(
    function: Callable[[T], R], items: Iterable[T], pool: Executor | None, window: int, stop: Event | None = None
) -> Iterator[R]:
    """Yield ``function(item)`` in the order of the items, with at most `window` of them begun and not yet yielded.

    Without a pool the work is done here. When the caller stops or a result raises, what has not begun is cancelled
    and what has is waited for, so nothing runs on behind the caller's back; `stop` is set first, for work that may wait
    long.
    """
    if pool is None:
        yield from map(function, items)
        return
    pending: deque[Future[R]] = deque()
    try:
        for item in items:
            pending.append(pool.submit(function, item))
            if len(pending) >= window:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        if stop is not None:
            stop.set()
        for future in pending:
            future.cancel()
        for future in pending:
            if not future.cancelled():
                future.exception()
