"""MurmurHash3_x86_128 of at most 15 bytes, which fill no block of it, with Python's integers."""

WORD = 0xFFFFFFFF
C = (0x239B961B, 0xAB0E9789, 0x38B34AE5, 0xA1E38B93)


def rotated(value, left):
    return (value << left | value >> (32 - left)) & WORD


def finished(h):
    h = (h ^ h >> 16) * 0x85EBCA6B & WORD
    h = (h ^ h >> 13) * 0xC2B2AE35 & WORD
    return h ^ h >> 16


def mixed(h):
    first = sum(h) & WORD
    return [first, *((value + first) & WORD for value in h[1:])]


def murmurhash3_x86_128(data, seed=0):
    """Return the 16 bytes of the hash."""
    assert len(data) < 16
    h = [seed] * 4
    for lane in range(4):
        k = int.from_bytes(data[4 * lane : 4 * lane + 4], "little")
        k = rotated(k * C[lane] & WORD, 15 + lane) * C[(lane + 1) % 4] & WORD
        h[lane] ^= k ^ len(data)
    h = mixed([finished(value) for value in mixed(h)])
    return b"".join(value.to_bytes(4, "little") for value in h)


def first_half(key):
    """Return the first 8 bytes, as a number, of the hash of a number's 8 bytes."""
    return int.from_bytes(murmurhash3_x86_128(key.to_bytes(8, "little"))[:8], "little")
