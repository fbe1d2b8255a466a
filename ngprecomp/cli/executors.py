"""Options that say where a job does its work, and the connection to a cluster that one of them asks for."""

from __future__ import annotations

import importlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ngprecomp.errors import OptionError, StorageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator


def add_executor_options(parser: argparse.ArgumentParser, *, parts: bool = False) -> None:
    """Add the ways to give work away, of which at most one is chosen; `parts` only where a job can be shared."""
    group = parser.add_argument_group("where it runs (default: threads of this process)").add_mutually_exclusive_group()
    group.add_argument(
        "--executor", choices=("threads", "processes"), help="processes: as many as --jobs, which share --memory"
    )
    group.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="dask workers, tcp://host:8786; --memory and --jobs are then of each task (default: 2 GiB, 1 thread)",
    )
    if parts:
        group.add_argument(
            "--part",
            metavar="I/N",
            help="the same command runs N times, from 1/N to N/N, anywhere: a job array; this is one of them",
        )


@contextmanager
def chosen_executor(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Give the executor that the options name as a keyword; the connection to a scheduler is closed afterwards."""
    address = getattr(arguments, "scheduler", None)
    if address is None:
        yield {"executor": arguments.executor} if "executor" in arguments else {}
        return
    try:
        distributed: Any = importlib.import_module("distributed")
    except ImportError:
        raise OptionError("--scheduler needs dask's distributed: pip install 'ngprecomp[dask]'") from None
    try:
        client = distributed.Client(address)
    except (OSError, ValueError) as error:
        raise StorageError(f"no dask scheduler answers at {address}: {error}") from error
    with client:
        yield {"executor": client.get_executor()}
