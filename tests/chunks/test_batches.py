from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given

import ngprecomp as ng
from ngprecomp.chunks import batches as module
from ngprecomp.chunks.batches import batches, encoding_portions, reading_threads
from ngprecomp.format.box import Box
from ngprecomp.format.grid import positions_in
from ngprecomp.storage.memory import MemoryStore
from tests.chunks.places import place, shard_of, sharding
from tests.strategies import boxes_in

LABELS = {"encoding": "compressed_segmentation", "compressed_segmentation_block_size": (8, 8, 8), "dtype": "uint64"}
IMAGE = {"size": (512, 512, 512), "chunk": (64, 64, 64)}
GZIP = sharding(preshift=3, minishard=3, shard=3, data="gzip")
RAW = sharding(preshift=3, minishard=3, shard=3, data="raw")


@dataclass(frozen=True, slots=True)
class Remote(MemoryStore):
    @property
    def remote(self):
        return True


def touched(*count):
    return Box.of_size(count, (1, 0, 2))


@given(boxes_in(Box((0, 0, 0), (6, 4, 3))))
@pytest.mark.parametrize("spec", [None, sharding()])
@pytest.mark.parametrize("store", [MemoryStore("batches"), Remote("batches")], ids=["local", "remote"])
def test_portions_hold_each_chunk_once_and_those_of_one_shard(store, spec, box):
    where = place(store, sharding=spec)
    portions = list(batches(where, box, 2))
    assert sorted(at for portion in portions for at in portion) == sorted(positions_in(box))
    if spec is not None:
        assert all(len({shard_of(where, at)[0] for at in portion}) == 1 for portion in portions)


def test_each_thread_gets_a_portion_and_none_is_large():
    image = place(MemoryStore("batches"), **IMAGE)
    assert [len(portion) for portion in batches(image, touched(3, 2, 1), 2)] == [3, 3]
    assert [len(portion) for portion in batches(image, touched(5, 2, 1), 1)] == [4, 4, 2]
    assert [len(portion) for portion in batches(place(MemoryStore("b"), **IMAGE, **LABELS), touched(9, 1, 1), 2)] == [
        4,
        4,
        1,
    ]
    assert [len(portion) for portion in batches(place(Remote("b"), **IMAGE), touched(2, 2, 1), 1)] == [1] * 4
    assert [len(portion) for portion in encoding_portions(image, range(6))] == [4, 2]


@pytest.mark.parametrize(
    ("store", "members", "chunks", "threads"),
    [
        (MemoryStore("b"), {}, (2, 2, 2), 1),
        (MemoryStore("b"), {}, (3, 3, 1), 8),
        (MemoryStore("b"), {"sharding": RAW}, (2, 2, 2), 1),
        (MemoryStore("b"), {"sharding": GZIP}, (2, 1, 1), 8),
        (MemoryStore("b"), {"encoding": "png"}, (2, 1, 1), 8),
        (MemoryStore("b"), {**LABELS, "sharding": GZIP}, (2, 2, 2), 1),
        (MemoryStore("b"), LABELS, (3, 3, 3), 8),
        (Remote("b"), LABELS, (2, 1, 1), 8),
    ],
)
def test_few_chunks_that_decode_quickly_are_read_by_one_thread(store, members, chunks, threads):
    assert reading_threads(place(store, **IMAGE, **members), touched(*chunks), 8) == threads


@pytest.mark.parametrize("sharded", [False, True])
def test_many_portions_on_threads_are_the_same_voxels(tmp_path, monkeypatch, sharded):
    monkeypatch.setattr(module, "LOCAL_BYTES", 2 * 4**3 * 2)
    shard = {"shard_size": (8, 8, 8)} if sharded else {}
    vol = ng.create(
        tmp_path / "v", shape=(22, 13, 9), dtype="uint16", chunk_size=(4, 4, 4), voxel_offset=(-5, 3, 0), **shard
    )
    voxels = np.random.default_rng(0).integers(0, 2**16, vol.shape, np.uint16)
    threaded = ng.open(tmp_path / "v", threads=3, cache_bytes=0)
    threaded[...] = voxels
    np.testing.assert_array_equal(threaded[...], voxels)
    np.testing.assert_array_equal(threaded[-4:15:3, 15:4:-2, 1:8], voxels[1:20:3, 12:1:-2, 1:8])


@pytest.mark.parametrize("spec", [None, RAW])
def test_threads_read_far_from_each_other(spec):
    cube = place(MemoryStore("batches"), **IMAGE, sharding=spec)
    portions = list(batches(cube, Box.of_size((8, 8, 8)), 2))
    halves = [[z < 4 for _, _, z in portion] for portion in portions]
    assert [half[0] for half in halves] == [True, False] * (len(portions) // 2)
    assert all(len(set(half)) == 1 for half in halves)
