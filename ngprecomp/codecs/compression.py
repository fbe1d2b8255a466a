"""Compression of whole objects: around chunk files, inside shards, in content encodings.

Everything is decompressed under a limit, because a chunk always has a known greatest size and three megabytes
of gzip can hide six gigabytes. gzip is written by isal (images: as small as zlib 6 and 14 times as fast) or
libdeflate (labels: as small as zlib 9, smaller than zlib 6 and 3.6 times as fast as that).
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any, Literal

from ngprecomp.errors import DecodeError, OptionError

if TYPE_CHECKING:
    from collections.abc import Callable

Buffer = bytes | bytearray | memoryview
GzipMethod = Literal["isal", "libdeflate"]

_DEFAULT_AND_HIGHEST_LEVEL: dict[str, tuple[int, int]] = {"isal": (2, 3), "libdeflate": (5, 12)}
_GZIP_WINDOW = 31  # zlib's way to ask for a gzip header and a window of 32 KiB
_XZ_MEMORY = 66 << 20  # the highest preset needs 65 MiB; a damaged header can ask for 4 GiB


def compress(data: Buffer, encoding: str | None, level: int | None = None, *, method: GzipMethod = "isal") -> bytes:
    """Return `data` compressed, with neither time nor name in the header: equal data give equal bytes.

    Parameters
    ----------
    data
        The bytes of an encoded chunk or of an index.
    encoding
        ``"gzip"``, or ``"raw"`` or None for no compression.
    level
        The library's own: 0 to 3 (default 2) for isal, 0 to 12 (default 5) for libdeflate.
    method
        The gzip library: ``"isal"`` for images and in haste, ``"libdeflate"`` for labels.

    Raises
    ------
    OptionError
        For an encoding that is not written, an unknown method or a level the method does not have.
    """
    if encoding in _NONE:
        return bytes(data)
    if encoding != "gzip":
        raise OptionError(f"chunks are compressed with gzip or not at all (raw), not with {encoding!r}")
    if method not in _DEFAULT_AND_HIGHEST_LEVEL:
        raise OptionError(f"the gzip method must be isal or libdeflate, found {method!r}")
    default, highest = _DEFAULT_AND_HIGHEST_LEVEL[method]
    level = default if level is None else level
    if not 0 <= level <= highest:
        raise OptionError(f"the level of gzip by {method} must be 0 to {highest}, found {level}")
    if method == "isal":
        from isal import isal_zlib

        # Not igzip.compress: on several threads one of a thousand results differed (isal 1.9.1), and the bytes of a
        # stored object depend on its voxels alone.
        stream = isal_zlib.compressobj(level, isal_zlib.DEFLATED, _GZIP_WINDOW)
        return bytes(stream.compress(data) + stream.flush())
    import imagecodecs

    return bytes(imagecodecs.gzip_encode(bytes(data), level=level))


def decompress(data: Buffer, encoding: str | None, limit: int) -> bytes:
    """Return `data` decompressed, at most `limit` bytes.

    Parameters
    ----------
    data
        The compressed bytes.
    encoding
        ``"gzip"``, ``"br"``, ``"zstd"``, ``"xz"``, or ``"raw"`` or None for no compression.
    limit
        The greatest number of bytes the result may have; hardly more memory is used.

    Raises
    ------
    DecodeError
        When the bytes are damaged, cut off or (except br, and zeros after gzip) followed by others, when
        they hold more than `limit`, or when `encoding` is unknown.
    """
    data = bytes(data)
    if encoding in _NONE:
        plain = data
    elif encoding not in _DECODERS:
        raise DecodeError(f"unknown compression {encoding!r}; known are {', '.join(_DECODERS)} and raw (none)")
    elif not data:
        raise DecodeError(f"expected {encoding} data, found 0 bytes")
    else:
        plain = _DECODERS[encoding](data, limit)
    if len(plain) > limit:
        raise DecodeError(f"expected at most {limit} bytes in {encoding or 'raw'} data, found more")
    return plain


def sniff_gzip(data: Buffer) -> bool:
    """Tell whether `data` starts like a gzip file with deflate, the only method there is (RFC 1952)."""
    return bytes(data[:3]) == b"\x1f\x8b\x08"


def _gunzip(data: bytes, limit: int) -> bytes:
    """Inflate and check all members of a gzip file, up to one byte more than `limit`."""
    plain = _gunzip_one_member(data, limit)
    if plain is not None:
        return plain
    from isal import igzip, isal_zlib

    try:
        with igzip.IGzipFile(fileobj=BytesIO(data)) as file:  # type: ignore[no-untyped-call]
            return bytes(file.read(limit + 1))
    except (OSError, EOFError, isal_zlib.error) as error:  # type: ignore[misc]  # its stub is no class
        raise DecodeError(f"the gzip data of {len(data)} bytes do not decode: {error}") from error


def _gunzip_one_member(data: bytes, limit: int) -> bytes | None:
    """Inflate a sound gzip file of one member with libdeflate, 1.1 to 1.5 times as fast as isal; else None.

    libdeflate stops after the first member and does not say where. The member ends with the checksum and
    length of what it holds: a file that ends with them and has that checksum nowhere else is that member alone.
    """
    import imagecodecs
    from isal import isal_zlib

    from ngprecomp.kernels.searching import occurs  # Numba takes long to import

    trailer = data[-8:]
    size = int.from_bytes(trailer[4:], "little")
    if not 0 < size <= limit or occurs(trailer[:4], memoryview(data)[:-5]):
        return None
    try:
        plain = bytes(imagecodecs.gzip_decode(data, out=size))
    except (RuntimeError, ValueError):
        return None
    own_trailer = isal_zlib.crc32(plain).to_bytes(4, "little") + len(plain).to_bytes(4, "little")
    return plain if own_trailer == trailer else None


def _decode_br(data: bytes, limit: int) -> bytes:
    import imagecodecs

    return _decode_bounded("br", imagecodecs.brotli_decode, data, limit)


def _decode_zstd(data: bytes, limit: int) -> bytes:
    import imagecodecs

    return _decode_bounded("zstd", imagecodecs.zstd_decode, data, limit)


def _decode_bounded(encoding: str, decoder: Callable[..., Any], data: bytes, limit: int) -> bytes:
    """Decode in one piece into a buffer of `limit` bytes; damage and lack of room give the same error."""
    try:
        return bytes(decoder(data, out=limit + 1))
    except (RuntimeError, ValueError) as error:
        raise DecodeError(
            f"the {encoding} data of {len(data)} bytes do not decode to at most {limit} bytes: {error}"
        ) from error


def _decode_xz(data: bytes, limit: int) -> bytes:
    import lzma

    decoder = lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=_XZ_MEMORY)
    try:
        plain = decoder.decompress(data, max_length=limit + 1)
    except lzma.LZMAError as error:
        raise DecodeError(f"the xz data of {len(data)} bytes do not decode: {error}") from error
    if len(plain) <= limit and not decoder.eof:
        raise DecodeError(f"the xz data are cut off after {len(data)} bytes")
    if decoder.unused_data:
        raise DecodeError(f"the xz data are followed by {len(decoder.unused_data)} other bytes")
    return plain


_NONE = (None, "", "raw")
_DECODERS: dict[str, Callable[[bytes, int], bytes]] = {
    "gzip": _gunzip,
    "br": _decode_br,
    "zstd": _decode_zstd,
    "xz": _decode_xz,
}
