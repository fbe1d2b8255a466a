import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ngprecomp.kernels.boxes import LONG, SHORT, copy_boxes
from tests.naive.boxes import copy_boxes as naive

WIDTHS = [0, 1, SHORT - 1, SHORT, SHORT + 1, 2 * SHORT, LONG - 1, LONG, LONG + 1, 2 * LONG, 2 * LONG + SHORT]
KINDS = [("uint8", 1), ("uint16", 3), ("float32", 2), ("uint64", 1), ("int8", 2)]


def random(shape, dtype, seed=0):
    octets = np.random.default_rng(seed).integers(0, 256, (*shape, np.dtype(dtype).itemsize), np.uint8)
    return octets.view(dtype)[..., 0]


@st.composite
def copies(draw):
    dtype, channels = draw(st.sampled_from(KINDS))
    depth, height = draw(st.integers(0, 3)), draw(st.integers(0, 3))
    sources, los, sizes = [], [], []
    for _ in range(draw(st.integers(1, 2))):
        sizes.append((depth, height, draw(st.sampled_from(WIDTHS))))
        los.append(tuple(draw(st.integers(0, 2)) for _ in range(3)))
        rest = [draw(st.integers(0, 2)) for _ in range(3)]
        shape = [sum(along) for along in zip(los[-1], sizes[-1], rest, strict=True)]
        sources.append(random((channels, *shape), dtype, len(sources)))
    at = tuple(draw(st.integers(0, 9)) for _ in range(3))
    whole = (depth, height, sum(width for _, _, width in sizes))
    target = np.full((channels, *(start + count + 1 for start, count in zip(at, whole, strict=True))), 7, dtype)
    return sources, los, target, at, sizes


@settings(max_examples=50, deadline=None)
@given(case=copies())
def test_equals_the_naive_twin_and_writes_nothing_else(case):
    sources, los, target, at, sizes = case
    expected = target.copy()
    naive(sources, los, expected, at, sizes)
    copy_boxes(sources, los, target, at, sizes)
    assert target.tobytes() == expected.tobytes()
    assert all(source.flags.writeable for source in sources)


def test_sources_may_be_read_only_and_axes_of_one_voxel_have_any_stride():
    source = np.frombuffer(bytes(range(24)), "uint8").reshape(4, 3, 2, 1, order="F").T
    target = np.zeros((1, 2, 3, 4), "uint8")
    copy_boxes([source], [(0, 0, 0)], target, (0, 0, 0), [(2, 3, 4)])
    np.testing.assert_array_equal(target, source)
    thin = source[:, :, :, :1].copy()[:, :, ::2]
    copy_boxes([thin[:, :1, :1].copy()], [(0, 0, 0)], target, (1, 2, 3), [(1, 1, 1)])
    assert target[0, 1, 2, 3] == source[0, 0, 0, 0]


BOX = np.zeros((1, 2, 3, 4), "uint8")


@pytest.mark.parametrize(
    ("source", "lo", "target", "at", "size"),
    [
        (BOX, (0, 0, 1), BOX.copy(), (0, 0, 0), (2, 3, 4)),
        (BOX, (0, 0, 0), BOX.copy(), (0, 1, 0), (2, 3, 4)),
        (BOX, (-1, 0, 0), BOX.copy(), (0, 0, 0), (1, 1, 1)),
        (BOX, (0, 0, 0), BOX.copy(), (0, 0, 0), (1, 1, -1)),
        (BOX, (0, 0, 0), BOX.astype("int8"), (0, 0, 0), (1, 1, 1)),
        (BOX, (0, 0, 0), np.zeros((2, 2, 3, 4), "uint8"), (0, 0, 0), (1, 1, 1)),
        (BOX.T.copy().T, (0, 0, 0), BOX.copy(), (0, 0, 0), (1, 1, 1)),
    ],
    ids=["leaves the source", "leaves the target", "negative", "ends before it starts", "type", "channels", "order"],
)
def test_mistakes_are_stopped_before_the_kernel(source, lo, target, at, size):
    with pytest.raises(AssertionError):
        copy_boxes([source], [lo], target, at, [size])


def test_two_boxes_share_their_lines():
    with pytest.raises(AssertionError, match="do not lie side by side"):
        copy_boxes([BOX, BOX], [(0, 0, 0)] * 2, np.zeros((1, 2, 3, 8), "uint8"), (0, 0, 0), [(2, 3, 4), (2, 2, 4)])
