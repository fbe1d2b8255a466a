"""The stores that every test of the battery runs on."""

from __future__ import annotations

import uuid

import pytest

from ngprecomp.storage.local import LocalStore
from ngprecomp.storage.locate import open_store
from ngprecomp.storage.memory import MemoryStore
from tests.storage.servers import BUCKET, azurite, moto, server

__all__ = ["azurite", "moto", "server"]


@pytest.fixture
def local(tmp_path):
    return LocalStore(str(tmp_path / "volumes" / "v"))


@pytest.fixture
def memory():
    space = MemoryStore(uuid.uuid4().hex)
    yield MemoryStore(f"{space.name}/v")
    space.delete(space.list())


@pytest.fixture
def zipped(tmp_path):
    return open_store(f"{tmp_path}/volumes.zip|zip:v")


@pytest.fixture
def s3(moto):
    return open_store(f"s3+{moto}/{BUCKET}/{uuid.uuid4().hex}/v")


@pytest.fixture
def az(azurite):
    return open_store(f"az://{BUCKET}/{uuid.uuid4().hex}/v")


@pytest.fixture(params=["local", "memory", "zipped", "s3", pytest.param("az", marks=pytest.mark.azurite)])
def store(request):
    return request.getfixturevalue(request.param)
