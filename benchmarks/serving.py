"""HTTP servers under the same answers: the standard library's, which we use, beside aiohttp and cheroot.

Six connections stay open and ask for byte ranges of one sharded volume, each for the next one when it has its answer,
as a browser does. python -m pip install aiohttp cheroot; python -m benchmarks.serving
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import random
import selectors
import socket
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import ngprecomp as ng
from benchmarks.measure import alternate
from ngprecomp.storage.local import LocalStore
from ngprecomp.viewing.answers import OF_EVERY_ANSWER, answer
from ngprecomp.viewing.site import Mount, Site

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

CONNECTIONS = 6
REQUESTS = 1500
ROUNDS = 7


def ours(root: str, started: Connection) -> None:
    server = ng.serve(root, port=0)
    started.send(server.port)
    server.wait()


def with_aiohttp(root: str, started: Connection) -> None:
    from aiohttp import web

    site = Site((Mount((), LocalStore(root)),))

    async def respond(request: web.Request) -> web.Response:
        reply = answer(site, request.method, request.raw_path, request.headers)
        return web.Response(
            status=reply.status, headers={**OF_EVERY_ANSWER, **reply.headers}, body=b"".join(reply.body)
        )

    async def run() -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", respond)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site_ = web.TCPSite(runner, "127.0.0.1", 0)
        await site_.start()
        started.send(runner.addresses[0][1])
        await asyncio.Event().wait()

    asyncio.run(run())


def with_cheroot(root: str, started: Connection) -> None:
    from cheroot import wsgi

    site = Site((Mount((), LocalStore(root)),))

    def respond(environment, start):  # type: ignore[no-untyped-def]
        headers = {
            name[5:].replace("_", "-").title(): value for name, value in environment.items() if name[:5] == "HTTP_"
        }
        reply = answer(site, environment["REQUEST_METHOD"], environment["PATH_INFO"], headers)
        listed = {**OF_EVERY_ANSWER, **reply.headers, "Content-Length": str(reply.length)}
        start(f"{reply.status.value} {reply.status.phrase}", list(listed.items()))
        return reply.body

    server = wsgi.Server(("127.0.0.1", 0), respond, numthreads=CONNECTIONS)
    server.prepare()
    started.send(server.bind_addr[1])
    server.serve()


def ask(port: int, path: str, nbytes: int, size: int) -> int:
    """Ask for ranges over all connections and return the bytes that came."""
    generator = random.Random(0)
    waiting = selectors.DefaultSelector()
    left, received = REQUESTS, 0

    def send(connection: socket.socket) -> None:
        start = generator.randrange(nbytes - size)
        connection.sendall(
            f"GET {path} HTTP/1.1\r\nHost: a\r\nRange: bytes={start}-{start + size - 1}\r\n"
            "Accept: */*\r\nAccept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en\r\n"
            "Origin: http://127.0.0.1:1\r\nReferer: http://127.0.0.1:1/\r\nUser-Agent: benchmark\r\n\r\n".encode()
        )

    for _ in range(CONNECTIONS):
        connection = socket.create_connection(("127.0.0.1", port))
        waiting.register(connection, selectors.EVENT_READ, bytearray())
        send(connection)
        left -= 1
    while waiting.get_map():
        for key, _ in waiting.select():
            key.data.extend(key.fileobj.recv(1 << 20))
            head = key.data.find(b"\r\n\r\n")
            if head < 0 or len(key.data) < head + 4 + size:
                continue
            assert key.data.startswith(b"HTTP/1.1 206")
            received += size
            key.data.clear()
            if left:
                left -= 1
                send(key.fileobj)
            else:
                waiting.unregister(key.fileobj)
                key.fileobj.close()
    return received


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[2_000, 20_000, 200_000])
    sizes = parser.parse_args().sizes
    with tempfile.TemporaryDirectory() as root:
        voxels = np.random.default_rng(0).integers(0, 255, (256, 512, 512), dtype=np.uint8)
        ng.convert(voxels, f"{root}/em", axes="zyx", shard_size=(512, 512, 256), levels=0)
        shard = next(Path(root).glob("em/*/*.shard"))
        servers: dict[str, Callable[[str, Connection], None]] = {
            "standard library (ours)": ours,
            "aiohttp": with_aiohttp,
            "cheroot": with_cheroot,
        }
        spawn = multiprocessing.get_context("spawn")
        ports, processes = {}, []
        for name, run in servers.items():
            ear, mouth = spawn.Pipe()
            processes.append(spawn.Process(target=run, args=(root, mouth), daemon=True))
            processes[-1].start()
            ports[name] = ear.recv()
        for size in sizes:
            path = "/" + shard.relative_to(root).as_posix()
            jobs = {name: partial(ask, port, path, shard.stat().st_size, size) for name, port in ports.items()}
            found = alternate(jobs, ROUNDS)
            for name, cost in found.items():
                mb = REQUESTS * size / cost.wall / 1e6
                print(f"{size:7} bytes  {name:24} {REQUESTS / cost.wall:7.0f} requests/s {mb:7.0f} MB/s")
        for process in processes:
            process.terminate()


if __name__ == "__main__":
    main()
