"""``ngprecomp copy SOURCE DEST``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ngprecomp.cli.executors import add_executor_options, chosen_executor
from ngprecomp.cli.options import (
    add_checksum_option,
    add_running_options,
    add_shard_options,
    add_unfinished_options,
    keywords,
    shown_progress,
)
from ngprecomp.cli.values import box, encoding, scale, sizes

if TYPE_CHECKING:
    import argparse

    from ngprecomp.cli.parser import Commands, Parser

DESCRIPTION = """\
Copy a volume; encode, chunk, shard or crop it in another way where that is asked for.

Whatever is not asked for stays as it is. Where the encoding and the chunks stay, nothing is
decoded. Meshes, skeletons, segment properties and provenance come along. After an
interruption the same command goes on."""

EPILOG = """\
examples:
  ngprecomp copy labels elsewhere/labels
  ngprecomp copy labels sharded --sharded
  ngprecomp copy em part --box 0:2048,0:2048,: --encoding jpeg --jpeg-quality 85
  ngprecomp copy labels coarse --scale 64_64_40 --dry-run"""


def add(commands: Commands[Parser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "copy", help="copy a volume, encoded, sharded or cropped anew", description=DESCRIPTION, epilog=EPILOG
    )
    parser.set_defaults(run=run)
    parser.add_argument("source", metavar="SOURCE")
    parser.add_argument("destination", metavar="DEST", help="the folder of the new volume")
    _add_source_options(parser)
    _add_storage_options(parser)
    add_shard_options(parser, "one of these (default: as it is)")
    add_running_options(parser)
    add_executor_options(parser)
    add_unfinished_options(parser)


def _add_source_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("what is copied")
    group.add_argument(
        "--scale",
        dest="scales",
        type=scale,
        action="append",
        metavar="SCALE",
        help="this scale: index, key or voxel size; may be given several times (default: all)",
    )
    group.add_argument(
        "--box", type=box, metavar="BOX", help="only x0:x1,y0:y1,z0:z1, voxels of the finest scale that is copied"
    )
    group.add_argument(
        "--no-sidecars",
        dest="sidecars",
        action="store_false",
        help="leave out meshes, skeletons, segment properties, provenance and unknown members of info",
    )
    group.add_argument(
        "--missing", choices=("zero", "error"), help="store absent chunks as zeros (default) or stop at them"
    )
    group.add_argument("--skip-empty", action="store_true", help="leave all-zero chunks out; decodes every chunk")


def _add_storage_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("how it is stored (default: as it is)")
    group.add_argument("--chunk-size", type=sizes, metavar="X,Y,Z", help="voxels of a chunk")
    group.add_argument("--encoding", type=encoding, metavar="NAME", help="raw, compressed_segmentation, jpeg or png")
    group.add_argument(
        "--block-size",
        dest="compressed_segmentation_block_size",
        type=sizes,
        metavar="X,Y,Z",
        help="blocks of compressed_segmentation",
    )
    group.add_argument("--jpeg-quality", type=int, metavar="0-100", help="quality of jpeg")
    group.add_argument("--png-level", type=int, metavar="0-9", help="compression level of png")
    group.add_argument(
        "--compress",
        choices=("none", "gzip", "plain-gzip"),
        help="chunk files: none, .gz files, or gzip under plain names; TensorStore reads the uncompressed ones only",
    )
    group.add_argument("--compress-level", type=int, metavar="0-12", help="level of any gzip")
    add_checksum_option(group)


def run(arguments: argparse.Namespace) -> None:
    """Copy, and print the report; or print the plan."""
    from ngprecomp.pipeline.copying import copy_volume

    with shown_progress(arguments, plan=True) as progress, chosen_executor(arguments) as executor:
        report = copy_volume(**keywords(arguments), **executor, progress=progress)
    if not arguments.quiet or "dry_run" in arguments:
        print(report)
