"""What a process holds while it writes a shard of 1 GiB to an S3 bucket: moto's server, in a process of its own.

    python benchmarks/store_memory.py [MEBIBYTES]

The server keeps what it gets, so the machine needs twice the size. Prints the growth of the writing process.
"""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
import time
import urllib.request

import numpy as np

from ngprecomp.chunks.shard_writing import ShardWriter
from ngprecomp.format.sharding import parse_sharding
from ngprecomp.storage.locate import open_store

CHUNK_BYTES = 256 << 10
KIB_OF_MAXRSS = 1 if sys.platform != "darwin" else 1024


def peak_mebibytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KIB_OF_MAXRSS / 1024


def main() -> None:
    mebibytes = int(sys.argv[1]) if len(sys.argv) > 1 else 1024
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        write(mebibytes, f"http://127.0.0.1:{port}")
    finally:
        server.terminate()
        server.wait()


def write(mebibytes: int, endpoint: str) -> None:
    os.environ |= {"AWS_ACCESS_KEY_ID": "tester", "AWS_SECRET_ACCESS_KEY": "secret"}
    make = urllib.request.Request(f"{endpoint}/bench-bucket", method="PUT")
    for _ in range(100):
        try:
            urllib.request.urlopen(make).close()
            break
        except OSError:
            time.sleep(0.2)
    store = open_store(f"s3+{endpoint}/bench-bucket/v")
    sharding = parse_sharding(
        {
            "@type": "neuroglancer_uint64_sharded_v1",
            "preshift_bits": 6,
            "minishard_bits": 6,
            "shard_bits": 0,
            "hash": "identity",
        }
    )
    chunk = np.random.default_rng(0).integers(0, 256, CHUNK_BYTES).astype("u1").tobytes()
    with ShardWriter(store, "0.shard", sharding) as writer:  # compiles and connects
        writer.add(0, chunk)
    before = peak_mebibytes()
    began = time.perf_counter()
    with ShardWriter(store, "1.shard", sharding) as writer:
        for number in range((mebibytes << 20) // CHUNK_BYTES):
            writer.add(number, chunk)
    seconds = time.perf_counter() - began
    size = store.stat("1.shard").size
    print(f"a shard of {size >> 20} MiB in {seconds:.1f} s: the process grew by {peak_mebibytes() - before:.0f} MiB")


if __name__ == "__main__":
    main()
