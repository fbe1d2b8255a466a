"""CRC-32C (Castagnoli), the checksum of RFC 3720."""

# mypy: disable-error-code="no-untyped-def,assignment"

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ngprecomp.kernels.jit import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

POLYNOMIAL = 0x82F63B78  # lowest bit first
WORD = 8  # bytes

U = np.uint64


def crc32c(data: bytes | bytearray | memoryview) -> int:
    """Return the checksum of bytes, from 0 to 2**32 - 1.

    Examples
    --------
    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    octets = np.frombuffer(data, np.uint8).view()
    octets.flags.writeable = False  # one type for all callers
    whole = len(octets) // (2 * WORD) * 2 * WORD
    words = np.require(octets[:whole], requirements="A").view("<u8").astype(np.uint64, copy=False)
    words.flags.writeable = False
    return int(_crc32c(words, octets[whole:], TABLES))


def _tables() -> NDArray[np.uint32]:
    """Return what each byte does to the checksum if 0 bytes follow before the next step, then if 1, up to 15."""
    tables = np.arange(256, dtype=np.uint32).reshape(1, 256).repeat(2 * WORD, 0)
    for _ in range(8):
        tables[0] = tables[0] >> 1 ^ np.where(tables[0] & 1, np.uint32(POLYNOMIAL), np.uint32(0))
    for after in range(1, 2 * WORD):
        tables[after] = tables[after - 1] >> 8 ^ tables[0][tables[after - 1] & 0xFF]
    return tables.reshape(-1)


TABLES = _tables()


@kernel
def _crc32c(words, rest, tables):
    """Return the checksum of pairs of words, then single bytes.

    Sixteen look-ups that do not wait for each other take 16 bytes forward: 2.5 GB/s, where encoding a chunk takes
    0.2 to 2 GB/s.
    """
    crc = U(0xFFFFFFFF)
    for pair in range(U(len(words) // 2)):
        later, sooner = words[U(2) * pair + U(1)], words[U(2) * pair] ^ crc
        changed = np.uint32(0)
        for octet in range(WORD):
            changed ^= tables[U(256 * (7 - octet)) + (later >> U(8 * octet) & U(0xFF))]
        for octet in range(WORD):
            changed ^= tables[U(256 * (15 - octet)) + (sooner >> U(8 * octet) & U(0xFF))]
        crc = U(changed)
    for octet in rest:
        crc = crc >> U(8) ^ U(tables[(crc ^ U(octet)) & U(0xFF)])
    return crc ^ U(0xFFFFFFFF)
