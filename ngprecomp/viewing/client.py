"""The Neuroglancer client that the wheel `neuroglancer` brings, as files to serve."""

from __future__ import annotations

import os
from importlib.util import find_spec

from ngprecomp.errors import OptionError
from ngprecomp.storage.local import LocalStore
from ngprecomp.viewing.site import Mount

# The client looks for a path .../v/TOKEN/ around itself, and for events at .../events/TOKEN.
AT = (".viewer", "v", "ngprecomp")
EVENTS_AT = (".viewer", "events", "ngprecomp")
PATH = "/" + "/".join(AT) + "/"


def client_folder() -> str | None:
    """Return the folder of the client's files, None where the wheel is not installed or brings none."""
    spec = find_spec("neuroglancer")
    folders = (spec.submodule_search_locations or []) if spec else []
    candidates = (os.path.join(folder, "static", "client") for folder in folders)
    return next((folder for folder in candidates if os.path.isfile(os.path.join(folder, "index.html"))), None)


def client_mount() -> Mount:
    """Return the client as a part of a site.

    Raises
    ------
    OptionError
        It is not installed.
    """
    folder = client_folder()
    if folder is None:
        raise OptionError("the viewer needs the package neuroglancer, 2.40 or newer: pip install 'ngprecomp[view]'")
    return Mount(AT, LocalStore(folder), index="index.html", follow_links=True)
