"""How much memory and how many threads something may use."""

from __future__ import annotations

import os
import re

from ngprecomp.errors import OptionError

UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
REMOTE_WORKERS = 16  # at 30 ms a request they get 498 a second, one gets 32
SHARE = 4  # by default a job takes a quarter of the machine's memory


def parse_memory(memory: int | str | None, name: str = "memory") -> int:
    """Return bytes from a number or from text such as ``512MB`` or ``4GiB``; None is a quarter of the machine's.

    `name` is what a message calls the option.

    Raises
    ------
    OptionError
        It is neither, or not positive.

    Examples
    --------
    >>> parse_memory("512MB"), parse_memory("1.5 GiB")
    (512000000, 1610612736)
    """
    if memory is None:
        return machine_memory() // SHARE
    match = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*([kmgt]i?)?b?\s*", str(memory).lower())
    if match is None or float(match[1]) <= 0:
        raise OptionError(f"{name} is a positive number of bytes such as 512MB or 4GB, found {memory!r}")
    return int(float(match[1]) * UNITS[match[2] or ""])


def machine_memory() -> int:
    """Return the physical memory of the machine in bytes."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def worker_count(workers: int | None, *, remote: bool = False) -> int:
    """Return the number of threads: as asked, or one per core, but at least 16 where they wait for a remote store.

    Raises
    ------
    OptionError
        The number is negative.
    """
    if workers is not None and workers < 0:
        raise OptionError(f"the number of workers must be 0 (one per core) or more, found {workers}")
    return workers or max(core_count(), REMOTE_WORKERS if remote else 1)


def core_count() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
