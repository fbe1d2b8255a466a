"""A socket that listens, and a thread for each connection, until it is closed."""

from __future__ import annotations

import errno
import socket
import sys
import threading
from contextlib import suppress
from socketserver import ThreadingTCPServer
from typing import TYPE_CHECKING, Any

from ngprecomp.errors import OptionError, StorageError
from ngprecomp.viewing.answers import LOG

if TYPE_CHECKING:
    from ngprecomp.viewing.handler import Handler

FIRST_PORT = 1337
PORTS_TRIED = 100
_TAKEN = (errno.EADDRINUSE, errno.EACCES)


class Listener(ThreadingTCPServer):
    """Accepts connections at an address and ends all of them when it is closed."""

    allow_reuse_address = True  # right after another server has ended
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], handler: type[Handler]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(address, handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Start the thread of a connection, and remember the connection."""
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget a connection that is through."""
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def end_connections(self) -> None:
        """End those that are still open: nothing more is answered."""
        with self._lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say in one line why an answer broke off, unless the client went away."""
        error = sys.exception()
        if not isinstance(error, (ConnectionError, TimeoutError)):
            LOG.warning("an answer broke off: %s", error)


def listen(host: str, port: int | None, handler: type[Handler]) -> Listener:
    """Return a listener at `port`, at any free one if that is 0, at 1337 or the next free one if it is None.

    Raises
    ------
    StorageError
        The port is taken.
    OptionError
        The host is no address of this machine, or the port no port.
    """
    ports = range(FIRST_PORT, FIRST_PORT + PORTS_TRIED) if port is None else [port]
    for candidate in ports:
        try:
            return Listener((host, candidate), handler)
        except OverflowError:
            raise OptionError(f"a port is a number from 0 to 65535, found {candidate}") from None
        except OSError as error:
            if error.errno not in _TAKEN:
                raise OptionError(f"cannot listen at {host}: {error.strerror or error}") from error
            if port is not None:
                taken = "is taken by another program" if error.errno == errno.EADDRINUSE else "is not ours to take"
                raise StorageError(
                    f"port {port} of {host} {taken}; give another one, or 0 for any that is free"
                ) from error
    raise StorageError(f"the ports {ports[0]} to {ports[-1]} of {host} are all taken")
