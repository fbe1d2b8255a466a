"""Show volumes in the Neuroglancer client of this machine, from a server of this process."""

from __future__ import annotations

import base64
import webbrowser
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ngprecomp.codecs import png
from ngprecomp.errors import OptionError
from ngprecomp.viewing.client import PATH, client_mount
from ngprecomp.viewing.preview import preview
from ngprecomp.viewing.serving import LOCAL, Server
from ngprecomp.viewing.site import Mount
from ngprecomp.viewing.state import Shown, fragment, names_of, state_of
from ngprecomp.viewing.states import volume_url
from ngprecomp.volume.opening import handle_of

if TYPE_CHECKING:
    from ngprecomp.volume.handle import Volume
    from ngprecomp.volume.opening import SpecLike

PICTURE_SIZE = 320  # pixels


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """Volumes on show: the link, the state in it, and the server, which works until it is closed.

    In a notebook it shows itself as the link and a picture.
    """

    url: str
    state: dict[str, Any]
    server: Server
    volumes: tuple[Volume, ...]

    def wait(self) -> None:
        """Return when the server is closed, or at Ctrl-C, which closes it."""
        self.server.wait()

    def close(self) -> None:
        """End the server: the page keeps what it has loaded."""
        self.server.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<View {self.url}>"

    def _repr_html_(self) -> str:
        names = escape(", ".join(layer["name"] for layer in self.state["layers"]))
        pictures = "".join(f"<img src='{_picture(volume)}' alt='{escape(volume.url)}'>" for volume in self.volumes)
        return f"<a href='{escape(self.url)}' target='_blank'>{names} in Neuroglancer</a><br>{pictures}"


def view(
    *volumes: Volume | SpecLike,
    open_browser: bool = True,
    host: str = LOCAL,
    port: int | None = None,
    follow_links: bool = False,
    read: bool = True,
) -> View:
    """Serve volumes together with a Neuroglancer client, and open it in the browser.

    The volumes are layers of one view: an image and, after it, its segmentation. The server works in the background
    until the view is closed or the process ends.

    Parameters
    ----------
    volumes
        What `open` takes; layers in this order, the first at the bottom.
    open_browser
        Whether to open a page; without a graphical browser only the link is made.
    host, port, follow_links
        As in `serve`.
    read
        As in `link`: whether to look at the voxels for contrast, segments, position and zoom.

    Raises
    ------
    OptionError
        The package neuroglancer is not installed, or no volume is given.
    """
    if not volumes:
        raise OptionError("there is no volume to view: give one or more")
    client = client_mount()
    opened = tuple(map(handle_of, volumes))
    names = names_of(volume.url for volume in opened)
    mounts = [
        Mount((name,), volume.place.store, follow_links=follow_links)
        for name, volume in zip(names, opened, strict=True)
    ]
    server = Server([*mounts, client], host=host, port=port)
    try:
        state = state_of(
            [
                Shown(name, volume_url(server.url, name), volume if read else None)
                for name, volume in zip(names, opened, strict=True)
            ]
        )
    except BaseException:
        server.close()
        raise
    url = server.url + PATH + fragment(state)
    if open_browser:
        open_page(url)
    return View(url, state, server, opened)


def open_page(url: str) -> bool:
    """Open a page in a graphical browser; return whether there is one."""
    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return False
    # The others run in the terminal and would take it over.
    in_terminal = isinstance(browser, webbrowser.GenericBrowser) and not isinstance(
        browser, webbrowser.BackgroundBrowser
    )
    return not in_terminal and browser.open(url)


def _picture(volume: Volume) -> str:
    """Return a still picture as the URL of an image."""
    pixels = preview(volume, size=PICTURE_SIZE)
    data = png.encode(pixels.transpose(1, 0, 2)[:, :, np.newaxis])
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"
