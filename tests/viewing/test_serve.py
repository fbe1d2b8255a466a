"""The server: what it shows, what it hides, and how it keeps to HTTP."""

from __future__ import annotations

import email
import errno
import gzip
import json
import logging
import os
import signal
import socket
import threading
from unittest import mock

import imagecodecs
import numpy as np
import pytest
import tensorstore

import ngprecomp as ng
from ngprecomp.cli.main import main
from ngprecomp.errors import ChangedError, NotFoundError, OptionError, StorageError
from ngprecomp.storage.locate import open_store
from ngprecomp.viewing import handler, representation
from ngprecomp.viewing.answers import answer
from ngprecomp.viewing.byte_ranges import MOST_RANGES, parse_ranges
from ngprecomp.viewing.finding import find_volumes
from ngprecomp.viewing.serving import Server
from ngprecomp.viewing.site import Mount, Site
from tests.viewing.requests import ask, ask_raw, raw_get

DATA = bytes(range(256)) * 4
CHUNK = "0-64_0-64_0-8"
SECRET = b"nobody may read this"


@pytest.fixture(params=["local", "memory"])
def root(request, tmp_path):
    """Give the URL of an empty store."""
    return str(tmp_path / "root") if request.param == "local" else f"memory://{tmp_path}"


@pytest.fixture
def store(root):
    found = open_store(root)
    found.put("em/info", b"{}")
    found.put("em/data", DATA)
    found.put("em/empty", b"")
    return found


@pytest.fixture
def server(root, store):
    with ng.serve(root, port=0) as running:
        yield running


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Give a folder with a file and with links that lead out of it, beside a secret."""
    tmp_path = tmp_path_factory.mktemp("beside")
    inside = tmp_path / "root"
    (inside / "em").mkdir(parents=True)
    (inside / "em" / "data").write_bytes(DATA)
    (inside / ".hidden").write_bytes(SECRET)
    (tmp_path / "secret").write_bytes(SECRET)
    (tmp_path / "root-too").mkdir()
    (tmp_path / "root-too" / "secret").write_bytes(SECRET)
    (inside / "out").symlink_to(tmp_path / "secret")
    (inside / "above").symlink_to(tmp_path)
    (inside / "twin").symlink_to("../root-too")
    (inside / "packed.gz").symlink_to(tmp_path / "secret")
    (inside / "within").symlink_to("em/data")
    (inside / "nowhere").symlink_to("missing")
    (inside / "far").symlink_to(tmp_path / "missing")
    os.mkfifo(inside / "fifo")
    return inside


@pytest.fixture(scope="module")
def of_folder(folder):
    with ng.serve(folder, port=0) as running:
        yield running


ESCAPES = [
    b"/../secret", b"/em/../../secret", b"/em/../data", b"/./em/data", b"/em/./data", b"/em//data", b"//secret",
    b"/%2e%2e/secret", b"/%2E%2E/secret", b"/.%2e/secret", b"/%2e./secret", b"/em/%2e%2e/%2e%2e/secret",
    b"/..%2fsecret", b"/%2e%2e%2fsecret", b"/em%2fdata", b"/em%2f..%2f..%2fsecret", b"/%2f%2fsecret",
    b"/..\\secret", b"/..%5csecret", b"/%2e%2e%5csecret", b"/em\\data", b"/em%5c..%5c..%5csecret",
    b"/%252e%252e/secret", b"/%25252e%25252e/secret", b"/..%252fsecret", b"/%c0%ae%c0%ae/secret", b"/..%c0%afsecret",
    b"/%u002e%u002e/secret", b"/....//secret", b"/..;/secret", b"/.../secret", b"/em/data/../../../secret",
    b"/em/data%00", b"/%00/../secret", b"/..%00/secret", b"/em/data%0a", b"/em/data%0d%0aX-Evil:1", b"/em/data%7f",
    b"..", b"../secret", b"secret", b"em/data", b"\\..\\secret", b"?/../secret", b"/?/em/data", b"/#/em/data",
    b"http://localhost/../secret", b"http://localhost/%2e%2e/secret", b"file:///etc/passwd", b"/file:///etc/passwd",
    b"/etc/passwd", b"//etc/passwd", b"///etc/passwd", b"/%2fetc/passwd", b"/~/secret", b"/C:/secret",
    b"/", b"/em", b"/em/", b"/%20", b"/" + 300 * b"a", b"/" + 3000 * b"a/" + b"b", b"*",
    b"/.hidden", b"/%2ehidden", b"/.ngprecomp-locks/x", b"/em/.tmp",
    b"/out", b"/above/secret", b"/above/missing", b"/above", b"/above/", b"/twin/secret", b"/packed", b"/packed.gz",
    b"/above/root/em/../../secret", b"/above/root-too/secret",
    b"/.viewer", b"/.viewer/", b"/.viewer/v/", b"/.viewer/v/ngprecomp/../../../secret", b"/.viewer/v/ngprecomp/..",
    b"/.viewer/v/ngprecomp/%2e%2e/__init__.py", b"/.viewer/v/ngprecomp/..%2f__init__.py", b"/.viewer/v/other/",
    b"/.viewer/states/../secret", b"/.viewer/states/above.json", b"/.viewer/states/.json", b"/.viewer/states",
]  # fmt: skip


@pytest.mark.parametrize("target", ESCAPES, ids=lambda target: target[:60].decode())
def test_nothing_outside_is_served(of_folder, folder, target):
    reply = ask_raw(of_folder, raw_get(target))
    assert reply.split(b" ", 2)[1] in (b"400", b"403", b"404")
    head, _, body = reply.partition(b"\r\n\r\n")
    assert b"Access-Control-Allow-Origin: *" in head
    assert b"X-Evil" not in head
    assert len(body) < 100
    assert os.fsencode(folder.parent) not in reply
    assert ask(of_folder, "/em/data").body == DATA


def test_links_inside_are_followed(of_folder):
    assert ask(of_folder, "/within").body == DATA


def test_links_outside_are_followed_when_asked(folder):
    with ng.serve(folder, port=0, follow_links=True) as server:
        assert ask(server, "/out").body == SECRET
        assert ask(server, "/above/secret").body == SECRET
        assert ask(server, "/%2e%2e/secret").status == 400
        assert ask(server, "/.hidden").status == 404


def test_what_is_behind_a_link_is_not_told(of_folder):
    there, absent = (ask(of_folder, f"/above/{name}") for name in ("secret", "missing"))
    assert (there.status, there.body) == (absent.status, absent.body)


def test_root_may_be_a_link(folder, tmp_path):
    (tmp_path / "other").symlink_to(folder)
    with ng.serve(tmp_path / "other", port=0) as server:
        assert ask(server, "/em/data").body == DATA
        assert ask(server, "/out").status == 403


@pytest.mark.parametrize(("name", "status"), [("nowhere", 500), ("fifo", 500), ("em/data/more", 500), ("far", 403)])
def test_unreadable_is_not_absent(of_folder, folder, caplog, name, status):
    reply = ask(of_folder, f"/{name}")
    assert reply.status == status
    assert str(folder).encode() not in reply.body
    assert name in caplog.text


def test_forbidden_is_not_absent(store, monkeypatch, caplog):
    restless = Restless(store, 0)
    restless.stat = mock.Mock(side_effect=PermissionError(errno.EACCES, "Permission denied", "/data/em"))
    with Server([Mount((), restless)], port=0) as server:
        reply = ask(server, "/em/data")
    assert reply.status == 403
    assert b"/data" not in reply.body
    assert "Permission denied" in caplog.text


def test_whole_object(server):
    reply = ask(server, "/em/data")
    assert (reply.status, reply.body) == (200, DATA)
    assert reply.headers["Content-Length"] == str(len(DATA))
    assert reply.headers["Accept-Ranges"] == "bytes"
    assert reply.headers["Content-Type"] == "application/octet-stream"
    assert "Content-Encoding" not in reply.headers
    assert ask(server, "/em/info").headers["Content-Type"] == "application/json"
    assert ask(server, "/em/empty").body == b""
    assert ask(server, "/em/data?query#fragment").body == DATA
    assert ask(server, "/%65m/d%61ta").body == DATA
    assert ask(server, f"http://{server.host}:{server.port}/em/data").body == DATA


def test_absent(server):
    for target in ("/em/absent", "/absent/info"):
        reply = ask(server, target)
        assert reply.status == 404
        assert reply.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("target", ["/em/data", "/em/empty", "/em/absent"])
@pytest.mark.parametrize("headers", [{}, {"Range": "bytes=0-9"}, {"Range": "bytes=0-9,20-"}, {"Range": "bytes=9999-"}])
def test_head_is_get_without_body(server, target, headers):
    get, head = (ask(server, target, headers, method) for method in ("GET", "HEAD"))
    assert head.status == get.status
    assert head.body == b""
    assert {name: len(value) for name, value in head.headers.items()} == {
        name: len(value) for name, value in get.headers.items()
    }


RANGES = {
    "bytes=0-9": DATA[:10],
    "bytes=0-0": DATA[:1],
    "bytes=1023-1023": DATA[-1:],
    "bytes=1000-": DATA[1000:],
    "bytes=1000-99999999999999999999": DATA[1000:],
    "bytes=-1": DATA[-1:],
    "bytes=-1024": DATA,
    "bytes=-5000": DATA,
    "bytes= 5-6": DATA[5:7],
    "Bytes=5-6": DATA[5:7],
    "bytes=5-6,": DATA[5:7],
    "bytes=5-6,5000-": DATA[5:7],
}


@pytest.mark.parametrize("header", RANGES)
def test_one_range(server, header):
    reply = ask(server, "/em/data", {"Range": header})
    assert (reply.status, reply.body) == (206, RANGES[header])
    start = DATA.find(reply.body) if len(reply.body) != 1 or reply.body != DATA[-1:] else len(DATA) - 1
    assert reply.headers["Content-Length"] == str(len(reply.body))
    if header not in ("bytes=1000-", "bytes=1000-99999999999999999999"):
        assert reply.headers["Content-Range"] == f"bytes {start}-{start + len(reply.body) - 1}/1024"


@pytest.mark.parametrize("header", ["bytes=1024-", "bytes=2000-3000", "bytes=-0", "bytes=5000-,-0"])
def test_range_outside(server, header):
    reply = ask(server, "/em/data", {"Range": header})
    assert reply.status == 416
    assert reply.headers["Content-Range"] == "bytes */1024"
    assert reply.headers["Access-Control-Allow-Origin"] == "*"


def test_every_range_of_an_empty_object_is_outside(server):
    for header in ("bytes=0-", "bytes=0-0", "bytes=-1"):
        assert ask(server, "/em/empty", {"Range": header}).status == 416


IGNORED = ["bytes=", "bytes=-", "bytes=9-5", "bytes=a-b", "bytes=1-2-3", "bytes=+1-2", "bytes=1 - 2", "lines=0-9",
           "bytes 0-9", "0-9", "bytes=0-9;5-6", "bytes=0x1-2", "bytes=1.5-2", "bytes=0-1,x", "bytes=٣-٤"]  # fmt: skip


@pytest.mark.parametrize("header", IGNORED)
def test_what_is_no_range_is_ignored(server, header):
    reply = ask(server, "/em/data", {"Range": header.encode()})
    assert (reply.status, reply.body) == (200, DATA)


def test_several_ranges(server):
    reply = ask(server, "/em/data", {"Range": "bytes=0-9, 500-509 ,-3,20-29"})
    assert reply.status == 206
    assert len(reply.body) == int(reply.headers["Content-Length"])
    text = f"Content-Type: {reply.headers['Content-Type']}\r\n\r\n".encode() + reply.body
    parts = email.message_from_bytes(text).get_payload()
    assert [part["Content-Range"] for part in parts] == [
        "bytes 0-9/1024", "bytes 500-509/1024", "bytes 1021-1023/1024", "bytes 20-29/1024",
    ]  # fmt: skip
    boundary = reply.headers["Content-Type"].partition("boundary=")[2].encode()
    bodies = [part.partition(b"\r\n\r\n")[2] for part in reply.body.split(b"\r\n--" + boundary)[1:-1]]
    assert bodies == [DATA[:10], DATA[500:510], DATA[-3:], DATA[20:30]]


def test_many_ranges_are_refused(server):
    header = "bytes=" + ",".join(f"{start}-{start}" for start in range(MOST_RANGES + 1))
    assert ask(server, "/em/data", {"Range": header}).status == 416
    assert parse_ranges(header.rpartition(",")[0], 1024) == [(start, start + 1) for start in range(MOST_RANGES)]


def test_ranges_over_pieces(server, monkeypatch):
    monkeypatch.setattr(representation, "PIECE", 100)
    monkeypatch.setattr(representation, "WHOLE", 200)
    assert ask(server, "/em/data").body == DATA
    assert ask(server, "/em/data", {"Range": "bytes=50-777"}).body == DATA[50:778]


def test_validators(server, store):
    first = ask(server, "/em/data")
    tag = first.headers["ETag"]
    for header in (tag, f"W/{tag}", f'"x", {tag}', "*"):
        again = ask(server, "/em/data", {"If-None-Match": header, "Range": "bytes=0-1"})
        assert (again.status, again.body, again.headers["ETag"]) == (304, b"", tag)
        assert "Content-Length" not in again.headers
    assert ask(server, "/em/data", {"If-None-Match": '"other"'}).status == 200
    assert ask(server, "/em/data", {"Range": "bytes=0-1", "If-Range": tag}).status == 206
    store.put("em/data", DATA[::-1])
    assert ask(server, "/em/data", {"If-None-Match": tag}).body == DATA[::-1]
    changed = ask(server, "/em/data", {"Range": "bytes=0-1", "If-Range": tag})
    assert (changed.status, changed.body) == (200, DATA[::-1])
    date = ask(server, "/em/data", {"Range": "bytes=0-1", "If-Range": "Wed, 21 Oct 2015 07:28:00 GMT"})
    assert date.status == 200


COMPRESSED = {
    ".gz": ("gzip", gzip.compress(DATA)),
    ".br": ("br", imagecodecs.brotli_encode(DATA)),
    ".zstd": ("zstd", imagecodecs.zstd_encode(DATA)),
}


@pytest.mark.parametrize("suffix", COMPRESSED)
def test_compressed_files_under_their_plain_names(server, store, suffix):
    encoding, data = COMPRESSED[suffix]
    store.put(f"em/packed{suffix}", data)
    reply = ask(server, "/em/packed", {"Accept-Encoding": f"deflate, {encoding}"})
    assert (reply.body, reply.headers["Content-Encoding"]) == (data, encoding)
    assert reply.headers["Vary"] == "Accept-Encoding"
    tags = {reply.headers["ETag"]}
    for accepted in ("", "identity", f"{encoding};q=0"):
        plain = ask(server, "/em/packed", {"Accept-Encoding": accepted})
        assert plain.body == DATA
        assert "Content-Encoding" not in plain.headers
        tags.add(plain.headers["ETag"])
    assert len(tags) == 2
    part = ask(server, "/em/packed", {"Accept-Encoding": encoding, "Range": "bytes=10-19"})
    assert (part.status, part.body) == (206, DATA[10:20])
    assert "Content-Encoding" not in part.headers
    assert ask(server, f"/em/packed{suffix}", {"Accept-Encoding": encoding}).body == data


def test_xz_is_inflated(server, store):
    import lzma

    store.put("em/packed.xz", lzma.compress(DATA))
    assert ask(server, "/em/packed", {"Accept-Encoding": "*"}).body == DATA


def test_plain_name_comes_first(server, store):
    store.put("em/data.gz", gzip.compress(b"old"))
    assert ask(server, "/em/data", {"Accept-Encoding": "gzip"}).body == DATA


def test_gzip_under_the_plain_name_of_a_chunk(server, store):
    data = gzip.compress(DATA)
    store.put(f"em/{CHUNK}", data)
    store.put("em/file", data)
    reply = ask(server, f"/em/{CHUNK}", {"Accept-Encoding": "gzip"})
    assert (reply.body, reply.headers["Content-Encoding"]) == (data, "gzip")
    assert ask(server, f"/em/{CHUNK}").body == DATA
    assert ask(server, f"/em/{CHUNK}", {"Accept-Encoding": "gzip", "Range": "bytes=0-9"}).body == data[:10]
    assert "Content-Encoding" not in ask(server, "/em/file", {"Accept-Encoding": "gzip"}).headers


def test_raw_voxels_that_begin_like_gzip(server, store):
    data = b"\x1f\x8b\x08" + DATA[3:]
    store.put(f"em/{CHUNK}", data)
    reply = ask(server, f"/em/{CHUNK}", {"Accept-Encoding": "gzip"})
    assert reply.body == data
    assert "Content-Encoding" not in reply.headers


def test_damaged_compression(server, store, caplog):
    store.put("em/packed.gz", gzip.compress(DATA)[:-20])
    reply = ask(server, "/em/packed")
    assert reply.status == 500
    assert b"memory" not in reply.body
    assert "do not decode" in caplog.text


def test_other_origins(server):
    reply = ask(server, "/em/data", {"Origin": "https://neuroglancer-demo.appspot.com", "Range": "bytes=0-9"})
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    for name in ("Content-Range", "Content-Encoding", "Content-Length", "ETag"):
        assert name in reply.headers["Access-Control-Expose-Headers"]
    asked = {"Origin": "https://a.org", "Access-Control-Request-Method": "GET"}
    for target in ("/em/data", "/absent", "*"):
        reply = ask(server, target, {**asked, "Access-Control-Request-Headers": "range"}, method="OPTIONS")
        assert (reply.status, reply.body) == (204, b"")
        assert reply.headers["Access-Control-Allow-Origin"] == "*"
        assert reply.headers["Access-Control-Allow-Headers"] == "*"
        assert "GET" in reply.headers["Access-Control-Allow-Methods"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_is_written(server, store, method):
    reply = ask(server, "/em/data", {"Connection": "keep-alive"}, method=method, body=b"x")
    assert reply.status == 405
    assert "GET" in reply.headers["Allow"]
    assert reply.headers["Connection"] == "close"
    assert store.get("em/data").data == DATA


NO_REQUESTS = [
    b"nonsense\r\n\r\n",
    b"FROB /em/data HTTP/1.1\r\n\r\n",
    b"GET /em/data HTTP/9\r\n\r\n",
    b"GET\r\n\r\n",
    b"GET /" + 70000 * b"a" + b" HTTP/1.1\r\n\r\n",
    b"GET /em/data HTTP/1.1\r\n" + 200 * b"A: b\r\n" + b"\r\n",
]


@pytest.mark.parametrize("request_", NO_REQUESTS, ids=lambda text: text[:20].decode())
def test_what_is_no_request(server, request_, capfd):
    reply = ask_raw(server, request_)
    assert reply.split(b" ", 2)[1][:1] in (b"4", b"5")
    assert b"Traceback" not in reply
    assert capfd.readouterr().err == ""


def test_head_reads_nothing_of_large_objects(store, monkeypatch):
    restless = Restless(store, 99)
    site = Site((Mount((), restless),))
    assert answer(site, "HEAD", "/em/data", {"Range": "bytes=0-9"}).length == 10


def test_a_body_is_not_the_next_request(server):
    inner = b"GET /em/data HTTP/1.1\r\n\r\n"
    reply = ask_raw(server, b"GET /em/absent HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(inner) + inner)
    assert reply.count(b"HTTP/1.1 ") == 1


def test_connections_are_kept(server):
    twice = 2 * b"GET /em/data HTTP/1.1\r\nHost: a\r\n\r\n" + raw_get(b"/em/absent")
    assert [reply[:3] for reply in ask_raw(server, twice).split(b"HTTP/1.1 ")[1:]] == [b"200", b"200", b"404"]


def test_large_objects_stream_to_readers_that_leave(server, store, capfd, caplog):
    with store.writer("em/large") as writer:
        for _ in range(40):
            writer.append(bytes(1 << 20))
    for _ in range(3):
        with socket.create_connection((server.host, server.port)) as connection:
            connection.sendall(raw_get(b"/em/large"))
            connection.recv(100)
    threads = [thread for thread in threading.enumerate() if "process_request" in thread.name]
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    assert len(ask(server, "/em/large").body) == 40 << 20
    assert capfd.readouterr().err == ""
    assert not caplog.records


def test_who_says_nothing_is_left(root, store, monkeypatch, capfd):
    monkeypatch.setattr(handler.Handler, "timeout", 0.2)
    with ng.serve(root, port=0) as server, socket.create_connection((server.host, server.port)) as connection:
        connection.sendall(b"GET /em/da")
        connection.settimeout(5)
        assert connection.recv(100) == b""
    assert capfd.readouterr().err == ""


class Restless:
    """A store in which everything changes between `stat` and reading, a few times."""

    url = "memory://restless"

    def __init__(self, store, times):
        self.store, self.times = store, times
        self.stat, self.get = store.stat, store.get

    def get_ranges(self, *arguments, **keywords):
        if self.times:
            self.times -= 1
            raise ChangedError("written in between")
        return self.store.get_ranges(*arguments, **keywords)


@pytest.mark.parametrize(("times", "status"), [(1, 206), (2, 206), (3, 500)])
def test_what_changes_is_read_again(store, times, status):
    site = Site((Mount((), Restless(store, times)),))
    assert answer(site, "GET", "/em/data", {"Range": "bytes=0-9"}).status == status


def test_an_answer_that_breaks_off_ends_the_connection(store, monkeypatch, caplog):
    monkeypatch.setattr(representation, "PIECE", 100)
    restless = Restless(store, 0)
    with Server([Mount((), restless)], port=0) as server, caplog.at_level(logging.WARNING):
        monkeypatch.setattr(restless, "get_ranges", lambda key, starts, lengths, **_: _once(starts, lengths))
        reply = ask_raw(server, b"GET /em/data HTTP/1.1\r\nRange: bytes=0-\r\n\r\n")
    assert reply.endswith(b"\r\n\r\n" + bytes(100))
    assert "broke off" in caplog.text


def _once(starts, lengths):
    if starts[0]:
        raise StorageError("the disk went away")
    return [bytes(length) for length in lengths]


def test_port_taken(server, root):
    with pytest.raises(StorageError, match=f"port {server.port} of 127.0.0.1 is taken"):
        ng.serve(root, port=server.port)


def test_default_ports(root, store):
    with ng.serve(root) as first, ng.serve(root) as second:
        assert 1337 <= first.port < second.port < 1437
        assert first.url == f"http://127.0.0.1:{first.port}"


def test_addresses(root, store, tmp_path):
    with pytest.raises(OptionError, match="cannot listen at no such host"):
        ng.serve(root, host="no such host")
    with pytest.raises(OptionError, match="0 to 65535"):
        ng.serve(root, port=70000)
    with pytest.raises(NotFoundError, match="no folder"):
        ng.serve(tmp_path / "missing")
    with ng.serve(root, host="0.0.0.0", port=0) as server:
        assert server.url == f"http://{socket.gethostname()}:{server.port}"


def test_close_ends_everything(root, store):
    server = ng.serve(root, port=0)
    with socket.create_connection((server.host, server.port), timeout=5) as connection:
        connection.sendall(b"GET /em/data HTTP/1.1\r\n\r\n")
        assert connection.recv(1 << 16).startswith(b"HTTP/1.1 200")
        server.close()
        server.close()
        while connection.recv(1 << 16):
            pass
    with pytest.raises(ConnectionRefusedError):
        ask(server, "/em/data")
    with ng.serve(root, port=server.port) as again:
        assert ask(again, "/em/data").body == DATA


def test_wait_returns_when_closed(server):
    threading.Timer(0.1, server.close).start()
    server.wait()
    assert "closed" in repr(server)


def test_events_go_on_until_the_end(server):
    with socket.create_connection((server.host, server.port), timeout=5) as connection:
        connection.sendall(b"GET /.viewer/events/ngprecomp?c=1 HTTP/1.1\r\n\r\n")
        received = b""
        while not received.endswith(b"\r\n\r\n:\n\n"):
            received += connection.recv(1000)
        assert b"text/event-stream" in received
        assert ask(server, "/em/data").status == 200
        server.close()
        assert connection.recv(1000) == b""


@pytest.fixture(params=["sharded", "gzip", "plain"])
def volume(request, root):
    """Give the URL of a store with a volume ``em``, and its voxels."""
    voxels = np.arange(100 * 60 * 20, dtype=np.uint32).reshape(100, 60, 20, 1)
    options = {"sharded": {"shard_size": (64, 64, 32)}, "gzip": {"compress": "gzip"}, "plain": {}}[request.param]
    ng.convert(
        voxels[..., 0], f"{root}/em", axes="xyz", type="image", chunk_size=(32, 32, 16), voxel_offset=(-7, 3, 5),
        levels=0, **options,
    )  # fmt: skip
    return root, voxels


def test_tensorstore_reads_what_is_served(volume):
    root, voxels = volume
    with ng.serve(root, port=0) as server:
        kvstore = {"driver": "http", "base_url": server.url, "path": "/em/"}
        read = tensorstore.open({"driver": "neuroglancer_precomputed", "kvstore": kvstore}).result().read().result()
    np.testing.assert_array_equal(read, voxels)


def test_cloudvolume_reads_what_is_served(volume):
    from cloudvolume import CloudVolume

    root, voxels = volume
    with ng.serve(root, port=0) as server:
        read = CloudVolume(f"precomputed://{server.url}/em", progress=False)[:]
    np.testing.assert_array_equal(np.asarray(read), voxels)


def test_states_are_made_on_demand(volume):
    root, _ = volume
    with ng.serve(root, port=0) as server:
        state = json.loads(ask(server, "/.viewer/states/em.json").body)
        assert state["layers"][0]["source"] == f"precomputed://{server.url}/em"
        assert ask(server, "/.viewer/states/other.json").status == 404
    with ng.serve(f"{root}/em", port=0) as server:
        state = json.loads(ask(server, "/.viewer/states/.json").body)
        assert (state["layers"][0]["name"], state["layers"][0]["source"]) == ("em", f"precomputed://{server.url}")


def test_volumes_are_found(root):
    store = open_store(root)
    for path in ("b", "a/deep/one", "a b"):
        ng.create(f"{store.url}/{path.replace(' ', '%20')}", shape=(8, 8, 8), dtype="uint8")
    store.put("b/segment_properties/info", b'{"@type": "neuroglancer_segment_properties"}')
    store.put("c/info", b"no json")
    assert sorted(find_volumes(Mount((), store))) == ["a b", "a/deep/one", "b"]
    assert list(find_volumes(Mount((), open_store(f"{root}/b")))) == [""]


def test_volumes_behind_links(tmp_path):
    ng.create(tmp_path / "volume", shape=(8, 8, 8), dtype="uint8")
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "link").symlink_to("../volume")
    store = open_store(tmp_path / "root")
    assert list(find_volumes(Mount((), store))) == []
    assert list(find_volumes(Mount((), store, follow_links=True))) == ["link"]


def test_command(volume, capsys, monkeypatch):
    root, _ = volume
    waited = []
    monkeypatch.setattr(Server, "wait", lambda server: (waited.append(server), server.close()))
    assert main(["serve", root, "--port", "0"]) == 0
    (server,) = waited
    out = capsys.readouterr().out
    assert f"{server.url}/em\n" in out
    assert f"{server.url}/.viewer/v/ngprecomp/#!{server.url}/.viewer/states/em.json\n" in out
    assert main(["serve", root, "--port", "0", "--quiet"]) == 0
    assert capsys.readouterr().out == ""


def test_interrupt_ends_it(server):
    threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
    server.wait()
    assert "closed" in repr(server)
