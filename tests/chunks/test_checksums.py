import pytest

from ngprecomp.chunks.checksums import (
    CHECKSUM_FOLDER,
    Summed,
    checksum_documents,
    checksum_of,
    drop_checksums,
    read_checksums,
    remove_checksums,
    write_checksums,
)
from ngprecomp.errors import DecodeError, StorageError
from ngprecomp.format.box import Box
from ngprecomp.storage.memory import MemoryStore
from tests.chunks.places import place

LEFT, RIGHT = Box((0, 0, 0), (2, 2, 2)), Box((2, 0, 0), (4, 2, 2))


@pytest.fixture
def where():
    store = MemoryStore("checksums")
    store.delete(store.list())
    return place(store)


def test_a_document_holds_the_checksums_of_its_chunks_in_order(where):
    chunks = [Summed((1, 1, 1), 0), Summed((1, 0, 0), 2**32 - 1), Summed((0, 0, 1), 0xAB)]
    write_checksums(where, LEFT, chunks)
    (key,) = checksum_documents(where)
    assert key == f"{CHECKSUM_FOLDER}/s/4_4_4/0-2_0-2_0-2"
    assert where.store.get(key).data == b"ffffffff 1 0 0\n000000ab 0 0 1\n00000000 1 1 1\n"
    assert read_checksums(where, key) == [chunks[1], chunks[2], chunks[0]]


@pytest.mark.parametrize(
    "text", [b"ab 0 0 0\n", b"000000ab 0 0\n", b"000000ab 0 -1 0\n", b"\xff\n", b"\n", b"0" * 4000]
)
def test_what_is_no_such_document(where, text):
    where.store.put("d", b"000000ab 0 0 0\n" + text)
    with pytest.raises(DecodeError, match="line 2: expected a checksum of 8 digits") as raised:
        read_checksums(where, "d")
    assert len(str(raised.value)) < 400


def test_who_changes_a_chunk_removes_its_document_only(where):
    for box in (LEFT, RIGHT):
        write_checksums(where, box, [Summed(box.lo, 1)])
    drop_checksums(where, Box((4, 0, 0), (5, 1, 1)))
    assert len(list(checksum_documents(where))) == 2
    drop_checksums(where, Box((1, 1, 1), (2, 2, 2)))
    assert [key.rpartition("/")[2] for key in checksum_documents(where)] == ["2-4_0-2_0-2"]
    where.store.put(f"{CHECKSUM_FOLDER}/s/4_4_4/unknown", b"")
    drop_checksums(where, Box((4, 0, 0), (5, 1, 1)))
    assert [key.rpartition("/")[2] for key in checksum_documents(where)] == ["2-4_0-2_0-2"]
    remove_checksums(where)
    assert list(where.store.list()) == []


def test_a_document_is_no_larger_than_its_chunks_ask_for(where):
    where.store.put("d", b"0" * 10**6)
    with pytest.raises(StorageError, match="has 1000000 bytes, expected at most"):
        read_checksums(where, "d")


def test_the_checksum_of_one_chunk(where):
    write_checksums(where, LEFT, [Summed((1, 1, 1), 7)])
    assert checksum_of(where, (1, 1, 1)) == 7
    assert checksum_of(where, (0, 1, 1)) is None
    drop_checksums(where, LEFT)
    assert checksum_of(where, (1, 1, 1)) is None
