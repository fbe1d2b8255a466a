"""A check finds neither an error nor a warning in sound volumes, whoever has written them."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorstore
import tinybrain
from cloudvolume import CloudVolume

import ngprecomp as ng

GOLDEN = Path(__file__).parents[1] / "golden" / "volumes"
SIZE = (70, 50, 33)
OFFSET = (-5, 3, 7)


def labels(size=SIZE):
    """Return labels in irregular pieces, some above 2**63, a third of them background."""
    noise = np.random.default_rng(1).integers(0, 6, tuple(-(-side // 6) for side in size))
    names = np.array([0, 0, 1, 77, 2**63 + 5, 2**64 - 1], np.uint64)
    return np.kron(names[noise], np.ones((6, 6, 6), np.uint64))[: size[0], : size[1], : size[2]].astype(np.uint64)


def image(size=SIZE, channels=1, dtype=np.uint8):
    """Return a smooth image with some noise."""
    x, y, z = np.indices(size)
    smooth = 120 + 60 * np.sin(x / 9) + 40 * np.cos(y / 7 + z / 5)
    noise = np.random.default_rng(2).integers(-5, 6, (*size, channels))
    return (smooth[..., None] + noise).astype(dtype)


def converted(voxels, **options):
    """Return a maker of a converted volume with its pyramid."""

    def make(folder):
        axes = "xyzc" if voxels.ndim == 4 else "xyz"
        ng.convert(voxels, folder, axes=axes, **{"resolution": (8, 8, 8), "chunk_size": (16, 16, 16), **options})

    return make


def of_ndm(folder):
    """Write gzip chunks under plain names."""
    converted(labels().astype(np.uint32), compress="gzip", levels=0)(folder)
    for path in list(folder.glob("8_8_8/*.gz")):
        path.rename(path.with_suffix(""))


def by_tensorstore(voxels, encoding="raw", sharding=None, block=None, offset=OFFSET):
    def make(folder):
        scale = {
            "resolution": [8, 8, 40],
            "encoding": encoding,
            "chunk_size": [16, 16, 16],
            "size": list(voxels.shape[:3]),
            "voxel_offset": list(offset),
            **({"sharding": sharding} if sharding else {}),
            **({"compressed_segmentation_block_size": block} if block else {}),
        }
        kind = "segmentation" if voxels.dtype.itemsize == 8 else "image"
        spec = {
            "driver": "neuroglancer_precomputed",
            "kvstore": f"file://{folder}/",
            "multiscale_metadata": {
                "data_type": voxels.dtype.name,
                "num_channels": voxels.shape[3] if voxels.ndim == 4 else 1,
                "type": kind,
            },
            "scale_metadata": scale,
        }
        store = tensorstore.open(spec, create=True, dtype=voxels.dtype.name).result()
        store.write(voxels if voxels.ndim == 4 else voxels[..., None]).result()

    return make


def by_cloudvolume(voxels, encoding="raw", sharding=None, factors=(), downsample=None, **options):
    def make(folder):
        info = CloudVolume.create_new_info(
            num_channels=1,
            layer_type="segmentation" if voxels.dtype.itemsize == 8 else "image",
            data_type=voxels.dtype.name,
            encoding=encoding,
            resolution=(8, 8, 40),
            voxel_offset=(-4, 8, 0),
            volume_size=voxels.shape[:3],
            chunk_size=(16, 16, 16),
        )
        if sharding:
            info["scales"][0]["sharding"] = sharding
        cloud = CloudVolume(f"file://{folder}", info=info, progress=False, **options)
        for factor in factors:
            cloud.add_scale(factor)
        cloud.commit_info()
        cloud.commit_provenance()
        cloud[cloud.bounds] = voxels
        for mip, factor in enumerate(factors, 1):
            coarse = CloudVolume(f"file://{folder}", mip=mip, progress=False, **options)
            made = downsample(np.asfortranarray(voxels.reshape(*voxels.shape[:3], 1)), factor)
            coarse[coarse.bounds] = made

    return make


def averaged(voxels, factor):
    return tinybrain.downsample_with_averaging(voxels, factor, num_mips=1)[0]


def voted(voxels, factor):
    return tinybrain.downsample_segmentation(voxels, factor, num_mips=1)[0]


def holes_of_tensorstore(folder):
    """Write a volume whose zeros TensorStore leaves out, and its pyramid by mode."""
    voxels = labels((64, 64, 32))
    voxels[:32] = 0
    by_tensorstore(voxels, offset=(0, 0, 0))(folder)
    ng.build_pyramid(folder, levels=2, skip_empty=True)


SHARDING = {
    "@type": "neuroglancer_uint64_sharded_v1",
    "hash": "murmurhash3_x86_128",
    "preshift_bits": 1,
    "minishard_bits": 2,
    "shard_bits": 2,
    "minishard_index_encoding": "gzip",
    "data_encoding": "gzip",
}
IDENTITY = {**SHARDING, "hash": "identity", "preshift_bits": 3}
CSEG = "compressed_segmentation"
EVEN = (64, 48, 32)

SOUND = {
    "ours labels": converted(labels(), levels=2),
    "ours image": converted(image(), levels=3, type="image"),
    "ours anisotropic": converted(image((64, 64, 20)), resolution=(4, 4, 40), chunk_size=(32, 32, 8), type="image"),
    "ours jpeg": converted(image(), encoding="jpeg", levels=2),
    "ours jpeg of noise": converted(
        np.random.default_rng(0).integers(0, 256, SIZE).astype(np.uint8), encoding="jpeg", levels=2
    ),
    "ours png": converted(image(dtype=np.uint16), encoding="png", levels=2, type="image"),
    "ours sharded": converted(labels(), shard_size=(32, 32, 32), levels=2),
    "ours sharded image": converted(image(), shard_size=(64, 64, 64), levels=2),
    "ours exact": converted(labels(), exact=True, levels=2),
    "ours thin": converted(labels(), method="thin", levels=2),
    "ours stride": converted(labels(), method="stride", levels=2, voxel_offset=OFFSET),
    "ours negative offset": converted(labels(), voxel_offset=OFFSET, levels=2),
    "ours channels": converted(image(channels=3), voxel_offset=OFFSET, levels=2),
    "ours float": converted(image(dtype=np.float32), levels=2),
    "ours NaN": converted(
        np.where(labels() > 77, np.float32(np.nan), labels() / np.float32(3)).astype(np.float32), levels=2, type="image"
    ),
    "ours infinite": converted(
        np.where(labels() == 77, np.float32(-np.inf), np.float32(np.inf)), method="stride", levels=2, type="image"
    ),
    "ours thin shape": converted(labels((200, 1, 1)), levels=3),
    "ours gzip": converted(labels(), compress="gzip", levels=2),
    "ours without zeros": converted(np.where(labels() > 77, labels(), np.uint64(0)), skip_empty=True, levels=2),
    "ndm": of_ndm,
    "tensorstore raw": by_tensorstore(image()),
    "tensorstore float": by_tensorstore(image(dtype=np.float32)),
    "tensorstore jpeg": by_tensorstore(image(channels=3), "jpeg"),
    "tensorstore png": by_tensorstore(image(channels=2), "png"),
    "tensorstore labels": by_tensorstore(labels(), CSEG, block=[8, 8, 8]),
    "tensorstore sharded": by_tensorstore(labels(), CSEG, IDENTITY, [8, 8, 8]),
    "tensorstore murmur": by_tensorstore(labels(), sharding=SHARDING),
    "tensorstore holes": holes_of_tensorstore,
    "cloudvolume gz": by_cloudvolume(labels()),
    "cloudvolume br": by_cloudvolume(labels(), CSEG, compress="br"),
    "cloudvolume plain": by_cloudvolume(image(), compress=False),
    "cloudvolume jpeg": by_cloudvolume(image(), "jpeg"),
    "cloudvolume sharded": by_cloudvolume(labels(EVEN), sharding=IDENTITY),
    "cloudvolume averages": by_cloudvolume(image(EVEN), factors=[(2, 2, 1)], downsample=averaged, compress=False),
    "cloudvolume votes": by_cloudvolume(labels(EVEN), CSEG, factors=[(2, 2, 1)], downsample=voted),
    "cloudvolume votes of noise": by_cloudvolume(
        np.random.default_rng(0).integers(0, 4, EVEN).astype(np.uint64), factors=[(2, 2, 2)], downsample=voted
    ),
}


@pytest.mark.parametrize("name", SOUND)
def test_nothing_is_wrong(tmp_path, name):
    folder = tmp_path / "volume"
    SOUND[name](folder)
    report = ng.check(folder, full=True)
    assert report.ok, str(report)
    assert ng.check(folder).ok
    assert report.scales[0].chunks


@pytest.mark.parametrize("name", sorted(path.name for path in GOLDEN.iterdir() if path.is_dir()))
def test_nothing_is_wrong_with_golden_volumes(name):
    # All voxels of one are zero, so TensorStore has stored no chunk of it.
    expected = ["no scale that was looked at holds any chunk"] if name == "raw_one_chunk" else []
    assert [one.what for one in ng.check(GOLDEN / name).problems if one.severity != "hint"] == expected


def test_a_known_defect_of_tinybrain_is_found(tmp_path):
    """Of odd sizes its averages have a last column of zeros, and the one before holds the border's values."""
    voxels = image((33, 16, 16)) + np.uint8(20)
    by_cloudvolume(voxels, factors=[(2, 2, 1)], downsample=averaged, compress=False)(tmp_path)
    problems = [one for one in ng.check(tmp_path, full=True).problems if one.severity != "hint"]
    assert [one.where for one in problems] == [
        "scale 16_16_40, chunk -2:14,4:12,0:16",
        "scale 16_16_40, chunk 14:15,4:12,0:16",
    ]


def test_all_chunks_are_decoded_and_counted(tmp_path):
    SOUND["ours sharded"](tmp_path)
    report = ng.check(tmp_path, workers=3)
    info = json.loads((tmp_path / "info").read_text())
    grids = [np.ceil(np.divide(scale["size"], scale["chunk_sizes"][0])).prod() for scale in info["scales"]]
    assert [scale.chunks for scale in report.scales] == grids
    assert [scale.absent for scale in report.scales] == [0, 0, 0]


def test_gaps_are_a_hint_with_their_number(tmp_path):
    holes_of_tensorstore(tmp_path)
    report = ng.check(tmp_path)
    assert report.scales[0].absent == 16
    assert any("16 of 32 chunks are absent" in one.what for one in report.problems)


def test_a_volume_in_memory_is_checked():
    vol = ng.create("memory://check/good", shape=SIZE, dtype="uint8", chunk_size=(16, 16, 16))
    vol[...] = image()
    ng.build_pyramid(vol)
    assert ng.check(vol, full=True).ok
    assert ng.check("memory://check/good").problems == ()


def test_unusual_files_that_read_rightly_are_sound(tmp_path):
    voxels = labels()
    converted(voxels, compress="gzip", levels=0)(tmp_path / "gz")
    path = next((tmp_path / "gz" / "8_8_8").iterdir())
    data = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(data[:100]) + gzip.compress(data[100:]))
    assert ng.check(tmp_path / "gz", against=voxels, axes="xyz").ok
    one_group = {**SHARDING, "hash": "identity", "preshift_bits": 64, "minishard_bits": 0, "shard_bits": 0}
    vol = ng.create(tmp_path / "one", shape=SIZE, dtype="uint64", chunk_size=(16, 16, 16), sharding=one_group)
    vol[...] = voxels[..., None]
    assert ng.check(tmp_path / "one", against=voxels, axes="xyz").ok


def test_a_bit_flip_in_a_raw_chunk_is_found_by_comparison(tmp_path):
    converted(labels(), levels=1, encoding="raw")(tmp_path)
    path = tmp_path / "8_8_8" / "16-32_16-32_16-32"
    data = bytearray(path.read_bytes())
    data[8 * 999] ^= 1
    path.write_bytes(data)
    assert "1 of 115500 voxels differ" in ng.check(tmp_path, against=labels(), axes="xyz").problems[0].what


def test_several_stored_copies_are_checked(tmp_path):
    vol = ng.create(tmp_path, shape=(32, 32, 32), dtype="uint8", chunk_size=(16, 16, 16))
    vol[...] = image((32, 32, 32))
    info = json.loads((tmp_path / "info").read_text())
    info["scales"][0]["chunk_sizes"].append([32, 32, 8])
    (tmp_path / "info").write_text(json.dumps(info))
    other = ng.create(tmp_path / "other", shape=(32, 32, 32), dtype="uint8", chunk_size=(32, 32, 8))
    other[...] = image((32, 32, 32))
    for path in (tmp_path / "other" / "1_1_1").iterdir():
        shutil.move(path, tmp_path / "1_1_1" / path.name)
    assert ng.check(tmp_path).ok
    (tmp_path / "1_1_1" / "0-32_0-32_0-8").write_bytes(b"1")
    assert [one.where for one in ng.check(tmp_path).problems if one.severity == "error"] == ["1_1_1/0-32_0-32_0-8"]
