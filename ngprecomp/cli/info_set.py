"""``ngprecomp info set VOLUME``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ngprecomp.cli.options import keywords
from ngprecomp.cli.values import integers, lengths

if TYPE_CHECKING:
    import argparse

    from ngprecomp.cli.parser import Commands, Parser

DESCRIPTION = """\
Correct what info says of a volume; no voxel is written anew, and the result is checked first."""

EPILOG = """\
examples:
  ngprecomp info set labels --resolution 4,4,40nm
  ngprecomp info set labels --shift 0,0,-100        # sharded volumes only
  ngprecomp info set labels --rename-scale 8_8_40 4_4_40"""


def add(commands: Commands[Parser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "info set", help="correct the info of a volume", description=DESCRIPTION, epilog=EPILOG
    )
    parser.set_defaults(run=run)
    parser.add_argument("volume", metavar="VOLUME")
    parser.add_argument(
        "--resolution",
        "--voxel-size",
        type=lengths,
        metavar="X,Y,Z",
        help="voxel size of the finest scale; the others keep their ratios to it",
    )
    parser.add_argument(
        "--shift", type=integers, metavar="X,Y,Z", help="voxels of the finest scale to add to the offset of all scales"
    )
    parser.add_argument("--type", choices=("image", "segmentation"))
    parser.add_argument("--rename-scale", nargs=2, metavar=("OLD", "NEW"), help="give a scale another key")


def run(arguments: argparse.Namespace) -> None:
    """Change info, and print the summary of the new one."""
    import ngprecomp as ng
    from ngprecomp.cli.summary import summary
    from ngprecomp.format.info import parse_info

    given = keywords(arguments)
    if "rename_scale" in given:
        given["rename_scale"] = tuple(given["rename_scale"])
    print(summary(parse_info(ng.set_info(**given))))
