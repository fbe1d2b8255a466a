"""compressed_segmentation beside the package of that name, TensorStore and neuroglancer-scripts.

The peers return arrays or bytes of their own. We decode into an array that is there, as our readers do; the rows with
"its result allocated" add what the system takes to clear its pages. TensorStore's figures include its memory store.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.benchmark import Benchmark, Setting
from benchmarks.measure import KERNEL_SECONDS, alternate
from benchmarks.peers import installed
from benchmarks.row import OURS, Goal, Limit, compare
from ngprecomp.codecs.compressed_segmentation import decode, decode_into, encode
from ngprecomp.kernels.aligned import aligned_empty

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from benchmarks.row import Row
    from benchmarks.samples import Volume

SMALL, LARGE = (64, 64, 64), (256, 256, 64)
BLOCK = (8, 8, 8)
COPY = "np.copyto"
ALLOCATED = "allocated"
ENCODE = {
    ("uint32", "64x64x64"): (Goal(7, 9), 0.5),
    ("uint64", "64x64x64"): (Goal(5.5, 7), 0.8),
    ("uint32", "256x256x64"): (Goal(7, 9), 0.5),
    ("uint64", "256x256x64"): (Goal(5.5, 7), 0.8),
    ("uint32", "random"): (Goal(1.7, 2.5), None),
    ("uint64", "random"): (Goal(1.7, 2.5), None),
}
DECODE = {"64x64x64": (Goal(4.5, 5), 0.6), "256x256x64": (Goal(2.7, 3), 0.6), "random": (Goal(0.8, 1), None)}


def benchmarks(setting: Setting) -> Iterator[Benchmark]:
    """Yield encoding and decoding of each data type and shape, and both on two threads."""
    for dtype, shape in ENCODE:
        yield Benchmark(f"labels encode {dtype} {shape}", partial(_encode, setting, dtype, shape))
        yield Benchmark(f"labels decode {dtype} {shape}", partial(_decode, setting, dtype, shape))
    for dtype in ("uint32", "uint64"):
        yield Benchmark(f"labels decode into {dtype}", partial(_decode_into, setting, dtype))
        yield Benchmark(f"labels two threads {dtype}", partial(_two_threads, setting, dtype))


def chunks(setting: Setting, dtype: str, shape: str, most: int = 16) -> list[Volume]:
    """Return chunks of real labels, spread over the sample, or of random ones; Fortran-ordered [x, y, z]."""
    if shape == "random":
        rng = np.random.default_rng(0)
        top = np.iinfo(dtype).max
        return [np.asfortranarray(rng.integers(0, top, SMALL, dtype)) for _ in range(4)]
    edge = setting.samples.edge
    size = SMALL if shape == "64x64x64" else tuple(min(side, edge) for side in LARGE)
    volume = np.load(setting.samples.array_file("labels"), mmap_mode="r").T
    corners = [
        (x, y, z)
        for x in range(0, edge - size[0] + 1, size[0])
        for y in range(0, edge - size[1] + 1, size[1])
        for z in range(0, edge - size[2] + 1, size[2])
    ]
    most = most if shape == "64x64x64" else 2
    picked = corners[:: max(1, len(corners) // most)][:most]
    parts = [volume[tuple(slice(at, at + side) for at, side in zip(corner, size, strict=True))] for corner in picked]
    return [np.array(small_labels(part) if dtype == "uint32" else part, order="F") for part in parts]


def small_labels(labels: Volume) -> Volume:
    """Return labels of 64 bits, which differ in their low bits, as uint32."""
    return labels.astype(np.uint32)


def _encode(setting: Setting, dtype: str, shape: str) -> Iterable[Row]:
    voxels = chunks(setting, dtype, shape)
    goal, limit = ENCODE[dtype, shape]
    sides = {OURS: _each(encode, voxels), COPY: _copy(voxels)}
    if installed("compressed_segmentation"):
        import compressed_segmentation as package

        compress = partial(package.compress, order="F")
        assert [encode(chunk) for chunk in voxels] == [compress(chunk) for chunk in voxels]
        sides["compressed-segmentation"] = _each(compress, voxels)
    if installed("tensorstore"):
        store = _memory_volume(voxels)
        sides["TensorStore"] = _each(lambda pair: store[pair[0], ..., 0].write(pair[1]).result(), _placed(voxels))
    if installed("neuroglancer_scripts"):
        from neuroglancer_scripts._compressed_segmentation import encode_chunk

        sides["neuroglancer-scripts"] = _each(lambda chunk: encode_chunk(chunk.T[None], BLOCK), voxels)
    costs = alternate(sides, setting.rounds, KERNEL_SECONDS)
    nbytes = sum(chunk.nbytes for chunk in voxels)
    return compare(f"encode {dtype} {shape}", costs, [goal], unit="MB/s", amount=nbytes, limit=Limit(COPY, limit))


def _decode(setting: Setting, dtype: str, shape: str) -> Iterable[Row]:
    voxels = chunks(setting, dtype, shape)
    encoded, size = [encode(chunk) for chunk in voxels], voxels[0].shape
    goal, limit = DECODE[shape]
    target, corner = aligned_empty((*size, 1), dtype), (0, 0, 0)
    sides = {
        OURS: _each(lambda data: decode_into(data, size, BLOCK, target, corner, corner, size), encoded),
        ALLOCATED: _each(lambda data: decode(data, size, dtype), encoded),
        COPY: _copy(voxels),
    }
    if installed("compressed_segmentation"):
        import compressed_segmentation as package

        sides["compressed-segmentation"] = _each(lambda data: package.decompress(data, size, dtype, order="F"), encoded)
    if installed("tensorstore"):
        store, places = _memory_volume(voxels), [place for place, _ in _placed(voxels)]
        for place, chunk in _placed(voxels):
            store[place, ..., 0].write(chunk).result()
        sides["TensorStore"] = _each(lambda place: store[place, ..., 0].read(order="F").result(), places)
    if installed("neuroglancer_scripts"):
        from neuroglancer_scripts._compressed_segmentation import decode_chunk_into

        sides["neuroglancer-scripts"] = _each(
            lambda data: decode_chunk_into(np.empty((1, *size[::-1]), dtype), data, BLOCK), encoded
        )
    costs = alternate(sides, setting.rounds, KERNEL_SECONDS)
    allocated = costs.pop(ALLOCATED)
    nbytes = sum(chunk.nbytes for chunk in voxels)
    table = partial(compare, unit="MB/s", amount=nbytes, limit=Limit(COPY, limit))
    job = f"decode {dtype} {shape}"
    return [*table(job, costs, [goal]), *table(f"{job}, its result allocated", {**costs, OURS: allocated})]


def _decode_into(setting: Setting, dtype: str) -> Iterable[Row]:
    """Decode into a larger array: what a reader does; others decode, then copy."""
    voxels = chunks(setting, dtype, "64x64x64")
    encoded = [encode(chunk) for chunk in voxels]
    whole = np.zeros((*SMALL[:2], SMALL[2] * len(voxels), 1), dtype, order="F")
    places = [(0, 0, SMALL[2] * number) for number in range(len(voxels))]
    pairs = list(zip(encoded, places, strict=True))
    sides = {
        OURS: _each(lambda pair: decode_into(pair[0], SMALL, BLOCK, whole, pair[1], (0, 0, 0), SMALL), pairs),
        COPY: _copy(voxels),
    }
    if installed("compressed_segmentation"):
        import compressed_segmentation as package

        def decode_and_copy(pair: tuple[bytes, tuple[int, int, int]]) -> None:
            z = pair[1][2]
            whole[:, :, z : z + SMALL[2], 0] = package.decompress(pair[0], SMALL, dtype, order="F")

        sides["compressed-segmentation"] = _each(decode_and_copy, pairs)
    costs = alternate(sides, setting.rounds, KERNEL_SECONDS)
    return compare(
        f"decode {dtype} 64x64x64 into a larger array", costs, unit="MB/s", amount=whole.nbytes, limit=Limit(COPY)
    )


def _two_threads(setting: Setting, dtype: str) -> Iterable[Row]:
    voxels = chunks(setting, dtype, "64x64x64", most=64)
    encoded, nbytes = [encode(chunk) for chunk in voxels], sum(chunk.nbytes for chunk in voxels)
    with ThreadPoolExecutor(2) as pool:
        for name, function, items in (
            ("encode", encode, voxels),
            ("decode", lambda data: decode(data, SMALL, dtype), encoded),
        ):
            alone = _each(function, items)
            halves = [_each(function, items[half::2]) for half in range(2)]

            def both(halves: list[Callable[[], None]] = halves) -> None:
                for done in [pool.submit(half) for half in halves]:
                    done.result()

            costs = alternate({OURS: both, "one thread of ours": alone}, setting.rounds, KERNEL_SECONDS)
            yield from compare(f"{name} {dtype} 64x64x64, two threads", costs, [Goal(1.5)], unit="MB/s", amount=nbytes)


def _each(function: Callable[[Any], object], items: list[Any]) -> Callable[[], None]:
    """Return the job that calls a function for each item and drops the results, as a reader or writer would."""

    def job() -> None:
        for item in items:
            function(item)

    return job


def _copy(voxels: list[Volume]) -> Callable[[], None]:
    places = [np.empty_like(chunk) for chunk in voxels]
    return _each(lambda pair: np.copyto(*pair), list(zip(places, voxels, strict=True)))


def _placed(voxels: list[Volume]) -> list[tuple[slice, Volume]]:
    """Return the chunks with their ranges along x, side by side."""
    width = voxels[0].shape[0]
    return [(slice(number * width, (number + 1) * width), chunk) for number, chunk in enumerate(voxels)]


def _memory_volume(voxels: list[Volume]) -> Any:
    """Return a volume of chunks side by side in TensorStore's memory, which works on one thread."""
    import tensorstore

    x, y, z = voxels[0].shape
    scale = {"size": (x * len(voxels), y, z), "chunk_size": (x, y, z), "resolution": (1, 1, 1)}
    encoding = {"encoding": "compressed_segmentation", "compressed_segmentation_block_size": BLOCK}
    return tensorstore.open(
        {
            "driver": "neuroglancer_precomputed",
            "kvstore": "memory://",
            "multiscale_metadata": {"type": "segmentation", "data_type": voxels[0].dtype.name, "num_channels": 1},
            "scale_metadata": {**scale, **encoding},
            "context": {"data_copy_concurrency": {"limit": 1}},
            "create": True,
        }
    ).result()
