"""Counts, boxes and centroids of the labels of a volume, against NumPy and SciPy."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import ndimage

import ngprecomp as ng
from ngprecomp.errors import MissingChunkError, OptionError
from ngprecomp.format.box import Box
from ngprecomp.kernels.label_statistics import Statistics
from ngprecomp.pipeline.tables.label_table import LabelTable, Totals

if TYPE_CHECKING:
    from pathlib import Path


def blobs(shape: tuple[int, int, int], dtype: str, seed: int = 0) -> np.ndarray:
    """Return labels in blocks, the largest that the type holds among them."""
    rng = np.random.default_rng(seed)
    names = np.array([0, 1, 2, 7, np.iinfo(dtype).max, np.iinfo(dtype).max - 1], dtype)
    coarse = names[rng.integers(0, len(names), tuple(-(-n // 5) for n in shape))]
    return np.kron(coarse, np.ones((5, 5, 5), dtype))[: shape[0], : shape[1], : shape[2]]


def expect(table: LabelTable, voxels: np.ndarray, offset: tuple[int, int, int]) -> None:
    ids, counts = np.unique(voxels[voxels != 0], return_counts=True)
    assert np.array_equal(table.ids, ids)
    assert np.array_equal(table.voxels, counts)
    ranks = np.searchsorted(ids, voxels) + 1
    ranks[voxels == 0] = 0
    boxes = ndimage.find_objects(ranks)
    lo = [[part.start + step for part, step in zip(box, offset, strict=True)] for box in boxes]
    hi = [[part.stop + step for part, step in zip(box, offset, strict=True)] for box in boxes]
    assert table.lo.tolist() == lo
    assert table.hi.tolist() == hi
    centres = ndimage.center_of_mass(np.ones_like(ranks), ranks, range(1, len(ids) + 1))
    assert np.allclose(table.centroids, np.array(centres) + offset, rtol=1e-12)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "uint64"])
@pytest.mark.parametrize("workers", [1, 3])
def test_labels_of_a_volume(dtype: str, workers: int) -> None:
    voxels = blobs((70, 41, 33), dtype)
    vol = ng.create(
        f"memory://labels/{dtype}{workers}",
        shape=voxels.shape,
        dtype=dtype,
        voxel_offset=(-30, 5, 1000),
        chunk_size=(16, 16, 16),
        encoding="raw",
    )
    vol[...] = voxels
    told: list[tuple[int, int]] = []
    table = ng.labels(vol, workers=workers, memory="1MB", progress=lambda done, total: told.append((done, total)))
    expect(table, voxels, (-30, 5, 1000))
    assert told[-1] == (voxels.size, voxels.size)
    assert table.box == vol.box


def test_a_box_in_voxels_and_in_nm() -> None:
    voxels = blobs((40, 40, 20), "uint64")
    vol = ng.create("memory://labels/box", shape=voxels.shape, dtype="uint64", resolution=(4, 4, 40))
    vol[...] = voxels
    part = voxels[10:31, 4:40, 7:9]
    expect(ng.labels(vol, box=((10, 31), (4, 40), (7, 9))), part, (10, 4, 7))
    expect(ng.labels(vol.url, box=((40, 124), (16, 160), (280, 360)), units="nm"), part, (10, 4, 7))


def test_signed_labels_and_the_background() -> None:
    vol = ng.create("memory://labels/signed", shape=(3, 1, 1), dtype="int32")
    vol[...] = np.array([-5, 0, 3]).reshape(3, 1, 1)
    assert ng.labels(vol).ids.tolist() == [-5, 3]
    assert ng.labels(vol, background=None).ids.tolist() == [-5, 0, 3]
    assert ng.labels(vol, background=3).ids.tolist() == [-5, 0]


def test_absent_chunks_are_counted_or_refused() -> None:
    vol = ng.create("memory://labels/absent", shape=(32, 16, 16), dtype="uint32", chunk_size=(16, 16, 16))
    vol[:16] = 9
    table = ng.labels(vol)
    assert (table.ids.tolist(), table.absent) == ([9], 1)
    assert "1 chunks are absent" in str(table)
    with pytest.raises(MissingChunkError):
        ng.labels(vol, missing="error")


def test_an_empty_volume() -> None:
    assert len(ng.labels(ng.create("memory://labels/none", shape=(0, 4, 4), dtype="uint64"))) == 0
    assert len(ng.labels(ng.create("memory://labels/zeros", shape=(4, 4, 4), dtype="uint64"))) == 0


def test_one_of_several_channels() -> None:
    vol = ng.create("memory://labels/channels", shape=(4, 4, 4), dtype="uint32", num_channels=2)
    vol[..., 1] = np.full((4, 4, 4), 5)
    assert ng.labels(vol, channel=1).voxels.tolist() == [64]
    assert len(ng.labels(vol, channel=0)) == 0
    with pytest.raises(OptionError, match="2 channels"):
        ng.labels(vol)
    with pytest.raises(OptionError, match="channels 0 to 1"):
        ng.labels(vol, channel=2)


def test_what_cannot_be_counted() -> None:
    with pytest.raises(OptionError, match="float32"):
        ng.labels(ng.create("memory://labels/floats", shape=(4, 4, 4), dtype="float32"))
    with pytest.raises(OptionError, match="too little"):
        ng.labels(ng.create("memory://labels/small", shape=(64, 64, 64), dtype="uint64"), memory=1000)


def test_sums_beyond_64_bits_are_exact() -> None:
    """A label that fills blocks far out in a huge volume: count times coordinate passes 2**64."""
    totals = Totals(np.dtype("uint64"), (0, 0, 0))
    ones = np.ones((1, 3), np.int64)
    block = Statistics(np.array([3], "uint64"), np.array([2**34]), ones * 2**44, ones * 0, ones * 2048)
    for _ in range(8):
        totals.add(block, (2**29, 0, 2**20))
    vol = ng.create("memory://labels/any", shape=(1, 1, 1), dtype="uint64")
    table = totals.table(vol, Box((0, 0, 0), (2**30,) * 3), 0, 0, ())
    assert table.voxels.tolist() == [2**37]
    assert table.centroids.tolist() == [[2**29 + 1024, 1024, 2**20 + 1024]]


def test_the_table_as_csv(tmp_path: Path) -> None:
    vol = ng.create(
        "memory://labels/csv", shape=(4, 4, 2), dtype="uint64", resolution=(8, 8, 40), voxel_offset=(9, 0, 0)
    )
    vol[9:11, 1, 0] = 2**64 - 1
    path = tmp_path / "labels.csv"
    ng.labels(vol).to_csv(path)
    (row,) = csv.DictReader(path.read_text().splitlines())
    assert row == {
        "id": "18446744073709551615",
        "voxels": "2",
        **{"x": "9.5", "y": "1", "z": "0", "x0": "9", "x1": "11", "y0": "1", "y1": "2", "z0": "0", "z1": "1"},
        **{"x_nm": "80", "y_nm": "12", "z_nm": "20"},
    }
