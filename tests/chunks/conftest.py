"""The stores that tests of chunks run on."""

import uuid

import pytest

from ngprecomp.storage.local import LocalStore
from ngprecomp.storage.memory import MemoryStore


@pytest.fixture
def local(tmp_path):
    return LocalStore(str(tmp_path / "v"))


@pytest.fixture
def memory():
    store = MemoryStore(uuid.uuid4().hex)
    yield store
    store.delete(store.list())


@pytest.fixture(params=["local", "memory"])
def store(request):
    return request.getfixturevalue(request.param)
