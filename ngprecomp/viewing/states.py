"""States of the volumes that a server shows, made when the viewer asks for them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import quote

from ngprecomp.errors import KeyNotFoundError
from ngprecomp.format.kvstore import below, directory
from ngprecomp.viewing.client import PATH
from ngprecomp.viewing.site import Page
from ngprecomp.viewing.state import Shown, names_of, state_of
from ngprecomp.volume.opening import open_volume
from ngprecomp.volume.places import INFO_KEY

if TYPE_CHECKING:
    from ngprecomp.viewing.site import Site
    from ngprecomp.viewing.targets import Names

STATES_AT = (".viewer", "states")
SUFFIX = ".json"


def state_link(server_url: str, path: str) -> str:
    """Return the link that shows the volume at a path of a server; an empty path is that of the server itself."""
    return f"{server_url}{PATH}#!{server_url}/{'/'.join(STATES_AT)}/{quote(path)}{SUFFIX}"


def volume_url(server_url: str, path: str) -> str:
    """Return the URL of the volume at a path of a server."""
    return f"{server_url}/{quote(path)}".rstrip("/")


def state_page(site: Site, server_url: str, names: Names) -> Page:
    """Return the state that shows the volume under some names, whose last one ends with ``.json``.

    Raises
    ------
    KeyNotFoundError
        There is no volume.
    PermissionError
        It lies behind a link that leads out of what is served.
    """
    path = "/".join(names).removesuffix(SUFFIX)
    found = site.find((*path.split("/"), INFO_KEY) if path else (INFO_KEY,))
    if found is None:
        raise KeyNotFoundError(f"no volume at {path}")
    mount, key = found
    mount.require_inside(key)
    mount.store.stat(key)
    volume = open_volume(below(directory(mount.store.url), key.removesuffix(INFO_KEY)))
    shown = Shown(names_of([volume.url])[0], volume_url(server_url, path), volume)
    body = json.dumps(state_of([shown])).encode()
    return Page("application/json", (body,), len(body))
