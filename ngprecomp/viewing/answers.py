"""What is answered to a request: methods, conditions and ranges (RFC 9110), and what other pages may do (CORS)."""

from __future__ import annotations

import errno
import logging
import posixpath
import secrets
from contextlib import suppress
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from http import HTTPStatus
from itertools import chain
from typing import TYPE_CHECKING, Protocol

from ngprecomp.errors import ChangedError, KeyNotFoundError, NgprecompError
from ngprecomp.viewing.byte_ranges import MOST_RANGES, Range, parse_ranges
from ngprecomp.viewing.representation import Representation, find_representation
from ngprecomp.viewing.targets import parse_target

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ngprecomp.viewing.site import Mount, Site
    from ngprecomp.viewing.targets import Names

LOG = logging.getLogger("ngprecomp.serve")
ALLOWED = "GET, HEAD, OPTIONS"
ATTEMPTS = 3  # at an object that is replaced while it is answered

TYPES = {
    "": "application/octet-stream",
    ".css": "text/css",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript",
    ".json": "application/json",
    ".map": "application/json",
    ".wasm": "application/wasm",
}
OF_EVERY_ANSWER = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "*, Content-Range, Content-Encoding, Content-Length, ETag",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",  # kept, but asked for again with its ETag: volumes are written anew
}

# What pages of other origins may do, also those of public addresses with a server on this machine.
PERMISSIONS = {
    "Allow": ALLOWED,
    "Access-Control-Allow-Methods": ALLOWED,
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Allow-Private-Network": "true",
    "Access-Control-Max-Age": "86400",
}

# Versions in memory begin anew with each process; browsers keep what they got from another one.
_SALT = secrets.token_bytes(8)


class Headers(Protocol):
    """The headers of a request, under names in any case."""

    def get(self, name: str, default: str, /) -> str:
        """Return the value of a header, or `default`."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, headers and a body of `length` bytes; None where it goes on until somebody closes."""

    status: HTTPStatus
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Iterable[bytes] = ()
    length: int | None = 0


def answer(site: Site, method: str, target: str, headers: Headers) -> Answer:
    """Return the answer to a request; what goes wrong is an answer, too."""
    if method == "OPTIONS":
        return Answer(HTTPStatus.NO_CONTENT, PERMISSIONS)
    if method not in ("GET", "HEAD"):
        return refusal(HTTPStatus.METHOD_NOT_ALLOWED, "this server only reads: GET, HEAD or OPTIONS")
    names = parse_target(target)
    if names is None:
        return refusal(HTTPStatus.BAD_REQUEST, "no file is called so")
    try:
        return _found(site, names, headers, head=method == "HEAD")
    except KeyNotFoundError:
        return refusal(HTTPStatus.NOT_FOUND, "nothing is here; folders are not listed")
    except PermissionError as error:
        LOG.warning("%r: %s", target, error)
        return refusal(HTTPStatus.FORBIDDEN, "this may not be read, or a link to it leads out of what is served")
    except (NgprecompError, OSError) as error:
        if getattr(error, "errno", None) == errno.ENAMETOOLONG:
            return refusal(HTTPStatus.NOT_FOUND, "nothing has so long a name")
        LOG.warning("%r: %s", target, error)
        return refusal(HTTPStatus.INTERNAL_SERVER_ERROR, "this cannot be read; the server's own output says why")


def refusal(status: HTTPStatus, sentence: str, headers: Mapping[str, str] | None = None) -> Answer:
    """Return an answer with a sentence."""
    text = f"{sentence}\n".encode()
    allow = {"Allow": ALLOWED} if status == HTTPStatus.METHOD_NOT_ALLOWED else {}
    return Answer(status, {"Content-Type": "text/plain; charset=utf-8", **allow, **(headers or {})}, (text,), len(text))


def _found(site: Site, names: Names, headers: Headers, *, head: bool) -> Answer:
    page = site.make_page(names)
    if page is not None:
        return Answer(HTTPStatus.OK, {"Content-Type": page.content_type}, page.body, page.length)
    found = site.find(names)
    if found is None:
        raise KeyNotFoundError("/".join(names))
    mount, key = found
    for _ in range(ATTEMPTS - 1):
        with suppress(ChangedError):
            return _answered(mount, key, headers, head=head)
    return _answered(mount, key, headers, head=head)


def _answered(mount: Mount, key: str, headers: Headers, *, head: bool) -> Answer:
    ranged = bool(headers.get("Range", ""))
    form = find_representation(mount, key, headers.get("Accept-Encoding", ""), ranged=ranged)
    reply = _answer_with(form, _content_type(key), headers)
    return reply if head else replace(reply, body=_begun(reply.body))


def _answer_with(form: Representation, content_type: str, headers: Headers) -> Answer:
    tag = _entity_tag(form)
    about = {"ETag": tag, "Accept-Ranges": "bytes", "Vary": "Accept-Encoding"}
    if _matches(headers.get("If-None-Match", ""), tag):
        return Answer(HTTPStatus.NOT_MODIFIED, about)
    about["Content-Type"] = content_type
    if form.encoding:
        about["Content-Encoding"] = form.encoding
    wanted = headers.get("Range", "") if headers.get("If-Range", tag) == tag else ""
    ranges = parse_ranges(wanted, form.size)
    if ranges is None:
        return Answer(HTTPStatus.OK, about, form.read(0, form.size), form.size)
    if not ranges:
        sentence = f"expected 1 to {MOST_RANGES} ranges that begin within the {form.size} bytes that are here"
        return refusal(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, sentence, {"Content-Range": f"bytes */{form.size}"})
    if len(ranges) > 1:
        return _multipart(form, ranges, about)
    ((start, end),) = ranges
    about["Content-Range"] = f"bytes {start}-{end - 1}/{form.size}"
    return Answer(HTTPStatus.PARTIAL_CONTENT, about, form.read(start, end), end - start)


def _multipart(form: Representation, ranges: list[Range], about: dict[str, str]) -> Answer:
    """Return an answer with several ranges in the order asked (RFC 9110, section 14.6)."""
    boundary = secrets.token_hex(16)
    heads = [
        f"\r\n--{boundary}\r\nContent-Type: {about['Content-Type']}\r\n"
        f"Content-Range: bytes {start}-{end - 1}/{form.size}\r\n\r\n".encode()
        for start, end in ranges
    ]
    tail = f"\r\n--{boundary}--\r\n".encode()
    length = sum(map(len, heads)) + sum(end - start for start, end in ranges) + len(tail)

    def body() -> Iterator[bytes]:
        for head, (start, end) in zip(heads, ranges, strict=True):
            yield head
            yield from form.read(start, end)
        yield tail

    about["Content-Type"] = f"multipart/byteranges; boundary={boundary}"
    return Answer(HTTPStatus.PARTIAL_CONTENT, about, body(), length)


def _begun(body: Iterable[bytes]) -> Iterable[bytes]:
    """Read the first piece now: as long as no header is sent, what goes wrong can be said."""
    pieces = iter(body)
    return chain([next(pieces, b"")], pieces)


def _entity_tag(form: Representation) -> str:
    version = f"{form.version} {form.encoding} {form.size}".encode()
    return f'"{blake2b(version, key=_SALT, digest_size=12).hexdigest()}"'


def _matches(header: str, tag: str) -> bool:
    tags = [part.strip().removeprefix("W/") for part in header.split(",")]
    return tag in tags or tags == ["*"]


def _content_type(key: str) -> str:
    suffix = ".json" if posixpath.basename(key) == "info" else posixpath.splitext(key)[1]
    return TYPES.get(suffix, TYPES[""])
