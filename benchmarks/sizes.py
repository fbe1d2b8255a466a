"""Bytes on disk for the same voxels, encoding and gzip, at everybody's default level."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from benchmarks import pipelines
from benchmarks.benchmark import Benchmark, Setting
from benchmarks.jobs_volume import stored_bytes, stored_volume
from benchmarks.kernels_labels import chunks
from benchmarks.peers import installed
from benchmarks.row import Row
from ngprecomp.codecs.compressed_segmentation import encode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MUST = 1.03  # of the best peer's


def benchmarks(setting: Setting) -> Iterator[Benchmark]:
    """Yield images and labels in shards and files, and compressed_segmentation by itself."""
    for kind in ("image", "labels"):
        yield Benchmark(f"size {kind} sharded", partial(_sharded, setting, kind))
        yield Benchmark(f"size {kind} gzip", partial(_gzipped, setting, kind))
    for dtype in ("uint32", "uint64"):
        yield Benchmark(f"size compressed_segmentation {dtype}", partial(_encoded, setting, dtype))


def _sharded(setting: Setting, kind: str) -> Iterable[Row]:
    ours = stored_bytes(stored_volume(setting, kind, "sharded"))
    if not installed("tensorstore"):
        return [_row(f"size of {kind}, shards", ours)]
    folder = str(setting.folder / f"size-{kind}")
    pipelines.write_tensorstore(setting.samples.array(kind), folder, kind, "sharded")
    return [_row(f"size of {kind}, shards", ours, "TensorStore", stored_bytes(folder))]


def _gzipped(setting: Setting, kind: str) -> Iterable[Row]:
    ours = stored_bytes(stored_volume(setting, kind, "gzip"))
    if not installed("cloudvolume"):
        return [_row(f"size of {kind}, gzip'ed files", ours)]
    folder = str(setting.folder / f"size-gzip-{kind}")
    pipelines.write_cloudvolume(setting.samples.array(kind), folder, kind, "gzip")
    return [_row(f"size of {kind}, gzip'ed files", ours, "CloudVolume", stored_bytes(folder))]


def _encoded(setting: Setting, dtype: str) -> Iterable[Row]:
    voxels = chunks(setting, dtype, "64x64x64", most=64)
    job, ours = f"size of compressed_segmentation {dtype}, no gzip", sum(len(encode(chunk)) for chunk in voxels)
    if not installed("compressed_segmentation"):
        return [_row(job, ours)]
    from compressed_segmentation import compress

    return [_row(job, ours, "compressed-segmentation", sum(len(compress(chunk, order="F")) for chunk in voxels), 1.0)]


def _row(job: str, ours: int, peer: str = "", theirs: int | None = None, must: float = MUST) -> Row:
    return Row(
        job, "MB", ours / 1e6, peer, theirs / 1e6 if theirs else None, ratio=ours / theirs if theirs else None,
        must=must, at_most=True,
    )  # fmt: skip
