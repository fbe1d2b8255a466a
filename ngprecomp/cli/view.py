"""``ngprecomp view VOLUME [VOLUME ...]``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ngprecomp.cli.serve import add_server_options

if TYPE_CHECKING:
    import argparse

    from ngprecomp.cli.parser import Commands, Parser

DESCRIPTION = """\
Show volumes in Neuroglancer: serve them together with its client from this machine, open
the browser, and wait for Ctrl-C.

Several volumes become layers of one view, the first at the bottom."""

EPILOG = """\
examples:
  ngprecomp view em
  ngprecomp view em segmentation
  ngprecomp view em --no-browser    # prints the link only"""


def add(commands: Commands[Parser]) -> None:
    """Add the command."""
    parser = commands.add_parser("view", help="look at volumes in Neuroglancer", description=DESCRIPTION, epilog=EPILOG)
    parser.set_defaults(run=run)
    parser.add_argument("volumes", metavar="VOLUME", nargs="+")
    parser.add_argument(
        "--no-browser", dest="open_browser", action="store_false", help="print the link and open no page"
    )
    parser.add_argument("--no-read", dest="read", action="store_false", help="do not look at the voxels")
    add_server_options(parser)


def run(arguments: argparse.Namespace) -> None:
    """Serve, print the link, open it, and wait for Ctrl-C."""
    import ngprecomp as ng
    from ngprecomp.cli.options import keywords

    given = keywords(arguments)
    shown = ng.view(*given.pop("volumes"), **given)
    print(f"{shown.url}\n\nserving until Ctrl-C", flush=True)
    shown.wait()
