"""``ngprecomp cutout VOLUME OUT``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ngprecomp.cli.options import add_running_options, keywords, shown_progress
from ngprecomp.cli.values import ranges, scale

if TYPE_CHECKING:
    import argparse

    from ngprecomp.cli.parser import Commands, Parser

DESCRIPTION = """\
Write a box of a volume to a file.

OUT is a .tif, .h5 (cut.h5:path/in/file), .npy, .nii or .nii.gz file. TIFF, HDF5 and npy hold
z,y,x, NIfTI x,y,z. Voxel size and offset come along where the format has a place for them."""

EPILOG = """\
examples:
  ngprecomp cutout labels cut.tif --box 1024:1536,1024:1536,16:32
  ngprecomp cutout labels cut.h5 --box 0:512,0:512,0:64 --at 16,16,40nm --scale 0
  ngprecomp cutout labels cut.nii.gz --box 4000:12000,4000:12000,0:2000 --units nm"""


def add(commands: Commands[Parser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "cutout", help="write a box of a volume to TIFF, HDF5, .npy or NIfTI", description=DESCRIPTION, epilog=EPILOG
    )
    parser.set_defaults(run=run, box=None)
    parser.add_argument("volume", metavar="VOLUME")
    parser.add_argument("path", metavar="OUT", help="the file to be made")
    _add_box_options(parser)
    _add_file_options(parser)
    add_running_options(parser)


def _add_box_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what is read")
    group.add_argument(
        "--box", type=ranges, metavar="BOX", help="x0:x1,y0:y1,z0:z1; a bound may be left out (default: all)"
    )
    group.add_argument(
        "--scale", type=scale, metavar="SCALE", help="the scale that is read: index, key or voxel size (default: 0)"
    )
    group.add_argument(
        "--at",
        type=scale,
        metavar="X,Y,Z",
        help="the box counts in voxels of this size, such as 16,16,40nm (default: those of the scale that is read)",
    )
    group.add_argument("--units", metavar="UNIT", help="the box counts in nm, um or mm instead of voxels")
    group.add_argument(
        "--missing", choices=("zero", "error"), help="read absent chunks as zeros (default) or stop at them"
    )


def _add_file_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("how it is stored")
    group.add_argument("--format", metavar="NAME", help="tiff, hdf5, npy or nifti (default: as the suffix says)")
    group.add_argument(
        "--compression", metavar="NAME", help="TIFF: deflate (default), lzw, zstd, none; HDF5: gzip (default), none"
    )
    group.add_argument("--dtype", metavar="NAME", help="data type in the file, if every value survives")


def run(arguments: argparse.Namespace) -> None:
    """Cut out, and print the report."""
    import ngprecomp as ng

    with shown_progress(arguments) as progress:
        report = ng.cutout(**keywords(arguments), progress=progress)
    if not arguments.quiet:
        print(report)
