"""``ngprecomp props TABLE VOLUME``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ngprecomp.cli.options import keywords

if TYPE_CHECKING:
    import argparse

    from ngprecomp.cli.parser import Commands, Parser

DESCRIPTION = """\
Write a table of segments as the segment properties of a volume, which Neuroglancer shows.

TABLE.csv has a line of column names. The columns id, label (or name), description and tags are
found by their names, columns of numbers become numbers, all others text."""

EPILOG = """\
examples:
  ngprecomp props cells.csv segmentation
  ngprecomp props cells.csv segmentation --id segment --label "cell name" --tags type,side --numbers voxels"""


def add(commands: Commands[Parser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "props", help="names, tags and numbers of segments for Neuroglancer", description=DESCRIPTION, epilog=EPILOG
    )
    parser.set_defaults(run=run)
    parser.add_argument("table", metavar="TABLE.csv")
    parser.add_argument("volume", metavar="VOLUME")
    for option, meaning in (("id", "the ids"), ("label", "the names"), ("description", "descriptions")):
        parser.add_argument(f"--{option}", metavar="COLUMN", help=f"the column of {meaning}")
    parser.add_argument("--tags", type=_columns, metavar="COLUMNS", help="columns of tags, with commas between them")
    parser.add_argument("--numbers", type=_columns, metavar="COLUMNS", help="columns of numbers (default: all)")
    parser.add_argument("--name", metavar="FOLDER", help="folder in the volume's (default: segment_properties)")
    parser.add_argument("--overwrite", action="store_true", help="replace properties that are there")
    parser.add_argument("-q", "--quiet", action="store_true", default=False, help="print no report")


def _columns(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]


def run(arguments: argparse.Namespace) -> None:
    """Write the properties, and print what became of each column."""
    import ngprecomp as ng

    report = ng.segment_properties(**keywords(arguments))
    if not arguments.quiet:
        print(report)
