"""``ngprecomp preview VOLUME OUT``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ngprecomp.cli.options import keywords
from ngprecomp.cli.values import pair, scale

if TYPE_CHECKING:
    import argparse

    from ngprecomp.cli.parser import Commands, Parser

DESCRIPTION = """\
Save a picture of a volume: the sections xy, xz and yz through its middle.

Voxels have their true proportions, labels the colours of Neuroglancer."""

EPILOG = """\
examples:
  ngprecomp preview labels labels.png
  ngprecomp preview em em.png --size 1024 --contrast 20,200"""


def add(commands: Commands[Parser]) -> None:
    """Add the command."""
    parser = commands.add_parser("preview", help="save a picture of a volume", description=DESCRIPTION, epilog=EPILOG)
    parser.set_defaults(run=run)
    parser.add_argument("volume", metavar="VOLUME")
    parser.add_argument("path", metavar="OUT", help="the .png file to be made")
    parser.add_argument(
        "--scale", type=scale, metavar="SCALE", help="index, key or voxel size (default: one that suits the size)"
    )
    parser.add_argument("--size", type=int, metavar="PIXELS", help="pixels along the longest axis (default: 512)")
    parser.add_argument(
        "--contrast",
        type=pair,
        metavar="LO,HI",
        help="values shown black and white (default: percentiles 0.5 and 99.5)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a file that exists")
    parser.add_argument("-q", "--quiet", action="store_true", default=False, help="print nothing")


def run(arguments: argparse.Namespace) -> None:
    """Save the picture, and print where it is."""
    import ngprecomp as ng

    path = ng.preview(**keywords(arguments))
    if not arguments.quiet:
        print(path)
