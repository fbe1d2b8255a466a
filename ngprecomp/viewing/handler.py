"""One connection of the server: requests are parsed, answered and, as long as both sides agree, kept coming."""

from __future__ import annotations

from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

from ngprecomp.viewing.answers import OF_EVERY_ANSWER, Answer, answer, refusal

if TYPE_CHECKING:
    from ngprecomp.viewing.site import Site

WITHOUT_BODY = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)


class Handler(BaseHTTPRequestHandler):
    """Answers the requests of one connection from `site`; prints nothing."""

    protocol_version = "HTTP/1.1"
    timeout = 60  # seconds without a byte, in either direction, after which a connection is given up
    disable_nagle_algorithm = True
    site: Site

    def respond(self) -> None:
        """Answer one request, whatever its method."""
        if "Content-Length" in self.headers or "Transfer-Encoding" in self.headers:
            self.close_connection = True  # its body is not read and must not be taken for the next request
        self._send(answer(self.site, self.command, self.path, self.headers))

    do_GET = do_HEAD = do_OPTIONS = respond  # noqa: N815 - the names that the standard library calls
    do_POST = do_PUT = do_PATCH = do_DELETE = respond  # noqa: N815

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what the standard library could not parse."""
        self.close_connection = True
        self._send(refusal(HTTPStatus(code), message or explain or "this is no request that is understood"))

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing: there are thousands of requests for one look at a volume."""

    def _send(self, reply: Answer) -> None:
        """Send the head and the first bytes at once, then the rest."""
        pending = self._head(reply)
        try:
            if self.command != "HEAD" and reply.status not in WITHOUT_BODY:
                for piece in reply.body:
                    self.wfile.write(pending + piece if pending else piece)
                    pending = b""
            if pending:
                self.wfile.write(pending)
        except Exception:
            self.close_connection = True  # in the middle of a body nothing else says that it failed
            raise

    def _head(self, reply: Answer) -> bytes:
        headers = {"Date": formatdate(usegmt=True), **OF_EVERY_ANSWER, **reply.headers}
        if reply.length is None:
            self.close_connection = True
        elif reply.status not in WITHOUT_BODY:
            headers["Content-Length"] = str(reply.length)
        if self.close_connection:
            headers["Connection"] = "close"
        lines = [f"HTTP/1.1 {reply.status.value} {reply.status.phrase}", *(f"{k}: {v}" for k, v in headers.items())]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")
