"""What a server shows: stores under paths, and nothing that lies outside of them."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ngprecomp.errors import KeyNotFoundError
from ngprecomp.storage.local import LocalStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ngprecomp.storage.protocol import Store
    from ngprecomp.viewing.targets import Names


@dataclass(frozen=True, slots=True)
class Mount:
    """A store whose keys are served below the path `at`; `index` is the file that stands for the path itself.

    Names that begin with a dot are not served: locks, and whatever else is hidden in a folder. Symbolic links may
    lead out of the folder only where `follow_links` allows that. `folder` is the real path of a store on a disk, with
    a slash at its end.
    """

    at: Names
    store: Store
    index: str = ""
    follow_links: bool = False
    folder: str = field(init=False, default="")

    def __post_init__(self) -> None:
        if isinstance(self.store, LocalStore):
            object.__setattr__(self, "folder", os.path.join(os.path.realpath(self.store.root), ""))

    def key_of(self, names: Names) -> str | None:
        """Return the key that names below this mount stand for, or None."""
        inside = names[len(self.at) :]
        if names[: len(self.at)] != self.at or not inside:
            return None
        if inside == ("",):
            return self.index or None
        return None if any(name == "" or name.startswith(".") for name in inside) else "/".join(inside)

    def require_inside(self, key: str) -> None:
        """Refuse a key that a symbolic link leads out of the folder.

        Raises
        ------
        KeyNotFoundError
            The key is that of a folder.
        PermissionError
            It leads out.
        """
        if not self.folder:
            return
        real = os.path.realpath(self.folder + key)
        if not self.follow_links and not real.startswith(self.folder):
            raise PermissionError(f"{key} is behind a symbolic link that leads out of {self.folder}")
        if os.path.isdir(real):
            raise KeyNotFoundError(f"{key} is a folder")


@dataclass(frozen=True, slots=True)
class Page:
    """What is made when it is asked for: `length` bytes, None where it goes on until somebody closes."""

    content_type: str
    body: Iterable[bytes]
    length: int | None


@dataclass(frozen=True, slots=True)
class Site:
    """All that a server shows: mounts, and under exact paths pages."""

    mounts: tuple[Mount, ...]
    make_page: Callable[[Names], Page | None] = lambda names: None

    def find(self, names: Names) -> tuple[Mount, str] | None:
        """Return the mount and the key of a path; of several mounts the one with the longest path is meant."""
        for mount in sorted(self.mounts, key=lambda mount: -len(mount.at)):
            key = mount.key_of(names)
            if key is not None:
                return mount, key
        return None
