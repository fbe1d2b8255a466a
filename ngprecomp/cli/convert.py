"""``ngprecomp convert SOURCE DEST``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ngprecomp.cli.executors import add_executor_options, chosen_executor
from ngprecomp.cli.options import (
    add_checksum_option,
    add_pyramid_options,
    add_running_options,
    add_shard_options,
    add_unfinished_options,
    keywords,
    shown_progress,
)
from ngprecomp.cli.values import box, encoding, lengths, offset, pair, sizes

if TYPE_CHECKING:
    import argparse

    from ngprecomp.cli.parser import Commands, Parser

DESCRIPTION = """\
Make a volume with all its scales.

SOURCE is file.h5:path/in/file, a TIFF file, a folder or quoted glob of slices, a .npy file,
another volume ... Whatever is not said is taken from the file or chosen from the data, and the
report says so with the reason. After an interruption the same command goes on."""

EPILOG = """\
examples:
  ngprecomp convert em.h5:volumes/raw em --resolution 8,8,40
  ngprecomp convert slices/ em --voxel-size 4.6,4.6,50 --encoding jpeg
  ngprecomp convert labels.tif labels --seg --resolution 0.65um --shard-size 512,512,512
  ngprecomp convert em.h5 em --dry-run --memory 4GB"""


def add(commands: Commands[Parser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "convert", help="make a volume from HDF5, TIFF, .npy or a volume", description=DESCRIPTION, epilog=EPILOG
    )
    parser.set_defaults(run=run)
    parser.add_argument("source", metavar="SOURCE")
    parser.add_argument("destination", metavar="DEST", help="the folder of the new volume")
    add_source_options(parser)
    add_storage_options(parser)
    add_shard_options(parser, "one of these; by default shards are used above 1,000 chunks")
    add_pyramid_options(parser)
    add_running_options(parser)
    add_executor_options(parser, parts=True)
    add_unfinished_options(parser)


def add_source_options(parser: argparse.ArgumentParser) -> None:
    """Add what says what the source is and which of it is wanted."""
    group = parser.add_argument_group("what is read")
    group.add_argument("--dataset", metavar="PATH", help="the dataset in an HDF5 file, or the series of a TIFF file")
    group.add_argument(
        "--axes", metavar="ORDER", help="the source's axes, slowest first: zyx (default for files), xyz, czyx ..."
    )
    group.add_argument(
        "--resolution",
        "--voxel-size",
        type=lengths,
        metavar="X,Y,Z",
        help="voxel size in nm, or with units: 8nm,8nm,0.04um",
    )
    group.add_argument(
        "--offset",
        "--voxel-offset",
        dest="voxel_offset",
        type=offset,
        metavar="X,Y,Z",
        help="coordinates of the first voxel, in voxels, or with units: 80nm,80nm,400nm",
    )
    group.add_argument("--type", choices=("image", "segmentation"), help="what the voxels are (default: from the data)")
    group.add_argument(
        "--seg", dest="type", action="store_const", const="segmentation", help="the same as --type segmentation"
    )
    group.add_argument(
        "--dtype", metavar="NAME", help="data type of the volume: uint8, uint16, uint32, uint64, float32 ..."
    )
    contrast = group.add_mutually_exclusive_group()
    contrast.add_argument("--range", type=pair, metavar="LO,HI", help="values of an image that become black and white")
    contrast.add_argument(
        "--percentile", type=pair, metavar="LO,HI", help="the same as percentiles of a sample: 0.5,99.8"
    )
    group.add_argument(
        "--gaps", choices=("error", "close", "blank"), help="missing numbers in a stack of slices (default: error)"
    )
    group.add_argument(
        "--box", type=box, metavar="BOX", help="convert only x0:x1,y0:y1,z0:z1, voxels of the new volume"
    )
    group.add_argument(
        "--missing", choices=("zero", "error"), help="read absent chunks as zeros (default) or stop at them"
    )


def add_storage_options(parser: argparse.ArgumentParser) -> None:
    """Add what says how chunks are stored."""
    group = parser.add_argument_group("how it is stored")
    group.add_argument(
        "--chunk-size", type=sizes, metavar="X,Y,Z", help="voxels of a chunk (default: 64,64,64 or 128,128,16)"
    )
    group.add_argument(
        "--encoding",
        type=encoding,
        metavar="NAME",
        help="raw, compressed_segmentation, jpeg or png (default: compressed_segmentation for labels, else raw)",
    )
    group.add_argument(
        "--block-size",
        dest="compressed_segmentation_block_size",
        type=sizes,
        metavar="X,Y,Z",
        help="blocks of compressed_segmentation (default: 8,8,8)",
    )
    group.add_argument("--jpeg-quality", type=int, metavar="0-100", help="default: 75")
    group.add_argument("--png-level", type=int, metavar="0-9", help="compression level of png")
    group.add_argument(
        "--compress",
        choices=("gzip",),
        help="compress unsharded chunks, which TensorStore then cannot read from a disk",
    )
    group.add_argument("--compress-level", type=int, metavar="1-12", help="level of any gzip")
    add_checksum_option(group)


def run(arguments: argparse.Namespace) -> None:
    """Convert, and print the report; or print the forecast."""
    import ngprecomp as ng

    with shown_progress(arguments, plan=True) as progress, chosen_executor(arguments) as executor:
        report = ng.convert(**keywords(arguments), **executor, progress=progress)
    if not arguments.quiet or "dry_run" in arguments:
        print(report)
