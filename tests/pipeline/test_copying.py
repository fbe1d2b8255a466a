"""A copy holds the same voxels, in the same bytes where nothing was asked to change."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ngprecomp as ng
from ngprecomp.chunks.reading import read_encoded
from ngprecomp.errors import ExistsError, MissingChunkError, NotFoundError, OptionError, OutOfBoundsError
from ngprecomp.format.box import Box
from ngprecomp.format.grid import positions_in
from ngprecomp.storage.local import LocalStore
from tests.judges import read_with_cloudvolume, read_with_tensorstore
from tests.pipeline.killed import trees
from tests.strategies import boxes_in

MURMUR = {
    "@type": "neuroglancer_uint64_sharded_v1",
    "hash": "murmurhash3_x86_128",
    "preshift_bits": 1,
    "minishard_bits": 1,
    "shard_bits": 2,
    "data_encoding": "gzip",
}
OFFSET = (-13, 5, -70)
SIZE = (40, 36, 30)
SMALL = {"resolution": (8, 8, 8), "voxel_offset": OFFSET, "chunk_size": 16, "axes": "zyxc", "levels": 1}
VOLUMES = {
    "image": ("uint8", 1, {"encoding": "raw", "shard_size": None}),
    "gzip files": ("uint16", 3, {"encoding": "raw", "shard_size": None, "compress": "gzip"}),
    "labels": ("uint64", 1, {"encoding": "compressed_segmentation", "shard_size": 32}),
    "hashed": ("float32", 2, {"encoding": "raw", "sharding": MURMUR}),
    "jpeg": ("uint8", 3, {"encoding": "jpeg", "shard_size": None}),
    "png": ("uint16", 2, {"encoding": "png", "shard_size": 32}),
}


def noise(dtype, channels):
    """Return [z, y, x, channel] in blobs, a part of it zero; labels are 2**63 and above."""
    rng = np.random.default_rng(7)
    low, high = (2**63, 2**64 - 1) if dtype == "uint64" else (0, 250)
    blobs = rng.integers(low, high, (8, 9, 10, channels), np.uint64)
    voxels = np.kron(blobs, np.ones((4, 4, 4, 1), np.uint64))[: SIZE[2]].astype(dtype)
    voxels[:16, :16, :16] = 0
    return voxels


@pytest.fixture(scope="module")
def volumes(tmp_path_factory):
    """Return the folders of volumes of two scales, made once."""
    root = tmp_path_factory.mktemp("volumes")
    for name, (dtype, channels, options) in VOLUMES.items():
        ng.convert(noise(dtype, channels), root / name, **SMALL, **{"type": "image", **options})
    return root


def voxels_of(path):
    return [np.asarray(ng.open(path, scale)) for scale in range(len(ng.open(path).scales))]


def chunks_of(path, scale=0):
    """Return the encoded chunks of a scale by their first voxel."""
    place = ng.open(path, scale).place
    return {place.grid.cell(position): read_encoded(place, position) for position in positions_in(place.grid.positions)}


def assert_same_voxels(path, expected):
    for found, wanted in zip(voxels_of(path), voxels_of(expected), strict=True):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("name", VOLUMES)
def test_as_it_is_byte_for_byte(name, volumes, tmp_path):
    report = ng.copy(volumes / name, tmp_path / "out")
    assert trees(tmp_path / "out") == trees(volumes / name)
    assert all("chunks as they are" in note for note in report.notes[:2])
    assert [scale.chunks for scale in report.scales] == [3 * 3 * 2, 2 * 2 * 1]
    assert report.files == sum(1 for path in (volumes / name).glob("*_*/*"))


@pytest.mark.parametrize("name", VOLUMES)
def test_out_of_shards_and_back(name, volumes, tmp_path):
    """Voxels are the same at every scale; so are the bytes, where the sharding is the same again."""
    sharded, files, again = (tmp_path / step for step in ("sharded", "files", "again"))
    ng.copy(volumes / name, sharded, shard_size=32, scales=[0, 1])
    sharding = ng.open(sharded).scales[0]["sharding"]
    ng.copy(volumes / name, sharded, sharding=sharding, overwrite=True)
    ng.copy(sharded, files, shard_size=None)
    ng.copy(files, again, sharding=sharding)
    assert trees(again) == trees(sharded)
    for path in (sharded, files, again):
        for scale in range(2):
            assert chunks_of(path, scale) == chunks_of(volumes / name, scale)
    for found, wanted in zip(voxels_of(files), voxels_of(volumes / name), strict=True):
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize(
    "options",
    [
        {"encoding": "raw", "chunk_size": (8, 16, 32)},
        {"encoding": "raw", "shard_size": "always", "compress_level": 9},
        {"compressed_segmentation_block_size": (4, 8, 2), "shard_size": (16, 16, 32)},
        {"chunk_size": 24},
        {"box": ((-10, 12), (5, 30), (-70, -45)), "shard_size": None, "compress": "plain-gzip"},
    ],
)
def test_encoded_anew(options, volumes, tmp_path):
    report = ng.copy(volumes / "labels", tmp_path / "out", **options)
    assert all("decoded and encoded anew" in note for note in report.notes[:2])
    part = Box(*zip(*options["box"], strict=True)) if "box" in options else Box.of_size(SIZE, OFFSET)
    out = ng.open(tmp_path / "out")
    assert out.box == part
    np.testing.assert_array_equal(np.asarray(out), ng.open(volumes / "labels")[part.slices])
    coarse, before = ng.open(tmp_path / "out", 1), ng.open(volumes / "labels", 1)
    assert coarse.box.lo == tuple(math.floor(lo / 2) for lo in part.lo)
    assert coarse.box.hi == tuple(math.ceil(hi / 2) for hi in part.hi)
    np.testing.assert_array_equal(np.asarray(coarse), before[coarse.box.slices])


@settings(max_examples=25)
@given(box=boxes_in(Box.of_size(SIZE, OFFSET)).filter(lambda box: not box.empty), name=st.sampled_from(list(VOLUMES)))
def test_any_box(box, name, volumes):
    """Inside of chunks, at their edges, one voxel thin; jpeg that has to be encoded again is nearly the same."""
    ng.copy(volumes / name, "memory://copied-box", box=box, overwrite=True)
    for scale in range(2):
        out, before = ng.open("memory://copied-box", scale), ng.open(volumes / name, scale)
        found, wanted = np.asarray(out), before[out.box.slices]
        if name == "jpeg":
            assert np.abs(found.astype(int) - wanted).mean() < 20
        else:
            np.testing.assert_array_equal(found, wanted)
    assert ng.open("memory://copied-box").box == box


def test_a_box_that_begins_with_a_chunk_keeps_the_others(volumes, tmp_path):
    """Only chunks at the end, which the box cuts, are encoded anew."""
    report = ng.copy(volumes / "jpeg", tmp_path / "out", box=((3, 25), (5, 41), (-70, -54)), scales=0)
    assert report.notes[:2] == (
        "scale 8_8_8: chunks as they are",
        "scale 8_8_8: chunks that the box cuts are encoded anew",
    )
    before, after = chunks_of(volumes / "jpeg"), chunks_of(tmp_path / "out")
    same = [cell for cell, chunk in after.items() if before.get(cell) == chunk]
    assert len(after) == 6
    assert len(same) == 3
    assert all(cell.hi[0] <= 19 for cell in same)


def test_a_quality_of_jpeg_that_changes_is_encoded_anew(volumes, tmp_path):
    report = ng.copy(volumes / "jpeg", tmp_path / "out", jpeg_quality=20)
    assert "jpeg of quality 75 to jpeg of quality 20" in report.notes[0]
    assert any("loses by jpeg once more" in note for note in report.notes)
    assert report.written_bytes < sum(map(len, chunks_of(volumes / "jpeg").values()))
    same = ng.copy(volumes / "jpeg", tmp_path / "same", jpeg_quality=75)
    assert same.notes[0] == "scale 8_8_8: chunks as they are"


@pytest.mark.parametrize(
    ("scales", "keys"),
    [
        (1, ["16_16_16"]),
        ("8_8_8", ["8_8_8"]),
        ((16, 16, 16), ["16_16_16"]),
        ([1, "8_8_8"], ["8_8_8", "16_16_16"]),
        ([(8, 8, 8), 0], ["8_8_8"]),
    ],
)
def test_some_scales(scales, keys, volumes, tmp_path):
    ng.copy(ng.open(volumes / "labels", 1), tmp_path / "out", scales=scales)
    assert [scale["key"] for scale in ng.open(tmp_path / "out").scales] == keys


def test_a_box_counts_in_voxels_of_the_finest_scale_that_is_copied(volumes, tmp_path):
    ng.copy(volumes / "labels", tmp_path / "out", scales=1, box=((-5, 5), (5, 10), (-30, -25)))
    assert ng.open(tmp_path / "out").box == Box((-5, 5, -30), (5, 10, -25))


def test_a_scale_without_a_voxel_in_the_box(tmp_path):
    """As strides leave them: the coarse voxel stands for a place outside of the box."""
    vol = ng.create(tmp_path / "a", shape=(8, 8, 8), dtype="uint8", chunk_size=(8, 8, 8))
    vol[...] = 1
    ng.create(tmp_path / "a", shape=(1, 1, 1), dtype="uint8", resolution=(4, 4, 4), voxel_offset=(1, 1, 1), exist="add")
    report = ng.copy(tmp_path / "a", tmp_path / "out", box=((0, 3), (0, 3), (0, 3)))
    assert report.notes[0] == "remark: scale 4_4_4 has no voxel in the box and is left out"
    assert len(ng.open(tmp_path / "out").scales) == 1


class TestAbsentChunks:
    """They become zeros, unless they shall not."""

    @pytest.fixture
    def path(self, tmp_path, volumes, layout):
        ng.copy(volumes / "labels", tmp_path / "whole", **layout)
        vol = ng.open(tmp_path / "whole")
        vol[:3] = 0  # plain writes do not store zeros
        return tmp_path / "whole"

    @pytest.fixture(params=[{}, {"shard_size": None}, {"sharding": MURMUR}], ids=["shards", "files", "hashed"])
    def layout(self, request):
        return request.param

    @pytest.mark.parametrize("to", [{}, {"shard_size": None}, {"shard_size": 32}, {"encoding": "raw"}])
    def test_zeros_are_stored(self, to, path, tmp_path):
        report = ng.copy(path, tmp_path / "out", **to)
        assert report.absent == 6
        assert "6 chunks of the source are absent" in str(report)
        assert report.scales[0].chunks == 18
        assert None not in chunks_of(tmp_path / "out").values()
        assert_same_voxels(tmp_path / "out", path)

    @pytest.mark.parametrize("to", [{}, {"shard_size": None}, {"chunk_size": 8}])
    def test_zeros_are_left_out(self, to, path, tmp_path):
        report = ng.copy(path, tmp_path / "out", **to, skip_empty=True)
        assert report.scales[0].skipped >= 6
        assert None in chunks_of(tmp_path / "out").values()
        assert_same_voxels(tmp_path / "out", path)

    @pytest.mark.parametrize("to", [{}, {"encoding": "raw"}])
    def test_an_error(self, to, path, tmp_path):
        with pytest.raises(MissingChunkError, match=r"chunk -13:3,5:21,-70:-54 of scale '8_8_8' .*whole is absent"):
            ng.copy(path, tmp_path / "out", **to, missing="error")
        assert not (tmp_path / "out/info").exists()

    def test_all_zero_chunks_that_are_stored_are_left_out(self, volumes, tmp_path):
        report = ng.copy(volumes / "labels", tmp_path / "out", skip_empty=True, scales=0)
        assert report.scales[0].skipped == 1
        assert report.absent == 0
        assert_same_voxels(tmp_path / "out", tmp_path / "out")


@pytest.mark.parametrize("compress", ["none", "gzip", "plain-gzip", None])
@pytest.mark.parametrize("level", [None, 12])
def test_how_chunk_files_are_compressed(compress, level, volumes, tmp_path):
    out = tmp_path / "out"
    ng.copy(volumes / "gzip files", out, compress=compress, compress_level=level)
    files = {path.name: path.read_bytes() for path in (out / "8_8_8").iterdir()}
    assert all(name.endswith(".gz") == (compress in ("gzip", None)) for name in files)
    assert all((data[:2] == b"\x1f\x8b") == (compress != "none") for data in files.values())
    assert (files == {path.name: path.read_bytes() for path in (volumes / "gzip files/8_8_8").iterdir()}) == (
        compress in ("gzip", None) and level is None
    )
    assert_same_voxels(out, volumes / "gzip files")


@pytest.mark.parametrize(("suffix", "encode"), [(".br", "brotli_encode"), (".zstd", "zstd_encode")])
def test_chunk_files_that_we_do_not_compress_so_are_inflated(suffix, encode, volumes, tmp_path):
    import imagecodecs

    ng.copy(volumes / "image", tmp_path / "a")
    for path in (tmp_path / "a").glob("*_*/*"):
        Path(f"{path}{suffix}").write_bytes(getattr(imagecodecs, encode)(path.read_bytes()))
        path.unlink()
    ng.copy(tmp_path / "a", tmp_path / "out")
    assert trees(tmp_path / "out") == trees(volumes / "image")


def test_several_chunk_sizes(tmp_path):
    """Each stored copy is copied from its own; other chunks are made of the first."""
    ng.create(tmp_path / "a", shape=(32, 32, 16), dtype="uint8", chunk_size=(16, 16, 16))
    document = json.loads((tmp_path / "a/info").read_text())
    document["scales"][0]["chunk_sizes"] = [[16, 16, 16], [32, 32, 8]]
    (tmp_path / "a/info").write_text(json.dumps(document))
    ng.ingest(np.arange(16 * 32 * 32, dtype=np.uint8).reshape(16, 32, 32), tmp_path / "a", (0, 0, 0), axes="zyx")
    assert len(ng.copy(tmp_path / "a", tmp_path / "both").scales) == 2
    assert sorted(path.name for path in (tmp_path / "both/1_1_1").iterdir()) == sorted(
        path.name for path in (tmp_path / "a/1_1_1").iterdir()
    )
    report = ng.copy(tmp_path / "a", tmp_path / "second", chunk_size=(32, 32, 8), shard_size=32)
    assert report.notes[0] == "scale 1_1_1: chunks as they are"
    np.testing.assert_array_equal(np.asarray(ng.open(tmp_path / "second")), np.asarray(ng.open(tmp_path / "a")))


def test_between_stores(volumes, tmp_path):
    ng.copy(volumes / "labels", "memory://copied", overwrite=True)
    ng.copy("memory://copied", tmp_path / "out")
    assert trees(tmp_path / "out") == trees(volumes / "labels")


def test_a_scale_that_lies_elsewhere_comes_home(volumes, tmp_path):
    ng.copy(volumes / "labels", tmp_path / "a")
    (tmp_path / "a/8_8_8").rename(tmp_path / "elsewhere")
    document = json.loads((tmp_path / "a/info").read_text())
    document["scales"][0]["key"] = "../elsewhere"
    (tmp_path / "a/info").write_text(json.dumps(document))
    report = ng.copy(tmp_path / "a", tmp_path / "out")
    assert "remark: scale '../elsewhere', outside of its volume, has the key '8_8_8' here" in report.notes
    assert trees(tmp_path / "out") == trees(volumes / "labels")


def test_an_empty_volume(tmp_path):
    ng.create(tmp_path / "a", shape=(0, 8, 8), dtype="uint8")
    report = ng.copy(tmp_path / "a", tmp_path / "out")
    assert report.scales[0].chunks == 0
    assert ng.open(tmp_path / "out").shape == (0, 8, 8, 1)


class TestPeers:
    """What others wrote is copied, and what the copy wrote is read by others."""

    @pytest.fixture
    def by_tensorstore(self, tmp_path):
        """Return a volume by TensorStore, which stores no zeros."""
        import tensorstore

        spec = {
            "driver": "neuroglancer_precomputed",
            "kvstore": f"file://{tmp_path}/ts/",
            "multiscale_metadata": {"type": "segmentation", "data_type": "uint64", "num_channels": 1},
            "scale_metadata": {
                "size": [50, 40, 30],
                "voxel_offset": [-5, 7, 0],
                "resolution": [4, 4, 40],
                "encoding": "compressed_segmentation",
                "compressed_segmentation_block_size": [8, 8, 8],
                "chunk_size": [16, 16, 16],
                "sharding": {**MURMUR, "hash": "identity", "shard_bits": 5, "preshift_bits": 2},
            },
        }
        store = tensorstore.open(spec, create=True).result()
        rng = np.random.default_rng(3)
        voxels = np.kron(rng.integers(2**63, 2**64 - 1, (10, 8, 6), np.uint64), np.ones((5, 5, 5), np.uint64))
        voxels[:20] = 0
        store[..., 0] = voxels
        return tmp_path / "ts", voxels[..., None]

    @pytest.mark.parametrize("options", [{}, {"shard_size": None}, {"shard_size": "always", "encoding": "raw"}])
    def test_tensorstore(self, options, by_tensorstore, tmp_path):
        path, voxels = by_tensorstore
        report = ng.copy(path, tmp_path / "out", **options)
        assert report.absent > 0
        np.testing.assert_array_equal(read_with_tensorstore(tmp_path / "out"), voxels)
        np.testing.assert_array_equal(read_with_cloudvolume(tmp_path / "out"), voxels)

    @pytest.mark.parametrize("options", [{}, {"compress": "none"}, {"shard_size": 32}])
    def test_cloudvolume(self, options, tmp_path):
        from cloudvolume import CloudVolume

        info = CloudVolume.create_new_info(
            1, "image", "uint8", "raw", (4, 4, 40), (-5, 7, 0), (50, 40, 30), chunk_size=(16,) * 3
        )
        volume = CloudVolume(f"file://{tmp_path}/cv", info=info, compress="gzip", progress=False)
        volume.commit_info()
        voxels = np.asfortranarray(np.random.default_rng(2).integers(0, 255, (50, 40, 30, 1), np.uint8))
        volume[...] = voxels
        ng.copy(tmp_path / "cv", tmp_path / "out", **options)
        np.testing.assert_array_equal(read_with_cloudvolume(tmp_path / "out"), voxels)
        if options:
            np.testing.assert_array_equal(read_with_tensorstore(tmp_path / "out"), voxels)

    @pytest.mark.parametrize("name", ["image", "labels", "hashed"])
    def test_every_scale(self, name, volumes, tmp_path):
        ng.copy(volumes / name, tmp_path / "files", shard_size=None, compress="none")
        ng.copy(tmp_path / "files", tmp_path / "shards", shard_size=32)
        for path in (tmp_path / "files", tmp_path / "shards"):
            for scale in range(2):
                expected = np.asarray(ng.open(volumes / name, scale))
                np.testing.assert_array_equal(read_with_tensorstore(path, scale), expected)
                np.testing.assert_array_equal(read_with_cloudvolume(path, scale), expected)


class TestDestinations:
    def test_a_volume_is_not_replaced_unasked(self, volumes, tmp_path):
        ng.copy(volumes / "image", tmp_path / "out")
        with pytest.raises(ExistsError, match="overwrite replaces it"):
            ng.copy(volumes / "labels", tmp_path / "out")
        (tmp_path / "out/mine").write_text("mine")
        ng.copy(volumes / "labels", tmp_path / "out", overwrite=True)
        (tmp_path / "out/mine").unlink()
        assert trees(tmp_path / "out") == trees(volumes / "labels")

    def test_source_and_destination_are_the_same(self, volumes, tmp_path, monkeypatch):
        before = trees(volumes / "labels")
        (tmp_path / "link").symlink_to(volumes / "labels")
        monkeypatch.chdir(volumes)
        for name in (tmp_path / "link", "labels", f"file://{volumes}/jpeg/../labels", volumes / "labels/8_8_8"):
            with pytest.raises(OptionError, match="is both source and destination"):
                ng.copy(volumes / "labels", name, overwrite=True)
        ng.create("memory://copied-twice", shape=(8, 8, 8), dtype="uint8", exist="replace")
        with pytest.raises(OptionError, match="memory:/copied-twice is both"):
            ng.copy("memory://copied-twice", "memory://copied-twice/")
        assert trees(volumes / "labels") == before

    @pytest.mark.parametrize("overwrite", [False, True])
    def test_the_source_lies_where_the_copy_would_go(self, overwrite, volumes, tmp_path):
        ng.copy(volumes / "labels", tmp_path / "out")
        if not overwrite:
            (tmp_path / "out/info").unlink()
        document = json.loads((volumes / "labels/info").read_text())
        document["scales"][0]["key"] = "../out/8_8_8"
        (tmp_path / "a").mkdir()
        (tmp_path / "a/info").write_text(json.dumps(document))
        before = trees(tmp_path / "out")
        with pytest.raises(OptionError, match=r"out/8_8_8 is both source and destination"):
            ng.copy(tmp_path / "a", tmp_path / "out", scales=0, overwrite=overwrite)
        assert trees(tmp_path / "out") == before

    def test_a_dry_run_writes_nothing(self, volumes, tmp_path):
        plan = ng.copy(
            volumes / "labels", tmp_path / "out", shard_size=None, box=((3, 19), (5, 21), (-70, -60)), dry_run=True
        )
        assert not (tmp_path / "out").exists()
        text = str(plan)
        assert text.splitlines()[0] == f"copy: file://{volumes}/labels to file://{tmp_path}/out"
        assert "scale 8_8_8: chunks as they are" in text
        assert "scale 8_8_8: 16 x 16 x 10, 1 chunk" in text
        assert "scale 16_16_16: decoded and encoded anew: the box begins inside of chunks" in text
        assert "provenance: 1 file" in text
        assert text.endswith("nothing is written yet")

    def test_progress(self, volumes, tmp_path):
        told = []
        ng.copy(volumes / "labels", tmp_path / "out", encoding="raw", progress=lambda *at: told.append(at))
        ng.copy(volumes / "labels", tmp_path / "same", progress=lambda *at: told.append(at))
        total = told[-1][1]
        assert {of for _, of in told} == {total}
        assert told[-1][0] == total
        assert told.count((total, total)) == 2


@pytest.mark.parametrize(
    ("name", "options", "error", "message"),
    [
        ("image", {"encoding": "compressed_segmentation"}, OptionError, "takes uint32 or uint64, not uint8"),
        ("image", {"jpeg_quality": 5}, OptionError, "jpeg_quality: belongs to the encoding jpeg"),
        ("image", {"encoding": "jxl"}, OptionError, "scale 8_8_8: jxl can be read, not written"),
        ("image", {"encoding": "lzma"}, OptionError, "expected one of raw, .*, found 'lzma'"),
        ("labels", {"sharding": MURMUR, "shard_size": 32}, OptionError, "both say how to shard"),
        ("labels", {"sharding": {}}, OptionError, "preshift_bits"),
        ("labels", {"shard_size": "big"}, OptionError, 'shard_size is "auto"'),
        ("labels", {"compress": "gzip"}, OptionError, "its sharding says what is compressed"),
        ("image", {"compress": "br"}, OptionError, "compress is one of none, gzip, plain-gzip, found 'br'"),
        ("image", {"compress_level": 13}, OptionError, "0 to 12"),
        ("image", {"chunk_size": (0, 1, 1)}, OptionError, "chunk_size has three integers of at least 1"),
        ("image", {"missing": "zeros"}, OptionError, "missing is"),
        ("image", {"scales": []}, OptionError, "there is no scale to copy"),
        ("image", {"scales": 2}, NotFoundError, "scale 2 does not exist"),
        ("image", {"box": ((0, 0), (5, 6), (-70, -60))}, OptionError, "holds no voxel"),
        ("image", {"box": ((0, 100), (5, 6), (-70, -60))}, OutOfBoundsError, "-13:27"),
        ("nothing", {}, NotFoundError, "no volume at"),
    ],
)
def test_what_cannot_be(name, options, error, message, volumes, tmp_path):
    with pytest.raises(error, match=message):
        ng.copy(volumes / name, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


class TestEncodingsThatAreOnlyRead:
    @pytest.fixture
    def path(self, tmp_path):
        import imagecodecs

        ng.create(tmp_path / "a", shape=(16, 8, 8), dtype="uint8", chunk_size=(8, 8, 8))
        document = json.loads((tmp_path / "a/info").read_text())
        document["scales"][0]["encoding"] = "jxl"
        (tmp_path / "a/info").write_text(json.dumps(document))
        image = np.arange(512, dtype=np.uint8).reshape(64, 8)
        LocalStore(str(tmp_path / "a")).put("1_1_1/0-8_0-8_0-8", imagecodecs.jpegxl_encode(image, lossless=True))
        return tmp_path / "a"

    def test_chunks_are_carried_and_absent_ones_stay_so(self, path, tmp_path):
        report = ng.copy(path, tmp_path / "out", shard_size="always")
        assert "scale 1_1_1: absent chunks stay absent, jxl is only read" in report.notes
        assert (report.absent, report.scales[0].chunks, report.scales[0].skipped) == (1, 1, 1)
        assert_same_voxels(tmp_path / "out", path)

    def test_they_are_decoded_into_others(self, path, tmp_path):
        ng.copy(path, tmp_path / "out", encoding="raw")
        assert_same_voxels(tmp_path / "out", path)

    def test_they_are_not_cut(self, path, tmp_path):
        with pytest.raises(OptionError, match="jxl can be read, not written"):
            ng.copy(path, tmp_path / "out", box=((0, 5), (0, 8), (0, 8)))
        ng.copy(path, tmp_path / "out", box=((0, 8), (0, 8), (0, 8)))
        assert ng.open(tmp_path / "out").shape == (8, 8, 8, 1)
