"""Fresh volumes: in memory, or in a folder."""

import uuid

import pytest

import ngprecomp as ng
from ngprecomp.storage.memory import MemoryStore


@pytest.fixture
def memory():
    """Return the URL of a memory volume that does not exist yet."""
    store = MemoryStore(uuid.uuid4().hex)
    yield store.url
    store.delete(store.list())


@pytest.fixture(params=["local", "memory"])
def where(request, tmp_path):
    return str(tmp_path / "v") if request.param == "local" else request.getfixturevalue("memory")


@pytest.fixture
def vol(where):
    """Return an empty volume with a negative offset and chunks cut at its ends."""
    return ng.create(where, shape=(11, 7, 5), dtype="uint16", voxel_offset=(-5, -3, 9), chunk_size=(4, 4, 4), key="s")
