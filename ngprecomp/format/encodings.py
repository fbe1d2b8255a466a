"""Which chunk encodings and data types exist, and which go together (volume.md, "Chunk encoding")."""

from __future__ import annotations

from dataclasses import dataclass

from ngprecomp.errors import Problem

ITEM_BYTES = {"uint8": 1, "int8": 1, "uint16": 2, "int16": 2, "uint32": 4, "int32": 4, "uint64": 8, "float32": 4}
"""The data types that Neuroglancer reads, and the bytes of a value: metadata are read without importing NumPy."""
DATA_TYPES = tuple(ITEM_BYTES)


@dataclass(frozen=True, slots=True)
class Encoding:
    """One encoding: the data types it takes, the numbers of channels (empty: any), whether we write it."""

    name: str
    data_types: tuple[str, ...]
    channels: tuple[int, ...] = ()
    writable: bool = True


ENCODINGS = {
    encoding.name: encoding
    for encoding in (
        Encoding("raw", DATA_TYPES),
        Encoding("png", ("uint8", "uint16"), (1, 2, 3, 4)),
        Encoding("jpeg", ("uint8",), (1, 3)),
        Encoding("compressed_segmentation", ("uint32", "uint64")),
        Encoding("jxl", ("uint8",), (1, 3, 4), writable=False),
        Encoding("compresso", ("uint8", "uint16", "uint32", "uint64"), (1,), writable=False),
    )
}
WRITABLE = tuple(name for name, encoding in ENCODINGS.items() if encoding.writable)

FOREIGN = ("crackle", "fpzip", "kempressed", "zfpc")
"""Encodings that CloudVolume alone reads and writes."""


def default_type(data_type: str) -> str:
    """Return the ``type`` of a new volume: the data type decides, the encoding plays no part."""
    return "segmentation" if data_type in ("uint32", "uint64") else "image"


def encoding_problems(
    encoding: str, data_type: str, num_channels: int, where: str = "encoding", *, writing: bool = False
) -> list[Problem]:
    """Return what stands against reading, or `writing`, chunks of this kind.

    Names are in lower case; `where` is the path of the encoding in its document.

    Examples
    --------
    >>> for problem in encoding_problems("jpeg", "uint16", 2):
    ...     print(problem)
    encoding: jpeg takes uint8, not uint16
    encoding: jpeg takes 1 or 3 channels, not 2
    """
    known = ENCODINGS.get(encoding)
    if known is None:
        owner = ", which only CloudVolume decodes" if encoding in FOREIGN else ""
        return [Problem(where, f"expected one of {', '.join(ENCODINGS)}, found {encoding!r}{owner}")]
    problems = []
    if writing and not known.writable:
        problems.append(f"{encoding} can be read, not written; write one of {', '.join(WRITABLE)}")
    if data_type not in known.data_types:
        problems.append(f"{encoding} takes {_either(known.data_types)}, not {data_type}")
    if known.channels and num_channels not in known.channels:
        count = _either(tuple(map(str, known.channels)))
        noun = "channel" if known.channels == (1,) else "channels"
        problems.append(f"{encoding} takes {count} {noun}, not {num_channels}")
    return [Problem(where, message) for message in problems]


def _either(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
