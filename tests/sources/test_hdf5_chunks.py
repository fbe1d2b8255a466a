from __future__ import annotations

import ctypes
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ngprecomp.errors import SourceError
from ngprecomp.format.box import Box
from ngprecomp.sources.hdf5.chunks import ChunkReader, chunk_coding
from ngprecomp.sources.opening import open_source
from ngprecomp.sources.tally import Tally
from tests.sources.reading import check_reads, noise, read_all, xyzc
from tests.strategies import boxes_in

FILTERS = [
    {"compression": "gzip"},
    {"compression": "gzip", "shuffle": True},
    {"compression": "gzip", "fletcher32": True},
    {"compression": "gzip", "compression_opts": 9, "shuffle": True, "fletcher32": True},
    {"shuffle": True},
    {"fletcher32": True},
    {},
]


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_any_box_of_any_chunking(data: st.DataObject) -> None:
    shape = data.draw(st.tuples(*[st.integers(1, 20)] * 3))
    chunks = tuple(data.draw(st.integers(1, size)) for size in shape)
    dtype = data.draw(st.sampled_from(["u1", ">u2", "f4", "u8"]))
    array = noise(shape, dtype)
    with h5py.File("any", "w", driver="core", backing_store=False) as file:
        dataset = file.create_dataset("a", data=array, chunks=chunks, **data.draw(st.sampled_from(FILTERS)))
        assert chunk_coding(dataset) is not None
        box = data.draw(boxes_in(Box.of_size(shape[::-1])))
        np.testing.assert_array_equal(open_source(dataset).read(box), xyzc(array, "zyx")[box.slices])


@pytest.mark.parametrize("options", FILTERS)
def test_every_combination_of_filters(tmp_path: Path, options: dict[str, Any]) -> None:
    array = noise((7, 19, 23), "u8")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("a", data=array, chunks=(3, 8, 10), **options)
    source = open_source(tmp_path / "a.h5")
    assert source.block == (10, 8, 3)
    check_reads(source, xyzc(array, "zyx"))


def test_four_axes(tmp_path: Path) -> None:
    array = noise((3, 7, 9, 10))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("a", data=array, chunks=(2, 3, 4, 10), compression="gzip")
    check_reads(open_source(tmp_path / "a.h5"), xyzc(array, "czyx"))
    check_reads(open_source(tmp_path / "a.h5", axes="zyxc"), xyzc(array, "zyxc"))


def test_chunks_larger_than_the_dataset(tmp_path: Path) -> None:
    array = noise((3, 4, 5))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("a", data=array, chunks=(8, 8, 8), maxshape=(None,) * 3, compression="gzip")
    source = open_source(tmp_path / "a.h5")
    assert source.block == (5, 4, 3)
    check_reads(source, xyzc(array, "zyx"))


def test_the_filter_mask_says_which_filters_a_chunk_lacks(tmp_path: Path) -> None:
    array = noise((4, 4, 4), "u4")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        dataset = file.create_dataset("a", (4, 4, 4), "u4", chunks=(2, 4, 4), compression="gzip", shuffle=True)
        shuffled = array[:2].reshape(-1, 1).view("u1").T.tobytes()
        dataset.id.write_direct_chunk((0, 0, 0), shuffled, filter_mask=0b10)
        dataset.id.write_direct_chunk((2, 0, 0), zlib.compress(array[2:].tobytes()), filter_mask=0b01)
        np.testing.assert_array_equal(dataset[...], array)
    check_reads(open_source(tmp_path / "a.h5"), xyzc(array, "zyx"))


@pytest.mark.parametrize("fill", [0, 7, 2**63 + 5])
def test_unwritten_chunks_read_as_the_fill_value_and_are_counted(tmp_path: Path, fill: int) -> None:
    expected = np.full((10, 10, 10), fill, "u8")
    expected[3:6, 2:9, 8:] = noise((3, 7, 2), "u8")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        dataset = file.create_dataset("a", (10, 10, 10), "u8", chunks=(3, 4, 5), compression="gzip", fillvalue=fill)
        dataset[3:6, 2:9, 8:] = expected[3:6, 2:9, 8:]
    source = open_source(tmp_path / "a.h5")
    assert source.unwritten_chunks == 4 * 3 * 2 - 3
    assert any(
        f"21 chunks of (3, 4, 5) were never written and read as the fill value {fill}" in n for n in source.notes
    )
    check_reads(source, xyzc(expected, "zyx"))


def test_a_dataset_without_any_chunk(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("a", (4, 4, 4), "u1", chunks=(2, 2, 2), fillvalue=3)
        file.create_dataset("b", (4, 4, 4), "u1", fillvalue=3)
    source = open_source(f"{tmp_path}/a.h5:a")
    assert source.unwritten_chunks == 8
    check_reads(source, np.full((4, 4, 4, 1), 3, "u1"))
    source = open_source(f"{tmp_path}/a.h5:b")
    assert "never written" in source.notes[-1]
    check_reads(source, np.full((4, 4, 4, 1), 3, "u1"))


def test_a_sparse_dataset_of_2_to_the_60_voxels(tmp_path: Path) -> None:
    array = noise((5, 5, 5))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        dataset = file.create_dataset("a", (2**20,) * 3, "u2", chunks=(16, 16, 16), compression="gzip")
        dataset[1000:1005, 2000:2005, 3000:3005] = array
    source = open_source(tmp_path / "a.h5")
    assert source.shape == (2**20, 2**20, 2**20, 1)
    assert source.unwritten_chunks > 2**47
    np.testing.assert_array_equal(source.read(Box((3000, 2000, 1000), (3005, 2005, 1005))), xyzc(array, "zyx"))
    assert not source.read(Box((0, 0, 0), (5, 5, 5))).any()


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        (zlib.compress(bytes(64))[:-1] + b"\xff", "deflate stream is damaged"),
        (zlib.compress(bytes(64))[:-6], r"ends after \d+ of 64 bytes"),
        (zlib.compress(bytes(63)), "ends after 63 of 64 bytes"),
        (zlib.compress(bytes(65)), "more than the expected 64 bytes"),
        (zlib.compress(bytes(100_000_000)), "more than the expected 64 bytes"),
        (bytes(64), "deflate stream is damaged"),
    ],
    ids=["checksum", "cut", "short", "long", "bomb", "raw"],
)
def test_a_damaged_chunk_is_named(tmp_path: Path, stored: bytes, message: str) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        dataset = file.create_dataset("a", (8, 4, 4), "u1", chunks=(4, 4, 4), compression="gzip")
        dataset[...] = 1
        dataset.id.write_direct_chunk((4, 0, 0), stored)
    source = open_source(tmp_path / "a.h5")
    assert source.read(Box((0, 0, 0), (4, 4, 4))).all()
    with pytest.raises(SourceError, match=rf"chunk of .*a\.h5:/a that starts at \(4, 0, 0\) is damaged.*{message}"):
        read_all(source)
    with ThreadPoolExecutor(2) as pool, pytest.raises(SourceError, match="is damaged"):
        source.read(Box((0, 0, 0), (4, 4, 8)), pool)


@pytest.mark.parametrize("options", [{"fletcher32": True}, {"fletcher32": True, "shuffle": True}])
def test_a_wrong_fletcher_sum_is_seen(tmp_path: Path, options: dict[str, Any]) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        dataset = file.create_dataset("a", data=noise((4, 4, 4)), chunks=(4, 4, 4), **options)
        _, data = dataset.id.read_direct_chunk((0, 0, 0))
        dataset.id.write_direct_chunk((0, 0, 0), bytes([data[0] ^ 1]) + data[1:])
    with pytest.raises(SourceError, match="Fletcher-32"):
        read_all(open_source(tmp_path / "a.h5"))


@pytest.mark.skipif(sys.platform != "linux", reason="looks for the library among the maps of the process")
def test_chunks_at_the_end_may_be_stored_without_filters(tmp_path: Path) -> None:
    """H5D_CHUNK_DONT_FILTER_PARTIAL_CHUNKS, for which h5py has no call: the mask of those chunks says nothing."""
    maps = Path("/proc/self/maps").read_text(encoding="utf-8").split()
    library = ctypes.CDLL(next(path for path in maps if "/libhdf5-" in path or "/libhdf5.so" in path))
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_chunk((4, 4, 4))
    properties.set_deflate(4)
    assert library.H5Pset_chunk_opts(ctypes.c_int64(properties.id), ctypes.c_uint(2)) >= 0
    array = noise((6, 7, 8))
    with h5py.File(tmp_path / "a.h5", "w", libver="latest") as file:
        space = h5py.h5s.create_simple(array.shape)
        h5py.Dataset(h5py.h5d.create(file.id, b"a", h5py.h5t.STD_U16LE, space, dcpl=properties))[...] = array
    check_reads(open_source(tmp_path / "a.h5"), xyzc(array, "zyx"))


def test_numbers_of_odd_precision_are_left_to_hdf5(tmp_path: Path) -> None:
    odd = h5py.h5t.STD_U16LE.copy()
    odd.set_precision(12)
    odd.set_offset(4)
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_chunk((2, 2, 2))
    array = noise((4, 4, 4)) >> 4
    with h5py.File(tmp_path / "a.h5", "w") as file:
        space = h5py.h5s.create_simple((4, 4, 4))
        h5py.Dataset(h5py.h5d.create(file.id, b"a", odd, space, dcpl=properties))[...] = array
        assert chunk_coding(file["a"]) is None
    check_reads(open_source(tmp_path / "a.h5"), xyzc(array, "zyx"))


@pytest.mark.parametrize(
    "options", [{"compression": "lzf"}, {"scaleoffset": 0}, {"compression": "lzf", "shuffle": True}]
)
def test_other_filters_are_left_to_hdf5(tmp_path: Path, options: dict[str, Any]) -> None:
    array = noise((7, 8, 9)) & 1023
    with h5py.File(tmp_path / "a.h5", "w") as file:
        assert chunk_coding(file.create_dataset("a", data=array, chunks=(3, 3, 3), **options)) is None
    check_reads(open_source(tmp_path / "a.h5"), xyzc(array, "zyx"))


def test_a_missing_filter_is_named_with_its_cure(tmp_path: Path) -> None:
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_chunk((2, 2, 2))
    properties.set_filter(511, h5py.h5z.FLAG_OPTIONAL, ())  # from the range that HDF5 keeps for tests
    with h5py.File(tmp_path / "a.h5", "w") as file:
        space = h5py.h5s.create_simple((4, 4, 4))
        h5py.h5d.create(file.id, b"a", h5py.h5t.STD_U8LE, space, dcpl=properties)
    with pytest.raises(SourceError, match=r"HDF5 filter 511 .*pip install hdf5plugin"):
        open_source(tmp_path / "a.h5")


def test_the_walk_over_stored_chunks_happens_once_and_only_with_holes(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        full = file.create_dataset("full", data=noise((4, 4, 4)), chunks=(2, 2, 2))
        coding = chunk_coding(full)
        assert coding is not None
        reader = ChunkReader(full, coding, "full", Tally())
        region = (slice(0, 4),) * 3
        np.testing.assert_array_equal(reader.read(region, None), full[...])
        assert reader._written is None
