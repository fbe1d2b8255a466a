"""``ngprecomp plan [SOURCE] [DEST]``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ngprecomp.cli.convert import add_source_options, add_storage_options
from ngprecomp.cli.options import add_pyramid_options, add_running_options, add_shard_options, keywords
from ngprecomp.cli.values import sizes

if TYPE_CHECKING:
    import argparse

    from ngprecomp.cli.parser import Commands, Parser

DESCRIPTION = """\
Tell what convert would do, and write nothing: scales, files, bytes, tasks and what each reads,
memory, how often the source is decoded, requests of a bucket by their price class.

With --shape and --dtype there is no source: the volume is planned on paper, of any size."""

EPILOG = """\
examples:
  ngprecomp plan em.h5:volumes/raw s3://bucket/em --shard-size 512,512,512
  ngprecomp plan --shape 34432,39552,51508 --dtype uint8 --memory 8GB
  ngprecomp plan --shape 34432,39552,51508 --dtype uint8 --block 4096,4096,1 --json"""


def add(commands: Commands[Parser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "plan", help="tell what convert would do, also of a volume on paper", description=DESCRIPTION, epilog=EPILOG
    )
    parser.set_defaults(run=run)
    parser.add_argument("source", metavar="SOURCE", nargs="?")
    parser.add_argument("destination", metavar="DEST", nargs="?", help="the folder of the new volume")
    paper = parser.add_argument_group("in place of a source")
    paper.add_argument("--shape", type=sizes, metavar="X,Y,Z", help="voxels of the volume; with --dtype")
    paper.add_argument("--block", type=sizes, metavar="X,Y,Z", help="voxels that the source decodes at once")
    paper.add_argument("--channels", dest="num_channels", type=int, metavar="N", help="default: 1")
    parser.add_argument("--json", action="store_true", default=False, help="print the plan as a JSON object")
    add_source_options(parser)
    add_storage_options(parser)
    add_shard_options(parser, "one of these; by default shards are used above 1,000 chunks")
    add_pyramid_options(parser)
    add_running_options(parser, overwrite=False)


def run(arguments: argparse.Namespace) -> None:
    """Print the forecast."""
    import ngprecomp as ng

    told = ng.plan(**{name: value for name, value in keywords(arguments).items() if name != "json"})
    print(json.dumps(told.to_json(), indent=2) if arguments.json else told)
