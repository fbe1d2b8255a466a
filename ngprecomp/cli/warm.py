"""``ngprecomp warm``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from ngprecomp.cli.parser import Commands, Parser

DESCRIPTION = """\
Compile all kernels now instead of when they are first needed.

The machine code is kept in a cache, so that later processes start without compiling; a
container image or a cluster's shared environment does this once."""


def add(commands: Commands[Parser]) -> None:
    """Add the command."""
    parser = commands.add_parser("warm", help="compile all kernels into the cache", description=DESCRIPTION)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Compile everything, naming each subject before it is compiled."""
    del arguments
    from ngprecomp.kernels.warm import cache_folder, warm_kernels

    for subject in warm_kernels():
        if sys.stderr.isatty():
            print(f"compiling {subject}", file=sys.stderr)
    print(f"the compiled kernels are in {cache_folder()}")
