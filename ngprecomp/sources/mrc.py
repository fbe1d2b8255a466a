"""MRC files of electron microscopy (MRC2014; CCP4 maps): .mrc, .rec, .st, .map, also gzipped."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING, Any

import numpy as np

from ngprecomp.errors import SourceError
from ngprecomp.sources.axes import asked_axes_note, parse_axes
from ngprecomp.sources.extras import needed
from ngprecomp.sources.packed import array_in_file
from ngprecomp.sources.placement import Placement, Told, placed
from ngprecomp.sources.stored import StoredSource, check_array

if TYPE_CHECKING:
    from ngprecomp.sources.axes import Axes

HEADER_BYTES = 1024
MAGIC = slice(208, 212)
IMOD_STAMP = slice(152, 160)  # stamp and flags, four bytes each
IMOD = 1146047817
SIGNED_BYTES = 1  # of IMOD's flags
ANGSTROM = 0.1  # nm
VOLUME_STACK = 401  # ISPG of several volumes one behind the other


def is_mrc(head: bytes) -> bool:
    """Whether the first bytes of a file are an MRC header, which says MAP at byte 208."""
    return len(head) >= HEADER_BYTES and head[MAGIC] in (b"MAP ", b"MAP\0")


def open_mrc(path: str, head: bytes, axes: str | None) -> StoredSource:
    """Open a map, tomogram or image stack; `head` is its first 1024 bytes, unpacked.

    Raises
    ------
    SourceError
        mrcfile is not installed, the header is damaged or of a mode without real numbers, or the file is cut off.
    """
    header = _parse(head, path)
    shape = (int(header.nz), int(header.ny), int(header.nx))
    file_dtype, type_notes = _dtype(header, head, path)
    check_array(path, shape, file_dtype)
    if int(header.ispg) >= VOLUME_STACK:
        raise SourceError(
            f"{path} is a stack of {int(header.nz) // max(1, int(header.mz))} volumes; convert them singly"
        )
    order, axes_notes = _order(header, shape, path, axes)
    offset = HEADER_BYTES + int(header.nsymbt)
    stored = array_in_file(path, shape, file_dtype, offset)
    placement = _placement(header, head, order)
    notes = (*axes_notes, *type_notes, *placement.notes)
    return StoredSource(path, stored, order, placement.resolution, placement.voxel_offset, notes)


def _parse(head: bytes, path: str) -> Any:
    mrcfile = needed("mrcfile", "mrc", "MRC")
    try:
        # An extended header, which would come next, is not needed: the parser is told that there is none.
        plain = head[:92] + bytes(4) + head[96:HEADER_BYTES]
        with mrcfile.mrcinterpreter.MrcInterpreter(iostream=io.BytesIO(plain), header_only=True) as found:
            header = found.header.copy()
    except ValueError as error:
        raise SourceError(f"{path} has a damaged MRC header: {error}") from error
    header.nsymbt = np.frombuffer(head, header.nsymbt.dtype, 1, 92)[0]
    if header.nsymbt < 0 or min(header.nx, header.ny, header.nz) < 0:
        raise SourceError(f"{path} has a damaged MRC header: sizes {header.nx}, {header.ny}, {header.nz}")
    return header


def _dtype(header: Any, head: bytes, path: str) -> tuple[np.dtype[Any], tuple[str, ...]]:
    """Return the type of the values; IMOD's bytes are unsigned unless its flags say otherwise."""
    if int(header.mode) == 0:
        flags = _imod_flags(head)
        unsigned = flags is not None and not flags & SIGNED_BYTES
        reason = "as MRC2014 has it" if flags is None else "IMOD wrote them and says so"
        kind = "unsigned" if unsigned else "signed"
        return np.dtype(np.uint8 if unsigned else np.int8), (f"bytes are taken as {kind}: {reason}",)
    try:
        dtype = needed("mrcfile", "mrc", "MRC").utils.data_dtype_from_header(header)
    except ValueError as error:
        raise SourceError(f"{path} has data of mode {header.mode}, which is not read: {error}") from error
    return np.dtype(dtype), ()


def _imod_flags(head: bytes) -> int | None:
    """Return the flags of IMOD, None if it did not write the file."""
    for order in "<>":
        stamp, flags = struct.unpack(f"{order}ii", head[IMOD_STAMP])
        if stamp == IMOD:
            return int(flags)
    return None


def _order(header: Any, shape: tuple[int, ...], path: str, axes: str | None) -> tuple[Axes, tuple[str, ...]]:
    """Return the order that MAPC, MAPR and MAPS say: which axis columns, rows and sections run along."""
    if axes is not None:
        order = parse_axes(axes, shape, path)
        return order, (asked_axes_note(order, shape),)
    along = [int(header.maps), int(header.mapr), int(header.mapc)]
    if sorted(along) == [0, 0, 0]:
        letters, origin = "zyx", "MAPC, MAPR and MAPS are not set"
    elif sorted(along) == [1, 2, 3]:
        letters, origin = "".join("xyz"[axis - 1] for axis in along), "MAPC, MAPR and MAPS of the header"
    else:
        raise SourceError(f"{path} says MAPS, MAPR, MAPC {along}; expected 1, 2 and 3 in any order; give axes")
    notes = [f"axes {letters}: {origin}"]
    if int(header.ispg) == 0 and shape[0] > 1:
        notes.append("the header says that this is a stack of images: if it is a tilt series, z is no axis of space")
    return parse_axes(letters, shape, path), tuple(notes)


def _placement(header: Any, head: bytes, order: Axes) -> Placement:
    """Return voxel size from the cell, and the offset from NSTART or ORIGIN if only one of them is set."""
    cell = {letter: float(header.cella[letter]) for letter in "xyz"}
    samples = {"x": int(header.mx), "y": int(header.my), "z": int(header.mz)}
    if not any(cell.values()) or min(samples.values()) <= 0:
        return Placement(notes=("the header has no cell, so no voxel size",))
    # 7 digits: the file has single precision, whose tail would end up in keys
    steps = {letter: float(f"{cell[letter] / samples[letter] * ANGSTROM:.7g}") for letter in "xyz"}
    step = [steps.get(letter, 1.0) for letter in order.letters]
    size = Told(step, "cell of the header")
    starts = [int(header.nzstart), int(header.nystart), int(header.nxstart)]
    origin = [float(header.origin[a]) * ANGSTROM if a in "xyz" else 0.0 for a in order.letters]
    if not any(starts) and not any(origin):
        return placed(order, size)
    from_starts = [number * nm for number, nm in zip(starts, step, strict=True)]
    if not any(origin) or np.allclose(origin, from_starts, atol=min(step) / 2):
        return placed(order, size, Told(from_starts, "NXSTART, NYSTART, NZSTART of the header"))
    told = ", ".join(f"{nm:g}" for nm in origin[::-1])
    if any(starts):
        ignored = f"NSTART {starts[::-1]} and ORIGIN {told} nm of the header differ: no offset is taken"
    elif _imod_flags(head) is not None:
        ignored = f"ORIGIN {told} nm of the header is ignored: its sign differs among versions of IMOD"
    else:
        return placed(order, size, Told(origin, "ORIGIN of the header"))
    found = placed(order, size)
    return Placement(found.resolution, None, (*found.notes, ignored))
