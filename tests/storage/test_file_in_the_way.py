"""A file in the place of a folder is damage, not absence."""

import pytest

import ngprecomp as ng
from ngprecomp.errors import KeyNotFoundError, NotFoundError, StorageError
from ngprecomp.storage.local import LocalStore


def test_a_file_in_the_place_of_a_folder_of_a_store_is_an_error(tmp_path):
    (tmp_path / "s").write_bytes(b"1")
    store = LocalStore(str(tmp_path))
    for read in (
        lambda: store.get("s/0-8"),
        lambda: store.stat("s/0-8"),
        lambda: store.get_ranges("s/t/0-8", [0], [1]),
    ):
        with pytest.raises(StorageError, match="/s is a file, not a folder") as raised:
            read()
        assert not isinstance(raised.value, KeyNotFoundError)
    assert list(store.list("s")) == ["s"]
    assert list(store.list("s/")) == []
    with pytest.raises(KeyNotFoundError):
        store.get("t/0-8")


def test_there_is_no_volume_in_a_file(tmp_path):
    (tmp_path / "s").write_bytes(b"1")
    with pytest.raises(NotFoundError, match="no volume"):
        ng.open(tmp_path / "s")
