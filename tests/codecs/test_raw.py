import numpy as np
import pytest

from ngprecomp.codecs import raw
from ngprecomp.errors import DecodeError
from tests.codecs.battery import SHAPES, golden_chunks, layouts, random_voxels

DTYPES = ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "float32"]


@pytest.mark.parametrize("golden", golden_chunks("raw"), ids=lambda golden: golden.name)
def test_golden_chunks_both_ways(golden):
    voxels = raw.decode(golden.data, golden.voxels.shape, golden.voxels.dtype)
    np.testing.assert_array_equal(voxels, golden.voxels, strict=True)
    assert raw.encode(golden.voxels_in) == golden.data


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [*SHAPES, (0, 3, 2)])
@pytest.mark.parametrize("channels", [1, 3])
def test_round_trip(dtype, shape, channels):
    voxels = random_voxels((*shape, channels), dtype)
    decoded = raw.decode(raw.encode(voxels), voxels.shape, dtype)
    np.testing.assert_array_equal(decoded, voxels, strict=True)
    assert decoded.flags.f_contiguous


@pytest.mark.parametrize("dtype", ["uint8", "uint64", "float32"])
def test_the_memory_layout_of_the_voxels_does_not_matter(dtype):
    voxels = random_voxels((5, 4, 3, 2), dtype)
    assert {raw.encode(same) for same in layouts(voxels)} == {voxels.tobytes(order="F")}


def test_decoding_copies_nothing_and_the_view_of_bytes_is_read_only():
    data = bytearray(raw.encode(random_voxels((4, 4, 4, 1), "uint16")))
    voxels = raw.decode(data, (4, 4, 4, 1), "uint16")
    data[0] ^= 0xFF
    assert voxels[0, 0, 0, 0] == int.from_bytes(data[:2], "little")
    assert not raw.decode(bytes(data), (4, 4, 4, 1), "uint16").flags.writeable


@pytest.mark.parametrize("length", [0, 1, 63, 65, 128])
def test_another_length_is_an_error_that_names_both(length):
    with pytest.raises(DecodeError, match=f"4 x 4 x 2 voxels with 1 x uint16 has 64 bytes, found {length}"):
        raw.decode(bytes(length), (4, 4, 2, 1), "uint16")
