"""``ngprecomp rm VOLUME``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ngprecomp.cli.options import keywords
from ngprecomp.cli.values import scale

if TYPE_CHECKING:
    import argparse

    from ngprecomp.cli.parser import Commands, Parser

DESCRIPTION = """\
Show what removing a volume, or one of its scales, would remove; with --yes remove it.

Foreign files stay, and so do the folders of meshes, skeletons and segment properties unless
--sidecars is given."""

EPILOG = """\
examples:
  ngprecomp rm old                      # shows what would go
  ngprecomp rm old --yes
  ngprecomp rm labels --scale 64_64_80 --yes"""


def add(commands: Commands[Parser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "rm", help="remove a volume or one of its scales", description=DESCRIPTION, epilog=EPILOG
    )
    parser.set_defaults(run=run)
    parser.add_argument("volume", metavar="VOLUME")
    parser.add_argument("--scale", type=scale, metavar="SCALE", help="this scale only: index, key or voxel size")
    parser.add_argument("--sidecars", action="store_true", help="meshes, skeletons and segment properties, too")
    parser.add_argument("--yes", action="store_true", default=False, help="remove, instead of showing what would go")
    parser.add_argument(
        "--dry-run", action="store_true", default=False, help="show what would go, even with --yes (the default)"
    )
    parser.add_argument("-q", "--quiet", action="store_true", default=False, help="print nothing")


def run(arguments: argparse.Namespace) -> None:
    """Show what would be removed, or remove it."""
    import ngprecomp as ng

    given = keywords(arguments)
    yes, dry_run = given.pop("yes"), given.pop("dry_run")
    removal = ng.remove(**given, dry_run=dry_run or not yes)
    if not arguments.quiet:
        print(removal)
        if not removal.done:
            print("nothing was removed; --yes removes it")
