"""Which store a path or URL names."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from ngprecomp.errors import OptionError
from ngprecomp.storage.local import LocalStore
from ngprecomp.storage.memory import MemoryStore

if TYPE_CHECKING:
    from ngprecomp.storage.protocol import Store

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_CLOUD = ("http", "https", "s3", "gs", "az", "zip")


def open_store(where: str | os.PathLike[str]) -> Store:
    """Return the store of a path, a ``file://`` or a ``memory://`` URL; nothing is created.

    The path of a URL is percent-decoded: a literal ``%``, ``?`` or ``#`` in it is written ``%25``, ``%3F`` or
    ``%23``. A plain path is taken as it is, but for ``~``, which is the home directory.

    Raises
    ------
    OptionError
        The URL is malformed or its scheme is not supported.

    Examples
    --------
    >>> open_store("file:///data/my%20volume/").root
    '/data/my volume'
    >>> open_store("memory://seg")
    MemoryStore(name='seg')
    """
    text = os.fspath(where)
    url = _URL.fullmatch(text)
    if url is None:
        if not text:
            raise OptionError("an empty path names no store; the current folder is '.'")
        return LocalStore(os.path.expanduser(text))
    scheme = url[1].lower()
    if scheme == "file":
        return LocalStore(_file_path(text, url[2]))
    if scheme == "memory":
        return MemoryStore(_decoded(text, url[2]))
    if scheme in _CLOUD:
        raise OptionError(f"{text}: {scheme}:// needs the extra ngprecomp[cloud], which this version does not have yet")
    raise OptionError(f"{text}: {scheme}:// is not known; use a path, file:// or memory://")


def _file_path(url: str, rest: str) -> str:
    """Return the path of a file URL, whose host is empty or ``localhost``."""
    host, slash, path = rest.partition("/")
    if host not in ("", "localhost") or not slash:
        raise OptionError(
            f"{url} names the host {host!r}; write file:///absolute/path, or a plain path without file://"
        )
    return _decoded(url, slash + path)


def _decoded(url: str, path: str) -> str:
    """Decode ``%41`` and the like; sequences that are no code stay as they are."""
    if "?" in path or "#" in path:
        raise OptionError(f"{url} has a query or a fragment, which names nothing here; write %3F for '?', %23 for '#'")
    return os.fsdecode(unquote_to_bytes(path))
