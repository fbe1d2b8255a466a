"""Whole conversions, judged by TensorStore and CloudVolume."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ngprecomp as ng
from ngprecomp.errors import ExistsError, MissingChunkError, NotFoundError, OptionError, SourceError
from tests.judges import (
    downsampled_by_tensorstore,
    open_with_tensorstore,
    read_with_cloudvolume,
    read_with_tensorstore,
)

if TYPE_CHECKING:
    from pathlib import Path

LABEL_BASE = 2**63


def blobs(shape, dtype, seed=0):
    """Regions of equal values, [x, y, z] or [x, y, z, channel]; labels of 2**63 and above for uint64."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 6, [-(-n // 5) for n in shape])
    values = coarse
    for axis in range(3):
        values = np.repeat(values, 5, axis)
    values = values[tuple(slice(n) for n in shape)].astype(dtype)
    if dtype == "uint64":
        values[values > 0] += np.uint64(LABEL_BASE)
    return values


def noise(shape, dtype, seed=0):
    rng = np.random.default_rng(seed)
    if dtype == "float32":
        return rng.normal(size=shape).astype(dtype)
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max, shape, dtype, endpoint=True)


def assert_pyramid(folder: Path, voxels, method: str, offset=(0, 0, 0)):
    """Scale 0 holds the voxels; every other scale is TensorStore's downsampling of the one before it."""
    scales = json.loads((folder / "info").read_text())["scales"]
    first = open_with_tensorstore(folder)
    assert first.domain.inclusive_min[:3] == tuple(offset)
    np.testing.assert_array_equal(first.read().result(), voxels.reshape(first.shape, order="F"))
    for index in range(1, len(scales)):
        fine, coarse = scales[index - 1]["resolution"], scales[index]["resolution"]
        factor = tuple(round(b / a) for a, b in zip(fine, coarse, strict=True))
        expected = downsampled_by_tensorstore(folder, index - 1, factor, method)
        stored = open_with_tensorstore(folder, index)
        assert stored.domain == expected.domain
        if voxels.dtype == np.float32 and method == "mean":
            np.testing.assert_allclose(stored.read().result(), expected.read().result(), rtol=0, atol=1e-5)
        else:
            np.testing.assert_array_equal(stored.read().result(), expected.read().result())
    return len(scales)


@settings(max_examples=40)
@given(
    shape=st.tuples(*[st.integers(1, 70)] * 3),
    offset=st.tuples(*[st.integers(-40, 40)] * 3),
    dtype=st.sampled_from(["uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "float32"]),
    channels=st.integers(1, 3),
    chunk=st.sampled_from([(8, 8, 8), (16, 8, 4), (7, 9, 5), (64, 64, 64)]),
    shard=st.sampled_from([None, (16, 16, 16), (32, 16, 8), (200, 200, 200)]),
    method=st.sampled_from(["mode", "mean", "median", "min", "max", "stride"]),
    factor=st.sampled_from([None, (2, 2, 1), (2, 2, 2), (3, 3, 1), (1, 1, 2), (4, 2, 1)]),
    memory=st.sampled_from(["600kB", "1GB"]),
    workers=st.sampled_from([1, 3]),
    seed=st.integers(0, 99),
)
def test_any_conversion_equals_tensorstore(
    tmp_path_factory, shape, offset, dtype, channels, chunk, shard, method, factor, memory, workers, seed
):
    voxels = np.stack([(blobs if seed % 2 else noise)(shape, dtype, seed + c) for c in range(channels)], axis=-1)
    folder = tmp_path_factory.mktemp("volume") / "out"
    needs = 60 * np.prod([c + 8 for c in chunk]) * voxels.dtype.itemsize * channels * workers * 16
    report = ng.convert(
        voxels.T,
        folder,
        axes="czyx",
        resolution=(4, 4, 20),
        voxel_offset=offset,
        chunk_size=chunk,
        shard_size=shard,
        encoding=None if np.dtype(dtype).name in ("uint32", "uint64") else "raw",
        type="image" if dtype != "uint64" else None,
        method=method,
        factor=factor,
        levels=3,
        memory=int(needs) if memory == "600kB" else memory,
        workers=workers,
    )
    count = assert_pyramid(folder, voxels, method, offset)
    assert count == len(report.scales)


@pytest.mark.parametrize("shard_size", [None, (32, 32, 32)])
@pytest.mark.parametrize("dtype", ["uint8", "uint64"])
def test_cloudvolume_reads_every_scale(tmp_path, dtype, shard_size):
    voxels = blobs((70, 50, 33), dtype) if dtype == "uint64" else noise((70, 50, 33), dtype)
    ng.convert(
        voxels.T, tmp_path / "out", axes="zyx", resolution=(8, 8, 8), chunk_size=(16, 16, 16), shard_size=shard_size
    )
    for index in range(len(ng.open(tmp_path / "out").scales)):
        np.testing.assert_array_equal(
            read_with_cloudvolume(tmp_path / "out", index), read_with_tensorstore(tmp_path / "out", index)
        )


def test_sharded_and_unsharded_hold_the_same_voxels(tmp_path):
    voxels = blobs((90, 60, 40), "uint64")
    for name, shard_size in (("plain", None), ("sharded", (64, 64, 64))):
        ng.convert(voxels.T, tmp_path / name, axes="zyx", chunk_size=(16, 16, 16), shard_size=shard_size)
    scales = ng.open(tmp_path / "plain").scales
    assert len(scales) > 2
    for index in range(len(scales)):
        np.testing.assert_array_equal(ng.open(tmp_path / "plain", index)[:], ng.open(tmp_path / "sharded", index)[:])


@pytest.mark.parametrize("shard_size", [None, (64, 64, 64), (32, 64, 16)])
def test_bytes_do_not_depend_on_memory_and_workers(tmp_path, shard_size):
    voxels = noise((100, 90, 80), "uint16")
    for name, memory, workers in (("a", "1GB", 1), ("b", "8MB", 2), ("c", "3MB", 1)):
        ng.convert(
            voxels.T,
            tmp_path / name,
            axes="zyx",
            chunk_size=(16, 16, 16),
            shard_size=shard_size,
            memory=memory,
            workers=workers,
        )
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*") if path.is_file())
    for other in ("b", "c"):
        assert files == sorted(
            path.relative_to(tmp_path / other) for path in (tmp_path / other).rglob("*") if path.is_file()
        )
        for name in files:
            if name.name != "provenance":
                assert (tmp_path / "a" / name).read_bytes() == (tmp_path / other / name).read_bytes(), name


def test_murmur_sharding_from_exact_json(tmp_path):
    voxels = blobs((60, 50, 40), "uint32")
    sharding = {
        "@type": "neuroglancer_uint64_sharded_v1",
        "hash": "murmurhash3_x86_128",
        "preshift_bits": 1,
        "minishard_bits": 2,
        "shard_bits": 3,
        "minishard_index_encoding": "gzip",
        "data_encoding": "gzip",
    }
    ng.convert(voxels.T, tmp_path / "out", axes="zyx", chunk_size=(8, 8, 8), sharding=sharding)
    assert ng.open(tmp_path / "out").scales[0]["sharding"] == sharding
    assert assert_pyramid(tmp_path / "out", voxels, "mode") == 4


def test_coarse_scales_of_a_lossy_volume_are_made_from_the_voxels(tmp_path):
    """Means of the source, then jpeg: not means of what jpeg has left of the source."""
    voxels = noise((128, 128, 64), "uint8")
    options = {"axes": "zyx", "chunk_size": (16, 16, 16), "workers": 1}
    ng.convert(voxels.T, tmp_path / "exact", **options)
    ng.convert(voxels.T, tmp_path / "jpeg", encoding="jpeg", jpeg_quality=90, **options)
    count = len(ng.open(tmp_path / "exact").scales)
    assert count == 4
    for index in range(count):
        exact = ng.open(tmp_path / "exact", index)[:].astype(int)
        lossy = ng.open(tmp_path / "jpeg", index)[:].astype(int)
        once = ng.create(f"memory://lossy/{index}", shape=exact.shape[:3], dtype="uint8", encoding="jpeg",
                         jpeg_quality=90, chunk_size=(16, 16, 16))  # fmt: skip
        once[...] = exact.astype("uint8")
        np.testing.assert_array_equal(lossy, once[...])


def test_hdf5_with_attributes_becomes_a_segmentation(tmp_path):
    labels = blobs((100, 80, 40), "uint64")
    with h5py.File(tmp_path / "cremi.h5", "w") as file:
        dataset = file.create_dataset(
            "volumes/labels/neuron_ids", data=labels.T, chunks=(16, 16, 16), compression="gzip"
        )
        dataset.attrs["resolution"] = (40.0, 4.0, 4.0)
        dataset.attrs["offset"] = (400.0, 80.0, -40.0)
    report = ng.convert(f"{tmp_path}/cremi.h5:volumes/labels/neuron_ids", tmp_path / "out")
    volume = ng.open(tmp_path / "out")
    assert volume.info["type"] == "segmentation"
    assert volume.scale.encoding == "compressed_segmentation"
    assert volume.scale.chunk_size == (128, 128, 16)
    assert volume.resolution == (4, 4, 40)
    assert volume.voxel_offset == (-10, 20, 10)
    np.testing.assert_array_equal(volume[..., 0], labels)
    assert any("axes zyx" in note for note in report.notes)
    assert any("type segmentation: uint64" in note for note in report.notes)


def test_small_labels_are_widened_and_images_are_not(tmp_path):
    labels = blobs((40, 40, 20), "uint16")
    ng.convert(labels.T, tmp_path / "labels", axes="zyx", type="segmentation")
    ng.convert(labels.T, tmp_path / "image", axes="zyx")
    assert ng.open(tmp_path / "labels").dtype == "uint32"
    assert ng.open(tmp_path / "image").dtype == "uint16"
    np.testing.assert_array_equal(ng.open(tmp_path / "labels")[..., 0], labels)


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        (blobs((20, 20, 20), "int64"), None, "uint64"),
        (blobs((20, 20, 20), "int64") - 1, None, "int32"),
        (blobs((20, 20, 20), "float64"), None, "float32"),
        (blobs((20, 20, 20), "uint8") > 2, None, "uint8"),
        (blobs((20, 20, 20), ">u2"), None, "uint16"),
        (blobs((20, 20, 20), "float64"), "uint8", "uint8"),
        (blobs((20, 20, 20), "float64") / 3, "float32", "float32"),
    ],
)
def test_types_the_viewer_lacks_are_converted_without_loss(tmp_path, values, dtype, expected):
    ng.convert(values.T, tmp_path / "out", axes="zyx", dtype=dtype)
    volume = ng.open(tmp_path / "out")
    assert volume.dtype == expected
    np.testing.assert_array_equal(volume[..., 0], values.astype(expected))


@pytest.mark.parametrize(
    ("values", "options", "error", "words"),
    [
        (np.full((8, 8, 8), 2**40) * -1, {}, SourceError, "do not all survive in int32"),
        (np.full((8, 8, 8), 0.1), {}, SourceError, "do not all survive in float32"),
        (np.full((8, 8, 8), 300), {"dtype": "uint8"}, SourceError, "do not all survive in uint8"),
        (np.zeros((8, 8, 8), complex), {}, SourceError, "complex128"),
        (np.zeros((8, 8, 8), "uint8"), {"dtype": "int64"}, OptionError, "int64"),
        (np.zeros((8, 8, 8), "uint8"), {"encoding": "compressed_segmentation"}, OptionError, "uint32 or uint64"),
        (np.zeros((8, 8, 8), "uint8"), {"encoding": "jpeg", "jpeg_quality": 101}, OptionError, "jpeg_quality"),
        (np.zeros((8, 8, 8), "uint8"), {"method": "average"}, OptionError, "mean, mode"),
        (np.zeros((8, 8, 8), "uint8"), {"levels": -1}, OptionError, "levels"),
        (np.zeros((8, 8, 8), "uint8"), {"factor": (1, 1, 1)}, OptionError, "factor"),
        (np.zeros((8, 8, 8), "uint8"), {"chunk_size": (0, 1, 1)}, OptionError, "chunk_size"),
        (np.zeros((8, 8, 8), "uint8"), {"chunk_size": (8, 8)}, OptionError, "chunk_size"),
        (np.zeros((8, 8, 8), "uint8"), {"factor": (2, 2)}, OptionError, "factor"),
        (np.zeros((8, 8, 8), "uint8"), {"resolution": (2, 2)}, OptionError, "resolution"),
        (np.zeros((8, 8, 8), "uint8"), {"shard_size": (0, 1, 1)}, OptionError, "shard_size"),
        (np.zeros((8, 8, 8), "uint8"), {"resolution": (0, 1, 1)}, OptionError, "resolution"),
        (np.zeros((8, 8, 8), "uint8"), {"memory": 10}, OptionError, "memory"),
        (np.zeros((8, 8, 8), "uint8"), {"memory": "lots"}, OptionError, "512MB"),
        (np.zeros((8, 8, 8), "uint8"), {"workers": -1}, OptionError, "workers"),
        (np.zeros((8, 8, 8), "uint8"), {"compress": "br"}, OptionError, "gzip"),
        (np.zeros((8, 8, 8), "uint8"), {"compress_level": 13}, OptionError, "0 to 12"),
        (np.zeros((8, 8, 8), "uint8"), {"type": "mask"}, OptionError, "segmentation"),
        (np.zeros((8, 8, 8), "uint8"), {"axes": "zyxc"}, (OptionError, SourceError), "axes"),
        (np.zeros((8, 8, 8), "uint8"), {"axes": None}, (OptionError, SourceError), "axes"),
        ("missing.h5:raw", {"axes": None}, NotFoundError, "missing.h5"),
    ],
)
def test_what_cannot_be_converted_leaves_nothing_behind(tmp_path, values, options, error, words):
    with pytest.raises(error, match=words):
        ng.convert(values, tmp_path / "out", **{"axes": "zyx", **options})
    assert not (tmp_path / "out").exists()


def test_a_failure_in_the_middle_leaves_whole_objects_and_the_journal(tmp_path):
    """The last voxel of the source does not survive in the type that all others suggest."""
    values = np.zeros((64, 32, 32))
    values[-1, -1, -1] = 0.1
    np.save(tmp_path / "a.npy", values)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("mine")
    options = {"chunk_size": 8, "memory": "600kB", "workers": 1}
    with pytest.raises(SourceError, match="survive") as failed:
        ng.convert(tmp_path / "a.npy", tmp_path / "out", **options)
    assert "the same command continues" in failed.value.__notes__[0]
    left = [path.name for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert {"notes.txt", "ngprecomp-journal.json", "0-8_0-8_0-8"} <= set(left)
    assert not [name for name in left if name.endswith(".tmp") or name == "info"]
    ng.convert(tmp_path / "a.npy", tmp_path / "out", **options, dtype="float32", overwrite=True)
    (tmp_path / "out" / "notes.txt").unlink()
    assert sorted(path.name for path in (tmp_path / "out").iterdir() if path.is_file()) == ["info", "provenance"]


def test_a_failure_before_the_first_object_leaves_nothing_behind(tmp_path):
    values = np.zeros((20, 20, 20))
    values[1, 1, 1] = 0.1
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("mine")
    with pytest.raises(SourceError, match="survive"):
        ng.convert(values, tmp_path / "out", axes="zyx", chunk_size=8)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["notes.txt"]


def test_an_existing_volume_is_replaced_only_when_asked(tmp_path):
    first, second = noise((40, 40, 40), "uint8", 1), noise((30, 30, 30), "uint8", 2)
    ng.convert(first.T, tmp_path / "out", axes="zyx", chunk_size=(8, 8, 8))
    (tmp_path / "out" / "notes.txt").write_text("mine")
    with pytest.raises(ExistsError, match="overwrite"):
        ng.convert(second.T, tmp_path / "out", axes="zyx", chunk_size=(16, 16, 16))
    np.testing.assert_array_equal(ng.open(tmp_path / "out")[..., 0], first)
    ng.convert(second.T, tmp_path / "out", axes="zyx", chunk_size=(16, 16, 16), overwrite=True)
    assert (tmp_path / "out" / "notes.txt").read_text() == "mine"
    assert assert_pyramid(tmp_path / "out", second, "mean") == 2
    assert len(list((tmp_path / "out" / "1_1_1").iterdir())) == 8


def test_zero_chunks_are_stored_unless_they_are_skipped(tmp_path):
    voxels = np.zeros((32, 32, 32), "uint8")
    voxels[:8, :8, :8] = 1
    stored = ng.convert(voxels.T, tmp_path / "all", axes="zyx", chunk_size=(8, 8, 8), levels=0)
    skipped = ng.convert(voxels.T, tmp_path / "few", axes="zyx", chunk_size=(8, 8, 8), levels=0, skip_empty=True)
    assert (stored.scales[0].chunks, stored.scales[0].skipped) == (64, 0)
    assert (skipped.scales[0].chunks, skipped.scales[0].skipped) == (1, 63)
    assert "63 all-zero chunks left out" in str(skipped)
    np.testing.assert_array_equal(ng.open(tmp_path / "few")[..., 0], voxels)
    np.testing.assert_array_equal(read_with_cloudvolume(tmp_path / "all")[..., 0], voxels)


def test_a_box_of_the_source(tmp_path):
    voxels = noise((40, 40, 40), "uint8")
    ng.convert(voxels.T, tmp_path / "out", axes="zyx", voxel_offset=(100, 0, -5), box=((110, 130), (0, 40), (0, 11)))
    volume = ng.open(tmp_path / "out")
    assert volume.box == ng.open(tmp_path / "out").box
    assert (volume.voxel_offset, volume.shape) == ((110, 0, 0), (20, 40, 11, 1))
    np.testing.assert_array_equal(volume[..., 0], voxels[10:30, :, 5:16])


def test_gzip_files_are_read_by_cloudvolume_and_by_us(tmp_path):
    labels = blobs((40, 40, 40), "uint64")
    ng.convert(labels.T, tmp_path / "out", axes="zyx", chunk_size=(16, 16, 16), compress="gzip", compress_level=9)
    assert all(path.suffix == ".gz" for path in (tmp_path / "out" / "1_1_1").iterdir())
    np.testing.assert_array_equal(read_with_cloudvolume(tmp_path / "out")[..., 0], labels)
    np.testing.assert_array_equal(ng.open(tmp_path / "out")[..., 0], labels)


@pytest.mark.parametrize("shard_size", [None, 16])
def test_exact_scales(tmp_path, shard_size):
    """Each is TensorStore's downsampling of the first; the mode of modes is not."""
    labels = np.random.default_rng(0).integers(0, 3, (40, 36, 20)).astype("uint64")
    options = {"axes": "zyx", "chunk_size": 8, "shard_size": shard_size, "voxel_offset": (1, 0, -3)}
    ng.convert(labels.T, tmp_path / "exact", exact=True, **options)
    count = len(ng.open(tmp_path / "exact").scales)
    assert count > 3
    for index in range(1, count):
        stored = open_with_tensorstore(tmp_path / "exact", index)
        factor = tuple(map(round, ng.open(tmp_path / "exact", index).resolution))
        expected = downsampled_by_tensorstore(tmp_path / "exact", 0, factor, "mode")
        inside = expected[stored.domain].read().result()
        np.testing.assert_array_equal(stored.read().result(), inside)
    step = json.loads((tmp_path / "exact" / "provenance").read_text())["processing"][0]
    assert step["method"]["exact"] is True


def test_the_plan_is_told_before_the_work(tmp_path):
    told = []

    class Listener:
        def announce(self, announcement):
            assert not (tmp_path / "out").exists()
            told.append(announcement)

        def __call__(self, done, total):
            told.append((done, total))

    labels = blobs((40, 40, 20), "uint64")
    ng.convert(labels.T, tmp_path / "out", axes="zyx", method="mean", chunk_size=16, memory="1GB", progress=Listener())
    first, second, *_ = told
    assert first.plan.startswith("32,000 voxels of 8 bytes, 3 scales, 23 chunks, memory 1 GB, ")
    assert any("labels that no voxel had" in remark for remark in first.remarks)
    assert second == (0, told[-1][1])


def test_holes_are_not_silent(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        dataset = file.create_dataset("raw", (32, 32, 32), np.uint8, chunks=(16, 16, 16))
        dataset[:16] = 7
    report = ng.convert(tmp_path / "a.h5", tmp_path / "out", chunk_size=16)
    assert any("4 chunks" in note and "never written" in note for note in report.notes)
    with pytest.raises(SourceError, match=r"4 chunks of .* were never written"):
        ng.convert(tmp_path / "a.h5", tmp_path / "other", chunk_size=16, missing="error")
    assert not (tmp_path / "other").exists()
    volume = ng.create(tmp_path / "few", shape=(32, 32, 32), dtype="uint8", chunk_size=(16, 16, 16))
    volume[:16] = 3
    assert "4 chunks of the source are absent" in str(ng.convert(volume, tmp_path / "filled", levels=0, chunk_size=32))
    with pytest.raises(MissingChunkError):
        ng.convert(volume, tmp_path / "other", missing="error")
    assert not (tmp_path / "other").exists()


def test_a_dry_run_writes_nothing(tmp_path):
    np.save(tmp_path / "a.npy", noise((40, 40, 40), "uint8"))
    forecast = ng.convert(tmp_path / "a.npy", tmp_path / "out", chunk_size=16, dry_run=True)
    assert "40x40x40" in str(forecast)
    assert [path.name for path in tmp_path.iterdir()] == ["a.npy"]


def test_the_source_is_read_once(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("raw", data=noise((96, 96, 96), "uint16"), chunks=(32, 32, 32), compression="gzip")
    report = ng.convert(tmp_path / "a.h5", tmp_path / "out", chunk_size=16, shard_size=64)
    assert (report.voxels, report.source_bytes) == (96**3, 2 * 96**3)
    assert report.source_bytes <= report.decoded_bytes <= 1.3 * report.source_bytes  # three samples are read twice
    assert report.files == sum(1 for path in (tmp_path / "out").rglob("*.shard"))
    assert f"884,736 voxels, 1.77 MB in (decoded {report.decoded_bytes / report.source_bytes:.2f} times)" in str(report)


def test_progress_reaches_the_total_in_order(tmp_path):
    seen = []
    ng.convert(
        noise((64, 64, 64), "uint8").T, tmp_path / "out", axes="zyx", chunk_size=(16, 16, 16), workers=1,
        progress=lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    assert seen == sorted(seen)
    assert seen[-1][0] == seen[-1][1]


def test_provenance_names_source_and_choices(tmp_path):
    np.save(tmp_path / "a.npy", noise((20, 20, 20), "uint8"))
    ng.convert(tmp_path / "a.npy", tmp_path / "out", chunk_size=16, workers=1)
    document = json.loads((tmp_path / "out" / "provenance").read_text())
    assert set(document) == {"description", "owners", "processing", "sources"}
    assert "a.npy" in document["sources"][0]
    assert document["processing"][0]["method"]["task"] == "convert"
    assert document["processing"][0]["method"]["options"] == {"chunk_size": [16, 16, 16]}


@pytest.mark.parametrize("given", ["path", "volume", "spec"])
def test_a_volume_is_a_source(tmp_path, given):
    labels = blobs((70, 50, 40), "uint64")
    ng.convert(labels.T, tmp_path / "a", axes="zyx", resolution=(4, 4, 40), voxel_offset=(-3, 5, 7), chunk_size=16)
    source = {
        "path": tmp_path / "a",
        "volume": ng.open(tmp_path / "a"),
        "spec": {"driver": "neuroglancer_precomputed", "kvstore": f"file://{tmp_path}/a/"},
    }[given]
    ng.convert(source, tmp_path / "b", chunk_size=(32, 32, 8), shard_size=(64, 64, 16), box=((0, 60), (5, 55), (7, 40)))
    volume = ng.open(tmp_path / "b")
    assert (volume.voxel_offset, volume.resolution) == ((0, 5, 7), (4, 4, 40))
    assert volume.info["type"] == "segmentation"
    assert assert_pyramid(tmp_path / "b", labels[3:63, :, :33], "mode", (0, 5, 7)) > 1


def test_a_volume_is_not_converted_into_itself(tmp_path):
    ng.convert(noise((20, 20, 20), "uint8").T, tmp_path / "a", axes="zyx")
    with pytest.raises(OptionError, match="both source and destination"):
        ng.convert(tmp_path / "a", tmp_path / "a", overwrite=True)
    with pytest.raises(OptionError, match="axes"):
        ng.convert(tmp_path / "a", tmp_path / "b", axes="zyx")
    assert ng.open(tmp_path / "a").shape == (20, 20, 20, 1)


def test_the_report_counts_what_stays(tmp_path):
    """Not the lossless copies that a lossy pyramid needs on its way."""
    options = {"axes": "zyx", "chunk_size": (16, 16, 16), "encoding": "jpeg"}
    report = ng.convert(noise((128, 128, 64), "uint8").T, tmp_path / "out", **options)
    for scale in report.scales:
        files = list((tmp_path / "out" / scale.key).iterdir())
        assert (scale.chunks, scale.nbytes) == (len(files), sum(path.stat().st_size for path in files))


def test_remarks_on_what_others_may_trip_over(tmp_path):
    labels = blobs((40, 40, 40), "uint64")
    report = ng.convert(labels.T, tmp_path / "out", axes="zyx", method="mean", compress="gzip", chunk_size=(16, 16, 16))
    assert any("labels that no voxel had" in note for note in report.notes)
    assert any("on a disk TensorStore reads compressed chunk files as zeros" in note for note in report.notes)
    sharded = ng.convert(labels.T, tmp_path / "shards", axes="zyx", compress="gzip", shard_size="always")
    assert not any("compressed chunk files" in note for note in sharded.notes)
    sharded = ng.convert(labels.T, tmp_path / "s", axes="zyx", shard_size=(32, 32, 32), chunk_size=(16, 16, 16))
    assert any("shards of 32 x 32 x 32 voxels, 8 in" in note for note in sharded.notes)


@pytest.mark.parametrize("shard_size", [None, 16])
def test_strides_that_begin_behind_the_first_voxel_lose_no_chunk(tmp_path, shard_size):
    """Coarser scales then end before the last chunks of the finer ones."""
    voxels = noise((65, 33, 17), "uint8")
    options = {"axes": "zyx", "chunk_size": 8, "voxel_offset": (1, -3, 5), "method": "stride", "levels": 3}
    ng.convert(voxels.T, tmp_path / "out", factor=(2, 2, 1), shard_size=shard_size, **options)
    assert assert_pyramid(tmp_path / "out", voxels, "stride", (1, -3, 5)) == 4


def test_png_of_a_narrow_border(tmp_path):
    voxels = noise((65, 64, 64), "uint8")
    ng.convert(voxels.T, tmp_path / "out", axes="zyx", encoding="png", chunk_size=64)
    assert assert_pyramid(tmp_path / "out", voxels, "mean") == 2


def test_fewer_levels_than_asked_are_remarked(tmp_path):
    report = ng.convert(noise((8, 8, 8), "uint8").T, tmp_path / "out", axes="zyx", levels=9)
    assert len(report.scales) == 4
    assert any("3 coarser scales, not 9" in note for note in report.notes)


def test_a_box_without_voxels_is_refused(tmp_path):
    with pytest.raises(OptionError, match="holds no voxel"):
        ng.convert(noise((8, 8, 8), "uint8").T, tmp_path / "out", axes="zyx", box=((3, 3), (0, 8), (0, 8)))


def test_an_open_file_is_a_source_and_no_spec(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["raw"] = noise((5, 6, 7), "uint8")
        ng.convert(file, tmp_path / "out")
    assert ng.open(tmp_path / "out").shape == (7, 6, 5, 1)
