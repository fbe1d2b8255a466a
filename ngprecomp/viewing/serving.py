"""Serve volumes over HTTP from threads of this process."""

from __future__ import annotations

import os
import socket
import threading
from typing import TYPE_CHECKING, Self

from ngprecomp.errors import NotFoundError
from ngprecomp.format.kvstore import parse_url
from ngprecomp.storage.local import LocalStore
from ngprecomp.storage.locate import open_store
from ngprecomp.viewing.client import EVENTS_AT, client_folder, client_mount
from ngprecomp.viewing.handler import Handler
from ngprecomp.viewing.listening import listen
from ngprecomp.viewing.site import Mount, Page, Site
from ngprecomp.viewing.states import STATES_AT, state_page

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ngprecomp.viewing.targets import Names

LOCAL = "127.0.0.1"
HEARTBEAT = 15.0  # seconds between the signs of life to an open page
POLL = 0.05  # seconds until a closed server is noticed


class Server:
    """A running server; as a context manager it is closed at the end.

    Its threads end with the process: a program that has nothing else to do calls `wait`.
    """

    def __init__(self, mounts: Iterable[Mount], *, host: str = LOCAL, port: int | None = None) -> None:
        self._closing = threading.Event()
        self._site = Site(tuple(mounts), self._page)
        handler = type("SiteHandler", (Handler,), {"site": self._site})
        self._listener = listen(host, port, handler)
        self.host = host
        self.port: int = self._listener.server_address[1]
        threading.Thread(target=self._listener.serve_forever, args=(POLL,), daemon=True, name="ngprecomp-serve").start()

    @property
    def url(self) -> str:
        """The address without a slash at the end: a volume ``em`` in the root is ``url + "/em"``."""
        host = socket.gethostname() if self.host in ("", "0.0.0.0", "::") else self.host
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    def wait(self) -> None:
        """Return when the server is closed, or at Ctrl-C, which closes it."""
        try:
            while not self._closing.wait(1.0):
                pass
        except KeyboardInterrupt:
            self.close()

    def close(self) -> None:
        """End all connections and give the port back."""
        if not self._closing.is_set():
            self._closing.set()
            self._listener.shutdown()
            self._listener.server_close()
            self._listener.end_connections()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Server {self.url}{' closed' if self._closing.is_set() else ''}>"

    def _page(self, names: Names) -> Page | None:
        """Return what is made on demand: the client's events, of which there are none, and states of volumes."""
        if names == EVENTS_AT:
            return Page("text/event-stream", self._heartbeat(), None)
        if names[: len(STATES_AT)] == STATES_AT:
            return state_page(self._site, self.url, names[len(STATES_AT) :])
        return None

    def _heartbeat(self) -> Iterator[bytes]:
        """Yield comments until the server is closed: the client says that it is disconnected where this ends."""
        yield b":\n\n"
        while not self._closing.wait(HEARTBEAT):
            yield b":\n\n"


def serve(
    root: str | os.PathLike[str],
    *,
    host: str = LOCAL,
    port: int | None = None,
    follow_links: bool = False,
    block: bool = False,
) -> Server:
    """Serve all volumes below a folder, or of any other store, for reading.

    Parameters
    ----------
    root
        A path or URL: of a volume, or of what holds volumes.
    host
        The address to listen at; ``"0.0.0.0"`` lets other machines read.
    port
        1337 or the next free one where it is not given; 0 for any free one.
    follow_links
        Serve also what symbolic links outside of the folder lead to.
    block
        Return only when the server ends, by Ctrl-C.

    Raises
    ------
    NotFoundError
        There is no such folder.
    StorageError
        The port is taken.
    OptionError
        The host is not an address of this machine.

    Examples
    --------
    >>> import urllib.request
    >>> import ngprecomp as ng
    >>> vol = ng.create("memory://doc/serve/em", shape=(64, 64, 8), dtype="uint8")
    >>> with ng.serve("memory://doc/serve", port=0) as server:
    ...     info = urllib.request.urlopen(server.url + "/em/info").read()
    >>> b"neuroglancer_multiscale_volume" in info
    True
    """
    store = open_store(parse_url(os.fspath(root)))
    if isinstance(store, LocalStore) and not os.path.isdir(store.root):
        raise NotFoundError(f"there is no folder {store.root} to serve")
    client = [client_mount()] if client_folder() else []
    server = Server([Mount((), store, follow_links=follow_links), *client], host=host, port=port)
    if block:
        server.wait()
    return server
