"""Functions of tasks: processes import them from here."""

from __future__ import annotations

import os
import signal
import time


def square(number):
    return number * number


def kill_for(task):
    """Return a number, unless it is one that kills the process, each time or once."""
    number, poison, once = task
    if number in poison:
        if once is None:
            os.kill(os.getpid(), signal.SIGKILL)
        try:
            os.close(os.open(f"{once}.{number}", os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return number
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.005)
    return number


def touch_slowly(task):
    """Leave a file while this runs; return the process."""
    folder, seconds = task
    path = f"{folder}/{os.getpid()}"
    try:
        open(path, "w").close()
        time.sleep(seconds)
    finally:
        os.unlink(path)
    return os.getpid()


class LocalError(Exception):
    """An error that does not come out of a pickle."""

    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


def raise_for(task):
    number, kinds = task
    if number in kinds:
        raise kinds[number]
    return number


def raise_local(task):
    raise LocalError(task, task)
