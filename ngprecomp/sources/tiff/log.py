"""What tifffile logs while we look at a file."""

from __future__ import annotations

import contextlib
import logging
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def held_back_log() -> Iterator[None]:
    """Hold back what tifffile logs in this thread, and let go of it unless an error is raised.

    The error says in one sentence what the log says in several; other threads log as ever.
    """
    log = logging.getLogger("tifffile")
    here = threading.get_ident()
    held: list[logging.LogRecord] = []

    def hold(record: logging.LogRecord) -> bool:
        if threading.get_ident() != here:
            return True
        held.append(record)
        return False

    log.addFilter(hold)
    try:
        yield
    finally:
        log.removeFilter(hold)
    for record in held:
        log.handle(record)
