"""Scales made from scale 0 over their whole windows, judged by TensorStore's downsampling of scale 0."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ngprecomp as ng
from ngprecomp.errors import OptionError
from ngprecomp.format.box import Box
from ngprecomp.pipeline.engine.bases import Base
from ngprecomp.pipeline.engine.downsampled import Downsampled
from tests.judges import downsampled_by_tensorstore, open_with_tensorstore
from tests.pipeline.test_convert import blobs, noise

METHODS = ["mode", "mean", "median", "min", "max", "stride"]


def assert_exact(folder, method, coarser):
    scales = json.loads((folder / "info").read_text())["scales"]
    assert len(scales) == coarser + 1
    for index in range(1, len(scales)):
        factor = tuple(round(b / a) for a, b in zip(scales[0]["resolution"], scales[index]["resolution"], strict=True))
        expected = downsampled_by_tensorstore(folder, 0, factor, method)
        stored = open_with_tensorstore(folder, index)
        assert stored.domain == expected.domain
        whole = ng.downsample(ng.open(folder), factor, method, origin=scales[0]["voxel_offset"])
        np.testing.assert_array_equal(stored.read().result(), whole)
        # TensorStore 0.1.86 reads beyond the data where a window is cut at both ends of an axis.
        if all(size >= 2 * f for size, f in zip(scales[0]["size"], factor, strict=True)):
            np.testing.assert_array_equal(whole, expected.read().result())


@settings(max_examples=30, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 60)] * 3),
    offset=st.tuples(*[st.integers(-30, 30)] * 3),
    dtype=st.sampled_from(["uint8", "uint64"]),
    channels=st.integers(1, 2),
    chunk=st.sampled_from([(8, 8, 8), (16, 8, 4), (7, 9, 5)]),
    shard=st.sampled_from([None, (16, 16, 16), (200, 200, 200)]),
    method=st.sampled_from(METHODS),
    factor=st.sampled_from([(2, 2, 1), (2, 2, 2), (1, 2, 3)]),
    memory=st.sampled_from(["1MB", "1GB"]),
    workers=st.sampled_from([1, 3]),
    seed=st.integers(0, 99),
)
def test_any_exact_pyramid_equals_tensorstore(
    tmp_path_factory, shape, offset, dtype, channels, chunk, shard, method, factor, memory, workers, seed
):
    folder = tmp_path_factory.mktemp("volume")
    volume = ng.create(
        folder, shape=shape, dtype=dtype, num_channels=channels, voxel_offset=offset, resolution=(4, 4, 4),
        chunk_size=chunk, shard_size=shard, encoding="raw",
    )  # fmt: skip
    volume[...] = np.stack([(blobs if seed % 2 else noise)(shape, dtype, seed + c) for c in range(channels)], axis=-1)
    try:
        report = ng.build_pyramid(
            volume, levels=3, factor=factor, method=method, exact=True, memory=memory, workers=workers
        )
    except OptionError as error:
        if "too little" not in str(error) and "no coarser scale" not in str(error):
            raise
        return
    assert_exact(folder, method, len(report.scales))
    assert f"method {method}, each scale from the first" in report.notes
    if method != "stride":  # which leaves out what no multiple covers
        assert report.read_bytes == len(report.scales) * np.prod(shape) * channels * volume.dtype.itemsize


def test_a_mode_of_modes_is_not_the_mode(tmp_path):
    labels = np.zeros((8, 4, 1), np.uint64)
    labels[0:2, 0:2], labels[2:4, 0:2], labels[0:4, 2:4] = 1, 2, 3
    labels[0, 0], labels[1, 3], labels[3, 3] = 3, 1, 1
    for exact in (False, True):
        folder = tmp_path / str(exact)
        volume = ng.create(folder, shape=labels.shape, dtype="uint64", chunk_size=(8, 8, 8))
        volume[...] = labels
        ng.build_pyramid(volume, levels=2, factor=(2, 2, 1), exact=exact)
    assert_exact(tmp_path / "True", "mode", 2)


def test_scales_that_are_added_later_are_made_from_the_first_too(tmp_path):
    voxels = noise((64, 50, 41), "uint8")
    ng.convert(voxels.T, tmp_path / "v", axes="zyx", chunk_size=(16, 16, 16), levels=1, factor=(2, 2, 2))
    report = ng.build_pyramid(tmp_path / "v", levels=3, factor=(2, 2, 2), exact=True)
    assert [scale.key for scale in report.scales] == ["4_4_4", "8_8_8"]
    assert_exact(tmp_path / "v", "mean", 3)
    record = json.loads((tmp_path / "v" / "provenance").read_text())["processing"][-1]["method"]
    assert (record["method"], record["exact"]) == ("mean", True)


@pytest.mark.parametrize("shard_size", [None, (32, 32, 32)])
def test_convert_makes_exact_scales(tmp_path, shard_size):
    voxels = noise((75, 60, 41), "uint8")
    ng.convert(
        voxels.T, tmp_path / "v", axes="zyx", chunk_size=(16, 16, 16), shard_size=shard_size, levels=2, exact=True,
        voxel_offset=(-3, 1, 7), factor=(2, 2, 2), method="median",
    )  # fmt: skip
    assert_exact(tmp_path / "v", "median", 2)


def test_lossy_chunks_are_not_read_again(tmp_path):
    """Scale 2 stored as jpeg holds the means of the source, not of what jpeg has left of it."""
    voxels = noise((64, 64, 64), "uint8")
    options = {"axes": "zyx", "chunk_size": (16, 16, 16), "levels": 2, "factor": (2, 2, 2), "exact": True}
    report = ng.convert(voxels.T, tmp_path / "v", encoding="jpeg", jpeg_quality=5, **options)
    assert report.read_bytes == 3 * voxels.nbytes
    coarse = ng.downsample(voxels, (4, 4, 4), "mean")
    volume = ng.create(
        tmp_path / "w", shape=coarse.shape, dtype="uint8", chunk_size=(16, 16, 16), encoding="jpeg", jpeg_quality=5
    )
    volume[...] = coarse
    np.testing.assert_array_equal(ng.open(tmp_path / "v", 2), volume)


def test_thin_is_not_exact(tmp_path):
    volume = ng.create(tmp_path / "v", shape=(40, 40, 40), dtype="uint32", chunk_size=(16, 16, 16))
    with pytest.raises(OptionError, match="from scale to scale"):
        ng.build_pyramid(volume, method="thin", exact=True)


@pytest.mark.parametrize("method", ["mean", "thin"])
@pytest.mark.parametrize("memory", [30_000, 100_000, 10**9])
def test_a_box_is_made_in_pieces_that_fit(method, memory):
    voxels, lo = blobs((75, 60, 41), "uint8")[..., np.newaxis], (-3, 1, 7)
    voxels, asked = np.asfortranarray(voxels), []

    class Reader:
        def read(self, box, pool):
            asked.append(np.prod(box.size))
            return np.asfortranarray(voxels[box.relative_to(lo).slices])

    if method == "thin":
        memory *= 10  # a tile alone has 32 x 32 x 16 voxels
    base = Base(Box.of_size((75, 60, 41), lo), Reader(), (75, 60, 1), np.dtype("uint8"), 1)
    domain = Box((-2, 0, 7), (36, 31, 48))
    whole = Downsampled(base, domain, (2, 2, 1), method, 10**9).read(domain)
    asked.clear()
    part = Box((1, 5, 9), (30, 31, 40))
    made = Downsampled(base, domain, (2, 2, 1), method, memory).read(part)
    np.testing.assert_array_equal(made, whole[part.relative_to(domain.lo).slices])
    assert made.flags.f_contiguous
    decoding = 2 * 3 * 75 * 60  # by two threads, three blocks each
    assert 2 * max(asked) + decoding <= memory
    with pytest.raises(OptionError, match="too little"):
        Downsampled(base, domain, (2, 2, 1), method, decoding + 7).read(part)
