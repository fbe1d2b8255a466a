from __future__ import annotations

import os
from pathlib import Path

import pytest

from ngprecomp.errors import OptionError
from ngprecomp.storage.local import LocalStore
from ngprecomp.storage.locate import open_store
from ngprecomp.storage.memory import MemoryStore


@pytest.mark.parametrize(
    ("where", "root"),
    [
        ("/data/v", "/data/v"),
        ("/data/v/", "/data/v"),
        ("/data/50%20/a?b#c", "/data/50%20/a?b#c"),
        ("file:///data/v/", "/data/v"),
        ("FILE:///data/v", "/data/v"),
        ("file://localhost/data/v", "/data/v"),
        ("file:///data/my%20%2525%3F%23", "/data/my %25?#"),
        ("file:///data/%zz%4", "/data/%zz%4"),
        ("file:///data/%C3%BC", "/data/ü"),
        ("file:///data/%FF", os.fsdecode(b"/data/\xff")),
        ("file:///", "/"),
        (Path("/data/v"), "/data/v"),
    ],
)
def test_paths_and_file_urls(where, root):
    store = open_store(where)
    assert store == LocalStore(root)
    assert store.root == root
    assert open_store(store.url) == store


def test_relative_paths_and_homes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/ada")
    assert open_store("out/seg").root == f"{tmp_path}/out/seg"
    assert open_store(".").root == str(tmp_path)
    assert open_store("~/seg").root == "/home/ada/seg"
    assert open_store("file").root == f"{tmp_path}/file"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("where", "name"),
    [
        ("memory://seg", "seg"),
        ("memory://a/b/", "a/b"),
        ("memory://a%20b", "a b"),
        ("memory://", ""),
        ("memory:///a", "a"),
    ],
)
def test_memory_urls(where, name):
    assert open_store(where) == MemoryStore(name)


@pytest.mark.parametrize("scheme", ["http", "https", "s3", "gs", "az", "zip", "S3"])
def test_stores_to_come_name_the_extra(scheme):
    with pytest.raises(OptionError, match=r"ngprecomp\[cloud\]"):
        open_store(f"{scheme}://bucket/seg")


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        ("", "empty path"),
        ("file://data/v", "host 'data'.*file:///absolute/path"),
        ("file://", "file:///absolute/path"),
        ("file:///data/v?x=1", "query"),
        ("file:///data/v#x", "fragment"),
        ("memory://v?x=1", "query"),
        ("ftp://host/v", "ftp:// is not known"),
        ("precomputed://file:///v", "precomputed:// is not known"),
    ],
)
def test_what_names_no_store_is_refused(where, reason):
    with pytest.raises(OptionError, match=reason):
        open_store(where)
