"""``ngprecomp serve ROOT``."""

from __future__ import annotations

import sys
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from ngprecomp.cli.parser import Commands, Parser

LISTED = 20  # volumes

DESCRIPTION = """\
Serve the volumes below a folder, or of any other store, over HTTP until Ctrl-C.

The server only reads. Every web page that your browser opens may read from it; other
machines may not unless --host says so."""

EPILOG = """\
examples:
  ngprecomp serve .                    # at http://127.0.0.1:1337 or the next free port
  ngprecomp serve em --port 8000
  ngprecomp serve /data --host 0.0.0.0 # for all machines that reach this one"""


def add(commands: Commands[Parser]) -> None:
    """Add the command."""
    parser = commands.add_parser("serve", help="serve volumes over HTTP", description=DESCRIPTION, epilog=EPILOG)
    parser.set_defaults(run=run)
    parser.add_argument("root", metavar="ROOT", help="a volume, or a folder with volumes")
    add_server_options(parser)
    parser.add_argument("-q", "--quiet", action="store_true", default=False, help="print nothing")


def add_server_options(parser: argparse.ArgumentParser) -> None:
    """Add what says where a server listens, and what it may show."""
    parser.add_argument("--port", type=int, metavar="N", help="default: 1337 or the next free one; 0: any free one")
    parser.add_argument(
        "--host", metavar="ADDRESS", help="address to listen at (default: 127.0.0.1, this machine only)"
    )
    parser.add_argument(
        "--follow-links", action="store_true", help="serve also what symbolic links outside of the folder lead to"
    )


def run(arguments: argparse.Namespace) -> None:
    """Serve, print what is served and where it can be looked at, and wait for Ctrl-C."""
    import ngprecomp as ng
    from ngprecomp.cli.options import keywords

    server = ng.serve(**keywords(arguments))
    if not arguments.quiet:
        print(f"serving {arguments.root} at {server.url} until Ctrl-C", flush=True)
        _print_volumes(arguments.root, server.url, follow_links="follow_links" in arguments)
    server.wait()


def _print_volumes(root: str, server_url: str, *, follow_links: bool) -> None:
    from ngprecomp.format.kvstore import parse_url
    from ngprecomp.storage.locate import open_store
    from ngprecomp.viewing.client import client_folder
    from ngprecomp.viewing.finding import find_volumes
    from ngprecomp.viewing.site import Mount
    from ngprecomp.viewing.states import state_link, volume_url

    mount = Mount((), open_store(parse_url(root)), follow_links=follow_links)
    paths = list(islice(find_volumes(mount), LISTED + 1))
    for path in paths[:LISTED]:
        print(volume_url(server_url, path))
        if client_folder():
            print(f"  {state_link(server_url, path)}")
    if len(paths) > LISTED:
        print(f"and more volumes than these {LISTED}")
    if not paths:
        print("no volume was found, but what is there is served")
    elif not client_folder():
        print("pip install 'ngprecomp[view]' serves a viewer, too")
    sys.stdout.flush()
