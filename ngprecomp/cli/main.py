"""The command ``ngprecomp``: find the command's function, call it, and turn errors into sentences."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import traceback
from typing import TYPE_CHECKING

from ngprecomp.cli import (
    check,
    convert,
    copy,
    cutout,
    info,
    info_set,
    ingest,
    labels,
    link,
    preview,
    props,
    pyramid,
    rm,
    serve,
    view,
    warm,
)
from ngprecomp.cli.parser import WRONG_USAGE, Commands, Parser, parse
from ngprecomp.errors import NgprecompError, OptionError, OutOfBoundsError
from ngprecomp.version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

FAILED = 1
INTERRUPTED = 130

EPILOG = """\
VOLUME and DEST are paths or URLs of a volume's folder (file, http, s3, gs, az). Triplets are x,y,z;
ngprecomp COMMAND --help lists the options of a command."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0 good, 1 failed, 2 wrong usage, 130 interrupted."""
    parser, commands = make_parser()
    arguments = parse(parser, commands, sys.argv[1:] if argv is None else argv)
    _end_politely()
    try:
        status: int = arguments.run(arguments) or 0
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has seen enough; the interpreter flushes once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except KeyboardInterrupt as error:
        return _failed(with_notes("interrupted", error), INTERRUPTED)
    except Exception as error:
        if arguments.debug:
            traceback.print_exc()
        wrong_usage = isinstance(error, (OptionError, OutOfBoundsError))
        return _failed(with_notes(sentence(error), error), WRONG_USAGE if wrong_usage else FAILED)
    return status


def _end_politely() -> None:
    """Take a request to terminate (a cluster's time limit) for an interrupt; keep the log of tifffile to ourselves."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    logging.getLogger("tifffile").addHandler(logging.NullHandler())
    logging.getLogger("tifffile").propagate = False


def make_parser() -> tuple[Parser, Commands[Parser]]:
    """Return the parser, and its commands by name."""
    description = "Neuroglancer precomputed volumes: convert, downsample, look at."
    parser = Parser(prog="ngprecomp", description=description, epilog=EPILOG)
    parser.add_argument("--version", action="version", version=f"ngprecomp {__version__}")
    parser.add_argument("--debug", action="store_true", default=False, help="show the traceback of an error")
    commands = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND", required=True)
    for command in (
        convert,
        pyramid,
        copy,
        cutout,
        ingest,
        labels,
        preview,
        props,
        info,
        info_set,
        rm,
        check,
        warm,
        serve,
        view,
        link,
    ):
        command.add(commands)
    for command_parser in commands.choices.values():
        command_parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser, commands


def sentence(error: Exception) -> str:
    """Return what went wrong as one line for a person.

    Examples
    --------
    >>> sentence(PermissionError(13, "Permission denied", "/data/info"))
    '/data/info: Permission denied'
    """
    if isinstance(error, NgprecompError):
        text = str(error)
    elif isinstance(error, OSError) and error.strerror:
        text = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    else:
        text = f"unexpected {type(error).__name__}: {error} (--debug shows where)"
    return " ".join(text.split())


def with_notes(text: str, error: BaseException) -> str:
    """Return a sentence on an error with what a job has noted on it: whether it can go on."""
    return "; ".join([text, *getattr(error, "__notes__", ())])


def _failed(message: str, status: int) -> int:
    print(f"ngprecomp: {message}", file=sys.stderr)
    return status
