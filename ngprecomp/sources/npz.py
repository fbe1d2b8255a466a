"""NumPy's archives of named arrays."""

from __future__ import annotations

import struct
import zipfile
from typing import TYPE_CHECKING

from ngprecomp.errors import NotFoundError, SourceError
from ngprecomp.sources.npy import NpyHeader, npy_source, read_npy_header
from ngprecomp.sources.packed import DAMAGE, Packed, PackedArray
from ngprecomp.sources.raw import RawArray

if TYPE_CHECKING:
    from ngprecomp.sources.stored import StoredArray, StoredSource

SUFFIX = ".npy"
MOST_LISTED = 20
LOCAL_HEADER = struct.Struct("<26xHH")  # of a member; the lengths of its name and of its extra field


def open_npz(path: str, dataset: str | None, axes: str | None) -> StoredSource:
    """Open the only array of an ``.npz`` file, or the one named `dataset`.

    Arrays of ``savez`` are read where they lie, those of ``savez_compressed`` are unpacked once.

    Raises
    ------
    NotFoundError
        There is no array of this name.
    SourceError
        There are several arrays and none is named, or the archive is damaged.
    """
    with zipfile.ZipFile(path) as archive:
        members = {info.filename.removesuffix(SUFFIX): info for info in archive.infolist() if _is_array(info)}
        if dataset is not None and dataset not in members:
            raise NotFoundError(f"{path} holds no array {dataset!r}; {_listed(archive, members)}")
        if dataset is None and len(members) > 1:
            raise SourceError(f"{path} holds {len(members)} arrays; name one as FILE:NAME; {_listed(archive, members)}")
        chosen = dataset if dataset is not None else next(iter(members))
        member = members[chosen]
        name = f"{path}:{chosen}"
        header = _read_header(archive, member)
    return npy_source(name, _stored(path, member, header), header, axes)


def _is_array(info: zipfile.ZipInfo) -> bool:
    return info.filename.endswith(SUFFIX)


def _read_header(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NpyHeader:
    name = f"{archive.filename}:{member.filename}"
    try:
        with archive.open(member) as file:
            return read_npy_header(file, name)
    except DAMAGE as error:
        raise SourceError(f"{name} does not unpack: {error or type(error).__name__}") from error


def _stored(path: str, member: zipfile.ZipInfo, header: NpyHeader) -> StoredArray:
    if member.compress_type != zipfile.ZIP_STORED:
        packed = Packed(path, member.filename)
        return PackedArray(packed, header.shape, header.dtype, header.length, header.memory_order)
    with open(path, "rb") as file:
        file.seek(member.header_offset)
        lengths = LOCAL_HEADER.unpack(file.read(LOCAL_HEADER.size))
    start = member.header_offset + LOCAL_HEADER.size + sum(lengths)
    return RawArray(path, header.shape, header.dtype, start + header.length, header.memory_order)


def _listed(archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo]) -> str:
    """Return the arrays with their shapes and types."""
    lines = [_described(archive, name, info) for name, info in list(members.items())[:MOST_LISTED]]
    more = f" and {len(members) - MOST_LISTED} more" if len(members) > MOST_LISTED else ""
    return f"they are {', '.join(lines)}{more}"


def _described(archive: zipfile.ZipFile, name: str, info: zipfile.ZipInfo) -> str:
    try:
        header = _read_header(archive, info)
    except SourceError:
        return f"{name} (no array of numbers)"
    return f"{name} {header.shape} {header.dtype}"
