"""Coarser scales made anew over a box: as if the whole pyramid had been made anew."""

from __future__ import annotations

import json
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ngprecomp as ng
from ngprecomp.errors import MissingChunkError, OptionError, OutOfBoundsError
from tests.pipeline.test_convert import blobs, noise


def files(folder):
    """Return every file but the provenance, which holds dates, and the first scale, whose zeros are not stored."""
    paths = (path for path in folder.rglob("*") if path.is_file() and path.name != "provenance")
    paths = (path for path in paths if path.parent.name != "4_4_4")
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def made(folder, voxels, offset=(0, 0, 0), *, levels=3, factor=(2, 2, 2), method="mode", exact=False, **storage):
    """Make a volume and its pyramid from [x, y, z, channel]."""
    volume = ng.create(
        folder, shape=voxels.shape[:3], num_channels=voxels.shape[3], dtype=voxels.dtype, voxel_offset=offset,
        resolution=(4, 4, 4), **{"encoding": "raw", "chunk_size": (8, 8, 8), **storage},
    )  # fmt: skip
    volume[...] = voxels
    ng.build_pyramid(volume, levels=levels, factor=factor, method=method, exact=exact)
    return volume


boxes = st.tuples(*[st.tuples(st.integers(0, 59), st.integers(1, 30))] * 3)


@settings(max_examples=30, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 60)] * 3),
    offset=st.tuples(*[st.integers(-30, 30)] * 3),
    box=boxes,
    dtype=st.sampled_from(["uint8", "uint64"]),
    channels=st.integers(1, 2),
    chunk=st.sampled_from([(8, 8, 8), (16, 16, 4), (7, 9, 5)]),
    shard=st.sampled_from([None, (16, 16, 16), (200, 200, 200)]),
    method=st.sampled_from(["mode", "mean", "stride", "thin", "exact"]),
    factor=st.sampled_from([(2, 2, 1), (2, 2, 2)]),
    workers=st.sampled_from([1, 3]),
    seed=st.integers(0, 99),
)
def test_any_box_equals_a_whole_new_pyramid(
    tmp_path_factory, shape, offset, box, dtype, channels, chunk, shard, method, factor, workers, seed
):
    folder, fresh = tmp_path_factory.mktemp("volume"), tmp_path_factory.mktemp("fresh")
    voxels = np.stack([(blobs if seed % 2 else noise)(shape, dtype, seed + c) for c in range(channels)], axis=-1)
    options = {"factor": factor, "method": "mode" if method == "exact" else method, "exact": method == "exact"}
    storage = {"chunk_size": chunk, "shard_size": shard}
    try:
        volume = made(folder, voxels, offset, **options, **storage)
    except OptionError as error:
        if "no coarser scale" not in str(error):
            raise
        return
    inner = [(min(lo, n - 1), min(lo + size, n)) for (lo, size), n in zip(box, shape, strict=True)]
    here = tuple(slice(lo, hi) for lo, hi in inner)
    voxels[here] = noise((*(hi - lo for lo, hi in inner), channels), dtype, seed + 7)
    made(fresh, voxels, offset, **options, **storage)
    absolute = tuple((lo + o, hi + o) for (lo, hi), o in zip(inner, offset, strict=True))
    volume[tuple(slice(*pair) for pair in absolute)] = voxels[here]
    report = ng.build_pyramid(volume, box=absolute, workers=workers, memory="20MB")
    assert files(folder) == files(fresh)
    assert "from provenance" in "".join(report.notes)


@pytest.mark.parametrize("shard_size", [None, (32, 32, 32)])
def test_only_what_the_box_reaches_is_written(tmp_path, shard_size):
    volume = made(tmp_path / "v", noise((128, 64, 64, 1), "uint8"), method="mean", shard_size=shard_size)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "v").rglob("*") if path.is_file()}
    volume[3:5, 3:5, 3:5] = 9
    report = ng.build_pyramid(volume, box=((3, 5), (3, 5), (3, 5)))
    assert [scale.chunks for scale in report.scales] == [1, 1, 1]
    after = {path: path.stat().st_mtime_ns for path in before}
    changed = {path.parent.name for path in before if after[path] != before[path] and path.name != "provenance"}
    assert changed == {"4_4_4", "8_8_8", "16_16_16", "32_32_32"}
    count = sum(after[path] != before[path] for path in before)
    assert count == 5  # one file of each scale, and the provenance
    assert report.read_bytes == 3 * 16**3 if shard_size is None else report.read_bytes > 0


def test_a_coarser_scale_may_have_changed(tmp_path):
    voxels = blobs((64, 64, 64, 1)[:3], "uint64")[..., np.newaxis]
    volume = made(tmp_path / "v", voxels)
    second = ng.open(tmp_path / "v", 1)
    second[10:20, :, 30:] = 5
    report = ng.build_pyramid(second, box=((10, 20), (0, 32), (30, 32)))
    assert [scale.key for scale in report.scales] == ["16_16_16", "32_32_32"]
    for index in (2, 3):
        finer = np.asarray(ng.open(tmp_path / "v", index - 1))
        np.testing.assert_array_equal(ng.open(tmp_path / "v", index), ng.downsample(finer, (2, 2, 2)))
    with pytest.raises(OptionError, match="first scale"):
        ng.build_pyramid(second, box=((10, 20), (0, 32), (30, 32)), exact=True)
    np.testing.assert_array_equal(volume, voxels)
    ng.build_pyramid(volume, exact=True, overwrite=True)
    report = ng.build_pyramid(second, box=((10, 20), (0, 32), (30, 32)))
    assert "method mode: from provenance" in report.notes  # from this scale: nothing of it is in an exact one


def test_the_method_is_that_of_the_provenance_or_the_usual_one(tmp_path):
    volume = made(tmp_path / "v", noise((32, 32, 32, 1), "uint8"), method="max")
    box = ((0, 8), (0, 8), (0, 8))
    assert "method max: from provenance" in ng.build_pyramid(volume, box=box).notes
    assert "method min: as asked" in ng.build_pyramid(volume, box=box, method="min").notes
    assert "method max: from provenance" in ng.build_pyramid(volume, box=box).notes
    for text in ("{}", "[]", "no JSON", '{"processing": [1, {"method": "a"}]}', '{"processing": [{"method": {}}]}'):
        (tmp_path / "v" / "provenance").write_text(text)
        assert "method mean: the usual one for type image" in ng.build_pyramid(volume, box=box).notes


def test_convert_is_remembered_too(tmp_path):
    ng.convert(noise((64, 64, 64), "uint8").T, tmp_path / "v", axes="zyx", chunk_size=(16, 16, 16), method="median")
    report = ng.build_pyramid(tmp_path / "v", box=((0, 8), (0, 8), (0, 8)))
    assert "method median: from provenance" in report.notes


def test_lossy_scales_are_said_to_be_made_from_decoded_voxels(tmp_path):
    volume = made(tmp_path / "v", noise((32, 32, 32, 1), "uint8"), method="mean", encoding="jpeg")
    assert "decoded lossy" in str(ng.build_pyramid(volume, box=((0, 8), (0, 8), (0, 8))))


def test_empty_scales_stay_empty(tmp_path):
    common = {"voxel_offset": [0, 0, 0], "encoding": "raw", "chunk_sizes": [[8, 8, 8]]}
    scales = [
        {**common, "key": str(k), "size": [32 >> k] * 3, "resolution": [2 << k] * 3} for k in range(3)
    ]  # fmt: skip
    info = {"type": "image", "data_type": "uint8", "num_channels": 1, "scales": scales}
    (tmp_path / "info").write_text(json.dumps(info))
    ng.open(tmp_path)[...] = 4
    report = ng.build_pyramid(tmp_path, box=((0, 8), (0, 8), (0, 8)))
    assert report.scales == ()
    assert "nothing to do: no coarser scale holds a chunk over the box" in str(report)
    assert not (tmp_path / "1").exists()
    assert not (tmp_path / "provenance").exists()
    ng.build_pyramid(tmp_path, levels=1)
    report = ng.build_pyramid(tmp_path, box=((0, 8), (0, 8), (0, 8)))
    assert [scale.key for scale in report.scales] == ["1"]
    assert "scales 2 hold no chunk and stay empty" in report.notes


def test_every_copy_of_a_scale_is_made(tmp_path):
    common = {"voxel_offset": [0, 0, 0], "encoding": "raw", "chunk_sizes": [[8, 8, 8], [32, 32, 1]]}
    scales = [{**common, "key": str(k), "size": [32 >> k] * 3, "resolution": [2 << k] * 3} for k in range(3)]
    info = {"type": "image", "data_type": "uint8", "num_channels": 1, "scales": scales}
    voxels = noise((32, 32, 32, 1), "uint8")
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        folder.mkdir()
        (folder / "info").write_text(json.dumps(info))
        ng.open(folder)[...] = voxels
        ng.build_pyramid(folder)
        voxels[3:9] = 200
    assert "0-16_0-16_3-4" in {path.name for path in (folders[0] / "1").iterdir()}
    ng.open(folders[0])[3:9] = 200
    ng.build_pyramid(folders[0], box=((3, 9), (0, 32), (0, 32)))
    assert files(folders[0]) == files(folders[1])


def test_zeros_and_absent_chunks(tmp_path):
    volume = made(tmp_path / "v", noise((32, 32, 32, 1), "uint8") // 2 + 1, method="mean")
    volume[:16] = 0
    box = ((0, 16), (0, 32), (0, 32))
    assert ng.build_pyramid(volume, box=box, skip_empty=True).scales[0].skipped == 4
    assert len(list((tmp_path / "v" / "8_8_8").iterdir())) == 4
    report = ng.build_pyramid(volume, box=box)
    assert [scale.chunks for scale in report.scales] == [4, 1, 1]
    assert report.absent == 32
    with pytest.raises(MissingChunkError):
        ng.build_pyramid(volume, box=box, missing="error")


@pytest.mark.parametrize("shard_size", [None, (32, 32, 32)])
def test_two_writers_whose_boxes_share_chunks(tmp_path, shard_size):
    """Whoever comes second sees both changes: reading and writing happen under one lock."""
    voxels = noise((64, 16, 16, 1), "uint8")
    volume = made(tmp_path / "v", voxels, method="mean", shard_size=shard_size)

    def change(x):
        for value in range(6):
            ng.open(tmp_path / "v")[x : x + 8] = value
            ng.build_pyramid(tmp_path / "v", box=((x, x + 8), (0, 16), (0, 16)), workers=1)

    writers = [threading.Thread(target=change, args=(x,)) for x in (0, 8, 40)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    for index in (1, 2, 3):
        finer = np.asarray(ng.open(tmp_path / "v", index - 1))
        np.testing.assert_array_equal(ng.open(tmp_path / "v", index), ng.downsample(finer, (2, 2, 2), "mean"))
    np.testing.assert_array_equal(volume[0:16], 5)


def test_what_is_refused(tmp_path):
    volume = made(tmp_path / "v", noise((64, 64, 64, 1), "uint8"), method="mean", chunk_size=(32, 32, 32))
    with pytest.raises(OutOfBoundsError):
        ng.build_pyramid(volume, box=((0, 65), (0, 1), (0, 1)))
    with pytest.raises(OptionError, match="levels and factor are for new scales"):
        ng.build_pyramid(volume, box=((0, 6), (0, 1), (0, 1)), levels=2)
    with pytest.raises(OptionError, match="too little"):
        ng.build_pyramid(volume, box=((0, 6), (0, 1), (0, 1)), memory=70_000, workers=1)
