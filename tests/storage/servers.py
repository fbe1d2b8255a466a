"""Servers that the tests of stores start: an S3 of moto, Azurite where node is, and a little HTTP server."""

from __future__ import annotations

import base64
import hmac
import http.server
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request
from contextlib import contextmanager
from email.utils import formatdate

import pytest

BUCKET = "ngprecomp"
# The account that every Azurite has.
ACCOUNT = "devstoreaccount1"
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
START_SECONDS = 60


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@contextmanager
def running(command, port):
    """Run a server until the block ends; the block begins when the server answers."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + START_SECONDS
        while True:
            assert process.poll() is None, f"{command} has ended"
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < deadline, f"{command} does not answer"
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(scope="session")
def moto():
    """Start an S3 with one bucket, and give its address; the credentials are in the environment."""
    pytest.importorskip("obstore")
    pytest.importorskip("moto")
    port = free_port()
    with (
        running([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], port) as endpoint,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("AWS_ACCESS_KEY_ID", "tester")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        make = urllib.request.Request(f"{endpoint}/{BUCKET}", method="PUT")
        urllib.request.urlopen(make).close()
        yield endpoint


@pytest.fixture(scope="session")
def azurite(tmp_path_factory):
    """Start Azurite with one container; the account is in the environment."""
    program = shutil.which("azurite-blob") or os.environ.get("AZURITE_BLOB")
    if program is None:
        pytest.skip("azurite-blob is not installed: npm install -g azurite")
    pytest.importorskip("obstore")
    port = free_port()
    folder = tmp_path_factory.mktemp("azurite")
    quiet = ["--silent", "--disableTelemetry", "--skipApiVersionCheck", "--location", str(folder)]
    with (
        running([program, "--blobHost", "127.0.0.1", "--blobPort", str(port), *quiet], port) as endpoint,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("AZURE_STORAGE_ACCOUNT_NAME", ACCOUNT)
        patch.setenv("AZURE_STORAGE_ACCOUNT_KEY", ACCOUNT_KEY)
        patch.setenv("AZURE_STORAGE_ENDPOINT", f"{endpoint}/{ACCOUNT}")
        _make_container(endpoint)
        yield endpoint


def _make_container(endpoint):
    """Make the container; obstore cannot."""
    headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2021-08-06"}
    signed = "".join(f"{name}:{value}\n" for name, value in headers.items())
    resource = f"/{ACCOUNT}/{ACCOUNT}/{BUCKET}\nrestype:container"
    mac = hmac.digest(base64.b64decode(ACCOUNT_KEY), ("PUT" + "\n" * 12 + signed + resource).encode(), "sha256")
    headers["Authorization"] = f"SharedKey {ACCOUNT}:{base64.b64encode(mac).decode()}"
    url = f"{endpoint}/{ACCOUNT}/{BUCKET}?restype=container"
    urllib.request.urlopen(urllib.request.Request(url, method="PUT", headers=headers)).close()


class Server:
    """An HTTP server over a dict of paths to bytes.

    `faults` are done to the next requests, one each: a status such as 503, ``"cut"`` ends the body early, ``"ignore
    range"`` answers with the whole body, and None answers well. `always` is done when there are none. Each request
    waits `delay` seconds; `log` has (method, path, range) of each.
    """

    def __init__(self):
        self.objects = {}
        self.headers = {}
        self.faults = []
        self.always = None
        self.delay = 0.0
        self.log = []
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()

    def _handler(outer):  # noqa: N805  the handler has a self of its own
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *arguments):
                pass

            def do_HEAD(self):
                self.answer()

            def do_GET(self):
                self.answer()

            def answer(self):
                path = urllib.parse.unquote(self.path)
                asked = self.headers.get("Range")
                outer.log.append((self.command, path, asked))
                time.sleep(outer.delay)
                fault = outer.faults.pop(0) if outer.faults else outer.always
                if isinstance(fault, int) or path not in outer.objects:
                    self.send(fault if isinstance(fault, int) else 404, b"", {})
                    return
                body = outer.objects[path]
                tag = f'"{hash(body):x}"'
                if self.headers.get("If-Match", tag) != tag:
                    self.send(412, b"", {})
                    return
                headers = {"ETag": tag, **outer.headers}
                status = 200
                if asked and fault != "ignore range":
                    first, last = asked.removeprefix("bytes=").split("-")
                    if int(first) >= len(body):
                        self.send(416, b"", {"Content-Range": f"bytes */{len(body)}"})
                        return
                    status = 206
                    end = min(int(last) + 1, len(body))
                    headers["Content-Range"] = f"bytes {first}-{end - 1}/{len(body)}"
                    body = body[int(first) : end]
                self.send(status, body, headers, cut=fault == "cut")

            def send(self, status, body, headers, cut=False):
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body[: len(body) // 2] if cut else body)
                    self.close_connection = cut

        return Handler


@pytest.fixture
def server():
    pytest.importorskip("obstore")
    served = Server()
    yield served
    served.close()
