"""``ngprecomp pyramid VOLUME``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ngprecomp.cli.executors import add_executor_options, chosen_executor
from ngprecomp.cli.options import (
    add_checksum_option,
    add_pyramid_options,
    add_running_options,
    keywords,
    shown_progress,
)
from ngprecomp.cli.values import box

if TYPE_CHECKING:
    import argparse

    from ngprecomp.cli.parser import Commands, Parser

DESCRIPTION = """\
Make the coarser scales of a volume, each from the one before it.

Scales that info declares and that are empty are filled as declared. Where it declares only
the first scale, the others are added, stored like the first.

With --box the scales that exist are made anew where voxels of the first one have changed."""

EPILOG = """\
examples:
  ngprecomp pyramid labels --levels 3 --method mode
  ngprecomp pyramid labels --box 0:512,0:512,100:120"""


def add(commands: Commands[Parser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "pyramid", help="make the coarser scales of a volume", description=DESCRIPTION, epilog=EPILOG
    )
    parser.set_defaults(run=run)
    parser.add_argument("volume", metavar="VOLUME")
    add_pyramid_options(parser)
    parser.add_argument(
        "--box",
        type=box,
        metavar="X0:X1,Y0:Y1,Z0:Z1",
        help="make the coarser scales anew over these voxels of the first scale only; the method is by default the "
        "one that provenance records",
    )
    parser.add_argument(
        "--missing", choices=("zero", "error"), help="read absent chunks as zeros (default) or stop at them"
    )
    add_checksum_option(parser)
    add_running_options(parser)
    add_executor_options(parser)
    parser.add_argument(
        "--no-resume",
        dest="resume",
        action="store_const",
        const=False,
        help="begin an unfinished job from the beginning",
    )


def run(arguments: argparse.Namespace) -> None:
    """Build the pyramid, and print the report."""
    import ngprecomp as ng

    with shown_progress(arguments) as progress, chosen_executor(arguments) as executor:
        report = ng.build_pyramid(**keywords(arguments), **executor, progress=progress)
    if not arguments.quiet:
        print(report)
