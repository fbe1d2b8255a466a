"""``ngprecomp link VOLUME [VOLUME ...]``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from ngprecomp.cli.parser import Commands, Parser

DESCRIPTION = """\
Print a link that shows hosted volumes in Neuroglancer: with contrast, some segments,
position and zoom set.

A volume that lies in a folder here and is hosted elsewhere is read from the folder; --url
says where the viewer finds it."""

EPILOG = """\
examples:
  ngprecomp link em --url https://data.example.org/em
  ngprecomp link em seg --url gs://bucket/em --url gs://bucket/seg
  ngprecomp link gs://bucket/em --no-read       # contrast is left to the viewer"""


def add(commands: Commands[Parser]) -> None:
    """Add the command."""
    parser = commands.add_parser("link", help="print a link to hosted volumes", description=DESCRIPTION, epilog=EPILOG)
    parser.set_defaults(run=run, json=False)
    parser.add_argument("volumes", metavar="VOLUME", nargs="+")
    parser.add_argument(
        "--url", action="append", metavar="URL", help="where the viewer finds a volume; once for each of them"
    )
    parser.add_argument("--base", metavar="URL", help="a Neuroglancer (default: https://neuroglancer-demo.appspot.com)")
    parser.add_argument("--no-read", dest="read", action="store_false", help="do not look at the voxels")
    parser.add_argument("--json", action="store_true", help="print the state as JSON instead of the link")


def run(arguments: argparse.Namespace) -> None:
    """Print the link or the state."""
    import ngprecomp as ng
    from ngprecomp.cli.options import keywords
    from ngprecomp.viewing.link import link_state

    given = keywords(arguments)
    as_json, volumes = given.pop("json"), given.pop("volumes")
    if as_json:
        given.pop("base", None)
        print(json.dumps(link_state(*volumes, **given), indent=2, ensure_ascii=False))
    else:
        print(ng.link(*volumes, **given))
