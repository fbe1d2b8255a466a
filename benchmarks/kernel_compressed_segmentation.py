"""compressed_segmentation: ours, the compressed-segmentation package and TensorStore's memory store, alternating.

    python benchmarks/kernel_compressed_segmentation.py [labels.h5:path/in/file]

Prints medians in MB/s of voxels on one thread and the ratio to the faster peer. Without a file the labels are
synthetic cells. TensorStore's figures include its chunk cache and memory store.
"""

from __future__ import annotations

import sys
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

import compressed_segmentation
import h5py
import numpy as np
import tensorstore as ts
from scipy.ndimage import distance_transform_edt

from ngprecomp.codecs.compressed_segmentation import decode, decode_into, encode, encode_region

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 15


def label_volume(where: str | None) -> np.ndarray:
    """Return Fortran-ordered labels [x, y, z] of uint64."""
    if where is None:
        random = np.random.default_rng(0)
        empty = random.random((256, 256, 128)) > 1 / 4000
        nearest = distance_transform_edt(empty, return_distances=False, return_indices=True)
        return np.asfortranarray(np.ravel_multi_index(nearest, empty.shape).astype(np.uint64))
    path, _, name = where.partition(":")
    with h5py.File(path) as file:
        return file[name][...].astype(np.uint64).T


def chunks_of(volume: np.ndarray, size: tuple[int, int, int], most: int) -> list[np.ndarray]:
    """Return up to `most` whole chunks, spread over the volume."""
    grid = [side // edge for side, edge in zip(volume.shape, size, strict=True)]
    positions = list(np.ndindex(*grid))[:: max(1, int(np.prod(grid)) // most)][:most]
    boxes = [
        tuple(slice(p * edge, (p + 1) * edge) for p, edge in zip(position, size, strict=True)) for position in positions
    ]
    return [np.asfortranarray(volume[box]) for box in boxes]


def memory_volume(chunk: np.ndarray) -> ts.TensorStore:
    """Return a TensorStore of one chunk in memory."""
    scale = {"size": chunk.shape, "chunk_size": chunk.shape, "resolution": [1, 1, 1]}
    encoding = {"encoding": "compressed_segmentation", "compressed_segmentation_block_size": [8, 8, 8]}
    spec = {
        "driver": "neuroglancer_precomputed",
        "kvstore": "memory://",
        "multiscale_metadata": {"type": "segmentation", "data_type": chunk.dtype.name, "num_channels": 1},
        "scale_metadata": {**scale, **encoding},
        "context": {"data_copy_concurrency": {"limit": 1}},
        "create": True,
    }
    return ts.open(spec).result()


def compare(title: str, nbytes: int, ours: str, contenders: dict) -> None:
    """Time the contenders in turn and print one row."""
    seconds = {name: [] for name in contenders}
    for _ in range(ROUNDS):
        for name, run in contenders.items():
            start = perf_counter()
            run()
            seconds[name].append(perf_counter() - start)
    rates = {name: nbytes / median(times) / 1e6 for name, times in seconds.items()}
    peers = [rate for name, rate in rates.items() if name not in (ours, "copy")]
    row = "  ".join(f"{name} {rate:7.0f}" for name, rate in rates.items())
    print(f"{title:28s} {row}   {rates[ours] / max(peers):5.2f}x", flush=True)


def run(title: str, chunks: list[np.ndarray]) -> None:
    """Encode and decode all chunks with every contender."""
    nbytes = sum(chunk.nbytes for chunk in chunks)
    encoded = [encode(chunk) for chunk in chunks]
    places = [np.empty_like(chunk) for chunk in chunks]
    volume = memory_volume(chunks[0])
    shape, dtype = chunks[0].shape, chunks[0].dtype
    peer = compressed_segmentation
    assert encoded == [peer.compress(chunk, order="F") for chunk in chunks]
    assert all((decode(data, shape, dtype) == chunk).all() for data, chunk in zip(encoded, chunks, strict=True))
    compare(
        f"encode {title}",
        nbytes,
        "ours",
        {
            "copy": lambda: [np.copyto(place, chunk) for place, chunk in zip(places, chunks, strict=True)],
            "ours": lambda: [encode(chunk) for chunk in chunks],
            "package": lambda: [peer.compress(chunk, order="F") for chunk in chunks],
            "tensorstore": lambda: [volume[..., 0].write(chunk).result() for chunk in chunks],
        },
    )
    compare(
        f"decode {title}",
        nbytes,
        "ours",
        {
            "ours": lambda: each(lambda data: decode(data, shape, dtype), encoded),
            "package": lambda: each(lambda data: peer.decompress(data, shape, dtype, order="F"), encoded),
        },
    )
    place = places[0][..., None]
    whole, origin = place.shape[:3], (0, 0, 0)
    compare(
        f"decode into {title}",
        nbytes,
        "ours",
        {
            "ours": lambda: each(
                lambda data: decode_into(data, shape, (8, 8, 8), place, origin, origin, whole), encoded
            ),
            "package": lambda: each(
                lambda data: np.copyto(place[..., 0], peer.decompress(data, shape, dtype, order="F")), encoded
            ),
        },
    )


def each(function: Callable[[bytes], object], items: list[bytes]) -> None:
    """Call a function for each item and drop the results: a reader hands a chunk on before the next one."""
    for item in items:
        function(item)


def run_regions(title: str, volume: np.ndarray) -> None:
    """Encode 64x64x64 chunks of a big array in place, and after cutting each out."""
    block = volume[:, :, :64, None]
    corners = [(x, y, 0) for x in range(0, volume.shape[0], 64) for y in range(0, volume.shape[1], 64)]
    size = (64, 64, 64)
    boxes = [(slice(x, x + 64), slice(y, y + 64), slice(64)) for x, y, _ in corners]
    compare(
        f"region {title}",
        block.nbytes,
        "in place",
        {
            "in place": lambda: [encode_region(block, corner, size) for corner in corners],
            "cut": lambda: [encode(np.asfortranarray(volume[box])) for box in boxes],
            "package": lambda: [
                compressed_segmentation.compress(np.asfortranarray(volume[box]), order="F") for box in boxes
            ],
        },
    )


def main() -> None:
    """Compare on real or synthetic and on random labels."""
    volume = label_volume(sys.argv[1] if len(sys.argv) > 1 else None)
    random = np.random.default_rng(0)
    for dtype in (np.uint64, np.uint32):
        name = np.dtype(dtype).name
        typed = (volume + (np.uint64(7 * 10**17) if dtype is np.uint64 else np.uint64(0))).astype(dtype)
        run(f"{name} 64^3", chunks_of(typed, (64, 64, 64), 16))
        run(f"{name} 256x256x64", chunks_of(typed, (256, 256, 64), 2))
        run(f"{name} random", [random.integers(0, np.iinfo(dtype).max, (64, 64, 64), dtype).copy("F")])
        run_regions(name, typed)


if __name__ == "__main__":
    main()
