"""``ngprecomp info VOLUME``: what a volume is, from its ``info`` and from what lies on disk."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from ngprecomp.cli.parser import Commands, Parser


def add(commands: Commands[Parser]) -> None:
    """Add the command."""
    description = "Print what a volume is: its type, and each scale with its size, chunks, encoding and shards."
    parser = commands.add_parser("info", help="print what a volume is", description=description)
    parser.set_defaults(run=run)
    parser.add_argument("volume", metavar="VOLUME")
    parser.add_argument("--json", action="store_true", default=False, help="print the info document instead")


def run(arguments: argparse.Namespace) -> None:
    """Print the summary or the document."""
    from ngprecomp.cli.summary import disk_usage, summary
    from ngprecomp.format.info import info_to_json
    from ngprecomp.format.kvstore import parse_url  # a spec needs twice as many modules
    from ngprecomp.storage.locate import open_store
    from ngprecomp.volume.documents import read_info

    store = open_store(parse_url(arguments.volume))
    info = read_info(store)
    if arguments.json:
        print(json.dumps(info_to_json(info), indent=2, ensure_ascii=False))
    else:
        print(store.url)
        print(summary(info, disk_usage(store, info)))
