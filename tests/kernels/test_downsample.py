"""Downsampling against recorded cases, the naive twin and TensorStore."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorstore
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ngprecomp.errors import OptionError
from ngprecomp.kernels import downsample as module
from ngprecomp.kernels.downsample import downsample, downsample_into, downsampled_box
from tests.naive.downsample import downsample as naive_downsample

GOLDEN = Path(__file__).parents[1] / "golden" / "downsample_tensorstore.json"
FACTORS = [(1, 1, 1), (2, 2, 1), (2, 2, 2), (3, 3, 1), (2, 2, 4), (5, 1, 2), (1, 2, 2), (4, 1, 1), (9, 2, 1)]
METHODS = tuple(method for method in module.METHODS if method != "thin")  # has a twin and tests of its own
Volume = NDArray[Any]
Triple = tuple[int, int, int]


def assert_same(ours: Volume, expected: Volume, voxels: Volume, method: str) -> None:
    """Demand equal voxels; means of floats may differ by a few ulp of the largest sum of magnitudes."""
    assert ours.dtype == expected.dtype
    if voxels.dtype.kind == "f" and method == "mean":
        ulp = np.finfo(voxels.dtype).eps * np.abs(voxels[np.isfinite(voxels)]).max(initial=1)
        np.testing.assert_allclose(ours, expected, rtol=1e-6, atol=8 * float(ulp))
    else:
        np.testing.assert_array_equal(ours, expected)


def few_values(dtype: str, shape: tuple[int, ...], seed: int) -> Volume:
    """Return voxels with ties and repetitions, at both ends of the range of the dtype, or all different."""
    rng, kind = np.random.default_rng(seed), np.dtype(dtype)
    if kind.kind == "f":
        return np.asfortranarray(rng.choice([-1.5, 0.25, 2, 1e6, *rng.normal(size=seed % 9)], shape), dtype)
    low, high = np.iinfo(kind).min, np.iinfo(kind).max
    ends = np.array([low, low + 1, low + 2, high - 2, high - 1, high], kind)
    spread = rng.integers(low, high, shape, kind, endpoint=True)
    return np.asfortranarray((ends[rng.integers(0, 6, shape)], ends[rng.integers(0, 2, shape)], spread)[seed % 3])


def by_tensorstore(voxels: Volume, factor: Triple, method: str, origin: Triple) -> tuple[Volume, Triple]:
    store = tensorstore.array(voxels)[tensorstore.d[:3].translate_to[origin]]
    coarse = tensorstore.downsample(store, [*factor, *[1] * (voxels.ndim - 3)], method)
    return coarse.read().result(), coarse.domain.origin[:3]


cases = st.fixed_dictionaries(
    {
        "shape": st.tuples(*[st.one_of(st.integers(1, 12), st.just(1), st.sampled_from([33, 67]))] * 3).filter(
            lambda shape: shape[0] * shape[1] * shape[2] <= 3000
        ),
        "factor": st.sampled_from(FACTORS),
        "method": st.sampled_from(METHODS),
        "origin": st.tuples(*[st.integers(-7, 7)] * 3),
        "channels": st.sampled_from([None, None, 1, 3]),
        "seed": st.integers(0, 2**16),
    }
)


def volume_of(case: dict[str, Any], dtype: str) -> Volume:
    shape = case["shape"] if case["channels"] is None else (*case["shape"], case["channels"])
    return few_values(dtype, shape, case["seed"])


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "float32"])
def test_recorded_cases_of_tensorstore(dtype: str) -> None:
    recorded = [case for case in json.loads(GOLDEN.read_text())["cases"] if case["dtype"] == dtype]
    assert len(recorded) == 72
    for case in recorded:
        voxels = np.array(case["data"], dtype).reshape(case["shape"], order="F")
        expected = np.array(case["out"], dtype).reshape(case["out_shape"], order="F")
        assert_same(
            downsample(voxels, case["factor"], case["method"], origin=case["origin"]), expected, voxels, case["method"]
        )
        hi = tuple(lo + n for lo, n in zip(case["origin"], case["shape"], strict=True))
        box = downsampled_box(tuple(case["origin"]), hi, tuple(case["factor"]), case["method"])
        assert box[0] == tuple(case["out_origin"])
        assert box[1] == tuple(lo + n for lo, n in zip(case["out_origin"], case["out_shape"], strict=True))


@settings(max_examples=50, deadline=None)
@given(case=cases, dtype=st.sampled_from(["uint8", "int16", "uint64", "float32"]))
def test_naive_twin_agrees(case: dict[str, Any], dtype: str) -> None:
    voxels = volume_of(case, dtype)
    ours = downsample(voxels, case["factor"], case["method"], origin=case["origin"])
    assert ours.flags.f_contiguous
    assert_same(ours, naive_downsample(voxels, case["factor"], case["method"], case["origin"]), voxels, case["method"])


@settings(max_examples=50, deadline=None)
@given(case=cases, dtype=st.sampled_from(["uint8", "int16", "uint64", "float32"]))
def test_tensorstore_agrees(case: dict[str, Any], dtype: str) -> None:
    voxels = volume_of(case, dtype)
    expected, origin = by_tensorstore(voxels, case["factor"], case["method"], case["origin"])
    ours = downsample(voxels, case["factor"], case["method"], origin=case["origin"])
    assert_same(ours, expected, voxels, case["method"])
    hi = tuple(lo + n for lo, n in zip(case["origin"], case["shape"], strict=True))
    lo, hi = downsampled_box(case["origin"], hi, case["factor"], case["method"])
    assert (lo, hi) == (origin, tuple(a + n for a, n in zip(origin, expected.shape[:3], strict=True)))


@pytest.mark.parametrize("shape", [(131, 6, 4), (128, 4, 2), (64, 4, 2), (62, 5, 3), (4, 66, 2)])
@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "uint32", "int64", "float64"])
def test_long_rows_have_no_seams(shape: Triple, dtype: str) -> None:
    for factor, method, seed in product([(2, 2, 1), (2, 2, 2)], ["mode", "mean"], range(3)):
        voxels, origin = few_values(dtype, shape, seed), (-seed, seed, 1 - seed)
        expected = naive_downsample(voxels, factor, method, origin)
        assert_same(downsample(voxels, factor, method, origin=origin), expected, voxels, method)


def test_means_of_large_floats_stay_finite() -> None:
    voxels = np.full((3, 3, 3), np.finfo(np.float32).max, order="F")
    np.testing.assert_array_equal(downsample(voxels, (2, 2, 2), "mean"), np.full((2, 2, 2), voxels[0, 0, 0]))


@pytest.mark.parametrize("dtype", ["int64", "uint64"])
@pytest.mark.parametrize("factor", [(3, 3, 1), (2, 2, 4), (7, 5, 3), (256, 8, 64)])
def test_means_of_64_bits_are_exact_for_any_window(factor: Triple, dtype: str) -> None:
    shape = (2 * factor[0] - 1, factor[1] + 1, factor[2])
    for seed in range(3):
        voxels = few_values(dtype, shape, seed)
        np.testing.assert_array_equal(downsample(voxels, factor, "mean"), naive_downsample(voxels, factor, "mean"))


@pytest.mark.parametrize("method", ["mean", "median", "mode"])
@pytest.mark.parametrize(
    ("dtype", "shape"), [("uint16", (64, 64, 10)), ("uint8", (128, 128, 65)), ("int32", (64, 40, 20))]
)
def test_a_window_may_be_large(dtype: str, shape: Triple, method: str) -> None:
    if method != "mean":
        shape = (min(shape[0], 20), min(shape[1], 21), shape[2] // 3)
    voxels = few_values(dtype, shape, 0)
    np.testing.assert_array_equal(
        downsample(voxels, (128, 128, 128), method), naive_downsample(voxels, (128, 128, 128), method)
    )


def test_labels_in_smooth_volumes_keep_their_boundaries() -> None:
    cells = np.add.outer(np.add.outer(np.arange(70) // 9, np.arange(20) // 7), np.arange(11) // 5) % 5
    labels = np.asfortranarray(cells.astype(np.uint64) + np.uint64(2**63))
    for factor in FACTORS:
        np.testing.assert_array_equal(downsample(labels, factor), naive_downsample(labels, factor, "mode"))


@pytest.mark.parametrize("method", METHODS)
def test_nan_follows_its_rules(method: str) -> None:
    rng = np.random.default_rng(5)
    voxels = rng.choice(np.array([np.nan, np.nan, 1, 2, 3, -np.inf], np.float32), (13, 6, 5))
    voxels[:4] = np.nan
    for factor in [(1, 1, 1), (2, 2, 1), (2, 2, 2), (3, 2, 4)]:
        ours = downsample(voxels, factor, method)
        np.testing.assert_array_equal(ours, naive_downsample(voxels, factor, method))
        # The order of a sort with NaN in it is not defined, so TensorStore's mode and median depend on positions.
        if method not in ("mode", "median"):
            np.testing.assert_array_equal(ours, by_tensorstore(voxels, factor, method, (0, 0, 0))[0])


def test_mean_of_uint64_is_exact_at_the_end_of_the_range() -> None:
    last = 2**64 - 1
    window = np.array([last, last - 1, last, last - 2, last, last - 1, last, last], np.uint64).reshape(2, 2, 2)
    assert downsample(window, (2, 2, 2), "mean").item() == last - 1  # from last - 1/2 to even
    assert downsample(np.full((5, 3, 1), last, np.uint64), (5, 3, 1), "mean").item() == last


@pytest.mark.parametrize("factor", [(2, 2, 2), (3, 2, 1)])
def test_any_memory_layout_is_taken(factor: Triple) -> None:
    voxels = few_values("uint16", (7, 6, 5), 2)
    expected = naive_downsample(voxels, factor, "mean")
    padded = np.zeros((14, 6, 6), np.uint16)
    padded[::2, :, 1:] = voxels
    frozen = voxels.copy(order="F")
    frozen.flags.writeable = False
    unaligned = (
        np.frombuffer(b"\0" + voxels.tobytes("F"), np.uint8)[1:].view(np.uint16).reshape(voxels.shape, order="F")
    )
    assert not unaligned.flags.aligned
    for given_as in (np.ascontiguousarray(voxels), voxels.astype(">u2"), padded[::2, :, 1:], frozen, unaligned):
        result = downsample(given_as, factor, "mean")
        np.testing.assert_array_equal(result, expected)
        assert result.flags.f_contiguous
        assert result.dtype == np.uint16


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", [(0, 3, 2), (3, 0, 2, 2), (2, 2, 2, 0), (0, 0, 0)])
def test_empty_volumes(shape: tuple[int, ...], method: str) -> None:
    result = downsample(np.empty(shape, np.uint8), (2, 2, 2), method, origin=(1, -1, 0))
    assert result.size == 0
    assert result.ndim == len(shape)
    for lo in (-1, 0, 1):
        store = tensorstore.array(np.empty((0,), np.uint8))[tensorstore.d[0].translate_to[lo]]
        domain = tensorstore.downsample(store, [2], method).domain[0]
        assert downsampled_box((lo,) * 3, (lo,) * 3, (2, 2, 2), method) == (
            (domain.inclusive_min,) * 3,
            (domain.exclusive_max,) * 3,
        )


@pytest.mark.parametrize("method", METHODS)
def test_a_box_of_a_larger_array_is_filled_in_place(method: str) -> None:
    voxels = few_values("uint32", (11, 8, 6, 2), 0)
    lo, factor = (-3, 4, 1), (2, 2, 1)
    whole = downsample(voxels, factor, method, origin=lo)
    out_lo, out_hi = downsampled_box(lo, (8, 12, 7), factor, method)
    out = np.full((9, 9, 9, 2), 7, np.uint32, order="F")
    margin, at, size = (2, 1, 3), (3, 2, 4), (2, 3, 4)
    corner = tuple(a - b for a, b in zip(out_lo, margin, strict=True))
    expected = out.copy()
    expected[3:5, 2:5, 4:8] = whole[1:3, 1:4, 1:5]
    downsample_into(voxels, lo, out, corner, factor, method, at, size)
    np.testing.assert_array_equal(out, expected)
    exact = np.empty((*np.subtract(out_hi, out_lo), 2), np.uint32, order="F")
    downsample_into(voxels, lo, exact, out_lo, factor, method)
    np.testing.assert_array_equal(exact, whole)


@pytest.mark.parametrize("method", ["mode", "stride"])
@pytest.mark.parametrize("out_lo", [(-1, 0, 0), (1, 0, 0), (0, 2, 0), (0, 0, -9)])
def test_windows_outside_are_refused(method: str, out_lo: Triple) -> None:
    voxels, out = np.zeros((4, 4, 4, 1), np.uint8, order="F"), np.zeros((2, 2, 2, 1), np.uint8, order="F")
    with pytest.raises(OptionError, match="the voxels from 0 to 4"):
        downsample_into(voxels, (0, 0, 0), out, out_lo, (2, 2, 2), method)


def test_wrong_arguments_are_named() -> None:
    voxels = np.zeros((4, 4, 4), np.uint8)
    with pytest.raises(OptionError, match="method 'average': expected one of mean, mode"):
        downsample(voxels, (2, 2, 2), "average")
    for factor in [(2, 2), (0, 1, 1), (2.0, 2, 2), (2, 2, -1)]:
        with pytest.raises(OptionError, match="expected three integers"):
            downsample(voxels, factor)
    with pytest.raises(OptionError, match="these are bool of shape"):
        downsample(voxels.astype(bool), (2, 2, 2))
    with pytest.raises(OptionError, match=r"of shape \(4, 4\)"):
        downsample(voxels[0], (2, 2, 2))
