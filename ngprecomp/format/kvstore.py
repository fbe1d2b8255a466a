"""Where a volume is: a plain path, a URL or the ``kvstore`` of a JSON spec, and back."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, unquote

from ngprecomp.errors import MetadataError, OptionError, Problem
from ngprecomp.format.wishes import Wishes

SCHEMES = ("file", "memory", "http", "https", "s3", "gs", "az")
DRIVERS = ("file", "memory")
"""Stores that a ``kvstore`` may name as an object."""

_SCHEME = re.compile("([A-Za-z][A-Za-z0-9+.-]*)://")
# Settings of TensorStore's file and memory stores: they change nothing that we do.
_SETTINGS = ("context", "atomic", "memory_key_value_store", "file_io_concurrency", "file_io_sync", "file_io_locking")


def parse_url(url: str) -> str:
    """Return the URL of the volume's directory, or its plain path, with a slash at the end.

    A URL may start with ``precomputed://`` and end with ``|neuroglancer-precomputed:``.

    Raises
    ------
    OptionError
        The scheme is unknown, or the URL has parts that no directory has.

    Examples
    --------
    >>> parse_url("precomputed://gs://bucket/volume")
    'gs://bucket/volume/'
    """
    inner = url.removeprefix("precomputed://").removesuffix("|neuroglancer-precomputed:")
    match = _SCHEME.match(inner)
    if match is None:
        return directory(inner)
    scheme = match[1].lower()
    if scheme not in SCHEMES:
        raise OptionError(f"the URL {url!r} has the scheme {scheme}, expected one of {', '.join(SCHEMES)}")
    if "|" in inner:
        raise OptionError(f"after a | in the URL {url!r} only neuroglancer-precomputed: can be read")
    if scheme in ("http", "https") and ("?" in inner or "#" in inner):
        raise OptionError(f"the URL {url!r} has a query or a fragment: give that of the volume's directory")
    return directory(scheme + inner[len(scheme) :])


def directory(path: str) -> str:
    """Return a path or URL with a slash at the end."""
    if not path:
        raise OptionError("the path of a volume is empty")
    return path if path.endswith("/") else path + "/"


def parse_kvstore(document: object, where: str) -> str:
    """Return the directory of a ``kvstore``: a URL, or an object that names a local or a memory store.

    Raises
    ------
    MetadataError
        With everything that is wrong.
    OptionError
        The URL is.
    """
    if isinstance(document, str):
        return parse_url(document)
    wishes = Wishes(document, where, "spec")
    driver = wishes.text("driver")
    if driver not in DRIVERS and wishes.sound("driver"):
        more = "other stores need the extra ngprecomp[cloud]"
        raise MetadataError([Problem(f"{where}.driver", f'expected file or memory, found "{driver}": {more}')], "spec")
    path = wishes.text("path", default=None if driver == "file" else "")
    for setting in _SETTINGS:
        wishes.value(setting)
    wishes.close()
    return directory(f"memory://{quote(path)}" if driver == "memory" else path)


def below(url: str, path: str) -> str:
    """Return the directory `path` in a directory."""
    inner = path.strip("/")
    if not inner:
        return url
    return url + (quote(inner) if _SCHEME.match(url) else inner) + "/"


def kvstore_to_json(url: str) -> dict[str, Any] | str:
    """Return the ``kvstore`` of a volume: an object for a local or a memory store, else the URL.

    Examples
    --------
    >>> kvstore_to_json("memory://a%20b/"), kvstore_to_json("/data/v/"), kvstore_to_json("gs://bucket/v/")
    ({'driver': 'memory', 'path': 'a b/'}, {'driver': 'file', 'path': '/data/v/'}, 'gs://bucket/v/')
    """
    match = _SCHEME.match(url)
    if match is None:
        return {"driver": "file", "path": url}
    scheme, path = match[1], unquote(url[match.end() :])
    if scheme not in DRIVERS:
        return url
    document = {"driver": scheme}
    if scheme == "file":
        path = path.removeprefix("localhost")
    return {**document, "path": path} if path else document
