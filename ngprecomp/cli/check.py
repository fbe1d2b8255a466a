"""``ngprecomp check VOLUME``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ngprecomp.cli.executors import add_executor_options, chosen_executor
from ngprecomp.cli.options import add_running_options, keywords, shown_progress
from ngprecomp.cli.values import scale

if TYPE_CHECKING:
    import argparse

    from ngprecomp.cli.parser import Commands, Parser

DESCRIPTION = """\
Look for everything that can be wrong with a volume.

Checked are info, every chunk, the names in the folders of the scales, the indices of shards,
and whether the coarser scales come from the finer ones. The exit status is 1 if there is an
error or a warning; hints alone leave it 0."""

EPILOG = """\
examples:
  ngprecomp check volume
  ngprecomp check volume --full --against em.h5:volumes/raw
  ngprecomp check volume --repair
  ngprecomp check volume --json > report.json"""


def add(commands: Commands[Parser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "check", help="find everything that is wrong with a volume", description=DESCRIPTION, epilog=EPILOG
    )
    parser.set_defaults(run=run, json=False)
    parser.add_argument("volume", metavar="VOLUME")
    group = parser.add_argument_group("what is checked")
    group.add_argument("--full", action="store_true", help="compare all chunks of the coarser scales, not only some")
    group.add_argument("--against", metavar="SOURCE", help="compare the first scale with a source, voxel by voxel")
    group.add_argument("--dataset", metavar="NAME", help="the dataset of the source")
    group.add_argument("--axes", metavar="ORDER", help="the order of its axes, slowest first")
    group.add_argument(
        "--scale",
        dest="scales",
        type=scale,
        action="append",
        metavar="SCALE",
        help="index, key or voxel size of a scale whose chunks are looked at; can be repeated (default: all)",
    )
    group = parser.add_argument_group("what is done about it")
    group.add_argument(
        "--repair",
        action="store_true",
        help="remove what dead processes left and files that are not read, make absent coarse chunks, check again",
    )
    group.add_argument("--json", action="store_true", help="print the report as JSON")
    add_running_options(parser, overwrite=False)
    add_executor_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Check, print the report, and return the exit status."""
    import ngprecomp as ng

    given = keywords(arguments)
    as_json = given.pop("json")
    with shown_progress(arguments) as progress, chosen_executor(arguments) as executor:
        report = ng.check(**given, **executor, progress=progress)
    if as_json:
        print(json.dumps(report.to_json(), indent=2, ensure_ascii=False))
    elif not arguments.quiet:
        print(report)
    return 0 if report.ok else 1
