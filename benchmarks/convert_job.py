"""From HDF5 to a finished sharded pyramid: ngprecomp beside what a user can assemble, as ratios of medians.

python benchmarks/convert_job.py [FILE.h5:DATASET]

Without an argument it makes a sample of labels itself. The peer reads with h5py, downsamples with tinybrain and writes
through TensorStore, shard by shard.
"""

from __future__ import annotations

import math
import shutil
import sys
import tempfile
from pathlib import Path

import h5py
import numpy as np
import tensorstore
import tinybrain

import ngprecomp as ng
from benchmarks.medians import medians

CHUNK = (64, 64, 64)
SHARD = (256, 256, 256)
LEVELS = 3


def sample(folder: Path) -> str:
    """Write a gzip-4 dataset of 256 x 512 x 512 labels and return its name."""
    rng = np.random.default_rng(0)
    labels = rng.integers(1, 2**40, (16, 32, 32)).repeat(16, 0).repeat(16, 1).repeat(16, 2).astype("uint64")
    with h5py.File(folder / "sample.h5", "w") as file:
        file.create_dataset("labels", data=labels, chunks=(64, 64, 64), compression="gzip", compression_opts=4)
    return f"{folder}/sample.h5:labels"


def ours(source: str, folder: Path, shard_size: tuple[int, int, int] | None) -> None:
    ng.convert(
        source, folder / "ours", resolution=(8, 8, 8), chunk_size=CHUNK, shard_size=shard_size, levels=LEVELS,
        factor=(2, 2, 2), overwrite=True,
    )  # fmt: skip


def peer(source: str, folder: Path, shard_size: tuple[int, int, int] | None) -> None:
    """Run the best pipeline of other tools: h5py, tinybrain, TensorStore."""
    shutil.rmtree(folder / "peer", ignore_errors=True)
    path, dataset = source.split(":")
    with h5py.File(path) as file:
        voxels = file[dataset][...].T
    scales = [voxels, *tinybrain.downsample_segmentation(voxels[..., np.newaxis], (2, 2, 2), num_mips=LEVELS)]
    for index, scale in enumerate(scales):
        scale = scale.reshape(scale.shape[:3])
        layout = {"read_chunk": {"shape": [*CHUNK, 1]}}
        if shard_size is not None:
            layout["write_chunk"] = {"shape_soft_constraint": [*shard_size, 1]}
        store = tensorstore.open(
            {
                "driver": "neuroglancer_precomputed",
                "kvstore": f"file://{folder}/peer/",
                "multiscale_metadata": {"type": "segmentation", "data_type": str(voxels.dtype), "num_channels": 1},
                "scale_metadata": {
                    "size": list(scale.shape),
                    "resolution": [8 * 2**index] * 3,
                    "encoding": "compressed_segmentation",
                    "compressed_segmentation_block_size": [8, 8, 8],
                },
                "schema": {"chunk_layout": layout},
            },
            create=True,
            open=True,
        ).result()
        with tensorstore.Transaction() as transaction:
            store.with_transaction(transaction)[..., 0] = scale


def main() -> None:
    """Print seconds, MB/s of source voxels and the ratio, sharded and not."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = sys.argv[1] if len(sys.argv) > 1 else sample(folder)
        path, dataset = source.split(":")
        with h5py.File(path) as file:
            nbytes = math.prod(file[dataset].shape) * file[dataset].dtype.itemsize
        for shard_size in (SHARD, None):
            found = medians(
                {
                    "ngprecomp": lambda size=shard_size: ours(source, folder, size),
                    "h5py + tinybrain + TensorStore": lambda size=shard_size: peer(source, folder, size),
                },
                rounds=5,
            )
            print(f"\n{source}, {LEVELS + 1} scales, {'shards' if shard_size else 'single chunks'}")
            for job, seconds in found.items():
                print(
                    f"{job:35} {seconds:6.2f} s {nbytes / seconds / 1e6:7.0f} MB/s {seconds / found['ngprecomp']:6.2f}x"
                )


if __name__ == "__main__":
    main()
