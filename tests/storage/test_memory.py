from __future__ import annotations

from ngprecomp.storage.memory import MemoryStore


def test_names_share_one_space(memory):
    inner = MemoryStore(f"{memory.name}/8_8_40/")
    memory.put("8_8_40/chunk", b"1")
    assert inner.get("chunk").data == b"1"
    assert list(inner.list()) == ["chunk"]
    assert inner.get("../8_8_40/chunk").data == b"1"


def test_names_that_begin_alike_are_apart(memory):
    MemoryStore(memory.name + "2").put("info", b"")
    assert list(memory.list()) == []


def test_the_root_sees_everything(memory):
    memory.put("info", b"1")
    root = MemoryStore("")
    assert root.url == "memory://"
    assert root.get(f"{memory.name}/info").data == b"1"
    assert list(root.list(f"{memory.name}/")) == [f"{memory.name}/info"]
    assert f"{memory.name}/info" in set(root.list())
