import gzip
import lzma
import zlib
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ngprecomp.codecs.compression import compress, decompress, sniff_gzip
from ngprecomp.errors import DecodeError, OptionError
from tests.codecs.battery import bit_flips, peak_bytes, truncations

PLAIN = np.random.default_rng(0).integers(0, 40, 5000, "uint8").tobytes() + bytes(3000)
WRITERS = {
    "gzip": gzip.compress,
    "br": lambda data: bytes(imagecodecs.brotli_encode(data)),
    "zstd": lambda data: bytes(imagecodecs.zstd_encode(data)),
    "xz": lzma.compress,
}
METHODS = [("isal", level) for level in (None, 0, 1, 2, 3)] + [("libdeflate", level) for level in (None, 1, 6, 12)]


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=300), st.integers(1, 50), st.sampled_from(METHODS))
def test_what_is_compressed_is_gzip_for_everyone(part, times, how):
    method, level = how
    data = part * times
    stored = compress(data, "gzip", level, method=method)
    assert gzip.decompress(stored) == data
    assert decompress(stored, "gzip", len(data)) == data


@pytest.mark.parametrize("method", ["isal", "libdeflate"])
def test_the_header_holds_neither_time_nor_name(method):
    stored = compress(PLAIN, "gzip", method=method)
    assert stored[:8] == b"\x1f\x8b\x08\0\0\0\0\0"
    assert (
        compress(bytearray(PLAIN), "gzip", method=method)
        == compress(memoryview(PLAIN), "gzip", method=method)
        == stored
    )


@pytest.mark.parametrize("method", ["isal", "libdeflate"])
def test_equal_data_give_equal_bytes_on_any_thread(method):
    sizes = np.random.default_rng(0).integers(1, 3000, 3000)
    parts = [np.random.default_rng(k).integers(0, 4, n, "uint8").tobytes() for k, n in enumerate(sizes)]
    alone = [compress(part, "gzip", method=method) for part in parts]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(partial(compress, encoding="gzip", method=method), parts)) == alone


@pytest.mark.parametrize("encoding", [None, "", "raw"])
def test_no_compression_passes_through_under_the_limit(encoding):
    assert compress(PLAIN, encoding) == decompress(PLAIN, encoding, len(PLAIN)) == PLAIN
    with pytest.raises(DecodeError, match="at most 10 bytes in raw data"):
        decompress(PLAIN, encoding, 10)


@pytest.mark.parametrize(
    ("encoding", "options"),
    [("br", {}), ("zip", {}), ("gzip", {"level": 4}), ("gzip", {"level": -1}), ("gzip", {"method": "zlib"})],
)
def test_what_is_not_written_is_refused(encoding, options):
    with pytest.raises(OptionError):
        compress(PLAIN, encoding, **options)


def test_an_unknown_compression_lists_the_known_ones():
    with pytest.raises(DecodeError, match="unknown compression 'zip'; known are gzip, br, zstd, xz and raw"):
        decompress(PLAIN, "zip", 10)


@pytest.mark.parametrize("encoding", WRITERS)
@pytest.mark.parametrize("plain", [b"", b"x", PLAIN], ids=len)
def test_the_limit_is_exact(encoding, plain):
    stored = WRITERS[encoding](plain)
    assert decompress(stored, encoding, len(plain)) == decompress(stored, encoding, 1 << 20) == plain
    if plain:
        with pytest.raises(DecodeError, match=f"at most {len(plain) - 1} bytes"):
            decompress(stored, encoding, len(plain) - 1)


@pytest.mark.parametrize("encoding", WRITERS)
def test_every_truncation_is_an_error(encoding):
    stored = WRITERS[encoding](PLAIN)
    for cut in truncations(stored, 100):
        with pytest.raises(DecodeError):
            decompress(cut, encoding, len(PLAIN))


@pytest.mark.parametrize("encoding", ["gzip", "zstd", "xz"])
def test_bytes_after_the_end_are_an_error(encoding):
    stored = WRITERS[encoding](PLAIN)
    for more in (b"m", b"more", b"m" * 100, stored[-8:], stored[:10]):
        with pytest.raises(DecodeError):
            decompress(stored + more, encoding, 1 << 20)


@pytest.mark.parametrize("encoding", ["gzip", "xz"])
def test_checksums_find_every_bit_flip_that_matters(encoding):
    stored = WRITERS[encoding](PLAIN)
    for damaged in bit_flips(stored, 300):
        try:
            assert decompress(damaged, encoding, len(PLAIN)) == PLAIN
        except DecodeError:
            continue


@pytest.mark.parametrize("encoding", ["br", "zstd"])
def test_bit_flips_stay_under_the_limit(encoding):
    stored = WRITERS[encoding](PLAIN)
    for damaged in bit_flips(stored, 300):
        try:
            assert len(decompress(damaged, encoding, len(PLAIN))) <= len(PLAIN)
        except DecodeError:
            continue


@pytest.mark.parametrize("at", [0, 1, 2, -1, -4, -5, -8])
def test_a_wrong_gzip_header_or_trailer_is_an_error(at):
    stored = bytearray(gzip.compress(PLAIN))
    stored[at] ^= 1
    with pytest.raises(DecodeError):
        decompress(bytes(stored), "gzip", 1 << 20)


def test_all_members_of_a_gzip_file_count():
    parts = [PLAIN[:3000], b"", PLAIN[3000:3001], PLAIN[3001:]]
    stored = b"".join(map(gzip.compress, parts))
    assert decompress(stored, "gzip", len(PLAIN)) == PLAIN
    with pytest.raises(DecodeError, match="at most 3001 bytes"):
        decompress(stored, "gzip", 3001)


def test_zeros_after_the_end_are_padding_as_for_gzip_itself():
    assert decompress(gzip.compress(PLAIN) + bytes(100), "gzip", len(PLAIN)) == PLAIN


def test_a_member_that_is_repeated_is_not_taken_for_one():
    member = gzip.compress(PLAIN)
    assert decompress(member * 2, "gzip", 2 * len(PLAIN)) == PLAIN * 2
    with pytest.raises(DecodeError, match="at most"):
        decompress(member * 2, "gzip", len(PLAIN))


def test_gzip_headers_with_name_comment_and_checksum_are_read():
    body = compress(PLAIN, "gzip")[10:]
    header = b"\x1f\x8b\x08\x1e\x01\x02\x03\x04\0\xff" + b"\x03\0abc" + b"name\0" + b"comment\0"
    assert decompress(header + (zlib.crc32(header) & 0xFFFF).to_bytes(2, "little") + body, "gzip", 1 << 20) == PLAIN


@pytest.mark.parametrize("encoding", WRITERS)
def test_a_bomb_costs_no_more_than_its_limit(encoding):
    bomb = WRITERS[encoding](bytes(64 << 20))

    def decode() -> None:
        with pytest.raises(DecodeError, match="at most 1048576 bytes"):
            decompress(bomb, encoding, 1 << 20)

    assert peak_bytes(decode) < 16 << 20  # xz needs its dictionary of 8 MiB


def test_a_gzip_bomb_that_lies_about_its_length_costs_no_more_than_its_limit():
    bomb = gzip.compress(bytes(64 << 20))[:-4] + (1 << 20).to_bytes(4, "little")

    def decode() -> None:
        with pytest.raises(DecodeError):
            decompress(bomb, "gzip", 1 << 20)

    assert peak_bytes(decode) < 8 << 20


def test_an_xz_header_that_asks_for_gigabytes_is_refused():
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 20}]
    stored = bytearray(lzma.compress(PLAIN, filters=filters))
    block = stored[12:24]
    block[4] = 40  # LZMA2's code for a dictionary of 4 GiB
    stored[12:24] = block[:8] + zlib.crc32(block[:8]).to_bytes(4, "little")
    with pytest.raises(DecodeError, match=r"[Mm]emory"):
        decompress(bytes(stored), "xz", 1 << 20)


def test_gzip_is_recognised_by_its_first_bytes():
    assert sniff_gzip(compress(PLAIN, "gzip"))
    assert sniff_gzip(memoryview(gzip.compress(b"")))
    assert not any(map(sniff_gzip, (b"", b"\x1f\x8b", b"\x1f\x8b\x07", b"\x89PNG", PLAIN)))
