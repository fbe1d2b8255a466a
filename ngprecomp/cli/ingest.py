"""``ngprecomp ingest FILE VOLUME``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ngprecomp.cli.executors import add_executor_options, chosen_executor
from ngprecomp.cli.options import add_running_options, keywords, shown_progress
from ngprecomp.cli.values import box, integers, scale

if TYPE_CHECKING:
    import argparse

    from ngprecomp.cli.parser import Commands, Parser

DESCRIPTION = """\
Put a file into a volume that exists, at any offset and scale.

SOURCE is what convert reads. Box, channels and data type are checked before anything is
written; what the box does not cover stays as it is. Coarser scales that hold chunks are made
anew over the box."""

EPILOG = """\
examples:
  ngprecomp ingest corrected.tif labels --offset 1024,1024,16
  ngprecomp ingest cells.h5:labels labels --offset 0,0,0 --mode nonzero --no-pyramid"""


def add(commands: Commands[Parser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "ingest", help="put a file into a volume that exists", description=DESCRIPTION, epilog=EPILOG
    )
    parser.set_defaults(run=run)
    parser.add_argument("source", metavar="SOURCE")
    parser.add_argument("volume", metavar="VOLUME")
    _add_placing_options(parser)
    _add_source_options(parser)
    group = parser.add_argument_group("how it is stored")
    group.add_argument(
        "--compress",
        choices=("none", "gzip", "plain-gzip"),
        help="chunk files plain, gzip under .gz names, or gzip under plain names (default: as those that are there)",
    )
    add_running_options(parser, overwrite=False)
    add_executor_options(parser)


def _add_placing_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("where it goes")
    group.add_argument(
        "--offset",
        type=integers,
        metavar="X,Y,Z",
        help="coordinates of the source's first voxel (default: what the source says)",
    )
    group.add_argument(
        "--scale", type=scale, metavar="SCALE", help="the scale that is written: index, key or voxel size (default: 0)"
    )
    group.add_argument("--box", type=box, metavar="BOX", help="take only x0:x1,y0:y1,z0:z1, voxels of the volume")
    group.add_argument(
        "--mode",
        choices=("overwrite", "add", "max", "nonzero"),
        help="replace what is there (default), add to it, keep the greater, or replace it where the source is not zero",
    )
    group.add_argument(
        "--no-pyramid",
        dest="pyramid",
        action="store_const",
        const=False,
        help="leave the coarser scales as they are",
    )


def _add_source_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what is read")
    group.add_argument("--dataset", metavar="PATH", help="the dataset in an HDF5 file, or the series of a TIFF file")
    group.add_argument("--axes", metavar="ORDER", help="the source's axes, slowest first: zyx, xyz, czyx ...")
    group.add_argument(
        "--gaps", choices=("error", "close", "blank"), help="missing numbers in a stack of slices (default: error)"
    )
    group.add_argument(
        "--missing", choices=("zero", "error"), help="absent chunks of a source volume: zeros (default), or stop"
    )


def run(arguments: argparse.Namespace) -> None:
    """Ingest, and print the report."""
    import ngprecomp as ng

    with shown_progress(arguments) as progress, chosen_executor(arguments) as executor:
        report = ng.ingest(**keywords(arguments), **executor, progress=progress)
    if not arguments.quiet:
        print(report)
