"""Pyramids of volumes that exist, judged by TensorStore."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tensorstore
from hypothesis import given, settings
from hypothesis import strategies as st

import ngprecomp as ng
from ngprecomp.errors import MissingChunkError, OptionError
from tests.judges import downsampled_by_tensorstore, read_with_tensorstore
from tests.pipeline.test_convert import assert_pyramid, blobs, noise


@pytest.mark.parametrize("shard_size", [None, (32, 32, 32)])
@pytest.mark.parametrize("dtype", ["uint8", "uint64"])
def test_a_volume_with_one_scale(tmp_path, dtype, shard_size):
    voxels = noise((75, 60, 41), dtype) if dtype == "uint8" else blobs((75, 60, 41), dtype)
    volume = ng.create(
        tmp_path / "v", shape=voxels.shape, dtype=dtype, resolution=(8, 8, 8), voxel_offset=(-3, 1, 7),
        chunk_size=(16, 16, 16), shard_size=shard_size,
    )  # fmt: skip
    volume[...] = voxels
    report = ng.build_pyramid(volume)
    assert [scale.key for scale in report.scales] == ["16_16_16", "32_32_32", "64_32_32"]
    assert assert_pyramid(tmp_path / "v", voxels, "mode" if dtype == "uint64" else "mean", (-3, 1, 7)) == 4
    sharded = ["sharding" in scale for scale in ng.open(tmp_path / "v").scales]
    assert sharded == [shard_size is not None] * 4


def test_a_volume_written_by_tensorstore(tmp_path):
    """Absent chunks (TensorStore stores no zeros) are read as zeros and counted."""
    voxels = noise((64, 64, 64), "uint16")
    voxels[:32] = 0
    store = tensorstore.open(
        {
            "driver": "neuroglancer_precomputed",
            "kvstore": f"file://{tmp_path}/v/",
            "multiscale_metadata": {"type": "image", "data_type": "uint16", "num_channels": 1},
            "scale_metadata": {"size": [64, 64, 64], "chunk_size": [16, 16, 16], "resolution": [4, 4, 4]},
        },
        create=True,
    ).result()
    store[..., 0] = voxels
    report = ng.build_pyramid(tmp_path / "v", levels=2, method="max")
    assert report.absent == 32
    assert "32 chunks of the source are absent" in str(report)
    assert assert_pyramid(tmp_path / "v", voxels, "max") == 3
    with pytest.raises(MissingChunkError, match="absent"):
        ng.build_pyramid(tmp_path / "v", levels=2, overwrite=True, missing="error")


def declared_info(scales):
    return {"type": "segmentation", "data_type": "uint32", "num_channels": 1, "scales": scales}


def test_declared_empty_scales_are_filled_as_they_are_declared(tmp_path):
    """As in ndm's manifest: keys 0, 1, 2; other chunk sizes and encodings; one scale is there already."""
    common = {"voxel_offset": [0, 0, 0], "encoding": "compressed_segmentation"}
    scales = [
        {**common, "key": "0", "size": [60, 50, 20], "resolution": [2, 2, 50], "chunk_sizes": [[32, 32, 8]],
         "compressed_segmentation_block_size": [8, 8, 8]},
        {**common, "key": "1", "size": [30, 25, 20], "resolution": [4, 4, 50], "chunk_sizes": [[16, 16, 4]],
         "compressed_segmentation_block_size": [4, 4, 4], "hidden": True},
        {"voxel_offset": [0, 0, 0], "key": "2", "size": [15, 13, 20], "resolution": [8, 8, 50],
         "chunk_sizes": [[8, 8, 8]], "encoding": "raw"},
    ]  # fmt: skip
    (tmp_path / "info").write_text(json.dumps({**declared_info(scales), "mesh": "mesh"}))
    labels = blobs((60, 50, 20), "uint32")
    ng.open(tmp_path)[...] = labels
    before = (tmp_path / "info").read_text()
    report = ng.build_pyramid(tmp_path)
    assert (tmp_path / "info").read_text() == before
    assert [scale.key for scale in report.scales] == ["1", "2"]
    for index in (1, 2):
        expected = downsampled_by_tensorstore(tmp_path, index - 1, (2, 2, 1), "mode").read().result()
        np.testing.assert_array_equal(read_with_tensorstore(tmp_path, index), expected)
    ng.open(tmp_path, "0")[:30] = 7
    with pytest.raises(OptionError, match="overwrite"):
        ng.build_pyramid(tmp_path)
    ng.build_pyramid(tmp_path, overwrite=True)
    expected = downsampled_by_tensorstore(tmp_path, 1, (2, 2, 1), "mode").read().result()
    np.testing.assert_array_equal(read_with_tensorstore(tmp_path, 2), expected)


def test_a_declared_scale_that_is_no_downsampling_is_refused(tmp_path):
    scale = {
        "key": "0",
        "size": [60, 50, 20],
        "resolution": [2, 2, 50],
        "chunk_sizes": [[32, 32, 8]],
        "encoding": "raw",
    }
    odd = {**scale, "key": "1", "size": [40, 33, 20], "resolution": [3, 3, 50]}
    large = {**scale, "key": "1", "size": [60, 25, 20], "resolution": [4, 4, 50]}
    for other in (odd, large):
        (tmp_path / "info").write_text(json.dumps(declared_info([scale, other])))
        ng.open(tmp_path)[...] = 1
        with pytest.raises(OptionError, match="resolution"):
            ng.build_pyramid(tmp_path)


def test_levels_add_to_what_is_there(tmp_path):
    voxels = noise((64, 64, 64), "uint8")
    ng.convert(voxels.T, tmp_path / "v", axes="zyx", chunk_size=(16, 16, 16), levels=1)
    report = ng.build_pyramid(tmp_path / "v", levels=4, factor=(2, 2, 2))
    assert [scale.key for scale in report.scales] == ["4_4_4", "8_8_8", "16_16_16"]
    assert assert_pyramid(tmp_path / "v", voxels, "mean") == 5


def test_scales_beyond_the_levels_are_named(tmp_path):
    ng.convert(noise((64, 64, 64), "uint8"), tmp_path / "v", axes="xyz", chunk_size=(16, 16, 16), levels=2)
    report = ng.build_pyramid(tmp_path / "v", levels=1, method="max", overwrite=True)
    assert [scale.key for scale in report.scales] == ["2_2_2"]
    assert "remark: 4_4_4 still hold what was made before" in " ".join(report.notes)


def test_a_failure_before_the_first_chunk_leaves_nothing(tmp_path):
    voxels = noise((64, 64, 64), "uint8")
    ng.convert(voxels.T, tmp_path / "v", axes="zyx", chunk_size=(32, 32, 32), levels=0)
    (tmp_path / "v" / "1_1_1" / "0-32_0-32_0-32").write_bytes(b"too short")
    with pytest.raises(ng.errors.DecodeError, match="0:32"):
        ng.build_pyramid(tmp_path / "v")
    assert len(ng.open(tmp_path / "v").scales) == 1
    assert sorted(path.name for path in (tmp_path / "v").iterdir()) == ["1_1_1", "info", "provenance"]


def test_gzip_chunk_files_stay_gzip_chunk_files(tmp_path):
    voxels = noise((64, 64, 64), "uint8")
    ng.convert(voxels.T, tmp_path / "v", axes="zyx", chunk_size=(16, 16, 16), levels=0, compress="gzip")
    ng.build_pyramid(tmp_path / "v")
    assert all(path.suffix == ".gz" for path in (tmp_path / "v" / "2_2_2").iterdir())


def test_an_empty_volume_has_no_pyramid(tmp_path):
    ng.create(tmp_path / "v", shape=(0, 10, 10), dtype="uint8")
    with pytest.raises(OptionError, match="coarser"):
        ng.build_pyramid(tmp_path / "v")


def few_labels(shape, seed):
    """Return cells, thin lines and single voxels, most of it background for every second seed."""
    rng = np.random.default_rng(seed)
    labels = blobs(shape, "uint64", seed) * np.uint64(seed % 2)
    for label in range(30):
        x, y, z = (rng.integers(0, n) for n in shape)
        labels[x, y, :] = 2**63 + 50 + label
        labels[x, :, z] = 2**63 + 90 + label
    return labels


@settings(max_examples=30, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 80)] * 3),
    offset=st.tuples(*[st.integers(-40, 40)] * 3),
    chunk=st.sampled_from([(8, 8, 8), (16, 16, 16), (16, 8, 4), (7, 9, 5), (64, 64, 64)]),
    shard=st.sampled_from([None, (16, 16, 16), (200, 200, 200)]),
    factor=st.sampled_from([(2, 2, 1), (2, 2, 2), (3, 1, 2)]),
    memory=st.sampled_from(["20MB", "1GB"]),
    workers=st.sampled_from([1, 3]),
    seed=st.integers(0, 99),
)
def test_thin_objects_do_not_depend_on_chunks(
    tmp_path_factory, shape, offset, chunk, shard, factor, memory, workers, seed
):
    labels, folder = few_labels(shape, seed), tmp_path_factory.mktemp("thin")
    volume = ng.create(
        folder, shape=shape, dtype="uint64", type="segmentation", voxel_offset=offset, chunk_size=chunk,
        shard_size=shard, encoding="raw",
    )  # fmt: skip
    volume[...] = labels
    try:
        report = ng.build_pyramid(volume, levels=3, factor=factor, method="thin", memory=memory, workers=workers)
    except OptionError as error:
        if "no coarser scale" not in str(error) and "too little" not in str(error):
            raise
        return
    assert "method thin" in report.notes
    lo = offset
    for index in range(1, len(report.scales) + 1):
        labels = ng.downsample(labels, factor, "thin", origin=lo)
        stored = ng.open(folder, index)
        lo = stored.voxel_offset
        np.testing.assert_array_equal(stored[..., 0], labels)


def test_thin_keeps_labels_only(tmp_path):
    volume = ng.create(tmp_path / "v", shape=(40, 40, 40), dtype="float32", chunk_size=(16, 16, 16))
    volume[...] = 1
    with pytest.raises(OptionError, match="these voxels are float32"):
        ng.build_pyramid(volume, method="thin")
    assert len(ng.open(tmp_path / "v").scales) == 1


def test_a_method_that_is_none_is_named(tmp_path):
    volume = ng.create(tmp_path / "v", shape=(40, 40, 40), dtype="uint8", chunk_size=(16, 16, 16))
    with pytest.raises(OptionError, match=r"the method is one of mean, mode.*, thin, found .average."):
        ng.build_pyramid(volume, method="average")
