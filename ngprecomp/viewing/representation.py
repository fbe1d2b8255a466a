"""In which form the bytes under a key are sent: as they are stored, or inflated for who cannot do that."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from ngprecomp.chunks.unsharded import SUFFIXES
from ngprecomp.codecs.compression import decompress, sniff_gzip
from ngprecomp.errors import KeyNotFoundError
from ngprecomp.format.names import parse_chunk_name
from ngprecomp.format.scale import MAX_CHUNK_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ngprecomp.storage.protocol import Stat, Store, Stored
    from ngprecomp.viewing.site import Mount

PIECE = 1 << 20  # what is read and sent at once
WHOLE = 64 << 20  # what is larger is no chunk: it is sent as it is, piece by piece


@dataclass(frozen=True, slots=True)
class Representation:
    """The form that is sent: its size, its content encoding, its version, and how to get some of its bytes."""

    size: int
    encoding: str
    version: str
    read: Callable[[int, int], Iterator[bytes]]


def find_representation(mount: Mount, key: str, accepted: str, *, ranged: bool) -> Representation:
    """Return what is sent for a key: the object of that name, else the one with a suffix such as ``.gz``.

    Compressed bytes are sent with their content encoding to clients that accept it. The others, and those that want
    ranges, get them inflated. gzip bytes under the plain name of a chunk, as ndm writes them, are compressed bytes
    too, except for ranges.

    Parameters
    ----------
    accepted
        The header ``Accept-Encoding``.
    ranged
        Whether ranges are asked for.

    Raises
    ------
    KeyNotFoundError
        Nothing is there.
    """
    for suffix, compression in SUFFIXES.items():
        mount.require_inside(key + suffix)
        try:
            stat = mount.store.stat(key + suffix)
        except KeyNotFoundError:
            continue
        if not compression and (ranged or stat.size > WHOLE):
            return Representation(stat.size, "", stat.version or "", partial(_pieces, mount.store, key, stat))
        stored = mount.store.get(key + suffix)
        compression = compression or stored.content_encoding or _hidden_compression(key, stored.data)
        return _sent(stored, compression, accepts(accepted, compression) and not ranged)
    raise KeyNotFoundError(f"{key} does not exist")


def accepts(header: str, encoding: str) -> bool:
    """Whether a client takes a content encoding.

    Examples
    --------
    >>> accepts("gzip, deflate, br;q=1.0", "br"), accepts("gzip;q=0, *", "gzip"), accepts("*", "zstd")
    (True, False, True)
    """
    weights = {}
    for part in header.lower().split(","):
        name, _, weight = part.partition(";")
        weights[name.strip()] = weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    known = ("gzip", "br", "zstd")  # the content encodings that HTTP has
    return encoding in known and weights.get(encoding, weights.get("*", False))


def _sent(stored: Stored, compression: str, as_stored: bool) -> Representation:
    data, version = stored.data, stored.version or ""
    if compression and not as_stored:
        data, compression, version = decompress(data, compression, MAX_CHUNK_BYTES), "", f"{version} inflated"
    return Representation(len(data), compression, version, partial(_parts, data))


def _hidden_compression(key: str, data: bytes) -> str:
    """Return how a chunk under its plain name is compressed: raw voxels hardly ever begin like a header of gzip.

    The header has no flags, says how hard was tried (0, 2 or 4) and names a known system: chance makes that of
    one in 2**42 chunks.
    """
    header = data[3:10]
    known = len(header) == 7 and header[0] == 0 and header[5] in (0, 2, 4) and (header[6] < 14 or header[6] == 255)
    return "gzip" if known and sniff_gzip(data) and parse_chunk_name(key.rpartition("/")[2]) else ""


def _pieces(store: Store, key: str, stat: Stat, start: int, end: int) -> Iterator[bytes]:
    for at in range(start, end, PIECE):
        yield from store.get_ranges(key, [at], [min(PIECE, end - at)], if_version=stat.version)


def _parts(data: bytes, start: int, end: int) -> Iterator[bytes]:
    for at in range(start, end, PIECE):
        yield data[at : min(at + PIECE, end)]
