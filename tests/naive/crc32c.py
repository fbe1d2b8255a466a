"""CRC-32C, bit by bit (RFC 3720, appendix B.4, has examples)."""

from __future__ import annotations


def crc32c(data: bytes) -> int:
    """Return the checksum of bytes."""
    crc = 0xFFFFFFFF
    for octet in data:
        crc ^= octet
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF
