"""The command ``ngprecomp``: find the command's function, call it, and turn errors into sentences."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING

from ngprecomp.cli.parser import WRONG_USAGE, Commands, Parser, parse
from ngprecomp.errors import NgprecompError, OptionError, OutOfBoundsError
from ngprecomp.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

# The modules of the commands, by the first word of these. Only those of the word that is given are imported: that
# halves the time until a command starts.
COMMANDS = (
    *("convert", "plan", "pyramid", "copy", "cutout", "ingest", "labels", "preview", "props", "info", "rm", "check"),
    *("warm", "serve", "view", "link"),
)
METADATA_ONLY = ("info", "link")  # they open no TIFF and need no log, whose import would take a third of their time
MODULES = {**{word: (word,) for word in COMMANDS}, "info": ("info", "info_set")}

FAILED = 1
INTERRUPTED = 130

EPILOG = """\
VOLUME and DEST are paths or URLs of a volume's folder (file, http, s3, gs, az). Triplets are x,y,z;
ngprecomp COMMAND --help lists the options of a command."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status: 0 good, 1 failed, 2 wrong usage, 130 interrupted."""
    given = sys.argv[1:] if argv is None else argv
    command = next((word for word in given if not word.startswith("-")), None)
    parser, commands = make_parser([command] if command in MODULES else MODULES)
    arguments = parse(parser, commands, given)
    if command not in METADATA_ONLY:
        _keep_quiet()
    try:
        with _ending_politely():
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
            import traceback

            traceback.print_exc()
        wrong_usage = isinstance(error, (OptionError, OutOfBoundsError))
        return _failed(with_notes(sentence(error), error), WRONG_USAGE if wrong_usage else FAILED)
    return status


@contextmanager
def _ending_politely() -> Iterator[None]:
    """Take a request to terminate (a cluster's time limit) for an interrupt, as long as there is something to tidy up.

    Later it ends the process at once: an interpreter that is going away must not begin to handle signals.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL if before is None else before)


def _keep_quiet() -> None:
    """Keep the log of tifffile to ourselves."""
    import logging

    logging.getLogger("tifffile").addHandler(logging.NullHandler())
    logging.getLogger("tifffile").propagate = False


def make_parser(words: Iterable[str] = MODULES) -> tuple[Parser, Commands[Parser]]:
    """Return the parser, and its commands by name, those that begin with one of `words`."""
    description = "Neuroglancer precomputed volumes: convert, downsample, look at."
    parser = Parser(prog="ngprecomp", description=description, epilog=EPILOG)
    parser.add_argument("--version", action="version", version=f"ngprecomp {__version__}")
    parser.add_argument("--debug", action="store_true", default=False, help="show the traceback of an error")
    commands = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND", required=True)
    for word in words:
        for module in MODULES[word]:
            import_module(f"ngprecomp.cli.{module}").add(commands)
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
