import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ngprecomp as ng
from ngprecomp.errors import OptionError
from ngprecomp.format.box import Box
from ngprecomp.volume.indexing import parse_index
from ngprecomp.volume.values import as_voxels, converted
from tests.strategies import data_types

DOMAIN = Box((0, 0, 0), (2, 3, 4))


def assigned(value, index=..., channels=1, dtype="uint64"):
    return as_voxels(value, parse_index(index, DOMAIN, channels), np.dtype(dtype))


@pytest.mark.parametrize(
    ("shape", "index", "channels"),
    [
        ((), ..., 1),
        ((2, 3, 4), ..., 1),
        ((2, 3, 4, 1), ..., 3),
        ((2, 1, 1, 3), ..., 3),
        ((4, 3), ..., 3),
        ((3,), ..., 3),
        ((2, 3, 4), (..., 1), 3),
        ((3, 4), (0, ..., 1), 3),
        ((4, 3), (0, 1), 3),
        ((1, 1, 1, 1), ..., 1),
        ((3, 4, 1), ..., 1),
    ],
)
def test_shapes_that_broadcast(shape, index, channels):
    selection = parse_index(index, DOMAIN, channels)
    value = np.arange(math.prod(shape), dtype=np.uint64).reshape(shape)
    voxels = as_voxels(value, selection, np.dtype("uint64"))
    assert voxels.shape == selection.shape
    if value.ndim == 3 and channels == 1 and shape == (2, 3, 4):
        value = value[..., np.newaxis]
    assert np.array_equal(voxels, np.broadcast_to(value, selection.kept_shape).reshape(selection.shape))


@pytest.mark.parametrize("shape", [(2, 3, 4), (3, 4, 3), (1, 1, 3)])
def test_three_axes_for_several_channels_are_refused(shape):
    with pytest.raises(OptionError, match=r"shape \(2, 3, 4, 3\).*found the 3-D shape.*which axis is the channel"):
        assigned(np.zeros(shape, np.uint64), channels=3)


@pytest.mark.parametrize("shape", [(2, 3, 5), (3, 2, 4), (5,), (1, 2, 3, 4, 1)])
def test_shapes_that_do_not_broadcast(shape):
    with pytest.raises(OptionError, match=r"does not broadcast to the selection of shape \(2, 3, 4, 1\)"):
        assigned(np.zeros(shape, np.uint64))


def test_a_scalar_takes_no_memory():
    huge = parse_index(..., Box((0, 0, 0), (2**15, 2**15, 2**15)), 1)
    for value in (5, 5.0, np.int8(5), True):
        assert as_voxels(value, huge, np.dtype("uint16")).strides == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (255, "uint8"),
        (-128, "int8"),
        (2**64 - 1, "uint64"),
        (2.0, "uint8"),
        (np.float64(2**63), "uint64"),
        (True, "uint8"),
        (0.1, "float32"),
        (2**24, "float32"),
        (np.uint64(2**63), "float32"),
        (np.int64(-(2**63)), "float32"),
        (math.nan, "float32"),
        (-math.inf, "float32"),
        (np.array([1, 2], ">u2"), "uint16"),
        ([], "uint8"),
    ],
)
def test_values_that_survive(value, dtype):
    given = np.asarray(value)
    new = converted(given, np.dtype(dtype))
    assert new.dtype == dtype
    assert new.dtype.isnative
    assert np.array_equal(new, given.astype(dtype), equal_nan=dtype == "float32")


@pytest.mark.parametrize(
    ("value", "dtype", "found"),
    [
        (256, "uint8", "int64 values from 256 to 256"),
        ([3, -1], "uint8", "from -1 to 3"),
        (128, "int8", "from 128"),
        (2**63, "int32", "uint64 values"),
        (-1, "uint64", "from -1"),
        (1.5, "uint8", "float64 values from 1.5"),
        (math.nan, "uint8", "from nan"),
        (math.inf, "int32", "from inf"),
        (np.float64(2**64), "uint64", "float64 values"),
        (np.float32(2**32), "uint32", "float32 values"),
        (2**24 + 1, "float32", "int64 values"),
        (2**64 - 1, "float32", "uint64 values"),
        (2**63 - 1, "float32", "int64 values"),
        (1e300, "float32", "float64 values from 1e\\+300"),
        (1j, "float32", "the type complex128"),
        ("a", "uint8", "the type <U1"),
        (2**64, "uint64", "the type object"),
        (None, "uint8", "the type object"),
    ],
)
def test_values_that_would_change_are_refused(value, dtype, found):
    with pytest.raises(OptionError, match=f"expected values that fit {dtype}, found .*{found}"):
        converted(np.asarray(value), np.dtype(dtype))


@given(st.integers(-(2**63), 2**64 - 1), data_types)
def test_an_integer_is_kept_exactly_or_refused(value, data_type):
    try:
        new = converted(np.asarray(value), np.dtype(data_type))
    except OptionError:
        if data_type == "float32":
            assert value.bit_length() > 24
        else:
            limits = np.iinfo(data_type)
            assert not limits.min <= value <= limits.max
    else:
        assert int(new) == value


def test_a_section_without_its_channel_axis_is_taken():
    volume = ng.create("memory://section", shape=(5, 4, 3), dtype="uint8", exist="replace")
    section = np.arange(20, dtype="uint8").reshape(5, 4)
    volume[:, :, 1] = section
    volume[2, :, 0] = section[2]
    np.testing.assert_array_equal(volume[:, :, 1, 0], section)
    np.testing.assert_array_equal(volume[2, :, 0, 0], section[2])
