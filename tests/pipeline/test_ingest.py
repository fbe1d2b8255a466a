"""Ingest: any source, any place, any mode, and nothing touched that is not meant."""

from __future__ import annotations

import json
import uuid
from concurrent.futures import ThreadPoolExecutor

import h5py
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

import ngprecomp as ng
from ngprecomp.errors import (
    MissingChunkError,
    NotFoundError,
    OptionError,
    OutOfBoundsError,
    SourceError,
)
from ngprecomp.format.box import Box
from ngprecomp.format.grid import Grid, positions_in
from ngprecomp.format.sharding import chunks_per_shard
from ngprecomp.pipeline.ingestion.write_units import Reading, object_shape, write_units
from ngprecomp.volume import writing
from tests.judges import read_with_cloudvolume, read_with_tensorstore
from tests.naive.combining import MODES, combined
from tests.strategies import seeds
from tests.volume.shadows import creations

BIG = 2**63


def labels(shape, seed=0, dtype=np.uint64):
    """Return blocks of labels [z, y, x], zeros and labels of 2**63 and above among them."""
    top = np.iinfo(dtype).max
    values = np.array([0, 1, 2, top, top - 5, top // 2 + 1], dtype)
    return values[np.random.default_rng(seed).integers(0, len(values), shape)]


def stored_bytes(vol):
    store = vol.place.store
    return {key: store.get(key).data for key in store.list()}


@pytest.fixture
def volume(tmp_path):
    """Return a volume of labels with an odd offset and chunks cut at its ends."""
    vol = ng.create(
        tmp_path / "volume", shape=(40, 30, 20), dtype="uint64", resolution=(8, 8, 40), voxel_offset=(-5, 7, 100),
        encoding="compressed_segmentation", chunk_size=(16, 16, 8),
    )  # fmt: skip
    vol[...] = labels((20, 30, 40)).T
    return vol


@st.composite
def part_of(draw, vol):
    """Draw a box of at least one voxel in a volume."""
    ranges = [draw(st.tuples(st.integers(lo, hi - 1), st.integers(lo, hi - 1)))
              for lo, hi in zip(vol.box.lo, vol.box.hi, strict=True)]  # fmt: skip
    return tuple((min(pair), max(pair) + 1) for pair in ranges)


@settings(max_examples=40)
@given(creations(min_side=1), st.sampled_from(["overwrite", *MODES]), seeds, st.data())
def test_equals_the_naive_twin(creation, mode, seed, data):
    vol = ng.create(f"memory://{uuid.uuid4().hex}", **creation)
    rng = np.random.default_rng(seed)

    def random(shape):
        if vol.dtype.kind == "f":
            return rng.choice(np.array([0, 1.5, -2.5], np.float32), shape)
        limits = np.iinfo(vol.dtype)
        return rng.choice(np.array([0, 0, 1, limits.min, limits.max, limits.max // 2 + 1], vol.dtype), shape)

    shadow = random(vol.shape)
    vol[...] = shadow
    box = data.draw(part_of(vol))
    at = tuple(slice(lo - first, hi - first) for (lo, hi), first in zip(box, vol.voxel_offset, strict=True))
    new = random(shadow[at].shape)
    report = ng.ingest(new, vol, [lo for lo, _ in box], axes="xyzc", mode=mode, workers=2)
    if mode == "overwrite":
        shadow[at], conflicts = new, None
    else:
        shadow[at], conflicts = combined(shadow[at], new, mode)
    assert report.conflicts == conflicts
    np.testing.assert_array_equal(vol[...], shadow)
    if mode != "add":
        ng.ingest(new, vol, [lo for lo, _ in box], axes="xyzc", mode=mode)
        np.testing.assert_array_equal(vol[...], shadow)
    vol.place.store.delete(vol.place.store.list())


@settings(max_examples=40)
@given(creations(max_side=40, min_side=1, far=False), st.integers(1, 9), st.integers(0, 14), st.data())
def test_units_share_no_object_and_fit(creation, block, doublings, data):
    vol = ng.create(f"memory://{uuid.uuid4().hex}", **creation)
    ((x0, x1), (y0, y1), (z0, z1)) = data.draw(part_of(vol))
    box = Box((x0, y0, z0), (x1, y1, z1))
    reading = Reading(3, (block, 1, 30 // block))
    overhead = 6 * np.prod(vol.scale.chunk_size) * vol.dtype.itemsize * vol.shape[3] + 3 * block * (30 // block)
    sharding, whole = vol.scale.sharding, object_shape(vol.place)
    hashed = sharding is not None and chunks_per_shard(sharding, vol.scale.grid.shape) is None
    least = 3 * np.prod(np.minimum(whole if hashed else vol.scale.chunk_size, box.size)) + overhead
    with pytest.raises(OptionError, match=f"is too little.* need {least} bytes"):
        write_units(vol.place, box, reading, memory=int(least) - 1, workers=1)
    memory = int(least) << doublings
    seen = np.zeros(box.size, int)
    owner = {}
    objects = Grid(vol.box, whole)
    for number, unit in enumerate(write_units(vol.place, box, reading, memory=memory, workers=1)):
        for part in unit:
            seen[part.relative_to(box.lo).slices] += 1
            assert np.prod(part.size) * 3 + overhead <= memory
            for position in positions_in(objects.touched(part)):
                assert owner.setdefault(position, number) == number
            whole_chunks = vol.scale.grid.cells(vol.scale.grid.touched(part))
            assert part == whole_chunks.intersection(box)
        assert len(unit) == 1 or max(objects.touched(unit[0].hull(unit[-1])).size) == 1
    assert (seen == 1).all()
    vol.place.store.delete(vol.place.store.list())


def test_pages_are_not_decoded_again_and_again(tmp_path):
    """Where a source decodes whole pages, units grow along them first."""
    vol = ng.create(tmp_path / "v", shape=(512, 512, 64), dtype="uint8", chunk_size=(64, 64, 16))
    image = np.random.default_rng(0).integers(0, 255, (64, 512, 512), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", image, compression="zlib", photometric="minisblack")
    report = ng.ingest(tmp_path / "a.tif", vol, (0, 0, 0), memory="12MB", workers=1)
    assert report.decoded_bytes == report.source_bytes == image.size
    np.testing.assert_array_equal(vol[..., 0].T, image)


@pytest.mark.parametrize("memory", ["100MB", "600kB", "60kB"])
def test_each_shard_is_merged_once(tmp_path, monkeypatch, memory):
    creation = {"shape": (64, 64, 64), "dtype": "uint32", "chunk_size": (8, 8, 8), "shard_size": (32, 32, 32)}
    vol = ng.create(tmp_path / "v", **creation)
    vol[...] = 9
    merged = []
    monkeypatch.setattr(writing, "merge_shard", lambda *given, **more: merged.append(given[1]) or real(*given, **more))
    new = labels((50, 20, 64), dtype=np.uint32)
    report = ng.ingest(new, vol, (0, 30, 3), axes="zyx", mode="nonzero", memory=memory, workers=1)
    assert report.decoded_bytes == report.source_bytes
    assert sorted(merged) == list(range(8))
    expected = np.full((64, 64, 64), 9, np.uint32)
    expected[3:53, 30:50] = np.where(new, new, 9)
    np.testing.assert_array_equal(vol[..., 0].T, expected)
    twin = ng.create(f"memory://{uuid.uuid4().hex}", **creation)
    twin[...] = expected.T[..., np.newaxis]
    made, meant = stored_bytes(vol), stored_bytes(twin)
    assert {key: made[key] for key in made if key.endswith(".shard")} == {k: meant[k] for k in meant if k != "info"}


def test_a_shard_in_which_nothing_changes_is_not_rewritten(tmp_path):
    vol = ng.create(tmp_path / "v", shape=(32, 32, 32), dtype="uint8", chunk_size=(8, 8, 8), shard_size=(32, 32, 32))
    vol[...] = 9
    [shard] = (tmp_path / "v").rglob("*.shard")
    before = shard.stat()
    for mode in ("add", "max", "nonzero"):
        assert ng.ingest(np.zeros((9, 9, 9), np.uint8), vol, (3, 3, 3), axes="zyx", mode=mode).scales[0].chunks == 0
    assert shard.stat() == before


real = writing.merge_shard


def test_sources_of_all_kinds(tmp_path, volume):
    new = labels((4, 10, 12), seed=1)
    expected = volume[...]
    expected[6:18, 2:12, 10:14, 0] = new.T
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["cut"] = new
        file["cut"].attrs["resolution"] = [40.0, 8.0, 8.0]
        file["cut"].attrs["offset"] = [110 * 40.0, 9 * 8.0, 8.0]
    np.save(tmp_path / "a.npy", new)
    other = ng.create(
        tmp_path / "other", shape=(12, 10, 4), dtype="uint64", resolution=(8, 8, 40), voxel_offset=(1, 9, 110)
    )
    other[...] = new.T
    before = volume[...]
    for source, options in [
        (f"{tmp_path}/a.h5:cut", {}),
        (tmp_path / "a.npy", {"offset": (1, 9, 110)}),
        (other, {}),
        (str(other.url), {"offset": np.array([1, 9, 110])}),
        (new, {"axes": "zyx", "offset": (1, 9, 110)}),
        (new.T, {"axes": "xyz", "offset": (1, 9, 110)}),
    ]:
        volume[...] = before
        report = ng.ingest(source, str(tmp_path / "volume"), **options)
        np.testing.assert_array_equal(volume[...], expected)
        assert "box 1:13,9:19,110:114 of scale 8_8_40" in report.notes


def test_part_of_a_source(volume):
    new = labels((30, 30, 60), seed=2)
    expected = volume[...]
    expected[:, 3:8, 4:6, 0] = new.T[5:45, 13:18, 4:6]
    report = ng.ingest(new, volume, (-10, -3, 100), axes="zyx", box=((-5, 35), (10, 15), (104, 106)))
    np.testing.assert_array_equal(volume[...], expected)
    assert report.voxels == 40 * 5 * 2


def test_absent_chunks_of_a_source_volume(tmp_path, volume):
    other = ng.create(
        tmp_path / "other", shape=(32, 16, 8), dtype="uint64", resolution=(8, 8, 40), voxel_offset=(0, 8, 100),
        chunk_size=(16, 16, 8),
    )  # fmt: skip
    other[:16] = 5
    with pytest.raises(MissingChunkError):
        ng.ingest(other, volume, missing="error")
    assert ng.ingest(other, volume).absent == 1
    assert (volume[0:16, 8:24, 100:108] == 5).all()
    assert not volume[16:32, 8:24, 100:108].any()


def test_coarser_voxels_of_another_scale(tmp_path):
    vol = ng.create(tmp_path / "v", shape=(64, 64, 64), dtype="uint8", resolution=(4, 4, 4), chunk_size=(16, 16, 16))
    vol[...] = 3
    ng.build_pyramid(vol, levels=2)
    finest = vol[...]
    ng.ingest(np.full((4, 4, 4), 9, np.uint8), vol, (1, 2, 3), axes="zyx", scale="8_8_8", pyramid=False)
    half = ng.open(vol.url, "8_8_8")
    assert (half[1:5, 2:6, 3:7] == 9).all()
    assert (half[...] == 9).sum() == 64
    np.testing.assert_array_equal(vol[...], finest)
    assert (ng.open(vol.url, "16_16_16")[...] == 3).all()


@pytest.mark.parametrize("shard_size", [None, (32, 32, 32)])
@pytest.mark.parametrize("kind", ["segmentation", "image"])
def test_coarser_scales_are_those_of_a_full_rebuild(tmp_path, shard_size, kind):
    vol = ng.create(
        tmp_path / "v", shape=(70, 50, 40), dtype="uint32", type=kind, resolution=(4, 4, 4), voxel_offset=(-3, 5, 11),
        chunk_size=(16, 16, 16), shard_size=shard_size,
    )  # fmt: skip
    vol[...] = labels((40, 50, 70), dtype=np.uint32).T
    ng.build_pyramid(vol, levels=2)
    report = ng.ingest(labels((9, 21, 17), seed=3, dtype=np.uint32), vol, (2, 8, 25), axes="zyx")
    assert [scale.key for scale in report.scales] == ["4_4_4", "8_8_8", "16_16_16"]
    rebuilt = [ng.open(vol.url, index)[...] for index in range(3)]
    ng.build_pyramid(vol, overwrite=True)
    for index in range(3):
        np.testing.assert_array_equal(ng.open(vol.url, index)[...], rebuilt[index])


def test_empty_coarser_scales_stay_empty(tmp_path):
    vol = ng.create(tmp_path / "v", shape=(32, 32, 32), dtype="uint8", chunk_size=(16, 16, 16), key="0")
    ng.create(tmp_path / "v", shape=(16, 16, 16), dtype="uint8", resolution=(2, 2, 2), key="1", exist="add")
    report = ng.ingest(np.ones((8, 8, 8), np.uint8), vol, (0, 0, 0), axes="zyx")
    assert "coarser scales that hold nothing: 1 (ngprecomp pyramid fills them)" in report.notes
    assert not (tmp_path / "v" / "1").exists()
    ng.build_pyramid(vol)
    report = ng.ingest(np.ones((8, 8, 8), np.uint8), vol, (8, 8, 8), axes="zyx", pyramid=False)
    renew = "ngprecomp pyramid --box 8:16,8:16,8:16 makes them anew"
    assert f"remark: coarser scales as they were before: 1 ({renew})" in report.notes
    assert ng.open(vol.url, "1")[...].sum() == 64


def refusals():
    block = np.ones((4, 4, 4), np.uint64)
    inside = (0, 10, 104)
    return {
        "beyond": (OutOfBoundsError, "numpy array would lie at 33:37,10:14,104:108, which leaves scale '8_8_40' of .*"
                   ": -5:35,7:37,100:120", (block, (33, 10, 104)), {}),
        "before": (OutOfBoundsError, "would lie at -6:-2", (block, (-6, 10, 104)), {}),
        "box of nowhere": (OutOfBoundsError, "out of the domain", (block, inside), {"box": ((9, 12),) * 3}),
        "box of nothing": (OptionError, "holds no voxel", (block, inside), {"box": ((1, 1), (10, 12), (104, 105))}),
        "channels": (SourceError, "has 3 channels .axes zyxc., the volume at .* has 1",
                     (np.ones((4, 4, 4, 3), np.uint64), inside), {"axes": "zyxc"}),
        "fractions": (SourceError, "holds float32 values from 0.5 to 0.5 at 0:4,10:14,104:108, which do not all "
                      "survive in the uint64 of the volume", (np.full((4, 4, 4), 0.5, np.float32), inside), {}),
        "negative": (SourceError, "from -1 to 1", (np.array([1, 1, -1], np.int64).reshape(3, 1, 1), inside), {}),
        "no offset": (OptionError, "does not say where it lies: give its offset", (block, None), {}),
        "offset of two": (OptionError, "offset has three integers, x, y, z; found", (block, (1, 2)), {}),
        "offset of text": (OptionError, "offset has three integers, x, y, z; found", (block, ("a", 10, 100)), {}),
        "half an offset": (OptionError, "three integers", (block, (0, 10.5, 104)), {}),
        "mode": (OptionError, "mode is one of overwrite, add, max, nonzero, found", (block, inside), {"mode": "or"}),
        "compress": (OptionError, "compress is one of none, gzip, plain-gzip", (block, inside), {"compress": "br"}),
        "memory": (OptionError, "memory of 1000 bytes is too little: objects of .16, 16, 8. voxels", (block, inside),
                   {"memory": 1000}),
        "workers": (OptionError, "workers", (block, inside), {"workers": -1}),
        "scale": (NotFoundError, "no scale has key 'x'", (block, inside), {"scale": "x"}),
        "axes": (SourceError, "give axes", (block, inside), {"axes": None}),
    }  # fmt: skip


@pytest.mark.parametrize("name", refusals())
def test_refusals_touch_nothing(volume, name):
    error, sentence, (source, offset), options = refusals()[name]
    before = stored_bytes(volume)
    with pytest.raises(error, match=sentence):
        ng.ingest(source, volume, offset, **{"axes": "zyx", **options})
    assert stored_bytes(volume) == before


def test_a_late_value_that_does_not_fit_touches_nothing(tmp_path):
    """Where types do not vouch for the values, all are looked at before the first one is written."""
    vol = ng.create(tmp_path / "v", shape=(64, 64, 64), dtype="uint32", chunk_size=(16, 16, 16))
    new = np.ones((64, 64, 64), np.int64)
    new[-1, -1, -1] = 2**32
    with pytest.raises(SourceError, match="from 1 to 4294967296 at 0:64,0:64,32:64"):
        ng.ingest(new, vol, (0, 0, 0), axes="zyx", memory="3MB", workers=1)
    assert list(stored_bytes(vol)) == ["info"]
    new[-1, -1, -1] = 2**32 - 1
    report = ng.ingest(new, vol, (0, 0, 0), axes="zyx", memory="3MB", workers=1)
    assert "data type int64 into uint32: every value was found to fit" in report.notes
    assert vol[63, 63, 63] == 2**32 - 1


def test_volumes_that_contradict(tmp_path, volume):
    with pytest.raises(OptionError, match="is both source and destination"):
        ng.ingest(str(tmp_path / "volume"), volume)
    with pytest.raises(OptionError, match="neither dataset nor axes"):
        ng.ingest(volume, tmp_path / "volume", axes="zyx")
    other = ng.create(
        tmp_path / "other", shape=(8, 8, 4), dtype="uint64", resolution=(4, 4, 40), voxel_offset=(0, 8, 100)
    )
    with pytest.raises(
        OptionError, match="says where it lies in voxels of 4 x 4 x 40 nm, those of scale '8_8_40' are 8 x"
    ):
        ng.ingest(other, volume)
    ng.ingest(other, volume, (0, 8, 100))
    assert not volume[0:8, 8:16, 100:104].any()


def test_scales_in_one_folder(tmp_path):
    """The coarse chunk 0-32_0-32_0-16 would replace the fine one of the same name."""
    ng.convert(labels((64, 64, 32)), tmp_path, axes="xyz", resolution=(4, 4, 4), chunk_size=(32, 32, 16), levels=1)
    info = json.loads((tmp_path / "info").read_text())
    info["scales"][1]["key"] = info["scales"][0]["key"]
    (tmp_path / "info").write_text(json.dumps(info))
    before = stored_bytes(ng.open(tmp_path))
    one = np.ones((1, 1, 1), np.uint64)
    for job in (
        lambda: ng.ingest(one, tmp_path, (0, 0, 0), axes="xyz"),
        lambda: ng.build_pyramid(tmp_path, box=((0, 1), (0, 1), (0, 1))),
        lambda: ng.build_pyramid(tmp_path, overwrite=True),
    ):
        with pytest.raises(OptionError, match="its scales 0 and 1 have the same folder, '4_4_4'"):
            job()
    assert stored_bytes(ng.open(tmp_path)) == before


def test_narrower_labels_are_widened(volume):
    report = ng.ingest(np.full((2, 2, 2), 255, np.uint8), volume, (0, 10, 105), axes="zyx", mode="add")
    assert "data type uint8 into uint64: every value fits" in report.notes
    assert "add: added to what was there, integers wrap around; once more adds once more" in report.notes
    assert "voxels where two different labels met" in str(report)


@pytest.mark.parametrize("encoding", ["raw", "compressed_segmentation"])
def test_chunk_files_are_compressed_as_those_that_are_there(tmp_path, encoding):
    vol = ng.create(
        tmp_path / "v", shape=(32, 16, 16), dtype="uint32", encoding=encoding, chunk_size=(16, 16, 16), key="s"
    )
    whole = labels((16, 16, 32), dtype=np.uint32)
    folder = tmp_path / "v" / "s"

    def names():
        return sorted(path.name for path in folder.iterdir())

    plain = ["0-16_0-16_0-16", "16-32_0-16_0-16"]
    for compress, expected in (("none", plain), ("gzip", [f"{n}.gz" for n in plain]), ("plain-gzip", plain)):
        ng.ingest(whole, vol, (0, 0, 0), axes="zyx", compress=compress)
        assert names() == expected
        assert [(folder / n).read_bytes().startswith(b"\x1f\x8b\x08") for n in expected] == [compress != "none"] * 2
        fresh = ng.open(tmp_path / "v")
        ng.ingest(whole[:3], fresh, (0, 0, 0), axes="zyx")
        fresh[20:22] = 4
        assert names() == expected
        assert [(folder / n).read_bytes().startswith(b"\x1f\x8b\x08") for n in expected] == [compress != "none"] * 2
        edited = whole.T.copy()
        edited[20:22] = 4
        np.testing.assert_array_equal(ng.open(tmp_path / "v")[..., 0], edited)


def test_raw_voxels_that_look_like_gzip_are_raw(tmp_path):
    vol = ng.create(tmp_path / "v", shape=(32, 16, 16), dtype="uint8", chunk_size=(16, 16, 16), encoding="raw", key="s")
    vol[0:16] = 1
    vol[0:3, 0, 0, 0] = [0x1F, 0x8B, 0x08]
    ng.ingest(np.full((16, 16, 16), 5, np.uint8), ng.open(tmp_path / "v"), (16, 0, 0), axes="zyx")
    assert (tmp_path / "v" / "s" / "16-32_0-16_0-16").read_bytes() == bytes([5]) * 16**3


def test_shards_say_themselves_how_they_are_compressed(tmp_path):
    vol = ng.create(tmp_path / "v", shape=(32, 32, 32), dtype="uint8", chunk_size=(16, 16, 16), shard_size=(32, 32, 32))
    with pytest.raises(OptionError, match="is sharded: its sharding says what is compressed"):
        ng.ingest(np.ones((4, 4, 4), np.uint8), vol, (0, 0, 0), axes="zyx", compress="gzip")


def test_many_add_to_the_same_chunk(volume):
    """Reading, adding and writing is one step under one lock."""
    volume[...] = 0
    one = np.ones((3, 3, 3), np.uint64)
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(ng.ingest, one, volume.url, (0, 10, 104), axes="zyx", mode="add") for _ in range(12)]
        for job in jobs:
            job.result()
    assert (volume[0:3, 10:13, 104:107] == 12).all()
    assert volume[...].sum() == 12 * 27


@pytest.mark.parametrize("shard_size", [None, (32, 32, 32)])
def test_judges_read_it(tmp_path, shard_size):
    vol = ng.create(
        tmp_path / "v", shape=(40, 40, 40), dtype="uint64", resolution=(4, 4, 4), encoding="compressed_segmentation",
        chunk_size=(16, 16, 16), shard_size=shard_size,
    )  # fmt: skip
    whole = np.zeros((40, 40, 40), np.uint64)
    ng.ingest(whole, vol, (0, 0, 0), axes="zyx")  # zeros are stored: CloudVolume refuses absent chunks
    new = labels((30, 20, 10))
    ng.ingest(new, vol, (3, 5, 7), axes="zyx")
    whole[7:37, 5:25, 3:13] = new
    for read in (read_with_tensorstore, read_with_cloudvolume):
        np.testing.assert_array_equal(read(tmp_path / "v")[..., 0].T, whole)


@pytest.mark.parametrize(
    "found", ["{", "[]", '{"processing": null, "sources": [{"a": 1}]}', '{"processing": "by hand"}']
)
def test_whatever_another_program_calls_provenance(volume, tmp_path, found):
    path = tmp_path / "volume" / "provenance"
    path.write_text(found)
    ng.ingest(np.ones((4, 4, 4), np.uint64), volume, (0, 10, 104), axes="zyx")
    document = json.loads(path.read_text())
    assert document["processing"][-1]["method"]["task"] == "ingest"
    if "by hand" in found:
        assert document["processing"][0] == "by hand"


def test_report_and_provenance(volume, tmp_path):
    seen = []
    report = ng.ingest(
        np.full((4, 4, 4), 7, np.uint64), volume, (0, 10, 104), axes="zyx", progress=lambda *now: seen.append(now)
    )
    assert (report.job, report.destination, report.conflicts) == ("ingest", volume.url, None)
    assert report.scales[0].chunks == 1
    assert seen[-1] == (64, 64)
    assert '"task": "ingest"' in (tmp_path / "volume" / "provenance").read_text()
