"""The method thin: its naive twin, and what its rule promises."""

from __future__ import annotations

from collections import Counter
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ngprecomp.errors import OptionError
from ngprecomp.kernels.downsample import downsample, downsample_into, downsampled_box, whole_tiles
from tests.naive.downsample_thin import downsample_thin

FACTORS = [(2, 2, 2), (2, 2, 1), (1, 2, 1), (3, 1, 2), (4, 4, 4), (1, 1, 1)]
Volume = NDArray[Any]
Triple = tuple[int, int, int]


def label_volume(shape: Triple, dtype: str, seed: int) -> Volume:
    """Return noise, cells or rare voxels of a few labels, some of them at the end of the range, some background."""
    rng, last = np.random.default_rng(seed), np.iinfo(dtype).max
    labels = np.unique(rng.integers(1, last, rng.integers(1, 40), dtype, endpoint=True))
    values = rng.choice(np.append(labels, [last, last - 1]).astype(dtype), shape)
    if seed % 3:
        for axis in range(3):
            values = values.repeat(3, axis)
        values = values[tuple(slice(n) for n in shape)]
    values[rng.random(shape) < (0, 0.3, 0.9, 0.99)[seed % 4]] = 0
    return np.asfortranarray(values)


cases = st.fixed_dictionaries(
    {
        "shape": st.tuples(*[st.one_of(st.integers(1, 20), st.sampled_from([1, 35, 64]))] * 3).filter(
            lambda shape: shape[0] * shape[1] * shape[2] <= 8000
        ),
        "origin": st.tuples(*[st.integers(-40, 40)] * 3),
        "seed": st.integers(0, 2**16),
    }
)


@settings(max_examples=50, deadline=None)
@given(case=cases, factor=st.sampled_from(FACTORS), dtype=st.sampled_from(["uint8", "uint16", "uint32", "uint64"]))
def test_naive_twin_agrees(case: dict[str, Any], factor: Triple, dtype: str) -> None:
    voxels = label_volume(case["shape"], dtype, case["seed"])
    ours = downsample(voxels, factor, "thin", origin=case["origin"])
    np.testing.assert_array_equal(ours, downsample_thin(voxels, factor, case["origin"]))


@settings(max_examples=50, deadline=None)
@given(case=cases, factor=st.sampled_from(FACTORS[:-1]))
def test_the_foreground_stays_and_no_label_is_lost_by_the_correction(case: dict[str, Any], factor: Triple) -> None:
    voxels, origin = label_volume(case["shape"], "uint64", case["seed"]), case["origin"]
    thin, mode = (downsample(voxels, factor, method, origin=origin) for method in ("thin", "mode"))
    lo, _ = downsampled_box(origin, tuple(map(sum, zip(origin, voxels.shape, strict=True))), factor, "mode")
    first, last = whole_tiles(lo, tuple(map(sum, zip(lo, thin.shape, strict=True))))
    for tile in product(*(range(a, b, 16) for a, b in zip(first, last, strict=True))):
        part = tuple(slice(max(0, t - o), t - o + 16) for t, o in zip(tile, lo, strict=True))
        fine = tuple(slice(max(0, t * f - o), (t + 16) * f - o) for t, f, o in zip(tile, factor, origin, strict=True))
        there = voxels[fine]
        fair = -(-np.count_nonzero(there) * thin[part].size // there.size)
        assert np.count_nonzero(thin[part]) <= max(fair, np.count_nonzero(mode[part]), thin[part].size // 256)
        before, after = (Counter(coarse[part].ravel().tolist()) for coarse in (mode, thin))
        before.pop(0, None)
        assert before.keys() <= after.keys()


def test_crossing_axons_stay_where_the_mode_loses_them() -> None:
    voxels = np.zeros((128, 128, 64), np.uint64, order="F")
    for label in range(24):
        voxels[:, 5 * label + 1, 2 * label + 3] = label + 2**63
    assert not downsample(voxels, (2, 2, 2)).any()
    coarse = downsample(voxels, (2, 2, 2), "thin")
    assert np.unique(coarse).tolist() == [0, *range(2**63, 2**63 + 24)]
    assert np.count_nonzero(coarse) == np.count_nonzero(voxels) // 8
    again = downsample(coarse, (2, 2, 2), "thin")
    assert np.unique(again).size == 25
    assert np.count_nonzero(again) <= 24 * 2  # each axon once in each tile that it crosses


def test_a_dense_tile_takes_windows_from_those_with_too_many() -> None:
    voxels = np.full((32, 32, 32), 7, np.uint32, order="F")
    voxels[::2, 3, 4] = 8
    voxels[5, 5, 5] = 9
    coarse = downsample(voxels, (2, 2, 2), "thin")
    assert dict(zip(*np.unique(coarse, return_counts=True), strict=True)) == {7: 4096 - 3, 8: 2, 9: 1}
    assert coarse[:2, 1, 2].tolist() == [8, 8]
    assert coarse[2, 2, 2] == 9


@settings(max_examples=25, deadline=None)
@given(case=cases, factor=st.sampled_from(FACTORS), channels=st.integers(1, 2))
def test_boxes_of_whole_tiles_are_the_whole(case: dict[str, Any], factor: Triple, channels: int) -> None:
    origin = case["origin"]
    voxels = np.stack([label_volume(case["shape"], "uint16", case["seed"] + c) for c in range(channels)], axis=-1)
    voxels = np.asfortranarray(voxels)
    whole = downsample(voxels, factor, "thin", origin=origin)
    lo, hi = downsampled_box(origin, tuple(map(sum, zip(origin, case["shape"], strict=True))), factor, "thin")
    out = np.full_like(whole, 3)
    cuts = [sorted({a, b, *(t for t in range(a, b) if t % 16 == 0)}) for a, b in zip(lo, hi, strict=True)]
    for x, y, z in product(*(range(len(cut) - 1) for cut in cuts)):
        at = tuple(cut[n] - o for cut, n, o in zip(cuts, (x, y, z), lo, strict=True))
        size = tuple(cut[n + 1] - cut[n] for cut, n in zip(cuts, (x, y, z), strict=True))
        downsample_into(voxels, origin, out, lo, factor, "thin", at, size)
    np.testing.assert_array_equal(out, whole)


@pytest.mark.parametrize("dtype", ["int8", "int64"])
def test_signed_labels_are_viewed_as_unsigned(dtype: str) -> None:
    voxels = label_volume((40, 20, 9), f"u{dtype}", 5).view(dtype)
    voxels[voxels < 0] = 1  # the mode of several that are equally frequent is the smallest, with its sign
    ours = downsample(voxels, (2, 2, 2), "thin")
    assert ours.dtype == dtype
    np.testing.assert_array_equal(ours, downsample(voxels.view(f"u{dtype}"), (2, 2, 2), "thin"))


def test_any_memory_layout_is_taken() -> None:
    voxels = label_volume((40, 20, 9), "uint32", 4)
    expected = downsample(voxels, (2, 2, 2), "thin")
    padded = np.zeros((80, 20, 12), np.uint32)
    padded[::2, :, 3:] = voxels
    for given_as in (np.ascontiguousarray(voxels), voxels.astype(">u4"), padded[::2, :, 3:]):
        np.testing.assert_array_equal(downsample(given_as, (2, 2, 2), "thin"), expected)


@pytest.mark.parametrize("shape", [(0, 3, 2), (3, 0, 2, 2), (2, 2, 2, 0), (0, 0, 0)])
def test_empty_volumes(shape: tuple[int, ...]) -> None:
    assert downsample(np.empty(shape, np.uint8), (2, 2, 2), "thin", origin=(1, -1, 0)).size == 0


def test_floats_are_no_labels() -> None:
    with pytest.raises(OptionError, match="these voxels are float32"):
        downsample(np.zeros((4, 4, 4), np.float32), (2, 2, 2), "thin")
