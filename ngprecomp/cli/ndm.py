"""The command ``ndm``, with the flags of NeuroDataManager's program: a TIFF file into a volume, or out of it."""

from __future__ import annotations

import argparse
import json
import sys
import traceback
from typing import TYPE_CHECKING, Any, cast

from ngprecomp.cli.flags import Flag, Value, parse_flags
from ngprecomp.cli.main import FAILED, INTERRUPTED, sentence
from ngprecomp.cli.options import shown_progress
from ngprecomp.cli.parser import WRONG_USAGE
from ngprecomp.errors import OptionError, OutOfBoundsError
from ngprecomp.format.box import triple
from ngprecomp.version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ngprecomp.pipeline.ndm import Block
    from ngprecomp.pipeline.report import Report

MANIFEST = "manifest.ex.json"
MODES = ("overwrite", "add", "max", "nonzero")
TYPES = ("uint8", "uint16", "uint32", "uint64", "float")
SHOWN = argparse.Namespace(quiet=False, hide_progress=False)

FLAGS = {
    "datadir": Flag(str, "folder of the volume: its manifest, named info, and a folder for each scale"),
    "datastore": Flag(str, "the same as -datadir"),
    "input": Flag(str, "TIFF file to put into the volume; wins over -output"),
    "output": Flag(str, "TIFF file to write a part of the volume to"),
    "x": Flag(int, "voxels of the block along x; of an input 0 takes what the file has"),
    "y": Flag(int, "voxels along y"),
    "z": Flag(int, "voxels along z, pages of the file"),
    "xoffset": Flag(int, "where the block begins along x, counted from the first stored voxel"),
    "yoffset": Flag(int, "where it begins along y"),
    "zoffset": Flag(int, "where it begins along z"),
    "scale": Flag(str, "key of the scale (default: 0)"),
    "subtractVoxelOffset": Flag(bool, "the offsets are voxel coordinates, voxel_offset included"),
    "gzip": Flag(bool, "compress chunk files (default: as those that are there)"),
    "mode": Flag(str, "overwrite (default), add, max or nonzero", MODES),
    "format": Flag(str, "tif, the only one", ("tif",)),
    "datatype": Flag(str, "what the input must hold: uint8, uint16, uint32, uint64 or float", TYPES),
    "exampleManifest": Flag(bool, f"write {MANIFEST}, to be filled in and named info, and stop"),
    "help": Flag(bool, "print this"),
    "version": Flag(bool, "print the version"),
    "debug": Flag(bool, "show the traceback of an error"),
}

HELP = """\
Put a TIFF file into a Neuroglancer precomputed volume, or take a part of it out.

ndm -datadir DIR -input FILE.tif -x X -y Y -z Z [-xoffset N -yoffset N -zoffset N] [-scale KEY] [-gzip]
ndm -datadir DIR -output FILE.tif -x X -y Y -z Z [-xoffset N -yoffset N -zoffset N] [-scale KEY]

An input replaces what is there; -mode add adds to it, as the original did.

flags:"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status: 0 good, 1 failed, 2 wrong usage, 130 interrupted."""
    words = sys.argv[1:] if argv is None else argv
    try:
        run(parse_flags(words, FLAGS))
    except KeyboardInterrupt:
        return _failed("interrupted", INTERRUPTED)
    except Exception as error:
        if "-debug" in words or "--debug" in words:
            traceback.print_exc()
        wrong_usage = isinstance(error, (OptionError, OutOfBoundsError))
        return _failed(sentence(error), WRONG_USAGE if wrong_usage else FAILED)
    return 0


def run(given: dict[str, Value]) -> None:
    """Do what the flags ask for."""
    if given.get("help"):
        print(HELP, *(f"  -{name:<20} {flag.meaning}" for name, flag in FLAGS.items()), sep="\n")
    elif given.get("version"):
        print(f"ndm of ngprecomp {__version__}")
    elif given.get("exampleManifest"):
        write_example()
    elif "input" in given:
        if "output" in given:
            print(f"ndm: -input wins over -output: {given['output']} is not written", file=sys.stderr)
        print(_put(given))
    elif "output" in given:
        print(_take(given))
    else:
        raise OptionError("neither -input nor -output: nothing to do (-help says more)")


def write_example() -> None:
    """Write a manifest that is valid as it is; one that is there stays."""
    from ngprecomp.pipeline.ndm import EXAMPLE_MANIFEST

    with open(MANIFEST, "x") as file:
        json.dump(EXAMPLE_MANIFEST, file, indent=4)
        file.write("\n")
    print(f"{MANIFEST}: put it into a folder of its own as info")


def _put(given: dict[str, Value]) -> Report:
    from ngprecomp.pipeline.ndm import put_block

    options: dict[str, Any] = {name: given[name] for name in ("datatype", "gzip", "mode") if name in given}
    with shown_progress(SHOWN) as progress:
        return put_block(_folder(given), str(given["input"]), _block(given), **options, progress=progress)


def _take(given: dict[str, Value]) -> Report:
    from ngprecomp.pipeline.ndm import take_block

    with shown_progress(SHOWN) as progress:
        return take_block(_folder(given), str(given["output"]), _block(given), progress=progress)


def _folder(given: dict[str, Value]) -> str:
    named = {given[name] for name in ("datadir", "datastore") if name in given}
    if len(named) != 1:
        raise OptionError("-datadir and -datastore name two folders" if named else "-datadir names no volume")
    return str(named.pop())


def _block(given: dict[str, Value]) -> Block:
    from ngprecomp.pipeline.ndm import Block

    size, offset = (triple(cast("int", given.get(axis + what, 0)) for axis in "xyz") for what in ("", "offset"))
    return Block(str(given.get("scale", "0")), size, offset, bool(given.get("subtractVoxelOffset", False)))


def _failed(message: str, status: int) -> int:
    print(f"ndm: {message}", file=sys.stderr)
    return status
