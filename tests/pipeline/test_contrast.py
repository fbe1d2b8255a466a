import re
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ngprecomp as ng
from ngprecomp.errors import OptionError
from ngprecomp.format.box import Box
from ngprecomp.pipeline.conversion.choices import Wishes, choose, in_type
from ngprecomp.pipeline.conversion.contrast import TYPES, Contrast, contrast_boxes
from ngprecomp.sources.opening import open_source
from tests.judges import downsampled_by_tensorstore, open_with_tensorstore
from tests.naive.rescale import rescaled
from tests.pipeline.choosing import chosen, converted, note

SOURCES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16", "float32", "float64")


def ramp(dtype, shape=(40, 30, 20)):
    return (np.arange(np.prod(shape)) % 4000).reshape(shape, order="F").astype(dtype)


@settings(max_examples=50, deadline=None)
@given(st.data(), st.sampled_from(SOURCES), st.sampled_from(TYPES))
def test_ranges_equal_exact_arithmetic(data, source, target):
    dtype = np.dtype(source)
    if dtype.kind == "f":
        numbers = st.floats(width=8 * dtype.itemsize, allow_nan=True, allow_infinity=True)
        low, high = data.draw(st.sampled_from([(-1.5, 7.25), (0.0, 1.0), (-3e4, 6e4), (231.0, 4012.0)]))
    else:
        limits = np.iinfo(dtype)
        near = st.integers(max(-600, limits.min), min(600, limits.max))
        numbers = st.integers(int(limits.min), int(limits.max)) | near
        low, high = data.draw(st.sampled_from([(0, 510), (-128, 127), (3, 4), (231, 4012), (0, 255)]))
    voxels = np.array(data.draw(st.lists(numbers, min_size=1, max_size=12)), dtype).reshape(-1, 1, 1, 1)
    found = Contrast(((low, high),), dtype, np.dtype(target)).of(voxels)
    expected = rescaled(voxels, (low, high), target)
    assert found.dtype == target
    if np.dtype(target).itemsize == 4:  # beyond the digits of float64 in the last places
        np.testing.assert_allclose(found.astype(float), expected.astype(float), rtol=1e-6, atol=2e-6)
    elif target in ("uint8", "int8") or dtype.kind != "f":
        np.testing.assert_array_equal(found, expected)
    else:
        np.testing.assert_allclose(found.astype(int), expected.astype(int), rtol=0, atol=1)


def test_halves_go_to_the_even_value_and_ends_are_clipped():
    voxels = np.array([-4, 0, 1, 3, 5, 509, 510, 700], "int16").reshape(-1, 1, 1, 1)
    found = Contrast(((0, 510),), voxels.dtype, np.dtype("uint8")).of(voxels)
    assert found.ravel().tolist() == [0, 0, 0, 2, 2, 254, 255, 255]


@pytest.mark.parametrize("source", ["uint16", "uint32", "float32"])
def test_range(source):
    voxels = ramp(source)
    choices, found = converted(voxels, type="image", range=(1000, 3000))
    assert choices.dtype == found.dtype == "uint8"
    assert found.flags.f_contiguous
    np.testing.assert_array_equal(found[..., 0], rescaled(voxels, (1000, 3000), "uint8"))
    assert note(choices, "contrast") == "contrast 1000..3000 -> 0..255: as asked"
    assert note(choices, "data type") == "data type uint8: the usual one for range"


def test_range_with_a_type():
    choices, found = converted(ramp("uint16"), dtype="float32", range=(0, 3999))
    assert (found.min(), found.max()) == (0, 1)
    assert note(choices, "contrast").startswith("contrast 0..3999 -> 0..1")
    choices, found = converted(ramp("uint8"), dtype="int16", range=(0, 255))
    assert (found.min(), found.max()) == (-32768, 32767)
    assert note(choices, "contrast").startswith("contrast 0..255 -> -32768..32767")


def test_booleans_become_black_and_white():
    choices, found = converted(ramp("int16") % 3 == 0, range=(0, 1))
    assert not any("remark" in text for text in choices.notes)
    assert set(np.unique(found)) == {0, 255}


def test_percentiles_of_a_small_source_are_exact_and_can_be_given_as_a_range():
    voxels = np.random.default_rng(3).normal(2000, 300, (50, 40, 30)).clip(0, 65535).astype("uint16")
    choices, found = converted(voxels, percentile=(0.5, 99.8))
    low, high = np.percentile(voxels, (0.5, 99.8), method="nearest")
    assert note(choices, "contrast") == f"contrast {low}..{high} -> 0..255: percentiles 0.5, 99.8 of all 60000 voxels"
    _, same = converted(voxels, range=(low, high))
    np.testing.assert_array_equal(found, same)


@pytest.mark.parametrize("channels", [2, 3])
def test_every_channel_has_its_own_percentiles(channels):
    voxels = np.stack([ramp("uint16") * (channel + 1) for channel in range(channels)], axis=-1)
    choices, found = converted(voxels, percentile=(0, 100))
    for channel in range(channels):
        assert found[..., channel].max() == 255
        top = 3999 * (channel + 1)
        assert note(choices, f"of channel {channel}").startswith(f"contrast 0..{top} -> 0..255 of channel {channel}: ")
    choices, found = converted(voxels, range=(0, 3999))
    np.testing.assert_array_equal(found[..., 1], rescaled(voxels[..., 1], (0, 3999), "uint8"))


def test_not_a_number_becomes_zero_and_is_counted():
    voxels = ramp("float32")
    voxels[:3, 0, 0] = np.nan, np.inf, -np.inf
    for wish in ({"range": (0, 3999)}, {"percentile": (0, 100)}):
        choices, found = converted(voxels, **wish)
        assert found[:3, 0, 0, 0].tolist() == [0, 255, 0]
        assert "1 of 24000 sampled voxels are NaN, which becomes 0" in choices.notes
        assert note(choices, "contrast").startswith("contrast 0..3999 -> 0..255")


def test_a_range_that_misses_the_voxels_is_remarked():
    choices, _ = converted(ramp("uint16"), range=(5000, 6000))
    assert "remark: all sampled voxels of channel 0 lie on one side of 5000..6000" in choices.notes


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        ({"range": (0, 1), "percentile": (0, 1)}, "give one of them"),
        ({"range": (5, 5)}, r"range is two numbers, the lower one first; found \(5, 5\)"),
        ({"range": (5, 4)}, "the lower one first"),
        ({"range": (float("nan"), 4)}, "the lower one first"),
        ({"range": (-float("inf"), 4)}, "the lower one first"),
        ({"range": (-1e308, 1e308)}, "the lower one first"),
        ({"range": (1, 2, 3)}, "two numbers"),
        ({"range": ("a", 2)}, "two numbers"),
        ({"range": 5}, "two numbers"),
        ({"percentile": (-1, 99)}, r"percentile is two numbers between 0 and 100, the lower one first; found \(-1, 99"),
        ({"percentile": (1, 101)}, "between 0 and 100"),
        ({"percentile": (50, 50)}, "between 0 and 100"),
        ({"range": (0, 1), "dtype": "uint64"}, "map onto uint8, int8, uint16, int16, uint32, int32, float32"),
        ({"range": (0, 1), "type": "segmentation"}, "range sets the contrast of grey values.*--type image"),
        ({"percentile": (0, 1), "type": "segmentation"}, "percentile sets the contrast of grey values.*--type image"),
    ],
)
def test_no_contrast(wishes, words):
    with pytest.raises(OptionError, match=words):
        converted(ramp("uint16"), **wishes)


def test_detected_labels_have_no_contrast():
    labels = np.repeat(np.arange(40, dtype="uint64"), 600).reshape(30, 20, 40, order="F")
    with pytest.raises(OptionError, match=r"is a segmentation .*; --type image"):
        converted(labels, range=(0, 39))
    assert converted(labels, range=(0, 39), type="image")[1].max() == 255


@pytest.mark.parametrize(
    ("voxels", "words"),
    [
        (np.full((9, 9, 9), 7, "uint16"), "are both 7: all 729 voxels lie between 7 and 7; give --range LOW,HIGH"),
        (np.full((9, 9, 9), np.nan, "float32"), "all 729 voxels are NaN or infinite; give --range"),
        (np.eye(100, dtype="uint8").reshape(100, 10, 10), "are both 0: all 10000 voxels lie between 0 and 1; give"),
        (np.zeros((9, 9, 9, 2), "uint8"), "channel 0 of raw.npy"),
    ],
)
def test_percentiles_of_one_value(voxels, words):
    with pytest.raises(OptionError, match=re.escape(words)):
        converted(voxels, percentile=(0.5, 98))
    converted(voxels, range=(0, 9))


class Paper:
    """A source that has a shape and counts what would be read."""

    def __init__(self, shape, block, dtype="uint16"):
        self.shape, self.block, self.dtype = shape, block, np.dtype(dtype)


@pytest.mark.parametrize(
    ("shape", "block", "dtype"),
    [
        ((30_000, 20_000, 5_000, 1), (64, 64, 64), "uint8"),
        ((30_000, 20_000, 5_000, 1), (30_000, 20_000, 1), "uint8"),
        ((2_000, 2_000, 500, 1), (2_000, 2_000, 1), "uint16"),
        ((2_000, 2_000, 500, 3), (2_000, 1, 1), "uint16"),
        ((100_000, 100_000, 1, 1), (256, 256, 1), "float64"),
        ((1, 1, 100_000_000, 1), (1, 1, 4096), "float32"),
        ((10**6, 10**6, 10**6, 1), (512, 512, 512), "uint64"),
        ((10**6, 10**6, 10**6, 4), (10**6, 10**6, 10**6), "uint64"),
    ],
)
def test_the_sample_is_bounded_and_spread(shape, block, dtype):
    boxes, whole = contrast_boxes(Paper(shape, block, dtype))
    nbytes = sum(np.prod(box.size, dtype=float) for box in boxes) * shape[3] * np.dtype(dtype).itemsize
    assert not whole
    assert 12 <= len(boxes) <= 64
    assert 1 << 22 <= nbytes <= 1 << 24
    extent = Box.of_size(shape[:3])
    assert all(extent.contains(box) for box in boxes)
    for axis in range(3):
        middles = np.sort([(box.lo[axis] + box.hi[axis]) / 2 for box in boxes]) / shape[axis]
        widest = max(box.size[axis] for box in boxes) / shape[axis]
        gaps = np.diff([0, *middles, 1])
        assert gaps.max() <= 2.5 / len(boxes) + widest + (0.1 if axis < 2 else 0), (axis, gaps.max())


@pytest.mark.parametrize("block", [(64, 64, 32), (400, 400, 1)])
def test_a_sample_is_near_the_whole_and_repeatable(block):
    rng = np.random.default_rng(5)
    voxels = (2000 + 200 * rng.standard_normal((400, 400, 96), "float32")).astype("uint16")
    voxels += np.linspace(0, 2000, 96).astype("uint16")  # brighter with depth
    source = open_source(voxels.T, axes="zyx")
    paper = Paper(source.shape, block)
    boxes, whole = contrast_boxes(paper)
    assert not whole
    assert boxes == contrast_boxes(paper)[0]
    sample = np.concatenate([source.read(box).ravel() for box in boxes])
    for percent in (0.5, 50, 99.8):
        near = np.percentile(voxels, percent)
        assert abs(np.percentile(sample, percent) - near) < 60
    choices = choose(source, Wishes(percentile=(0.5, 99.8)), [])
    assert re.search(r"percentiles 0.5, 99.8 of [5-8].\d M sampled voxels", note(choices, "contrast"))


@pytest.mark.parametrize(
    ("source", "target", "limits"),
    [
        ("uint16", "uint8", (0, 200)),
        ("float64", "uint8", (0, 200)),
        ("float64", "float32", None),
        ("int64", "int32", None),
    ],
)
def test_a_block_is_held_once_more_and_no_more(source, target, limits):
    voxels = np.zeros((128, 128, 128, 1), source, order="F")
    voxels[64] = 100
    choices = chosen(voxels, type="image", dtype=target, range=limits)
    tracemalloc.start()
    try:
        found = in_type(voxels, choices, "here")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak <= found.nbytes + 4_000_000


@pytest.mark.parametrize("shard_size", [None, (64, 64, 64)])
def test_a_volume_in_new_contrast(tmp_path, shard_size):
    voxels = np.random.default_rng(7).normal(2000, 300, (70, 60, 40)).astype("uint16")
    report = ng.convert(
        voxels.T,
        tmp_path / "out",
        axes="zyx",
        percentile=(0.5, 99.8),
        resolution="8,8,40nm",
        voxel_offset="80,80,430nm",
        shard_size=shard_size,
        chunk_size=(32, 32, 32),
    )
    low, high = np.percentile(voxels, (0.5, 99.8), method="nearest")
    volume = open_with_tensorstore(tmp_path / "out")
    assert volume.domain.inclusive_min[:3] == (10, 10, 11)
    found = volume.read().result()[..., 0]
    assert found.dtype == "uint8"
    np.testing.assert_array_equal(found, rescaled(voxels, (low, high), "uint8"))
    mean = open_with_tensorstore(tmp_path / "out", 1).read().result()
    expected = downsampled_by_tensorstore(tmp_path / "out", 0, (2, 2, 1), "mean").read().result()
    np.testing.assert_array_equal(mean, expected)
    assert any(text.endswith("which moves it by 0,0,10 nm") for text in report.notes)
