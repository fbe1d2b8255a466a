"""Reading through a server that answers 30 ms later: what threads and joined ranges bring.

    python benchmarks/store_latency.py [MILLISECONDS]

The server is a process of its own on this machine, so only the ratios mean something.
"""

from __future__ import annotations

import http.server
import multiprocessing
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np

import ngprecomp as ng
from ngprecomp.chunks import batches as ng_batches
from ngprecomp.storage import object_client
from ngprecomp.storage.locate import open_store
from ngprecomp.volume.resources import Resources

OBJECTS = 256
OBJECT_BYTES = 32 << 10
ROUNDS = 3


def serve(folder: str, seconds: float, port: multiprocessing.Queue) -> None:
    """Answer for the files of a folder, each time `seconds` late."""
    bodies: dict[str, bytes] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1  # head and body leave in one packet: else the second waits 40 ms for an acknowledgement

        def log_message(self, *arguments: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self.answer(b"")

        def do_GET(self) -> None:
            self.answer(None)

        def answer(self, body: bytes | None) -> None:
            time.sleep(seconds)
            data = bodies.get(self.path) or bodies.setdefault(self.path, Path(folder + self.path).read_bytes())
            first, last = 0, len(data) - 1
            asked = self.headers.get("Range")
            if asked:
                first, last = map(int, asked.removeprefix("bytes=").split("-"))
            self.send_response(206 if asked else 200)
            self.send_header("ETag", '"1"')
            self.send_header("Content-Length", str(last + 1 - first))
            if asked:
                self.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
            self.end_headers()
            self.wfile.write(data[first : last + 1] if body is None else body)

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 256

    server = Server(("127.0.0.1", 0), Handler)
    port.put(server.server_port)
    server.serve_forever()


def prepare(folder: str) -> np.ndarray:
    """Write single objects, and a volume whose 256 chunks are one shard."""
    for number in range(OBJECTS):
        Path(folder, str(number)).write_bytes(bytes(OBJECT_BYTES))
    voxels = np.random.default_rng(0).integers(0, 256, (512, 512, 128)).astype("u1")
    layout = {"chunk_size": (64, 64, 32), "shard_size": (512, 512, 128), "levels": 0}
    ng.convert(voxels, f"{folder}/volume", axes="xyz", resolution=(8, 8, 40), **layout)
    return voxels


def timed(work) -> float:
    """Return the median of the seconds that `work` takes."""
    seconds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return median(seconds)


def main() -> None:
    milliseconds = float(sys.argv[1]) if len(sys.argv) > 1 else 30.0
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        voxels = prepare(folder)
        port = context.Queue()
        process = context.Process(target=serve, args=(folder, milliseconds / 1000, port), daemon=True)
        process.start()
        url = f"http://127.0.0.1:{port.get()}"
        store = open_store(url)
        print(f"{OBJECTS} objects of {OBJECT_BYTES >> 10} KiB, {milliseconds:g} ms a request")
        for threads in (1, 4, 16, 64, 128):
            names = [str(number) for number in range(OBJECTS if threads > 4 else 32 * threads)]
            with ThreadPoolExecutor(threads) as pool:
                seconds = timed(lambda pool=pool, names=names: list(pool.map(store.get, names)))
            print(f"  {threads:4} threads: {len(names) / seconds:7.0f} objects a second")
        vol = ng.open(f"{url}/volume")
        shard = f"{vol.key}/0.shard"
        index_bytes = 16 << vol.scale.sharding.minishard_bits
        chunk_bytes = (store.stat(f"volume/{shard}").size - index_bytes) // 256
        starts = [index_bytes + number * chunk_bytes for number in range(256)]
        print("256 chunks of one shard")
        for gap in (object_client.GAP, -1):
            object_client.GAP = gap
            seconds = timed(lambda: store.get_ranges(f"volume/{shard}", starts, [chunk_bytes] * 256))
            print(f"  get_ranges, {'joined' if gap > 0 else 'one by one':>10}: {seconds:.2f} s")
            object_client.GAP = 1 << 20
        for name, threads, batch in (("in batches", 64, 4 << 20), ("one by one", 64, 1), ("one by one", 2, 1)):
            ng_batches.BATCH_BYTES = batch
            seconds = timed(lambda threads=threads: cold(vol, threads))
            print(f"  volume[...], chunks {name}, {threads} threads: {seconds:.2f} s")
        ng_batches.BATCH_BYTES = 4 << 20
        assert np.array_equal(vol[...][..., 0], voxels)
        process.terminate()


def cold(vol: ng.Volume, threads: int) -> None:
    """Read the whole volume with an empty cache."""
    fresh = replace(vol, resources=Resources(threads))
    np.asarray(fresh)
    fresh.resources.close()


if __name__ == "__main__":
    main()
