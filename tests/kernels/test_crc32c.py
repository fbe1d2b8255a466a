from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ngprecomp.kernels import crc32c as module
from ngprecomp.kernels.crc32c import crc32c
from tests.naive import crc32c as naive

RFC_3720 = {
    bytes(32): 0x8A9136AA,
    b"\xff" * 32: 0x62A8AB43,
    bytes(range(32)): 0x46DD794E,
    bytes(range(31, -1, -1)): 0x113FDB5C,
    b"123456789": 0xE3069283,
    b"": 0,
}


@pytest.mark.parametrize("data", RFC_3720)
def test_examples_of_the_standard(data):
    assert crc32c(data) == naive.crc32c(data) == RFC_3720[data]


@given(st.binary(max_size=200), st.integers(0, 20))
def test_any_bytes_at_any_address(data, start):
    expected = naive.crc32c(data[start:])
    assert crc32c(data[start:]) == expected
    assert crc32c(memoryview(data)[start:]) == expected
    assert crc32c(bytearray(data[start:])) == expected


def test_one_type_is_compiled():
    crc32c(b"1")
    crc32c(bytearray(b"1"))
    assert len(getattr(module._crc32c, "signatures", [1])) == 1
