"""What every codec test needs: shapes, memory layouts, damage, golden chunks, TensorStore as judge."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorstore as ts
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Voxels = NDArray[Any]

GOLDEN = Path(__file__).parents[1] / "golden" / "chunks"
SHAPES = [(1, 1, 1), (7, 1, 1), (1, 5, 1), (1, 1, 9), (5, 3, 2), (16, 16, 16), (33, 17, 5)]


@dataclass(frozen=True)
class GoldenChunk:
    """A chunk written by TensorStore, what went in, and what TensorStore reads from it."""

    name: str
    data: bytes
    voxels_in: Voxels
    voxels: Voxels
    parameters: dict[str, Any]


def golden_chunks(encoding: str) -> list[GoldenChunk]:
    return [
        GoldenChunk(
            name=case["name"],
            data=(GOLDEN / f"{case['name']}.bin").read_bytes(),
            voxels_in=_fortran(GOLDEN / f"{case['name']}.input.raw", case),
            voxels=_fortran(GOLDEN / f"{case['name']}.raw", case),
            parameters=case,
        )
        for case in json.loads((GOLDEN / "index.json").read_text())["cases"]
        if case["encoding"] == encoding
    ]


def _fortran(path: Path, case: dict[str, Any]) -> Voxels:
    return np.fromfile(path, np.dtype(case["dtype"]).newbyteorder("<")).reshape(case["shape"], order="F")


def random_voxels(shape: tuple[int, ...], dtype: str, seed: int = 0) -> Voxels:
    """Any bits, Fortran-ordered; for float32 every pattern that is a number."""
    random = np.random.default_rng(seed)
    if dtype == "float32":
        return np.asfortranarray(random.normal(size=shape).astype(dtype))
    limits = np.iinfo(dtype)
    return np.asfortranarray(random.integers(limits.min, limits.max, shape, dtype, endpoint=True))


def smooth_voxels(shape: tuple[int, ...]) -> Voxels:
    """Return an image that JPEG stores well: slow ramps, another slope in each channel."""
    x, y, z, c = np.indices(shape, dtype=np.int64)
    return np.asfortranarray(((3 + c) * x + 2 * y + z + 40 * c) % 200).astype(np.uint8)


def layouts(voxels: Voxels) -> Iterator[Voxels]:
    """Yield equal arrays that lie differently in memory."""
    yield np.asfortranarray(voxels)
    yield np.ascontiguousarray(voxels)
    yield voxels.astype(voxels.dtype.newbyteorder(">"))
    yield np.repeat(voxels, 2, axis=0)[::2]
    yield np.flip(np.flip(voxels, 1).copy(), 1)
    read_only = voxels.copy(order="F")
    read_only.flags.writeable = False
    yield read_only


def truncations(data: bytes, count: int = 40) -> Iterator[bytes]:
    for end in np.unique(np.linspace(0, len(data) - 1, count).astype(int)):
        yield data[:end]


def bit_flips(data: bytes, count: int = 100) -> Iterator[bytes]:
    random = np.random.default_rng(1)
    for _ in range(count):
        damaged = bytearray(data)
        damaged[random.integers(len(data))] ^= 1 << int(random.integers(8))
        yield bytes(damaged)


def peak_bytes(action: Callable[[], object]) -> int:
    """Return how much memory of Python and NumPy an action takes at its peak."""
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def tensorstore_volume(shape: tuple[int, int, int, int], dtype: str, encoding: str, **scale: Any) -> Any:
    """Return an empty in-memory TensorStore volume of a single chunk."""
    spec = {
        "driver": "neuroglancer_precomputed",
        "kvstore": "memory://",
        "multiscale_metadata": {"type": "image", "data_type": dtype, "num_channels": shape[3]},
        "scale_metadata": {
            "size": shape[:3],
            "resolution": [1, 1, 1],
            "encoding": encoding,
            "chunk_size": shape[:3],
            "key": "s",
            **scale,
        },
    }
    return ts.open(spec, create=True, context=ts.Context()).result()


def _chunk_key(shape: tuple[int, int, int, int]) -> str:
    return f"s/0-{shape[0]}_0-{shape[1]}_0-{shape[2]}"


def tensorstore_reads(data: bytes, shape: tuple[int, int, int, int], dtype: str, encoding: str) -> Voxels:
    """Return the voxels that TensorStore finds in a chunk file."""
    volume = tensorstore_volume(shape, dtype, encoding)
    volume.kvstore[_chunk_key(shape)] = data
    return np.asarray(volume.read().result())


def tensorstore_writes(voxels: Voxels, encoding: str, **scale: Any) -> bytes:
    """Return the chunk file that TensorStore makes of voxels that are not all zero."""
    volume = tensorstore_volume(voxels.shape, voxels.dtype.name, encoding, **scale)
    volume.write(voxels).result()
    return bytes(volume.kvstore[_chunk_key(voxels.shape)])
