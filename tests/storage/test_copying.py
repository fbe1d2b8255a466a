"""Objects are copied whole, piece by piece if they are large."""

from __future__ import annotations

import pytest

from ngprecomp.errors import ChangedError, KeyNotFoundError
from ngprecomp.storage import copying
from ngprecomp.storage.copying import copy_object
from ngprecomp.storage.local import LocalStore
from ngprecomp.storage.locate import open_store


@pytest.mark.parametrize("size", [0, 99, 100, 101, 250, 300])
def test_between_two_stores(tmp_path, monkeypatch, size):
    monkeypatch.setattr(copying, "PIECE", 100)
    disk, memory = LocalStore(str(tmp_path)), open_store(f"memory://copying/{size}")
    data = bytes(range(256)) * 2
    disk.put("a/b", data[:size])
    assert copy_object(disk, "a/b", memory, "c") == size
    assert memory.get("c").data == data[:size]
    assert copy_object(memory, "c", disk, "a/d") == size
    assert disk.get("a/d").data == data[:size]


def test_nothing_to_copy(tmp_path):
    disk = LocalStore(str(tmp_path))
    with pytest.raises(KeyNotFoundError):
        copy_object(disk, "a", disk, "b")


def test_an_object_that_changes_meanwhile(tmp_path, monkeypatch):
    monkeypatch.setattr(copying, "PIECE", 100)
    disk = LocalStore(str(tmp_path))
    disk.put("a", bytes(250))

    class Changing(LocalStore):
        def get_ranges(self, key, starts, lengths, **keywords):
            if starts[0]:
                disk.put("a", bytes(range(250)))
            return super().get_ranges(key, starts, lengths, **keywords)

    with pytest.raises(ChangedError):
        copy_object(Changing(str(tmp_path)), "a", disk, "b")
    with pytest.raises(KeyNotFoundError):
        disk.get("b")
