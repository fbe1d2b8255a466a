import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ngprecomp.kernels import reversal
from ngprecomp.kernels.reversal import fortran_ordered

WORDS = ["uint8", "uint16", "uint32", "uint64"]
OTHERS = ["bool", "int8", "int16", "float32", "float64", ">u2", ">f8", "complex128", "datetime64[s]"]

sides = st.one_of(st.integers(0, 5), st.integers(6, 40), st.sampled_from([63, 64, 65, 130]))


def filled(shape, dtype, seed=0):
    """C-ordered voxels, all bits used."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    data = np.random.default_rng(seed).integers(0, 256, size, np.uint8)
    if dtype == "bool":
        data &= 1
    return data.view(dtype).reshape(shape)


def check(voxels):
    """Compare the bytes, NaN and all."""
    ordered = fortran_ordered(voxels)
    assert ordered.flags.f_contiguous
    assert ordered.dtype == voxels.dtype
    assert ordered.shape == voxels.shape
    assert ordered.tobytes() == voxels.tobytes()


@settings(max_examples=50, deadline=None)
@given(st.lists(sides, min_size=1, max_size=4).filter(lambda shape: np.prod(shape) < 2**20), st.sampled_from(WORDS))
def test_any_shape(shape, dtype):
    check(filled(shape, dtype))


@pytest.mark.parametrize("dtype", WORDS + OTHERS)
@pytest.mark.parametrize("shape", [(35, 3, 70), (20, 24, 3, 17), (66, 65), (17, 18, 19, 3)])
def test_any_dtype(shape, dtype):
    check(filled(shape, dtype))


@pytest.mark.parametrize("dtype", ["uint8", "uint64"])
@pytest.mark.parametrize(
    "shape", [(64, 1, 1), (1, 1, 64), (1, 1, 1), (40, 1, 40), (1, 40, 40), (40, 40, 1, 1), (0, 40, 40), (40, 40, 0)]
)
def test_thin_and_empty(shape, dtype):
    check(filled(shape, dtype))


@pytest.mark.parametrize("order", [(2, 1, 0, 3), (0, 2, 1, 3), (3, 1, 2, 0), (1, 2, 3, 0), (2, 3, 0, 1)])
@pytest.mark.parametrize("shape", [(20, 21, 22, 18), (20, 21, 22, 3), (3, 20, 21, 22)])
def test_any_axis_order_in_memory(order, shape):
    check(filled(shape, "uint16").transpose(order))


@pytest.mark.parametrize("dtype", WORDS)
def test_views(dtype):
    voxels = filled((40, 41, 42), dtype)
    for view in (
        voxels[3:39, 5:40, 7:41],
        voxels[::2, ::3],
        voxels[:, :, ::2],
        voxels[::-1],
        voxels[:, ::-1, ::-1],
        np.broadcast_to(voxels[:1], (40, 41, 42)),
        np.broadcast_to(voxels[..., :1], (40, 41, 42)),
    ):
        check(view)


def test_unaligned_voxels():
    memory = np.arange(1 + 4 * 40**3, dtype=np.uint8)
    check(memory[1:].view(np.uint32).reshape(40, 40, 40))


def test_a_field_of_records():
    records = np.zeros((20, 20, 20), [("flag", np.uint8), ("label", np.uint32)])
    records["label"] = filled((20, 20, 20), "uint32")
    check(records["label"])
    check(records["flag"])


def test_objects_are_copied_as_objects():
    voxels = np.arange(20**3).reshape(20, 20, 20).astype(object)
    ordered = fortran_ordered(voxels)
    assert ordered.flags.f_contiguous
    assert (ordered == voxels).all()


def test_read_only_voxels_do_not_compile_again():
    voxels = filled((20, 20, 20), "uint16")
    check(voxels)
    compiled = len(getattr(reversal._reverse, "signatures", ()))
    voxels.flags.writeable = False
    check(voxels)
    check(filled((20, 5, 20, 20), "int16").transpose(0, 2, 3, 1))
    assert len(getattr(reversal._reverse, "signatures", ())) == compiled


def test_what_is_fortran_ordered_is_not_copied():
    voxels = np.zeros((4, 5, 6), order="F")
    assert fortran_ordered(voxels) is voxels
    line = np.zeros(7)
    assert fortran_ordered(line) is line


def test_the_source_is_left_alone():
    voxels = filled((30, 30, 30), "uint8")
    before = voxels.copy()
    fortran_ordered(voxels)[...] = 0
    np.testing.assert_array_equal(voxels, before)


def test_strides_along_the_only_long_axis():
    thin = np.arange(20, dtype="uint32").reshape(20, 1, 1)[::2]
    ordered = fortran_ordered(thin)
    assert ordered.flags.f_contiguous
    np.testing.assert_array_equal(ordered, thin)
