"""Work that the threads of a pool share with the thread that asks for it."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from concurrent.futures import Executor

Item = TypeVar("Item")
MOST_HELPERS = 64


def share(work: Callable[[Item], None], items: Iterable[Item], pool: Executor | None) -> None:
    """Call `work` for every item, here and in the threads of `pool`; return when all is done.

    The calling thread takes part, so a task may hand on the very pool it runs in, even when all its threads
    wait here. The first error empties the list and is raised.
    """
    left = deque(items)

    def take() -> None:
        try:
            while True:
                try:
                    item = left.popleft()
                except IndexError:
                    return
                work(item)
        except BaseException:
            left.clear()
            raise

    helpers = [pool.submit(take) for _ in range(min(len(left) - 1, MOST_HELPERS))] if pool is not None else []
    try:
        take()
    finally:
        running = [helper for helper in helpers if not helper.cancel()]
        errors = [error for helper in running if (error := helper.exception()) is not None]
    if errors:
        raise errors[0]
