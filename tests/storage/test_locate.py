from __future__ import annotations

import os
import pickle
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


@pytest.mark.parametrize(
    ("where", "url"),
    [
        ("s3://bucket", "s3://bucket"),
        ("S3://bucket/a%20b/", "s3://bucket/a%20b"),
        ("s3+http://127.0.0.1:9000/bucket/v", "s3+http://127.0.0.1:9000/bucket/v"),
        ("s3://bucket/v/?region=eu-west-1&credentials=anonymous", None),
        ("s3://bucket/v?forbidden=missing", "s3://bucket/v?forbidden=missing"),
        ("gs://bucket/v/?credentials=metadata", "gs://bucket/v?credentials=metadata"),
        ("az://container/v%25", "az://container/v%25"),
        ("https://host/a/b/", "https://host/a/b"),
        ("HTTP://host:80", "http://host:80"),
        ("https://host/50%25%3F", "https://host/50%25%3F"),
        ("fsspec+sftp://host/v/", "fsspec+sftp://host/v"),
        ("/data/em%20.zip|zip:raw/", "file:///data/em%2520.zip|zip:raw"),
        ("file:///data/em%20.zip|zip:", "file:///data/em%20.zip|zip:"),
        ("s3://bucket/em.zip?region=r|zip:a%20b/", "s3://bucket/em.zip?region=r|zip:a%20b"),
        ("https://host/em.zip|zip:v", "https://host/em.zip|zip:v"),
    ],
)
def test_urls_of_other_stores(where, url):
    store = open_store(where)
    assert url is None or store.url == url
    assert open_store(store.url) == store
    assert pickle.loads(pickle.dumps(store)) == store
    assert hash(pickle.loads(pickle.dumps(store))) == hash(store)


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
        ("s3:///v", "names no bucket: expected s3://BUCKET/PATH"),
        ("s3+http://host", "names no bucket: expected .*HOST/BUCKET/PATH"),
        ("s3://bucket/v?regoin=x", "regoin=x is no setting"),
        ("gs://bucket/v?region=x", "region=x is no setting"),
        ("s3://bucket/v?credentials=mine", "credentials=mine is no setting"),
        ("s3://bucket/v#x", "%23"),
        ("https:///v", "HOST/PATH"),
        ("https://host/v?x=1", "without query"),
        ("|zip:v", "names no zip file"),
        ("precomputed://file:///v", "precomputed:// is not known"),
    ],
)
def test_what_names_no_store_is_refused(where, reason):
    with pytest.raises(OptionError, match=reason):
        open_store(where)


@pytest.mark.parametrize("where", ["/data/a\0b", "~\0", "s3://bucket/\udce4m", "http://host/\udce4m"])
def test_names_that_cannot_be(where):
    with pytest.raises(OptionError, match=r"zero byte|UTF-8"):
        open_store(where)


def test_a_url_from_a_shell_need_not_be_utf_8():
    assert open_store("file:///data/my\udce4m").root == "/data/my\udce4m"
    assert open_store(open_store("/data/my\udce4m").url).root == "/data/my\udce4m"
