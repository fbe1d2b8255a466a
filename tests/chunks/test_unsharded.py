import gzip
import lzma
from dataclasses import replace

import imagecodecs
import numpy as np
import pytest

from ngprecomp.chunks.coding import encode_stored
from ngprecomp.chunks.limits import encoded_limit
from ngprecomp.chunks.reading import read_encoded
from ngprecomp.chunks.unsharded import SUFFIXES, chunk_key, write_unsharded
from ngprecomp.errors import DecodeError, StorageError
from ngprecomp.format.box import Box
from tests.chunks.places import place

POSITION = (1, 0, 2)
RAW = bytes(range(16))  # the chunk at the end of z holds 4 x 4 x 1 voxels
COMPRESSORS = {
    "": bytes,
    ".gz": gzip.compress,
    ".br": imagecodecs.brotli_encode,
    ".zstd": imagecodecs.zstd_encode,
    ".xz": lzma.compress,
}


@pytest.fixture
def where(store):
    return place(store, voxel_offset=(-5, 0, 0))


def names(store):
    return sorted(store.list())


def test_the_key_is_made_of_absolute_coordinates(where):
    assert chunk_key(where, POSITION) == "s/-1-3_0-4_8-9"


def test_absent(where):
    assert read_encoded(where, POSITION) is None


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_suffix_is_read(where, suffix):
    where.store.put(chunk_key(where, POSITION) + suffix, COMPRESSORS[suffix](RAW))
    assert read_encoded(where, POSITION) == RAW


def test_the_plain_name_comes_first(where):
    where.store.put(chunk_key(where, POSITION) + ".gz", gzip.compress(bytes(16)))
    where.store.put(chunk_key(where, POSITION), RAW)
    assert read_encoded(where, POSITION) == RAW


def test_gzip_under_a_plain_name_is_recognised(where):
    where.store.put(chunk_key(where, POSITION), gzip.compress(RAW))
    assert read_encoded(where, POSITION) == RAW


def test_voxels_that_look_like_gzip_are_voxels(where):
    looks = b"\x1f\x8b\x08" + bytes(13)
    where.store.put(chunk_key(where, POSITION), looks)
    assert read_encoded(where, POSITION) == looks


def test_two_gzip_members_are_one_chunk(where):
    where.store.put(chunk_key(where, POSITION) + ".gz", gzip.compress(RAW[:7]) + gzip.compress(RAW[7:]))
    assert read_encoded(where, POSITION) == RAW


@pytest.mark.parametrize("suffix", [*SUFFIXES])
def test_an_empty_file_is_damage_not_absence(where, suffix):
    where.store.put(chunk_key(where, POSITION) + suffix, b"")
    with pytest.raises(DecodeError, match=r"^chunk -1:3,0:4,8:9 of scale 's' in .*found a file of 0 bytes"):
        read_encoded(where, POSITION)


@pytest.mark.parametrize(
    "damage",
    {
        "cut": gzip.compress(RAW)[:-3],
        "checksum": gzip.compress(RAW)[:-8] + bytes(8),
        "bomb": gzip.compress(bytes(1 << 24)),
        "one voxel too many": gzip.compress(RAW + b"x"),
        "no gzip": b"no gzip at all",
    }.items(),
    ids=lambda item: item[0],
)
def test_a_damaged_gz_names_the_chunk(where, damage):
    where.store.put(chunk_key(where, POSITION) + ".gz", damage[1])
    with pytest.raises(DecodeError, match=r"^chunk -1:3,0:4,8:9 of scale 's' in "):
        read_encoded(where, POSITION)


def test_what_is_no_file_is_an_error(local):
    where = place(local)
    local.put(chunk_key(where, POSITION) + "/inside", b"")
    with pytest.raises(StorageError, match="is a folder"):
        read_encoded(where, POSITION)


@pytest.mark.parametrize("compression", ["", "gzip"])
def test_a_rewrite_removes_the_twins(store, compression):
    where = replace(place(store), compression=compression, compress_level=9)
    for suffix in SUFFIXES:
        store.put(chunk_key(where, POSITION) + suffix, b"stale")
    chunk = np.arange(16, dtype=np.uint8).reshape(4, 4, 1, 1, order="F")
    write_unsharded(where, POSITION, encode_stored(where, POSITION, chunk, Box((0, 0, 0), (4, 4, 1))))
    assert names(store) == [chunk_key(where, POSITION) + (".gz" if compression else "")]
    assert read_encoded(where, POSITION) == RAW
    write_unsharded(where, POSITION, None)
    assert names(store) == []


def test_limits_hold_for_every_encoding(store):
    assert encoded_limit(place(store, dtype="uint16", channels=3), POSITION) == 16 * 2 * 3
    labels = place(
        store, dtype="uint64", encoding="compressed_segmentation", compressed_segmentation_block_size=(3, 8, 8)
    )
    blocks, voxels = 2, 3 * 8 * 8  # in the worst case each voxel has an index of 4 bytes and a label of its own
    assert encoded_limit(labels, POSITION) == 4 + blocks * (8 + voxels * 12)
