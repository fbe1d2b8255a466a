"""From a file to a finished volume of several scales: our job, and what a user can assemble from other packages.

Each function is a maker (see ``benchmarks.memory``): it imports what its side needs and returns the job. All of them
write the same encodings, chunks of 64 x 64 x 64 and, sharded, shards of 256 x 256 x 256 with gzip.
"""

from __future__ import annotations

import os
import shutil
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Job = Callable[[], object]

CHUNK = (64, 64, 64)
BLOCK = (8, 8, 8)
FACTOR = (2, 2, 2)
LEVELS = 3  # coarser scales
NANOMETRES = 8
THREADS = 2
TYPES = {"image": "image", "labels": "segmentation"}
ENCODINGS = {"image": "raw", "labels": "compressed_segmentation"}
SHARDING = {
    "@type": "neuroglancer_uint64_sharded_v1",
    "preshift_bits": 6,  # 64 chunks make a minishard, and that a shard
    "hash": "identity",
    "minishard_bits": 0,
    "shard_bits": 12,
    "minishard_index_encoding": "gzip",
    "data_encoding": "gzip",
}


def ours(source: str, destination: str, kind: str, stored: str, levels: int = LEVELS, workers: int = THREADS) -> Job:
    """Return the job of ``ng.convert``; `stored` is ``"sharded"``, ``"gzip"`` or ``"plain"`` files."""
    import imagecodecs  # noqa: F401
    import numba  # noqa: F401
    import tifffile  # noqa: F401
    from isal import isal_zlib  # noqa: F401

    import ngprecomp as ng
    from ngprecomp.kernels import warm  # noqa: F401 - the modules of all kernels

    how: dict[str, Any] = {"sharded": {"sharding": SHARDING}, "gzip": {"compress": "gzip"}, "plain": {}}[stored]
    if stored != "sharded":
        how["shard_size"] = None
    convert = ng.convert
    return lambda: convert(
        source, destination, type=TYPES[kind], resolution=(NANOMETRES,) * 3, encoding=ENCODINGS[kind],
        chunk_size=CHUNK, factor=FACTOR, levels=levels, workers=workers, overwrite=True, **how,
    )  # fmt: skip


def with_tensorstore(source: str, destination: str, kind: str, stored: str, levels: int = LEVELS) -> Job:
    """Return the job that reads with h5py or tifffile, downsamples with tinybrain and writes with TensorStore."""
    import tensorstore  # noqa: F401
    import tinybrain

    read = reader(source)
    halve = tinybrain.downsample_segmentation if kind == "labels" else tinybrain.downsample_with_averaging

    def job() -> None:
        shutil.rmtree(destination, ignore_errors=True)
        voxels = read()
        scales = [voxels]
        if levels:
            scales += halve(voxels[..., None], FACTOR, num_mips=levels)
        for level, scale in enumerate(scales):
            write_tensorstore(scale.reshape(scale.shape[:3]), destination, kind, stored, level)

    return job


def with_igneous(source: str, destination: str, kind: str, stored: str) -> Job:
    """Return the job that reads with h5py, writes with CloudVolume and makes the coarser scales with igneous."""
    from igneous import task_creation
    from taskqueue import LocalTaskQueue

    read = reader(source)
    path = f"file://{destination}"

    def job() -> None:
        shutil.rmtree(destination, ignore_errors=True)
        write_cloudvolume(read(), destination, kind, stored)
        with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):  # it prints progress
            tasks = task_creation.create_downsampling_tasks(
                path, num_mips=LEVELS, factor=FACTOR, compress="gzip", sparse=False, preserve_chunk_size=True
            )
            queue = LocalTaskQueue(parallel=1, progress=False)
            queue.insert(tasks)
            queue.execute()

    return job


def reader(source: str) -> Job:
    """Return what reads a whole dataset or folder of sections to [x, y, z] with h5py or tifffile."""
    import h5py
    import imagecodecs  # noqa: F401 - tifffile decodes with it
    import tifffile

    def read_hdf5() -> Any:
        path, dataset = source.rsplit(":", 1)
        with h5py.File(path) as file:
            return file[dataset][...].T

    def read_sections() -> Any:
        return tifffile.imread(sorted(Path(source).glob("*.tif")), ioworkers=THREADS).T

    return read_sections if Path(source).is_dir() else read_hdf5


def write_tensorstore(
    voxels: Any,
    destination: str,
    kind: str,
    stored: str,
    level: int = 0,
    *,
    sharding: dict[str, Any] = SHARDING,
) -> None:
    """Write a scale with TensorStore, its shards in one transaction."""
    import tensorstore

    scale = {
        "size": list(voxels.shape),
        "resolution": [NANOMETRES << level] * 3,
        "encoding": ENCODINGS[kind],
        "chunk_size": list(CHUNK),
    }
    if kind == "labels":
        scale["compressed_segmentation_block_size"] = list(BLOCK)
    if stored == "sharded":
        scale["sharding"] = sharding
    spec = {
        "driver": "neuroglancer_precomputed",
        "kvstore": f"file://{destination}/",
        "multiscale_metadata": {"type": TYPES[kind], "data_type": voxels.dtype.name, "num_channels": 1},
        "scale_metadata": scale,
        "context": {"data_copy_concurrency": {"limit": THREADS}},
    }
    store = tensorstore.open(spec, create=True, open=True).result()
    if stored != "sharded":
        store[..., 0] = voxels
        return
    with tensorstore.Transaction() as transaction:
        store.with_transaction(transaction)[..., 0] = voxels


def write_cloudvolume(voxels: Any, destination: str, kind: str, stored: str) -> None:
    """Write the first scale with CloudVolume, as gzip'ed or plain files."""
    import cloudvolume

    info = cloudvolume.CloudVolume.create_new_info(
        num_channels=1, layer_type=TYPES[kind], data_type=voxels.dtype.name, encoding=ENCODINGS[kind],
        resolution=(NANOMETRES,) * 3, voxel_offset=(0, 0, 0), chunk_size=CHUNK, volume_size=voxels.shape,
    )  # fmt: skip
    compress = "gzip" if stored == "gzip" else False
    volume = cloudvolume.CloudVolume(f"file://{destination}", info=info, compress=compress, progress=False)
    volume.commit_info()
    volume[...] = voxels[..., None]
