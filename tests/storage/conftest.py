"""The stores that every test of the battery runs on."""

from __future__ import annotations

import uuid

import pytest

from ngprecomp.storage.local import LocalStore
from ngprecomp.storage.memory import MemoryStore


@pytest.fixture
def local(tmp_path):
    return LocalStore(str(tmp_path / "volumes" / "v"))


@pytest.fixture
def memory():
    space = MemoryStore(uuid.uuid4().hex)
    yield MemoryStore(f"{space.name}/v")
    space.delete(space.list())


@pytest.fixture(params=["local", "memory"])
def store(request):
    return request.getfixturevalue(request.param)
