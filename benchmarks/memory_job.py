"""What convert holds beside what it may hold: peak resident memory of whole jobs, each in a process of its own.

python benchmarks/memory_job.py [--gigabytes 4] [--memory 256MB 512MB] [--only hdf5-pages ...] [--folder FOLDER]

Sources of every layout are made on the spot, by repeating a few packed pages. A case counts the peak above the state of
the process after its imports and after a small job of the same kind, which loads the compiled kernels; ``decoded`` is
how often the source was decoded, samples included.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

import h5py
import numpy as np
import tifffile

import ngprecomp as ng
from ngprecomp.volume.budget import parse_memory

DISTINCT = 8  # pages; the others repeat them
PLANES = {"uint8": (2048, 2048), "uint16": (2048, 1024), "uint64": (1024, 1024)}  # y, x


def page(number: int, dtype: str) -> np.ndarray:
    """Return one page: blocks of labels beyond 2**40, or a picture with little noise."""
    shape = PLANES[dtype]
    rng = np.random.default_rng(number)
    coarse = rng.integers(1, 200, (shape[0] // 32, shape[1] // 32))
    fine = coarse.repeat(32, 0).repeat(32, 1).astype(dtype)
    if dtype == "uint64":
        return fine + np.uint64(1 << 40)
    return fine + rng.integers(0, 4, shape).astype(dtype)


def packed(array: np.ndarray) -> bytes:
    return zlib.compress(array.tobytes(), 1)


def hdf5_pages(folder: Path, dtype: str, depth: int) -> str:
    pages = [packed(page(number, dtype)) for number in range(DISTINCT)]
    with h5py.File(folder / "pages.h5", "w") as file:
        plane = PLANES[dtype]
        data = file.create_dataset("raw", (depth, *plane), dtype, chunks=(1, *plane), compression="gzip")
        for z in range(depth):
            data.id.write_direct_chunk((z, 0, 0), pages[z % DISTINCT])
    return f"{folder}/pages.h5:raw"


def hdf5_blocks(folder: Path, dtype: str, depth: int) -> str:
    pages = np.stack([page(number % DISTINCT, dtype) for number in range(64)])
    y, x = PLANES[dtype]
    with h5py.File(folder / "blocks.h5", "w") as file:
        data = file.create_dataset("raw", (depth, y, x), dtype, chunks=(64, 64, 64), compression="gzip")
        for at in itertools.product(range(0, y, 64), range(0, x, 64)):
            block = packed(pages[:, at[0] : at[0] + 64, at[1] : at[1] + 64])
            for z in range(0, depth, 64):
                data.id.write_direct_chunk((z, *at), block)
    return f"{folder}/blocks.h5:raw"


def hdf5_plain(folder: Path, dtype: str, depth: int) -> str:
    with h5py.File(folder / "plain.h5", "w") as file:
        data = file.create_dataset("raw", (depth, *PLANES[dtype]), dtype)
        for z in range(depth):
            data[z] = page(z % DISTINCT, dtype)
    return f"{folder}/plain.h5:raw"


def tiff_stack(folder: Path, dtype: str, depth: int, compression: str | None = "zlib") -> str:
    stack = folder / "stack"
    stack.mkdir()
    for z in range(depth):
        path = stack / f"slice_{z:05}.tif"
        if z < DISTINCT:
            tifffile.imwrite(path, page(z, dtype), compression=compression, rowsperstrip=64 if compression else None)
        else:
            os.link(stack / f"slice_{z % DISTINCT:05}.tif", path)
    return str(stack)


def tiff_plain_stack(folder: Path, dtype: str, depth: int) -> str:
    return tiff_stack(folder, dtype, depth, None)


def tiff_pages(folder: Path, dtype: str, depth: int) -> str:
    """Write one file of pages in one strip each."""
    pages = [packed(page(number, dtype)) for number in range(DISTINCT)]
    tifffile.imwrite(
        folder / "pages.tif", (pages[z % DISTINCT] for z in range(depth)), shape=(depth, *PLANES[dtype]), dtype=dtype,
        compression="zlib", rowsperstrip=PLANES[dtype][0], bigtiff=True, photometric="minisblack",
    )  # fmt: skip
    return f"{folder}/pages.tif"


def npy(folder: Path, dtype: str, depth: int) -> str:
    array = np.lib.format.open_memmap(folder / "array.npy", "w+", np.dtype(dtype), (depth, *PLANES[dtype]))
    for z in range(depth):
        array[z] = page(z % DISTINCT, dtype)
    return f"{folder}/array.npy"


SOURCES = {
    "hdf5-pages": hdf5_pages,
    "hdf5-blocks": hdf5_blocks,
    "hdf5-plain": hdf5_plain,
    "tiff-stack": tiff_stack,
    "tiff-plain-stack": tiff_plain_stack,
    "tiff-pages": tiff_pages,
    "npy": npy,
}


def resident(line: str) -> int:
    """Return the bytes that Linux states for this process under ``VmRSS`` or ``VmHWM``."""
    text = Path("/proc/self/status").read_text()
    return next(int(row.split()[1]) << 10 for row in text.splitlines() if row.startswith(line))


def run_case(source: str, folder: str, memory: str, *, sharded: bool, dtype: str) -> None:
    """Convert in this process and print what it took as JSON."""
    kind = {"type": "segmentation" if dtype == "uint64" else "image", "shard_size": "always" if sharded else None}
    small = np.stack([page(z, dtype)[:160, :160] for z in range(160)])
    ng.convert(small, "memory://warm", axes="zyx", resolution=(8, 8, 8), **kind)
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here
    began, worked = time.monotonic(), time.process_time()
    report = ng.convert(source, f"{folder}/out", resolution=(8, 8, 8), memory=memory, overwrite=True, **kind)
    print(
        json.dumps(
            {
                "before": before,
                "peak": resident("VmHWM") - before,
                "seconds": time.monotonic() - began,
                "cpu": time.process_time() - worked,
                "decoded": report.decoded_bytes,
            }
        )
    )


def measure(name: str, dtype: str, memories: list[str], depth: int, base: Path) -> bool:
    """Print one line for each case of a source; return whether all kept within their memory."""
    folder = Path(tempfile.mkdtemp(prefix="memory-", dir=base))
    good = True
    try:
        source = SOURCES[name](folder, dtype, depth)
        nbytes = depth * np.prod(PLANES[dtype]) * np.dtype(dtype).itemsize
        for memory, sharded in itertools.product(memories, (True, False)):
            case = json.dumps([source, str(folder), memory, sharded, dtype])
            done = subprocess.run(
                [sys.executable, __file__, "--case", case], capture_output=True, text=True, check=False
            )
            stored = "sharded" if sharded else "files"
            head = f"{name:17} {dtype:7} {stored:8} {memory:>7}"
            if done.returncode:
                print(head, done.stderr.strip().splitlines()[-1], flush=True)
                good = False
                continue
            found = json.loads(done.stdout)
            share = found["peak"] / parse_memory(memory)
            good &= share <= 1
            print(
                f"{head} {found['peak'] / 1e6:7.0f} MB {share:6.2f} {found['decoded'] / nbytes:7.2f}x "
                f"{found['seconds']:6.1f} s {found['cpu']:6.1f} s {found['before'] / 1e6:6.0f} MB",
                flush=True,
            )
            shutil.rmtree(folder / "out")
    finally:
        shutil.rmtree(folder)
    return good


def main() -> int:
    """Print the table; the exit status says whether every job kept within its memory."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--gigabytes", type=float, default=4)
    parser.add_argument("--memory", nargs="+", default=["256MB", "512MB"])
    parser.add_argument("--only", nargs="+", choices=SOURCES, default=list(SOURCES))
    parser.add_argument("--dtype", nargs="+", choices=PLANES, default=list(PLANES))
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--case", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.case:
        source, folder, memory, sharded, dtype = json.loads(asked.case)
        run_case(source, folder, memory, sharded=sharded, dtype=dtype)
        return 0
    print("source            type    stored    memory       peak  share  decoded  seconds   of CPU  imports")
    good = True
    for name, dtype in itertools.product(asked.only, asked.dtype):
        plane = np.prod(PLANES[dtype]) * np.dtype(dtype).itemsize
        depth = max(64, round(asked.gigabytes * 2**30 / plane / 64) * 64)
        good &= measure(name, dtype, asked.memory, depth, asked.folder)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
