"""Where a volume is: a plain path, a URL or the ``kvstore`` of a JSON spec, and back.

Settings that a bucket's URL cannot hold elsewhere stand in its query: ``s3://bucket/volume/?region=eu-west-1``.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode

from ngprecomp.errors import MetadataError, OptionError, Problem
from ngprecomp.format.wishes import Wishes

BUCKETS = ("s3", "s3+http", "s3+https", "gs", "az")
SCHEMES = ("file", "memory", "http", "https", *BUCKETS)
DRIVERS = ("file", "memory", "s3", "gcs", "http", "zip")
"""Stores that a ``kvstore`` may name as an object."""
FSSPEC = "fsspec+"
ZIP = "|zip:"

_SCHEME = re.compile("([A-Za-z][A-Za-z0-9+.-]*)://")
# Settings of TensorStore's stores that change nothing that we do.
_SETTINGS = {
    "file": ("atomic", "file_io_concurrency", "file_io_sync", "file_io_locking"),
    "memory": ("atomic", "memory_key_value_store"),
    "s3": (
        "s3_request_concurrency",
        "s3_request_retries",
        "experimental_s3_rate_limiter",
        "data_copy_concurrency",
        "use_conditional_write",
    ),
    "gcs": ("gcs_request_concurrency", "gcs_request_retries", "experimental_gcs_rate_limiter"),
    "http": ("http_request_concurrency", "http_request_retries"),
    "zip": ("cache_pool",),
}
_CREDENTIALS = {"default": None, "environment": None, "anonymous": "anonymous", "imds": "metadata"}
"""What TensorStore calls where credentials come from, and how a URL says it."""


def parse_url(url: str) -> str:
    """Return the URL of the volume's directory, or its plain path, with a slash at the end.

    A URL may start with ``precomputed://`` and end with ``|neuroglancer-precomputed:``; ``file.zip|zip:path`` is a
    directory in a zip file.

    Raises
    ------
    OptionError
        The scheme is unknown, or the URL has parts that no directory has.

    Examples
    --------
    >>> parse_url("precomputed://gs://bucket/volume"), parse_url("/data/em.zip|zip:raw|neuroglancer-precomputed:")
    ('gs://bucket/volume/', '/data/em.zip|zip:raw/')
    """
    inner = url.removeprefix("precomputed://").removesuffix("|neuroglancer-precomputed:")
    match = _SCHEME.match(inner)
    if match is None:
        return directory(inner)
    scheme = match[1].lower()
    if scheme not in SCHEMES and not scheme.startswith(FSSPEC):
        raise OptionError(f"the URL {url!r} has the scheme {scheme}, expected one of {', '.join(SCHEMES)}")
    if "|" in inner.replace(ZIP, "", 1):
        raise OptionError(f"after a | in the URL {url!r} only zip:PATH and neuroglancer-precomputed: can be read")
    if scheme in ("http", "https") and ("?" in inner or "#" in inner):
        raise OptionError(f"the URL {url!r} has a query or a fragment: give that of the volume's directory")
    return directory(scheme + inner[len(scheme) :])


def directory(path: str) -> str:
    """Return a path or URL with a slash at the end.

    Examples
    --------
    >>> directory("s3://bucket/v?region=eu-west-1"), directory("em.zip|zip:")
    ('s3://bucket/v/?region=eu-west-1', 'em.zip|zip:')
    """
    if not path:
        raise OptionError("the path of a volume is empty")
    base, query = split_query(path)
    return (base if base.endswith(("/", ZIP)) else base + "/") + query


def split_query(url: str) -> tuple[str, str]:
    """Split the URL of a bucket before its query; other URLs and paths have none."""
    match = _SCHEME.match(url)
    at = url.find("?") if match and match[1].lower() in BUCKETS and ZIP not in url else -1
    return (url, "") if at < 0 else (url[:at], url[at:])


def parse_kvstore(document: object, where: str) -> str:
    """Return the directory of a ``kvstore``: a URL, or an object that names a store.

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
    if driver not in DRIVERS:
        problem = Problem(f"{where}.driver", f'expected one of {", ".join(DRIVERS)}, found "{driver}"')
        raise MetadataError([problem] if wishes.sound("driver") else wishes.problems, "spec")
    for setting in ("context", *_SETTINGS[driver]):
        wishes.value(setting)
    url = _PARSERS[driver](wishes)
    wishes.close()
    return directory(url)


def below(url: str, path: str) -> str:
    """Return the directory `path` in a directory."""
    inner = path.strip("/")
    if not inner:
        return url
    base, query = split_query(url)
    return base + (quote(inner) if _SCHEME.match(url) or ZIP in url else inner) + "/" + query


def kvstore_to_json(url: str) -> dict[str, Any] | str:
    """Return the ``kvstore`` of a volume: an object where TensorStore has such a store, else the URL.

    Examples
    --------
    >>> kvstore_to_json("memory://a%20b/"), kvstore_to_json("/data/v/"), kvstore_to_json("az://container/v/")
    ({'driver': 'memory', 'path': 'a b/'}, {'driver': 'file', 'path': '/data/v/'}, 'az://container/v/')
    >>> kvstore_to_json("gs://bucket/v/"), kvstore_to_json("https://host/v/")
    ({'driver': 'gcs', 'bucket': 'bucket', 'path': 'v/'}, {'driver': 'http', 'base_url': 'https://host/v/'})
    """
    if ZIP in url:
        base, _, inside = url.rpartition(ZIP)
        return _with_path({"driver": "zip", "base": kvstore_to_json(base)}, unquote(inside))
    match = _SCHEME.match(url)
    if match is None:
        return {"driver": "file", "path": url}
    scheme, rest = match[1], url[match.end() :]
    if scheme == "file":
        return {"driver": "file", "path": unquote(rest).removeprefix("localhost")}
    if scheme == "memory":
        return _with_path({"driver": "memory"}, unquote(rest))
    if scheme in ("http", "https"):
        return {"driver": "http", "base_url": url}
    if scheme == "gs" and "?" not in url:
        bucket, _, path = rest.partition("/")
        return _with_path({"driver": "gcs", "bucket": bucket}, unquote(path))
    return _s3_to_json(scheme, url) if scheme.startswith("s3") else url


def _with_path(document: dict[str, Any], path: str) -> dict[str, Any]:
    return {**document, "path": path} if path else document


def _s3_to_json(scheme: str, url: str) -> dict[str, Any]:
    base, query = split_query(url)
    rest = base.partition("://")[2]
    document: dict[str, Any] = {"driver": "s3"}
    if scheme != "s3":
        host, _, rest = rest.partition("/")
        document["endpoint"] = f"{scheme.removeprefix('s3+')}://{host}"
    bucket, _, path = rest.partition("/")
    settings = dict(parse_qsl(query[1:]))
    if "region" in settings:
        document["aws_region"] = settings["region"]
    kind = next((kind for kind, ours in _CREDENTIALS.items() if ours and ours == settings.get("credentials")), None)
    if kind:
        document["aws_credentials"] = {"type": kind}
    return _with_path({**document, "bucket": bucket}, unquote(path))


def _file(wishes: Wishes) -> str:
    return wishes.text("path")


def _memory(wishes: Wishes) -> str:
    return f"memory://{quote(wishes.text('path', default=''))}"


def _gcs(wishes: Wishes) -> str:
    return f"gs://{wishes.text('bucket')}/{quote(wishes.text('path', default=''))}"


def _http(wishes: Wishes) -> str:
    base = parse_url(wishes.text("base_url") or "http://")
    return base + quote(wishes.text("path", default="").lstrip("/"))


def _s3(wishes: Wishes) -> str:
    bucket, path = wishes.text("bucket"), quote(wishes.text("path", default=""))
    start = "s3://"
    endpoint = wishes.text("endpoint", default="").rstrip("/")
    if endpoint:
        if not re.fullmatch("https?://[^/]+", endpoint):
            wishes.note("endpoint", f'expected http://HOST or https://HOST, found "{endpoint}"')
        start = f"s3+{endpoint}/"
    settings = {
        "region": wishes.text("aws_region", default="") or None,
        "credentials": wishes.part("aws_credentials", _parse_credentials),
    }
    query = urlencode({name: value for name, value in settings.items() if value})
    return f"{start}{bucket}/{path}" + (f"?{query}" if query else "")


def _parse_credentials(document: object, where: str) -> str | None:
    wishes = Wishes(document, where, "spec")
    kind = wishes.word("type", _CREDENTIALS)
    wishes.close()
    return _CREDENTIALS[kind or "default"]


def _zip(wishes: Wishes) -> str:
    base = wishes.part("base", parse_kvstore)
    if base is None and wishes.sound("base"):
        wishes.note("base", "expected a URL or an object that names the zip file, but it is missing")
    return f"{(base or '').removesuffix('/')}{ZIP}{quote(wishes.text('path', default='').lstrip('/'))}"


_PARSERS = {"file": _file, "memory": _memory, "s3": _s3, "gcs": _gcs, "http": _http, "zip": _zip}
