"""Options that several commands share, and the progress they ask for."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ngprecomp.cli.values import json_object, method, sizes
from ngprecomp.pipeline.progress import Progress, ProgressBar

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

OURS = ("command", "run", "debug", "quiet", "hide_progress", "executor", "scheduler")


def add_pyramid_options(parser: argparse.ArgumentParser) -> None:
    """Add what says which coarser scales are made."""
    group = parser.add_argument_group("the coarser scales")
    group.add_argument(
        "--levels", type=int, metavar="N", help="how many coarser scales (default: until one chunk holds all)"
    )
    group.add_argument(
        "--factor",
        type=sizes,
        metavar="X,Y,Z",
        help="voxels that become one in each step (default: towards cubic voxels)",
    )
    group.add_argument(
        "--method",
        type=method,
        metavar="NAME",
        help="mode, mean, median, min, max, stride or thin, the mode that keeps thin objects (default: mode for "
        "segmentations, mean for images)",
    )
    group.add_argument(
        "--exact", action="store_true", help="make every scale from the first, which is read once for each"
    )
    group.add_argument("--skip-empty", action="store_true", help="leave all-zero chunks out")


def add_running_options(parser: argparse.ArgumentParser, *, overwrite: bool = True) -> None:
    """Add what says how a job runs and what it prints."""
    group = parser.add_argument_group("how it runs")
    group.add_argument(
        "--memory", metavar="BYTES", help="what the job may hold, such as 4GB (default: a quarter of the machine's)"
    )
    group.add_argument(
        "-j", "--jobs", dest="workers", type=int, metavar="N", help="threads (default, and 0: one per core)"
    )
    if overwrite:
        group.add_argument("--overwrite", action="store_true", help="replace what is there; foreign files stay")
    group.add_argument("-q", "--quiet", action="store_true", default=False, help="print neither progress nor report")
    group.add_argument(
        "--no-progress", dest="hide_progress", action="store_true", default=False, help="print the report only"
    )


def add_shard_options(parser: argparse.ArgumentParser, which: str) -> None:
    """Add the ways to ask for shards, of which at most one is given; `which` says what happens without."""
    group = parser.add_argument_group("shards", which).add_mutually_exclusive_group()
    group.add_argument(
        "--shard-size", type=sizes, metavar="X,Y,Z", help="voxels of a shard; the nearest possible is taken"
    )
    group.add_argument(
        "--sharded", dest="shard_size", action="store_const", const="always", help="shards however few the chunks are"
    )
    group.add_argument("--unsharded", dest="shard_size", action="store_const", const=None, help="a file for each chunk")
    group.add_argument("--sharding", type=json_object, metavar="JSON", help="the exact sharding object of info")


def add_checksum_option(group: argparse._ActionsContainer) -> None:
    """Add the wish for checksums."""
    group.add_argument("--checksums", action="store_true", help="store a checksum of every chunk beside the volume")


def add_unfinished_options(parser: argparse.ArgumentParser) -> None:
    """Add what says whether a job only plans, and whether it goes on where it was interrupted."""
    group = parser.add_argument_group("before it runs, and after it was interrupted")
    group.add_argument("--dry-run", action="store_true", help="print what would be done, and write nothing")
    group.add_argument(
        "--no-resume",
        dest="resume",
        action="store_false",
        help="begin an unfinished job from the beginning (default: the same command goes on)",
    )
    group.add_argument("--spool-dir", metavar="FOLDER", help="where temporary files go")


def keywords(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the arguments that a public function takes: those that were given, under the function's own names."""
    return {name: value for name, value in vars(arguments).items() if name not in OURS}


@contextmanager
def shown_progress(arguments: argparse.Namespace, *, plan: bool = False) -> Iterator[Progress | None]:
    """Give a bar on stderr if that is a terminal, and in any case what prints the `plan` of a job that tells it."""
    terminal = sys.stderr.isatty()
    if arguments.quiet or arguments.hide_progress or not (terminal or plan):
        yield None
        return
    shown = ProgressBar(sys.stderr, bar=terminal)
    try:
        yield shown
    finally:
        shown.close()
