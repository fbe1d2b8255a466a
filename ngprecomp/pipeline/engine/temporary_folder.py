"""A folder for the temporary files of a job, which goes away with it."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ngprecomp.storage.temporary import is_abandoned, temporary_name

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "ngprecomp-rounds"


@contextmanager
def temporary_folder(parent: str | None) -> Iterator[str]:
    """Yield a new folder in `parent`, by default the system's; those that killed processes left there are removed."""
    parent = parent or tempfile.gettempdir()
    for name in os.listdir(parent):
        if name.startswith(f".{NAME}.") and is_abandoned(name):
            shutil.rmtree(os.path.join(parent, name), ignore_errors=True)  # or it is somebody else's
    path = _new_folder(parent)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _new_folder(parent: str) -> str:
    number = 0
    while True:
        path = os.path.join(parent, temporary_name(NAME, number))
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:  # that of another job of this process
            number += 1
        else:
            return path
