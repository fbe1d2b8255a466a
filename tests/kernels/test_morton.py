import json
from pathlib import Path

import numpy as np
import pytest
from cloudvolume.datasource.precomputed.common import compressed_morton_code as cloudvolumes_code
from hypothesis import given, settings
from hypothesis import strategies as st

from ngprecomp.errors import OptionError, OutOfBoundsError
from ngprecomp.kernels.morton import compressed_morton_code, grid_positions, morton_bits
from ngprecomp.kernels.morton_bits import bit_order, low_bits
from tests.naive.morton import bits_of, code_of, position_of

GOLDEN = json.loads((Path(__file__).parents[1] / "golden/morton.json").read_text())["grids"]
LARGEST = [(2**22, 2**21, 2**21), (2**62, 4, 1), (1, 2**62, 3), (5, 1, 2**61)]

counts = st.one_of(st.integers(1, 9), st.integers(1, 3000), st.integers(1, 2**21))
grids = st.tuples(counts, counts, counts)


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: "x".join(map(str, case["grid"])))
def test_golden(case):
    positions = np.array([position for position, _ in case["codes"]])
    codes = np.array([int(code) for _, code in case["codes"]], np.uint64)
    assert morton_bits(case["grid"]) == tuple(case["bits"])
    np.testing.assert_array_equal(compressed_morton_code(positions, case["grid"]), codes)
    np.testing.assert_array_equal(grid_positions(codes, case["grid"]), positions)


@settings(max_examples=50, deadline=None)
@given(grids, st.lists(st.tuples(*[st.floats(0, 1, exclude_max=True)] * 3), min_size=1, max_size=20))
def test_same_as_naive(grid, fractions):
    positions = [[int(f * count) for f, count in zip(at, grid, strict=True)] for at in fractions]
    codes = compressed_morton_code(positions, grid)
    assert codes.dtype == np.uint64
    assert codes.tolist() == [code_of(position, grid) for position in positions]
    back = grid_positions(codes, grid)
    assert back.dtype == np.int64
    assert back.tolist() == positions == [position_of(code, grid) for code in codes.tolist()]


@pytest.mark.parametrize("grid", LARGEST)
def test_ids_of_64_bits(grid):
    last = [count - 1 for count in grid]
    positions = [[0, 0, 0], last, [count // 2 for count in grid], [count // 3 for count in grid]]
    codes = compressed_morton_code(positions, grid)
    assert codes.tolist() == [code_of(position, grid) for position in positions]
    assert grid_positions(codes, grid).tolist() == positions
    with pytest.raises(OutOfBoundsError):
        compressed_morton_code([[*last[:2], last[2] + 1]], grid)


@pytest.mark.parametrize("grid", [(538, 618, 805), (7, 1, 30), (1, 1, 1)])
def test_same_as_cloudvolume(grid):
    positions = np.random.default_rng(1).integers(0, grid, (200, 3))
    expected = cloudvolumes_code(positions, grid)
    np.testing.assert_array_equal(compressed_morton_code(positions, grid), expected)


def test_a_full_grid_of_powers_of_two_numbers_all_chunks():
    positions = np.argwhere(np.ones((4, 8, 2)))
    assert sorted(compressed_morton_code(positions, (4, 8, 2)).tolist()) == list(range(64))


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "uint64", ">i4"])
def test_any_integers_in_any_memory_order(dtype):
    positions = np.array([[[0, 1, 2], [3, 4, 5]], [[6, 0, 1], [2, 3, 4]]], dtype)
    expected = [[code_of(position, (7, 5, 6)) for position in row] for row in positions.tolist()]
    for given_ in (positions, np.asfortranarray(positions), positions[::-1][::-1]):
        assert compressed_morton_code(given_, (7, 5, 6)).tolist() == expected


def test_read_only_input_is_left_alone():
    positions = np.array([[1, 2, 3]])
    positions.flags.writeable = False
    assert compressed_morton_code(positions, (8, 8, 8)).tolist() == [code_of((1, 2, 3), (8, 8, 8))]


@pytest.mark.parametrize("shape", [(3,), (0, 3), (2, 0, 3), (2, 4, 3)])
def test_shapes(shape):
    codes = compressed_morton_code(np.zeros(shape, int), (2, 2, 2))
    assert codes.shape == shape[:-1]
    assert grid_positions(codes, (2, 2, 2)).shape == shape


@pytest.mark.parametrize("position", [[-1, 0, 0], [0, 3, 0], [0, 0, 2], [2**62, 0, 0], [0, -(2**63), 0]])
def test_a_position_outside_the_grid(position):
    with pytest.raises(OutOfBoundsError) as error:
        compressed_morton_code([[0, 0, 0], position, [4, 2, 1]], (5, 3, 2))
    assert str(error.value) == f"position {position} lies outside the grid of 5x3x2 chunks"


def test_a_position_beyond_signed_integers():
    with pytest.raises(OutOfBoundsError, match="18446744073709551615"):
        compressed_morton_code(np.array([[0, 2**64 - 1, 0]], np.uint64), (5, 3, 2))


@pytest.mark.parametrize("code", [-1, 31, 64, 2**64 - 1])
def test_an_id_that_no_chunk_has(code):
    with pytest.raises(OutOfBoundsError) as error:
        grid_positions(np.array([0, code], np.int64 if code < 0 else np.uint64), (5, 3, 2))
    assert str(error.value) == f"chunk id {code} lies outside the grid of 5x3x2 chunks"


def test_an_empty_grid_has_no_chunks():
    assert morton_bits((0, 5, 5)) == (0, 3, 3)
    assert compressed_morton_code(np.empty((0, 3)), (0, 5, 5)).shape == (0,)
    with pytest.raises(OutOfBoundsError):
        compressed_morton_code([0, 0, 0], (0, 5, 5))


@pytest.mark.parametrize("positions", [[0, 0], 3, [[0.5, 0, 0]], [[2**64, 0, 0]], np.zeros((3, 2), int)])
def test_positions_are_integer_triples(positions):
    with pytest.raises(OptionError):
        compressed_morton_code(positions, (4, 4, 4))


@pytest.mark.parametrize("grid", [(2**22, 2**21, 2**22), (4, 4), (4, -1, 4), (2**63, 1, 1)])
def test_impossible_grids(grid):
    with pytest.raises(OptionError):
        compressed_morton_code([[0, 0, 0]], grid)
    with pytest.raises(OptionError):
        grid_positions([0], grid)


def test_too_many_bits_says_what_to_do():
    with pytest.raises(OptionError, match="needs chunk ids of 65 bits; they have 64: take larger chunks"):
        morton_bits((2**22, 2**21, 2**22))


@settings(max_examples=50, deadline=None)
@given(grids, st.integers(0, 70))
def test_low_bits(grid, count):
    bits = morton_bits(grid)
    assert list(bits) == bits_of(grid)
    assert len(bit_order(bits)) == sum(bits)
    low = low_bits(bits, count)
    assert sum(low) == min(count, sum(bits))
    # The ids of a block of those bits are the positions of a box.
    box = [[(1 << bit) - 1 for bit in low]]
    assert compressed_morton_code(box, [1 << bit for bit in bits]).tolist() == [2 ** sum(low) - 1]
