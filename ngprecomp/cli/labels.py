"""``ngprecomp labels VOLUME [OUT.csv]``."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ngprecomp.cli.executors import add_executor_options, chosen_executor
from ngprecomp.cli.options import add_running_options, keywords, shown_progress
from ngprecomp.cli.values import ranges, scale

if TYPE_CHECKING:
    import argparse

    from ngprecomp.cli.parser import Commands, Parser

DESCRIPTION = """\
Count the voxels of every label, and find its bounding box and its centroid.

OUT.csv gets a row for each label but 0: id, voxels, centroid x,y,z in voxels, half-open
bounding box, and the centroid in nm."""

EPILOG = """\
examples:
  ngprecomp labels segmentation cells.csv
  ngprecomp labels segmentation cells.csv --scale 1 --box 0:512,0:512,:
  ngprecomp props cells.csv segmentation      # shows them in Neuroglancer"""


def add(commands: Commands[Parser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "labels", help="voxel counts, boxes and centroids of all labels", description=DESCRIPTION, epilog=EPILOG
    )
    parser.set_defaults(run=run, out=None)
    parser.add_argument("volume", metavar="VOLUME")
    parser.add_argument("out", metavar="OUT.csv", nargs="?", help="the table to be made")
    group = parser.add_argument_group("what is counted")
    group.add_argument("--scale", type=scale, metavar="SCALE", help="index, key or voxel size (default: 0)")
    group.add_argument("--box", type=ranges, metavar="BOX", help="x0:x1,y0:y1,z0:z1; a bound may be left out")
    group.add_argument("--at", type=scale, metavar="X,Y,Z", help="the box counts in voxels of this size")
    group.add_argument("--units", metavar="UNIT", help="the box counts in nm, um or mm instead of voxels")
    group.add_argument("--channel", type=int, metavar="N", help="needed where there are several")
    group.add_argument(
        "--missing", choices=("zero", "error"), help="read absent chunks as zeros (default) or stop at them"
    )
    add_running_options(parser)
    add_executor_options(parser)


def run(arguments: argparse.Namespace) -> None:
    """Count, write the table, and print its largest labels."""
    import ngprecomp as ng
    from ngprecomp.errors import ExistsError

    given = keywords(arguments)
    out, overwrite = given.pop("out", None), given.pop("overwrite", False)
    if out is not None and os.path.exists(out) and not overwrite:
        raise ExistsError(f"{out} exists; --overwrite replaces it")
    with shown_progress(arguments) as progress, chosen_executor(arguments) as executor:
        table = ng.labels(**given, **executor, progress=progress)
    if out is not None:
        table.to_csv(out)
    if not arguments.quiet:
        print(table)
