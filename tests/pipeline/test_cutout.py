"""Cutouts: what is in the file is what is in the volume, and converting the file gives the box back."""

from __future__ import annotations

import os
import subprocess
import sys

import h5py
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageSequence

import ngprecomp as ng
from ngprecomp.errors import (
    ExistsError,
    MissingChunkError,
    NotFoundError,
    OptionError,
    OutOfBoundsError,
    SourceError,
    StorageError,
)
from ngprecomp.volume.handle import Volume
from tests.pipeline.test_convert import blobs, noise

SIZE, OFFSET, RESOLUTION = (90, 70, 45), (-20, 30, 7), (8, 8, 40)
BOX = ((-13, 60), (33, 95), (10, 51))
INSIDE = np.s_[7:80, 3:65, 3:44]
FILES = ["cut.tif", "cut.h5", "cut.npy", "cut.nii", "cut.nii.gz"]


def volume(where, voxels, **keywords):
    keywords = {"resolution": RESOLUTION, "voxel_offset": OFFSET, "chunk_size": (32, 32, 16), **keywords}
    made = ng.create(
        where, shape=voxels.shape[:3], dtype=voxels.dtype, num_channels=voxels.shape[3], exist="replace", **keywords
    )
    made[...] = voxels
    return made


def voxels_of(dtype, channels=1):
    make = noise if dtype in ("uint8", "uint16", "float32") else blobs
    return np.stack([make(SIZE, dtype) + np.dtype(dtype).type(channel) for channel in range(channels)], axis=3)


def converted(path, **keywords):
    """Return what converting a file gives."""
    ng.convert(path, "memory://cutout-back", overwrite=True, levels=0, **keywords)
    return ng.open("memory://cutout-back")


@pytest.mark.parametrize("memory", [None, "2MB"])
@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    ("dtype", "channels"), [("uint8", 1), ("uint16", 2), ("uint32", 1), ("uint64", 1), ("float32", 3), ("int32", 1)]
)
def test_round_trip(tmp_path, dtype, channels, name, memory):
    voxels = voxels_of(dtype, channels)
    report = ng.cutout(volume("memory://cutout", voxels), BOX, tmp_path / name, memory=memory)
    assert os.listdir(tmp_path) == [name]
    assert report.scales[0].nbytes == (tmp_path / name).stat().st_size
    assert report.scales[0].chunks == 3 * 3 * 3
    back = converted(tmp_path / name, type="image")
    assert back.dtype == dtype
    np.testing.assert_array_equal(np.asarray(back), voxels[INSIDE])
    if name != "cut.npy":
        np.testing.assert_allclose(back.resolution, RESOLUTION, rtol=1e-6)
        assert back.voxel_offset == (-13, 33, 10)


def test_labels_of_the_highest_bit(tmp_path):
    voxels = blobs(SIZE, "uint64")[..., np.newaxis] | np.uint64(2**63)
    vol = volume("memory://cutout", voxels, encoding="compressed_segmentation", type="segmentation")
    for name in FILES:
        ng.cutout(vol, BOX, tmp_path / name)
        np.testing.assert_array_equal(np.asarray(converted(tmp_path / name)), voxels[INSIDE])


@settings(max_examples=25)
@given(st.data())
def test_any_box_any_memory(tmp_path_factory, data):
    bounds = [
        sorted(data.draw(st.lists(st.integers(lo, lo + size), min_size=2, max_size=2, unique=True)))
        for lo, size in zip(OFFSET, SIZE, strict=True)
    ]
    channels, memory = data.draw(st.sampled_from([1, 2])), data.draw(st.integers(700_000, 4_000_000))
    voxels = voxels_of("uint32", channels)
    vol = volume(f"memory://cutout-{channels}", voxels)
    path = tmp_path_factory.mktemp("any") / data.draw(st.sampled_from(FILES))
    ng.cutout(vol, bounds, path, memory=memory)
    index = tuple(slice(lo - first, hi - first) for (lo, hi), first in zip(bounds, OFFSET, strict=True))
    np.testing.assert_array_equal(np.asarray(converted(path, type="image")), voxels[index])


@pytest.mark.parametrize("memory", [None, "1MB"])
@pytest.mark.parametrize("shard_size", [None, (64, 64, 32)])
def test_every_chunk_is_read_once(tmp_path, monkeypatch, memory, shard_size):
    from ngprecomp.volume import reading

    vol = volume(tmp_path / "volume", voxels_of("uint32"), shard_size=shard_size)
    read, original = [], reading.read_batch
    monkeypatch.setattr(reading, "read_batch", lambda place, at, *rest: read.extend(at) or original(place, at, *rest))
    for name in FILES:
        read.clear()
        ng.cutout(vol, BOX, tmp_path / name, memory=memory)
        assert len(read) == len(set(read)) == 27


def test_the_seeds_cutout(tmp_path):
    """The second command line of the ndm example: a box of labels as uint32 pages that Pillow opens."""
    voxels = blobs((256, 256, 32), "uint32")
    vol = volume(tmp_path / "volume", voxels[..., np.newaxis], voxel_offset=(0, 0, 0), type="segmentation")
    ng.cutout(vol, ((64, 192), (64, 192), (16, 32)), tmp_path / "cut.tif")
    with Image.open(tmp_path / "cut.tif") as image:
        pages = [np.array(page).view("uint32") for page in ImageSequence.Iterator(image)]
    np.testing.assert_array_equal(np.stack(pages), voxels[64:192, 64:192, 16:32].T)


def test_the_box_in_other_voxels_and_lengths(tmp_path):
    voxels = voxels_of("uint8")
    vol = volume(tmp_path / "volume", voxels)
    ng.build_pyramid(vol, levels=1, factor=(2, 2, 1), method="stride")
    want = np.asarray(ng.open(tmp_path / "volume", 1)[-5:20, 16:40, 10:30])[..., 0].T
    boxes = [
        (((-5, 20), (16, 40), (10, 30)), {"scale": 1}),
        (((-5, 20), (16, 40), (10, 30)), {"scale": "16_16_40", "at": 1}),
        (((-10, 40), (32, 80), (10, 30)), {"scale": (16, 16, 40), "at": (8, 8, 40)}),
        (((-10, 40), (32, 80), (10, 30)), {"scale": 1, "at": "8_8_40"}),
        (((-80, 320), (256, 640), (400, 1200)), {"scale": 1, "units": "nm"}),
        (((-0.08, 0.32), (0.256, 0.64), (0.4, 1.2)), {"scale": 1, "units": "um"}),
    ]
    for source in (tmp_path / "volume", ng.open(tmp_path / "volume")):
        for box, keywords in boxes:
            report = ng.cutout(source, box, tmp_path / "cut.npy", overwrite=True, **keywords)
            np.testing.assert_array_equal(np.load(tmp_path / "cut.npy"), want)
            assert "box -5:20,16:40,10:30 (x, y, z) of scale 1 (16_16_40)" in str(report)
    report = ng.cutout(tmp_path / "volume", ((-9, 39), (33, 79), (10, 30)), tmp_path / "c.npy", scale=1, at=0)
    np.testing.assert_array_equal(np.load(tmp_path / "c.npy"), want)
    assert "rounded outward to -5:20,16:40,10:30" in str(report)


def test_the_whole_volume(tmp_path):
    voxels = voxels_of("uint8")
    ng.cutout(volume("memory://cutout", voxels), None, tmp_path / "all.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "all.npy"), voxels[..., 0].T)


def test_absent_chunks_are_counted_or_refused(tmp_path):
    voxels = voxels_of("uint8")
    voxels[:32] = 0
    vol = volume(tmp_path / "volume", voxels)  # what is zero is not stored
    report = ng.cutout(vol, BOX, tmp_path / "cut.tif")
    assert report.absent == 9
    assert "9 chunks of the source are absent and were read as zeros" in str(report)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "cut.tif"), voxels[INSIDE][..., 0].T)
    for name in FILES:
        with pytest.raises(MissingChunkError):
            ng.cutout(vol, BOX, tmp_path / f"other-{name}", missing="error")
    assert sorted(os.listdir(tmp_path)) == ["cut.tif", "volume"]


@pytest.mark.parametrize("memory", [None, "2MB"])
@pytest.mark.parametrize("name", FILES)
def test_a_failure_in_the_middle_leaves_nothing(tmp_path, monkeypatch, name, memory):
    vol = volume("memory://cutout", voxels_of("uint32"))
    read = Volume.read

    def fail_at_last(self, box, missing=None):
        if box.hi[2] == 51:
            raise OSError("the disk is gone")
        return read(self, box, missing)

    (tmp_path / name).write_text("what was there")
    monkeypatch.setattr("ngprecomp.pipeline.sinks.slabs.LARGE", 1)
    monkeypatch.setattr(Volume, "read", fail_at_last)
    with pytest.raises(OSError, match="the disk is gone"):
        ng.cutout(vol, BOX, tmp_path / name, overwrite=True, memory=memory)
    assert os.listdir(tmp_path) == [name]
    assert (tmp_path / name).read_text() == "what was there"


def test_a_file_is_replaced_only_if_asked(tmp_path):
    vol = volume("memory://cutout", voxels_of("uint8"))
    ng.cutout(vol, BOX, f"{tmp_path}/cut.h5:raw")
    with pytest.raises(ExistsError, match="overwrite replaces the whole file"):
        ng.cutout(vol, BOX, f"{tmp_path}/cut.h5:labels")
    ng.cutout(vol, BOX, f"{tmp_path}/cut.h5:labels", overwrite=True)
    with h5py.File(tmp_path / "cut.h5") as file:
        assert list(file) == ["labels"]
    (tmp_path / "folder.tif").mkdir()
    with pytest.raises(StorageError, match="is a folder"):
        ng.cutout(vol, BOX, tmp_path / "folder.tif", overwrite=True)


def test_another_data_type_if_every_value_survives(tmp_path):
    voxels = voxels_of("uint64") % np.uint64(256)
    vol = volume("memory://cutout", voxels)
    report = ng.cutout(vol, BOX, tmp_path / "cut.tif", dtype="uint8")
    assert "data type uint8: as asked, every uint64 survives" in str(report)
    assert tifffile.imread(tmp_path / "cut.tif").dtype == "uint8"
    vol[0, 40, 20] = 256
    with pytest.raises(SourceError, match=r"at -13:60,33:95,10:51 holds uint64 values from \d+ to 256, which do not"):
        ng.cutout(vol, BOX, tmp_path / "other.tif", dtype="uint8")
    ng.cutout(vol, BOX, tmp_path / "other.npy", dtype=">i4", memory="2MB")
    assert np.load(tmp_path / "other.npy").dtype == np.dtype("int32")
    for wrong in ("complex64", "bool", "mesh", "longdouble"):
        with pytest.raises(OptionError, match="dtype"):
            ng.cutout(vol, BOX, tmp_path / "third.npy", dtype=wrong)


def test_progress_counts_voxels(tmp_path):
    vol = volume("memory://cutout", voxels_of("uint8"))
    for name in FILES:
        told = []
        ng.cutout(vol, BOX, tmp_path / name, memory="300kB", progress=lambda *state: told.append(state))  # noqa: B023
        total = 73 * 62 * 41
        assert [after for _, after in told] == [total] * len(told)
        assert [done for done, _ in told] == sorted({done for done, _ in told})
        assert told[-1] == (total, total)
        assert len(told) > 3


@pytest.mark.parametrize(
    ("arguments", "keywords", "error", "message"),
    [
        ((BOX, "cut.tif"), {"scale": 7}, NotFoundError, "7"),
        ((BOX, "cut.tif"), {"scale": "other"}, NotFoundError, "no scale has key 'other'"),
        ((BOX, "cut.tif"), {"missing": "blank"}, OptionError, 'missing is "zero" or "error"'),
        ((BOX, "cut.tif"), {"memory": "20kB"}, OptionError, r"chunks of \(32, 32, 16\) voxels need \d+ bytes"),
        ((BOX, "cut.tif"), {"workers": -1}, OptionError, "workers"),
        ((BOX, "cut.png"), {}, OptionError, "names no format"),
        (((BOX[0], BOX[1], (0, 20)), "cut.tif"), {}, OutOfBoundsError, "leaves the domain -20:70,30:100,7:52"),
    ],
)
def test_mistakes_are_found_before_anything_is_written(tmp_path, monkeypatch, arguments, keywords, error, message):
    monkeypatch.chdir(tmp_path)
    for source in (volume("memory://cutout", voxels_of("uint8")), "memory://cutout"):
        with pytest.raises(error, match=message):
            ng.cutout(source, *arguments, **keywords)
    assert os.listdir(tmp_path) == []


def test_larger_than_memory(tmp_path):
    """A cutout of 100 MB with 12 MB: the peak is that of the process plus what was allowed, and a little."""
    code = f"""
import resource, sys
import numpy as np, ngprecomp as ng
import ngprecomp.pipeline.sinks.tiff
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
vol = ng.create("{tmp_path}/volume", shape=(768, 512, 64), dtype="uint32", encoding="raw", chunk_size=(64, 64, 32))
for z in range(0, 64, 8):
    vol[:, :, z:z + 8] = np.arange(768 * 512 * 8, dtype="uint32").reshape(768, 512, 8) + z
ng.cutout(vol, ((0, 64), (0, 64), (0, 32)), "{tmp_path}/warm.tif")
before = peak()
ng.cutout(vol, None, "{tmp_path}/cut.tif", memory="12MB", compression="none")
print((peak() - before) // 1024, ng.open("{tmp_path}/volume")[700, 500, 60, 0])
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    above, value = map(int, run.stdout.split())
    assert above < 30
    pages = tifffile.imread(tmp_path / "cut.tif")
    assert pages.shape == (64, 512, 768)
    assert pages[60, 500, 700] == value
